"""Datasets and bands, read only."""

from __future__ import annotations

import numpy as np
import rasterio
from rasterio.windows import Window

from osgeo import gdal_array, osr

GA_ReadOnly = 0


def UseExceptions() -> None:  # noqa: N802
    pass


def GetDataTypeByName(name: str) -> int:  # noqa: N802
    return gdal_array.CODES[{"Byte": "uint8"}.get(name, name.lower())]


def Open(path: str, _mode: int = GA_ReadOnly) -> Dataset:  # noqa: N802
    return Dataset(rasterio.open(path))


class Dataset:
    def __init__(self, raster: rasterio.DatasetReader) -> None:
        self.raster = raster
        self.RasterXSize, self.RasterYSize = raster.width, raster.height
        self.RasterCount = raster.count

    def GetRasterBand(self, number: int) -> Band:  # noqa: N802
        return Band(self.raster, number)

    def GetMetadata(self, domain: str = "") -> dict[str, str]:  # noqa: N802
        return self.raster.tags(ns=domain or None)

    def GetGeoTransform(self) -> tuple[float, ...]:  # noqa: N802
        return self.raster.transform.to_gdal()

    def GetProjection(self) -> str:  # noqa: N802
        return self.raster.crs.to_wkt() if self.raster.crs else ""

    def GetSpatialRef(self) -> osr.SpatialReference:  # noqa: N802
        return osr.SpatialReference(wkt=self.GetProjection())


class Band:
    def __init__(self, raster: rasterio.DatasetReader, number: int) -> None:
        self.raster, self.number = raster, number
        self.DataType = gdal_array.CODES[raster.dtypes[number - 1]]

    def GetNoDataValue(self) -> float | None:  # noqa: N802
        return self.raster.nodatavals[self.number - 1]

    def ReadAsArray(  # noqa: N802
        self, xoff: int = 0, yoff: int = 0, win_xsize: int | None = None, win_ysize: int | None = None
    ) -> np.ndarray:
        width = win_xsize or self.raster.width - xoff
        height = win_ysize or self.raster.height - yoff
        return self.raster.read(self.number, window=Window(xoff, yoff, width, height))
