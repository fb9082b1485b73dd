"""Tests of merging multilooked bursts of a known scene, and of geolocation lookup."""

from __future__ import annotations

import logging
import math
import random

import numpy as np
import pytest

from isce2_recipe import paths
from isce2_recipe.actions import merge
from isce2_recipe.actions.base import Context
from isce2_recipe.engines import open_engine
from isce2_recipe.engines.builtin.filtering import filter_interferogram
from isce2_recipe.engines.builtin.geocoding import GeocodeGrid
from isce2_recipe.engines.builtin.geolocation import locator
from isce2_recipe.engines.builtin.isceimage import GeoGrid
from isce2_recipe.engines.builtin.multilooked_bursts import AxisShift, MultilookedBurst, merge_multilooked
from isce2_recipe.sar import sublooks
from isce2_recipe.sources import open_source
from isce2_recipe.types import Looks
from support import isce_raster
from support.burst_product_folders import LINE_S, NEAR_M, SAMPLE_M, phase, place, write_product, write_raster

BURSTS = ((136231, 2), (136232, 2), (136231, 3), (136232, 3))


def context(folder) -> Context:
    folder.mkdir(exist_ok=True)
    source, engine = open_source("simulated"), open_engine("builtin")
    return Context(folder, folder, source, engine, logging.getLogger("test"), lambda *_: None, 1)


def merged(folder, bursts=BURSTS, shuffled=None):
    """Return merged interferogram, latitude and longitude of some bursts."""
    folders = [write_product(folder / "products", *burst) for burst in bursts]
    if shuffled is not None:
        random.Random(shuffled).shuffle(folders)
    merge.bursts.function(context(folder / "isce"), products=folders)
    names = (paths.INTERFEROGRAM, paths.LATITUDE_FULL, paths.LONGITUDE_FULL)
    return [np.array(isce_raster.read(folder / "isce" / paths.MERGED / name, 1)) for name in names]


def axes(shape):
    return np.arange(shape[0])[:, None] * LINE_S, NEAR_M + np.arange(shape[1])[None, :] * SAMPLE_M


def test_merged_phase_equals_the_scene_without_steps_at_seams(tmp_path):
    wrapped, _, _ = merged(tmp_path)
    assert wrapped.shape == (105, 165)
    valid = wrapped != 0
    off = np.angle(wrapped * np.exp(-1j * phase(*axes(wrapped.shape))))
    # Cubic interpolation of these fringes at half a pixel is accurate to 2 mrad, and to 20 mrad at the ends.
    assert np.abs(off[valid]).max() < 0.02
    assert np.abs(off[7:-7, 7:-7]).max() < 0.002
    assert np.abs(np.abs(wrapped[valid]) - 50.0).max() < 1.5
    inside = valid[6:-6, 6:-6]
    assert inside.all()
    assert not valid[:3].any()


def test_merged_coordinates_equal_the_scene(tmp_path):
    wrapped, latitude, longitude = merged(tmp_path)
    expected = place(*axes(wrapped.shape))
    known = latitude != 0
    assert known[wrapped != 0].all()
    # Bursts are at integer lines; their times are rounded to a microsecond.
    assert np.abs(latitude - expected[0])[known].max() < 3e-8
    assert np.abs(longitude - expected[1])[known].max() < 3e-8


@pytest.mark.parametrize("shuffled", [1, 2, 3])
def test_the_order_of_products_does_not_matter(tmp_path, shuffled):
    first = merged(tmp_path / "a")
    other = merged(tmp_path / "b", shuffled=shuffled)
    for one, two in zip(first, other, strict=True):
        assert np.array_equal(one, two)


def test_a_shorter_swath_keeps_the_data_of_its_neighbour(tmp_path):
    wrapped, _, _ = merged(tmp_path, BURSTS[:3])
    assert (wrapped[60:98, 4:85] != 0).all()
    assert not wrapped[60:100, 95:].any()


LOOKS, BURST, VALID = Looks(20, 4), (240, 1600), slice(14, 227)


def speckle(coherence: float, seed: int) -> np.ndarray:
    """Return an interferogram of full resolution of two noise images with a given coherence."""
    rng = np.random.default_rng(seed)
    one, other = (rng.standard_normal(BURST) + 1j * rng.standard_normal(BURST) for _ in range(2))
    return one * np.conj(coherence * one + math.sqrt(1 - coherence**2) * other)


def multilooked(values: np.ndarray, looks: Looks = LOOKS) -> np.ndarray:
    lines, samples = values.shape[0] // looks.azimuth, values.shape[1] // looks.range
    cut = values[: lines * looks.azimuth, : samples * looks.range]
    return cut.reshape(lines, looks.azimuth, samples, looks.range).mean((1, 3)).astype(np.complex64)


