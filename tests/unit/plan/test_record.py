"""The record that a product carries of its recipe, with the recipe's own files."""

from __future__ import annotations

from pathlib import Path

from isce2_recipe.paths import data_folder
from isce2_recipe.plan.graph import StepScope
from isce2_recipe.plan.record import own_files
from isce2_recipe.plan.request import make_request
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.recipe import load

PAIR = """\
recipe: 1
name: {name}
summary: A pair.
steps:
  - id: {id}
    uses: {uses}
"""
OUTER = PAIR.format(name="outer", id="part", uses="parts/inner.yml")
INNER = PAIR.format(name="inner", id="deeper", uses="parts/innermost.yml")
INNERMOST = """\
recipe: 1
name: innermost
summary: Terrain.
steps:
  - id: terrain
    uses: parts/mask_water.yml
    with: {water_mask: mask.tif, looks: 1x1}
"""


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_yml", ".yml").replace("_j2", ".j2")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_parts_within_parts_and_the_first_template_of_a_name(tmp_path):
    home = tmp_path / "recipes"
    write(home, outer_yml=OUTER, parts__inner_yml=INNER, parts__parts__innermost_yml=INNERMOST)
    write(home, templates__a_j2="first", b_j2="beside")
    write(tmp_path, templates__a_j2="second", templates__product__c_j2="own README")
    request = make_request(
        load(home / "outer.yml"), {}, workdir=tmp_path / "w", base=tmp_path, source="simulated"
    )
    assert own_files(request.recipe, request.templates) == {
        "parts/inner.yml": INNER,
        "parts/parts/innermost.yml": INNERMOST,
        "templates/a.j2": "first",
        "templates/b.j2": "beside",
        "templates/product/c.j2": "own README",
    }


def test_the_record_of_a_shipped_recipe_has_no_files_and_no_paths(tmp_path):
    bursts = {"reference": ["S1_136231_IW2_20200604T022312_VV_7C85-BURST"]}
    bursts["secondary"] = ["S1_136231_IW2_20200616T022313_VV_5D11-BURST"]
    recipe = load("insar_tops_burst")
    workspace = Workspace(make_request(recipe, bursts, workdir=tmp_path, base=tmp_path, source="simulated"))
    told = workspace.bindings.evaluate("{{ run.record }}", StepScope(recipe), {})
    assert told["files"] == {}
    assert str(data_folder("recipes")) not in repr(told)
    assert str(tmp_path) not in repr(told)
