"""Landscape of a stranger's folder: a virtual raster opens GeoTIFFs next to it, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from isce2_recipe.errors import InputError
from isce2_recipe.sources.directory_terrain import coverage

VRT = """<VRTDataset rasterXSize="20" rasterYSize="20"><SRS>EPSG:4326</SRS>
<GeoTransform>50, 0.001, 0, 30, 0, -0.001</GeoTransform><VRTRasterBand dataType="Float32" band="1">
<SimpleSource><SourceFilename relativeToVRT="1">{}</SourceFilename></SimpleSource>{}
</VRTRasterBand></VRTDataset>
"""


def _folder(root: Path, source: str, more: str = "") -> Path:
    (root / "dem").mkdir()
    transform = from_origin(50, 30, 0.001, 0.001)
    profile = {"width": 20, "height": 20, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    for path in (root / "dem/tile.tiff", root / "outside.tif"):
        with rasterio.open(path, "w", driver="GTiff", transform=transform, **profile) as file:
            file.write(np.ones((20, 20), np.float32), 1)
    (root / "dem/tile.tiff").rename(root / "dem/tile.dat")  # found through the mosaic only
    (root / "dem/mosaic.vrt").write_text(VRT.format(source, more))
    (root / "dem/nested.dat").write_text(VRT.format("/etc/passwd", ""))
    return root


def test_a_mosaic_of_geotiffs_next_to_it_is_terrain(tmp_path: Path) -> None:
    [box] = coverage(_folder(tmp_path, "tile.dat"))
    assert box.west == pytest.approx(50)


@pytest.mark.parametrize(
    ("source", "more"),
    [
        ("../outside.tif", ""),
        ("/vsicurl/http://127.0.0.1:9/a.tif", ""),
        ("http://127.0.0.1:9/a.tif", ""),
        ("/etc/passwd", ""),
        ("nested.dat", ""),
        ("tile.dat", "<PixelFunctionType>min</PixelFunctionType>"),
        ("tile.dat", "<Overview><SourceFilename>/etc/passwd</SourceFilename></Overview>"),
        ("&#47;etc/passwd", ""),
        ("tile.dat", "<!-- <SourceFilename>tile.dat</SourceFilename> -->"),
    ],
)
def test_any_other_virtual_raster_is_refused(tmp_path: Path, source: str, more: str) -> None:
    with pytest.raises(InputError, match="no mosaic of GeoTIFFs next to it"):
        coverage(_folder(tmp_path, source, more))


def test_a_virtual_raster_under_the_name_of_a_geotiff_is_refused(tmp_path: Path) -> None:
    root = _folder(tmp_path, "/etc/passwd")
    (root / "dem/mosaic.vrt").rename(root / "dem/mosaic.tif")
    with pytest.raises(InputError, match="cannot be read"):
        coverage(root)
