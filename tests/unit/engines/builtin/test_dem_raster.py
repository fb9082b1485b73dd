"""Tests of checking, converting and resampling DEMs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from isce2_recipe.engines.builtin import dem_raster, isceimage
from isce2_recipe.errors import InputError
from isce2_recipe.types import Bounds
from support import isce_raster

ARC_SECOND = 1 / 3600
WEST, NORTH, ROWS, COLS = 53.0, 27.5, 90, 120


def plane(longitude, latitude):
    """Return heights (m) on a plane, which every interpolation reproduces."""
    return 500 + 20000 * (longitude - WEST) + 10000 * (latitude - NORTH)


def write_geotiff(path: Path, heights: np.ndarray | None = None, **profile) -> Path:
    row, col = np.mgrid[:ROWS, :COLS]
    if heights is None:
        heights = plane(WEST + col * ARC_SECOND, NORTH - row * ARC_SECOND)
    corner = Affine(ARC_SECOND, 0, WEST - ARC_SECOND / 2, 0, -ARC_SECOND, NORTH + ARC_SECOND / 2)
    profile = {"crs": "EPSG:4326", "transform": corner, "dtype": "float32"} | profile
    with rasterio.open(path, "w", "GTiff", height=ROWS, width=COLS, count=1, **profile) as dataset:
        dataset.write(heights.astype(profile["dtype"]), 1)
    return path


def covered() -> Bounds:
    return Bounds(WEST, NORTH - (ROWS - 1) * ARC_SECOND, WEST + (COLS - 1) * ARC_SECOND, NORTH)


def test_conversion_keeps_the_positions_of_heights(tmp_path):
    image = dem_raster.to_isce(write_geotiff(tmp_path / "dem.tif"), tmp_path / "full_res.dem.wgs84")
    assert isceimage.read_header(image.path) == image
    assert (image.reference, image.data_type, image.image_type) == ("WGS84", "FLOAT", "dem")
    heights = isce_raster.read(image.path, 1)
    for row, col in [(0, 0), (10, 100), (ROWS - 1, COLS - 1)]:
        longitude = image.grid.first_longitude + col * image.grid.delta_longitude
        latitude = image.grid.first_latitude + row * image.grid.delta_latitude
        assert heights[row, col] == pytest.approx(plane(longitude, latitude), abs=1e-3)
    with rasterio.open(tmp_path / "dem.tif") as dataset:
        assert np.allclose(image.grid.corner_transform, dataset.transform.to_gdal(), atol=1e-12)


def test_header_contains_the_given_path(tmp_path):
    image = dem_raster.to_isce(write_geotiff(tmp_path / "a.tif"), tmp_path / "a.dem", name="../dem/a.dem")
    text = isceimage.append_suffix(image.path, "xml").read_text()
    assert "<value>../dem/a.dem</value>" in text
    assert "<value>../dem/a.dem.vrt</value>" in text


@pytest.mark.parametrize(("pixel_m", "spacing"), [(20, 2 / 3), (30.9, 1), (10, 1 / 3), (1, 1 / 6)])
def test_resampling_keeps_a_plane(tmp_path, pixel_m, spacing):
    source = write_geotiff(tmp_path / "dem.tif")
    dem_raster.resample(source, tmp_path / "fine.tif", pixel_m)
    with rasterio.open(tmp_path / "fine.tif") as dataset:
        heights, step = dataset.read(1), dataset.transform.a
        first = dataset.transform.c + step / 2, dataset.transform.f - step / 2
    assert step == pytest.approx(spacing * ARC_SECOND)
    assert first == pytest.approx((WEST, NORTH), abs=1e-12)
    row, col = np.mgrid[: heights.shape[0], : heights.shape[1]]
    expected = plane(first[0] + col * step, first[1] - row * step)
    inner = slice(12, -12)
    assert np.abs(heights - expected)[inner, inner].max() < 2e-3
    assert np.abs(heights - expected).max() < 6
    assert (heights.shape[1] - 1) * step <= (COLS - 1) * ARC_SECOND + 1e-12


def test_a_good_dem_passes(tmp_path):
    dem_raster.check(write_geotiff(tmp_path / "dem.tif"), covered())


def test_a_dem_that_is_too_small_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"does not cover the scene: it covers 53 to 53\.033\d E"):
        dem_raster.check(write_geotiff(tmp_path / "dem.tif"), covered().buffered(ARC_SECOND))


@pytest.mark.parametrize("nodata", [None, -9999.0])
def test_gaps_are_refused(tmp_path, nodata):
    heights = np.full((ROWS, COLS), 100.0)
    heights[7, 11] = np.nan if nodata is None else nodata
    source = write_geotiff(tmp_path / "dem.tif", heights, nodata=nodata)
    with pytest.raises(InputError, match="has gaps, the first at row 7, column 11"):
        dem_raster.check(source, covered())


def test_impossible_heights_are_refused(tmp_path):
    heights = np.full((ROWS, COLS), 100.0)
    heights[3, 4] = -32768
    with pytest.raises(InputError, match="heights from -32768 m to 100 m"):
        dem_raster.check(write_geotiff(tmp_path / "dem.tif", heights), covered())


@pytest.mark.parametrize("wrong", [{"crs": "EPSG:32640"}, {"transform": Affine(1, 0, 53, 0, 1, 27)}])
def test_other_grids_are_refused(tmp_path, wrong):
    with pytest.raises(InputError, match="must be a north-up raster in degrees"):
        dem_raster.check(write_geotiff(tmp_path / "dem.tif", **wrong), covered())


def test_a_file_that_is_not_a_geotiff_is_refused(tmp_path):
    (tmp_path / "dem.tif").write_text("nothing")
    with pytest.raises(InputError, match=r"dem\.tif cannot be read"):
        dem_raster.to_isce(tmp_path / "dem.tif", tmp_path / "out")
    assert not (tmp_path / "out").exists()
