"""Tests of ISCE2 rasters: writing, reading, and opening with GDAL."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import rasterio

from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.isceimage import GeoGrid
from isce2_recipe.errors import InputError
from support import isce_raster

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
TYPES = ("u1", "i2", "i4", "f4", "f8", "c8", "c16")


def sample_array(code: str, bands: int = 2, lines: int = 5, samples: int = 7) -> np.ndarray:
    values = np.arange(bands * lines * samples).reshape(bands, lines, samples) % 251
    return (values * (1 + 0.5j)).astype(code) if code.startswith("c") else values.astype(code)


@pytest.mark.parametrize(("code", "scheme"), [*itertools.product(TYPES, ("BIP", "BIL", "BSQ"))])
def test_rasters_are_read_back_and_opened_by_gdal(tmp_path, code, scheme):
    array = sample_array(code)
    image = isce_raster.header_for_array(tmp_path / "a.rdr", array, scheme=scheme, image_type="cor")
    isce_raster.write(image, array, tmp_path)
    assert isceimage.read_header(image.path) == image
    assert np.array_equal(isce_raster.read(image.path), array)
    assert np.array_equal(isce_raster.read(image.path, 2), array[1])
    for name in ("a.rdr.vrt", "a.rdr"):
        with rasterio.open(tmp_path / name) as opened:
            assert np.array_equal(opened.read(), array), name
    assert opened.driver == "ISCE"


def test_bil_stores_line_after_line(tmp_path):
    array = sample_array("f4")
    image = isce_raster.header_for_array(tmp_path / "a.unw", array, scheme="BIL", image_type="unw")
    isce_raster.write(image, array)
    stored = np.fromfile(image.path, "<f4").reshape(5, 2, 7)
    assert np.array_equal(stored, array.transpose(1, 0, 2))


def test_map_coordinates_are_pixel_centres(tmp_path):
    grid = GeoGrid(53.0, 28.0, 1 / 3600, -1 / 3600)
    image = isce_raster.header_for_array(tmp_path / "a.geo", sample_array("f4", 1), grid=grid)
    isce_raster.write(image, sample_array("f4", 1))
    assert isceimage.read_header(image.path).grid == grid
    with rasterio.open(tmp_path / "a.geo.vrt") as opened:
        assert opened.transform.c == grid.first_longitude
        assert opened.crs.to_epsg() == 4326
    assert grid.corner_transform[0] == 53.0 - 0.5 / 3600
    assert grid.corner_transform[3] == 28.0 + 0.5 / 3600


def test_looks_in_the_coordinates_are_not_map_coordinates(tmp_path):
    image = isce_raster.header_for_array(tmp_path / "a", sample_array("f4", 1))
    isce_raster.write(image, sample_array("f4", 1))
    text = (tmp_path / "a.xml").read_text()
    looks = text.replace('"delta">\n            <value>1<', '"delta">\n            <value>3.0<')
    assert looks != text
    (tmp_path / "a.xml").write_text(looks)
    assert isceimage.read_header(image.path).grid is None


def test_paths_in_headers_are_relative_to_the_work_folder(tmp_path):
    (tmp_path / "merged").mkdir()
    array = sample_array("f4", 1)
    isce_raster.write(isce_raster.header_for_array(tmp_path / "merged" / "phsig.cor", array), array, tmp_path)
    text = (tmp_path / "merged" / "phsig.cor.xml").read_text()
    assert "<value>merged/phsig.cor</value>" in text


def test_created_and_virtual_rasters_are_read(tmp_path):
    image = isce_raster.header_for_array(tmp_path / "a", sample_array("c8", 1))
    isceimage.create(image)[:] = sample_array("c8", 1)
    (tmp_path / "b.vrt").write_text((tmp_path / "a.vrt").read_text())
    assert np.array_equal(isce_raster.read(tmp_path / "b"), sample_array("c8", 1))


def test_messages_name_file_and_problem(tmp_path):
    image = isce_raster.header_for_array(tmp_path / "a", sample_array("f4"))
    isce_raster.write(image, sample_array("f4"))
    image.path.write_bytes(b"short")
    with pytest.raises(InputError, match="has 5 bytes; expected 280 bytes"):
        isce_raster.read(image.path)
    (tmp_path / "a.xml").write_text(
        "<imageFile><property name='width'><value>x</value></property></imageFile>"
    )
    with pytest.raises(InputError, match="not an ISCE2 image header"):
        isceimage.read_header(image.path)
    with pytest.raises(InputError, match=r"none\.xml does not exist"):
        isceimage.read_header(tmp_path / "none")
    with pytest.raises(InputError, match=r"none\.vrt cannot be read"):
        isce_raster.read(tmp_path / "none")