def burst_of(
    folder, values: np.ndarray, line: int, sample: int, *, parts: bool, looks: Looks = LOOKS
) -> MultilookedBurst:
    """Return a burst as from a product: complete windows of its valid lines, arbitrary coordinates."""
    first, stop = -(-VALID.start // looks.azimuth), VALID.stop // looks.azimuth
    interferogram = multilooked(values, looks)
    interferogram[:first], interferogram[stop:] = 0, 0
    lines, samples = interferogram.shape
    fine = multilooked(values, sublooks.sublook_size(looks, 2))
    fine[: VALID.start], fine[VALID.stop :] = 0, 0
    layers = {
        "interferogram": interferogram[None],
        "latitude": np.ones((1, lines, samples)),
        "line_of_sight": np.ones((2, lines, samples)),
        "sublooks": sublooks.Encoder(
            fine.shape, interferogram.shape, looks, 0, samples * looks.range, 1, 5
        ).encode(fine)[0],
    }
    files = {name: folder / f"{line}_{name}.tif" for name in layers}
    for name, layer in layers.items():
        write_raster(files[name], layer)
    return MultilookedBurst(
        **files | {"sublooks": files["sublooks"] if parts else None},
        longitude=files["latitude"],
        swath=2,
        azimuth_shift=AxisShift(line / looks.azimuth, lines, first, stop - first),
        range_shift=AxisShift(sample / looks.range, samples, 0, samples),
    )


def filtered(folder, interferogram: np.ndarray) -> np.ndarray:
    image = isce_raster.header_for_array(
        folder / paths.MERGED / paths.INTERFEROGRAM, interferogram, image_type="cpx"
    )
    image.path.parent.mkdir(parents=True, exist_ok=True)
    isce_raster.write(image, interferogram, folder)
    filter_interferogram(folder, 0.5)
    return isce_raster.read(folder / paths.MERGED / paths.FILTERED_INTERFEROGRAM, 1)


@pytest.mark.parametrize(
    ("coherence", "later", "parts", "limit_rad", "looks"),
    [
        (0.05, (182, 0), True, 0.06, LOOKS),
        (0.05, (182, 800), True, 0.06, LOOKS),
        (0.05, (181, 807), True, 0.06, LOOKS),
        (0.05, (182, 1213), True, 0.06, LOOKS),
        (0.05, (182, 1213), True, 0.09, Looks(12, 3)),
        (0.05, (181, 1207), True, 0.06, Looks(20, 5)),
        (0.05, (182, 1213), True, 0.06, Looks(7, 1)),
        (0.05, (182, 1213), True, 0.06, Looks(5, 1)),
        (0.4, (182, 10), False, 0.04, LOOKS),
        (0.9, (182, 10), False, 0.005, LOOKS),
    ],
)
def test_speckle_equals_that_of_a_joint_run(tmp_path, coherence, later, parts, limit_rad, looks):
    """Check bursts whose windows differ from those of the joint run; each burst has its own speckle."""
    bursts = dict(zip(((0, 0), later), (speckle(coherence, seed) for seed in (1, 2)), strict=True))
    whole = np.zeros((BURST[0] + later[0], BURST[1] + later[1]), complex)
    for (line, sample), values in bursts.items():
        whole[line + VALID.start : line + VALID.stop, sample : sample + BURST[1]] = values[VALID]
    together = filtered(tmp_path / "together", multilooked(whole, looks))
    products = [
        burst_of(tmp_path, values, *place, parts=parts, looks=looks) for place, values in bursts.items()
    ]
    merge_multilooked(products, tmp_path, lambda *_: None)
    merged = filtered(tmp_path, isce_raster.read(tmp_path / paths.MERGED / paths.INTERFEROGRAM, 1).copy())
    shape = tuple(map(min, merged.shape, together.shape))
    one, other = (image[: shape[0], : shape[1]] for image in (merged, together))
    both = (one != 0) & (other != 0)
    off = np.angle(one * other.conj())[both]
    assert both.sum() > 0.95 * (other != 0).sum()
    assert np.sqrt(np.mean(off**2)) < limit_rad
    assert abs(off.mean()) < 0.01


def test_map_nodes_between_radar_pixels_get_interpolated_coordinates():
    line, sample = np.mgrid[0:40, 0:70].astype(float)
    latitude = 27.6 - 5e-4 * line - 1e-4 * sample
    longitude = 53.4 - 1.2e-4 * line + 7e-4 * sample
    step = 1 / 3600
    grid = GeocodeGrid(0, 0, 90, 170, GeoGrid(53.394, 27.602, step, -step))
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


def test_pixels_without_coordinates_contain_no_nodes():
    latitude, longitude = np.zeros((2, 5, 5))
    grid = GeocodeGrid(0, 0, 3, 3, GeoGrid(0.0, 0.0, 0.1, -0.1))
    line, _ = locator(latitude, longitude, grid)(range(3))
    assert (line == -1).all()
