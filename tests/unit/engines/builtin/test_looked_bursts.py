"""Multilooked bursts of a known scene, merged and brought to the map."""

from __future__ import annotations

import logging
import random

import numpy as np
import pytest

from isce2_recipe import paths
from isce2_recipe.actions import merge
from isce2_recipe.actions.base import Context
from isce2_recipe.engines import open_engine
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.geocoding import MapGrid
from isce2_recipe.engines.builtin.ground_lookup import locator
from isce2_recipe.engines.builtin.isceimage import GeoGrid
from isce2_recipe.sources import open_source
from support.burst_product_folders import LINE_S, NEAR_M, SAMPLE_M, phase, place, write_product

BURSTS = ((136231, 2), (136232, 2), (136231, 3), (136232, 3))


def context(folder) -> Context:
    folder.mkdir(exist_ok=True)
    source, engine = open_source("simulated"), open_engine("builtin")
    return Context(folder, folder, source, engine, logging.getLogger("test"), lambda *_: None, 1)


def merged(folder, bursts=BURSTS, shuffled=None):
    """The merged interferogram, latitude and longitude of some bursts."""
    folders = [write_product(folder / "products", *burst) for burst in bursts]
    if shuffled is not None:
        random.Random(shuffled).shuffle(folders)
    merge.bursts.function(context(folder / "isce"), products=folders)
    names = (paths.INTERFEROGRAM, paths.LATITUDE_FULL, paths.LONGITUDE_FULL)
    return [np.array(isceimage.read(folder / "isce" / paths.MERGED / name, 1)) for name in names]


def axes(shape):
    return np.arange(shape[0])[:, None] * LINE_S, NEAR_M + np.arange(shape[1])[None, :] * SAMPLE_M


def test_phase_is_the_scenes_on_one_grid_without_a_step_at_a_seam(tmp_path):
    wrapped, _, _ = merged(tmp_path)
    assert wrapped.shape == (105, 165)
    valid = wrapped != 0
    off = np.angle(wrapped * np.exp(-1j * phase(*axes(wrapped.shape))))
    # Cubic interpolation of these fringes at half a pixel is good to milliradians, at an end to some more.
    assert np.abs(off[valid]).max() < 0.02
    assert np.abs(off[7:-7, 7:-7]).max() < 0.002
    assert np.abs(np.abs(wrapped[valid]) - 50.0).max() < 1.5
    inside = valid[6:-6, 6:-6]
    assert inside.all()
    assert not valid[:3].any()


def test_places_are_the_scenes(tmp_path):
    wrapped, latitude, longitude = merged(tmp_path)
    expected = place(*axes(wrapped.shape))
    known = latitude != 0
    assert known[wrapped != 0].all()
    assert np.abs(latitude - expected[0])[known].max() < 1e-9
    assert np.abs(longitude - expected[1])[known].max() < 1e-9


@pytest.mark.parametrize("shuffled", [1, 2, 3])
def test_the_order_of_products_does_not_matter(tmp_path, shuffled):
    first = merged(tmp_path / "a")
    other = merged(tmp_path / "b", shuffled=shuffled)
    for one, two in zip(first, other, strict=True):
        assert np.array_equal(one, two)


def test_a_swath_that_ends_early_leaves_its_neighbours_data(tmp_path):
    wrapped, _, _ = merged(tmp_path, BURSTS[:3])
    assert (wrapped[60:98, 4:85] != 0).all()
    assert not wrapped[60:100, 95:].any()


def test_map_nodes_are_found_between_radar_pixels():
    line, sample = np.mgrid[0:40, 0:70].astype(float)
    latitude = 27.6 - 5e-4 * line - 1e-4 * sample
    longitude = 53.4 - 1.2e-4 * line + 7e-4 * sample
    step = 1 / 3600
    grid = MapGrid(0, 0, 90, 170, GeoGrid(53.394, 27.602, step, -step))
    found_line, found_sample = locator(latitude, longitude, grid)(range(20, 60))
    lat = grid.nodes.first_latitude - step * np.arange(20, 60)[:, None]
    lon = grid.nodes.first_longitude + step * np.arange(170)[None, :]
    determinant = -5e-4 * 7e-4 - 1e-4 * 1.2e-4
    true_line = ((lat - 27.6) * 7e-4 + (lon - 53.4) * 1e-4) / determinant
    true_sample = (-5e-4 * (lon - 53.4) + 1.2e-4 * (lat - 27.6)) / determinant
    inside = (true_line > 0) & (true_line < 39) & (true_sample > 0) & (true_sample < 69)
    assert np.array_equal(found_line >= 0, inside)
    assert np.abs(found_line - true_line)[inside].max() < 1e-6
    assert np.abs(found_sample - true_sample)[inside].max() < 1e-6


def test_pixels_without_a_place_hold_no_node():
    latitude, longitude = np.zeros((2, 5, 5))
    grid = MapGrid(0, 0, 3, 3, GeoGrid(0.0, 0.0, 0.1, -0.1))
    line, _ = locator(latitude, longitude, grid)(range(3))
    assert (line == -1).all()
