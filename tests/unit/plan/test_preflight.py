"""What source or engine lack is reported before anything runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from isce2_recipe.errors import InputError, RecipeToolError
from isce2_recipe.plan.preflight import preflight
from isce2_recipe.plan.request import make_request
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.recipe.checking import load
from support.runs import write_recipe

PLUGIN = """
class Hills:
    name = "hills"

    def __init__(self, options):
        pass

    def fingerprint(self):
        return "hills 1"

    def fetch_dem(self, bounds, folder, log, progress):
        return folder / "dem.tif"
"""
RECIPE = """\
recipe: 1
name: needs
summary: Steps with needs.
parameters:
  end: {type: string, default: filter, description: Last step.}
  mask: {type: boolean, default: true, description: Whether to fetch a water mask.}
steps:
  - id: dem
    uses: dem.fetch
    with: {bounds: [53.01, 27.01, 53.02, 27.02], margin: 0.001}
  - id: water
    when: "{{ mask }}"
    uses: water.fetch
    with: {dem: "{{ steps.dem.geotiff }}"}
  - id: truth
    when: "{{ run.truth }}"
    uses: simulation.write_truth
    with: {catalog: bursts.json, dem: "{{ steps.dem.geotiff }}"}
  - id: interferogram
    uses: isce2.run
    folder: isce
    with: {app: topsApp, config: "{{ steps.dem.geotiff }}", end: "{{ end }}"}
"""


@pytest.fixture
def hills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package whose source has terrain and nothing else."""
    info = tmp_path / "site/hills-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hills\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[isce2_recipe.sources]\nhills = hills_source:Hills\n")
    (tmp_path / "site/hills_source.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "hills_source", raising=False)


def workspace(folder: Path, source: str, **given: object) -> Workspace:
    recipe = load(write_recipe(folder, RECIPE))
    (folder / "bursts.json").touch()
    request = make_request(recipe, given, workdir=folder / "w", base=folder, source=source, engine="builtin")
    return Workspace(request)


def check(found: Workspace) -> None:
    preflight(found, frozenset(found.graph.nodes))


@pytest.mark.usefixtures("hills")
def test_a_source_without_a_capability_is_named_with_the_step_and_the_sources_that_have_it(tmp_path) -> None:
    with pytest.raises(InputError) as caught:
        check(workspace(tmp_path, "hills"))
    assert "the source hills" in caught.value.message
    assert "step 'water' needs water_mask" in caught.value.message
    assert "'dem'" not in caught.value.message
    assert caught.value.hint == "sources that have water_mask: asf, directory, simulated"


@pytest.mark.usefixtures("hills")
def test_steps_that_will_not_run_need_nothing(tmp_path) -> None:
    check(workspace(tmp_path, "hills", mask=False))


def test_every_shipped_source_has_what_the_recipe_needs(tmp_path) -> None:
    for source in ("asf", f"directory:{tmp_path}", "simulated"):
        check(workspace(tmp_path, source))


def test_an_engine_without_a_step_is_named_with_its_steps(tmp_path) -> None:
    with pytest.raises(InputError) as caught:
        check(workspace(tmp_path, "simulated", end="denseoffsets"))
    expected = "step 'interferogram': the engine builtin has no step 'denseoffsets' of topsApp"
    assert caught.value.message == expected
    assert "--engine isce2" in caught.value.hint
    assert "startup, preprocess" in caught.value.hint


MAP = """\
recipe: 1
name: map
summary: Steps that depend on others.
parameters:
  like: {type: [string, "null"], default: null, description: Raster with the grid.}
  pixel: {type: number, default: 80, description: Size of pixels.}
  unwrapper: {type: string, default: snaphu, description: Unwrapper.}
steps:
  - id: dem
    uses: dem.fetch
    with: {bounds: [53.01, 27.01, 53.02, 27.02], margin: 0.001}
  - id: unwrap
    uses: unwrap.run
    folder: isce
    with: {unwrapper: "{{ unwrapper }}", looks: 20x4}
  - id: package
    uses: merge.package
    with:
      folder: "{{ steps.dem.geotiff }}"
      products: []
      dem: "{{ steps.dem.geotiff }}"
      water_mask: "{{ steps.dem.geotiff }}"
      apply_water_mask: false
      filter_strength: 0.5
      unwrapper: "{{ unwrapper }}"
      grid: {pixel: "{{ pixel }}"}
      grid_like: "{{ like }}"
"""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"like": "nofile.tif"}, "like: .*nofile.tif does not exist"),
        ({"like": "map.yml"}, "map.yml cannot be read"),
        ({"pixel": 500000}, "pixels of 500000 metres are not possible"),
        ({"unwrapper": "rewinder"}, "there is no unwrapper 'rewinder'"),
    ],
)
def test_what_is_known_is_checked_though_other_inputs_of_the_step_are_not(tmp_path, given, message) -> None:
    path = tmp_path / "map.yml"
    path.write_text(MAP)
    request = make_request(load(path), given, workdir=tmp_path / "w", base=tmp_path, source="simulated")
    with pytest.raises(RecipeToolError, match=message):
        check(Workspace(request))
