"""Parts of the content key of an ISCE2 step besides its inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.expressions import references
from isce2_recipe.paths import data_folder
from isce2_recipe.recipe import Recipe, Step, load

RUN = load_registry()["isce2.run"]


def _read(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


def test_the_header_of_a_raster_is_part_of_the_key(tmp_path: Path) -> None:
    assert RUN.fingerprint is not None
    raster, safe = tmp_path / "dem.wgs84", tmp_path / "S1A.SAFE"
    raster.write_bytes(b"same heights")
    safe.mkdir()
    header = tmp_path / "dem.wgs84.xml"
    found = []
    for place in ("here", "there"):
        header.write_text(f"<imageFile>{place}</imageFile>")
        found.append(RUN.fingerprint({"inputs": [raster, safe]}, (), _read))
    assert found[0] != found[1]
    assert list(found[0]) == ["dem.wgs84.xml"]
    assert RUN.fingerprint({"inputs": None}, (), _read) == {}


def _isce_steps(recipe: Recipe) -> list[Step]:
    below = [inner for step in recipe.steps if step.part is not None for inner in _isce_steps(step.part)]
    return [*(step for step in recipe.steps if step.uses == "isce2.run"), *below]


@pytest.mark.parametrize("path", sorted(data_folder("recipes").glob("*.yml")), ids=lambda path: path.stem)
def test_shipped_recipes_name_the_terrain_of_steps_that_read_it(path: Path) -> None:
    for step in _isce_steps(load(path)):
        if step.with_.get("start") in ("startup", "geocode"):
            read = references(step.with_.get("inputs"))
            assert any("dem" in name or name == "terrain" for name in (*read.names, *read.steps)), step.id
