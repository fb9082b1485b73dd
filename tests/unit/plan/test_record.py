"""The record that a product carries of its recipe, with the recipe's own files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from isce2_recipe.errors import RecipeError
from isce2_recipe.paths import data_folder
from isce2_recipe.plan.nodes import StepScope
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
    uses: template.render
    with: {template: a.j2, to: a.txt, values: {x: 1}}
  - id: other
    uses: template.render
    with: {template: "{{ name }}", to: b.txt, values: {x: 1}}
variables: {name: b.j2}
"""


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_yml", ".yml").replace("_j2", ".j2")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _workspace(home: Path) -> Workspace:
    request = make_request(load(home / "outer.yml"), {}, workdir=home / "w", base=home, source="simulated")
    return Workspace(request)


def _recorded(home: Path) -> dict[str, str]:
    workspace = _workspace(home)
    nodes = list(workspace.graph.level(None))
    request = workspace.request
    return own_files(request.recipe, nodes, workspace.bindings, request.templates)


def test_parts_within_parts_and_the_templates_that_are_used(tmp_path):
    home = tmp_path / "recipes"
    write(home, outer_yml=OUTER, parts__inner_yml=INNER, parts__parts__innermost_yml=INNERMOST)
    write(home, templates__a_j2="first{% include 'c/d.j2' %}", b_j2="outer", unused_j2="private")
    write(tmp_path, templates__a_j2="second", templates__c__d_j2="{{ x }}", templates__product__e_j2="unused")
    assert _recorded(home) == {
        "parts/inner.yml": INNER,
        "parts/parts/innermost.yml": INNERMOST,
        "templates/a.j2": "first{% include 'c/d.j2' %}",
        "templates/b.j2": "outer",
        "templates/c/d.j2": "{{ x }}",
    }


def test_links_that_leave_the_folder_and_other_files_are_never_recorded(tmp_path):
    home = tmp_path / "recipes"
    write(home, outer_yml=OUTER, parts__inner_yml=INNER, parts__parts__innermost_yml=INNERMOST, b_j2="outer")
    write(tmp_path, secret="password")
    (home / "templates").mkdir()
    (home / "more.j2").symlink_to(tmp_path / "secret")
    (home / "templates/a.j2").write_text("a")
    assert "password" not in repr(_recorded(home))
    (home / "templates/a.j2").unlink()
    (home / "templates/a.j2").symlink_to(tmp_path / "secret")
    with pytest.raises(RecipeError, match="leads out of"):
        _recorded(home)
    (home / "templates/a.j2").unlink()
    os.mkfifo(home / "templates/a.j2")
    with pytest.raises(RecipeError, match="a\\.j2"):
        _recorded(home)


def test_a_part_that_is_a_link_to_another_place_is_not_found(tmp_path):
    home = tmp_path / "public" / "recipes"
    write(home, outer_yml=OUTER)
    write(tmp_path, private__inner_yml=INNERMOST, private__a_j2="a", private__b_j2="b")
    (home / "parts").mkdir()
    (home / "parts/inner.yml").symlink_to(tmp_path / "private/inner.yml")
    with pytest.raises(RecipeError, match="there is no part"):
        load(home / "outer.yml")


def test_the_record_of_a_shipped_recipe_has_no_files_and_no_paths(tmp_path):
    bursts = {"reference": ["S1_136231_IW2_20200604T022312_VV_7C85-BURST"]}
    bursts["secondary"] = ["S1_136231_IW2_20200616T022313_VV_5D11-BURST"]
    recipe = load("insar_tops_burst")
    workspace = Workspace(make_request(recipe, bursts, workdir=tmp_path, base=tmp_path, source="simulated"))
    record = workspace.bindings.evaluate("{{ run.record }}", StepScope(recipe), {})
    assert record["files"] == {}
    assert str(data_folder("recipes")) not in repr(record)
    assert str(tmp_path) not in repr(record)
