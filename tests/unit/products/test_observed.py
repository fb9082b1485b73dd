"""Products without content: each is refused before its archive exists, with the reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isce2_recipe.errors import InputError, RecipeToolError, StepFailed
from isce2_recipe.products.grid_choice import GridChoice, map_grid
from isce2_recipe.products.making import make_product
from isce2_recipe.types import Bounds
from support.isce_folder import STEP, Ground, product, request

NAME = "S1_136231_IW2_20200604_20200616_VV_INT80_663F"
# The scene of `Ground` has data from 53.503 to 53.547 E and 27.462 to 27.497 N.


def refused(folder: Path, ground: Ground, box: Bounds | None = None, **given: object) -> RecipeToolError:
    """Write a ground, and return the error of packaging it on the grid of a box in degrees."""
    ground.write(folder)
    made = request(folder, NAME, **given)
    if box is not None:
        choice = GridChoice(bounds=box)
        made = replace(made, grid=lambda data: map_grid(choice, 80.0, data))
    with pytest.raises((InputError, StepFailed)) as caught:
        make_product(folder, made, threads=1, progress=lambda *_: None)
    assert not list(folder.glob("*.zip"))
    return caught.value


def test_a_grid_far_away_is_refused_with_both_extents_and_their_distance(tmp_path, ground):
    error = refused(tmp_path, ground, Bounds(10.0, 10.0, 10.2, 10.2))
    assert error.exit_code == 1
    assert "the map (10.00 to 10.20 E, 10.00 to 10.20 N) does not show the data" in error.message
    assert "4,9" in error.message and "km apart" in error.message
    assert "data in 53.50 to 53.55 E, 27.46 to 27.50 N" in error.message


def test_a_grid_over_places_without_data_is_refused(tmp_path, ground):
    ground.inside[:, 60:] = False
    ground.inside[80:] = False
    # East of the data, where the raster goes on.
    error = refused(tmp_path, ground, Bounds(53.53, 27.47, 53.545, 27.49))
    assert error.exit_code == 1
    assert "the map" in error.message and "data in 53.50 to 53.52 E" in error.message


def test_a_grid_that_grazes_the_data_is_refused(tmp_path, ground):
    corner = Bounds(53.503 - 0.3, 27.4969 - 0.0005, 53.503 + 0.001, 27.8)
    error = refused(tmp_path, ground, corner)
    assert error.exit_code == 1
    assert "only grazes the data, with" in error.message


def test_a_small_map_inside_the_data_is_made(tmp_path, ground):
    ground.write(tmp_path)
    choice = GridChoice(bounds=Bounds(53.52, 27.48, 53.5225, 27.4825))
    made = replace(request(tmp_path, NAME), grid=lambda data: map_grid(choice, 80.0, data))
    assert make_product(tmp_path, made, threads=1, progress=lambda *_: None).zip.is_file()


@pytest.mark.parametrize(
    ("layer", "value", "words"),
    [
        ("amplitude", 0.0, "has no valid pixel: filt_topophase.unw.geo and filt_topophase.flat.geo in"),
        ("amplitude", np.nan, "has no valid pixel: filt_topophase.unw.geo and filt_topophase.flat.geo in"),
        ("incidence", 0.0, "has no valid pixel: los.rdr.geo in"),
        ("coherence", 0.0, "the layer corr (Coherence) has no values"),
        ("coherence", np.nan, "the layer corr (Coherence) has no values"),
        ("component", 0.0, "unwrapping left nothing: none of the"),
        ("phase", np.nan, "filt_topophase.flat.geo in"),
    ],
)
def test_empty_rasters_are_a_failure_of_the_step(tmp_path, ground, layer, value, words):
    ground.layers[layer][:] = value
    error = refused(tmp_path, ground)
    assert error.exit_code == 3
    assert words in error.message


def test_land_that_is_not_unwrapped_is_a_failure_although_water_is_unwrapped(tmp_path, ground):
    ground.layers["land"][:, :90] = 0
    ground.layers["component"][:, 90:] = 0
    error = refused(tmp_path, ground)
    assert error.exit_code == 3
    assert "land pixels of the map has an unwrapped phase" in error.message


def test_masked_water_only_is_refused_and_water_that_is_not_masked_is_made(tmp_path, ground):
    ground.layers["land"][:] = 0
    error = refused(tmp_path / "masked", ground, water_masked=True)
    assert error.exit_code == 1
    assert "the map shows no land: all its" in error.message
    ground.write(tmp_path / "sea_ice")
    assert product(tmp_path / "sea_ice", NAME).zip.is_file()


def test_the_scene_is_where_the_comment_says(ground):
    longitude, latitude = ground.places()
    assert longitude[ground.inside].min() - STEP / 2 == pytest.approx(53.503, abs=5e-4)
    assert latitude[ground.inside].max() + STEP / 2 == pytest.approx(27.497, abs=5e-4)
