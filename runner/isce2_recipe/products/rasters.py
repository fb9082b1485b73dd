"""Reading of ISCE2's geocoded files, resampling to a map, and writing of cloud-optimised GeoTIFFs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.products import colours
from isce2_recipe.products.grid import METRES_A_DEGREE, MapGrid
from isce2_recipe.types import Bounds

if TYPE_CHECKING:
    from affine import Affine

    from isce2_recipe.products.layer import Layer

_GEOGRAPHIC = "EPSG:4326"
_MOST_PIXELS = 1_000_000_000  # which is also the largest map that a run makes
_MOST_BANDS = 100
# Output pixels around a block. A bilinear kernel that averages reaches one pixel to either side; this many
# make the result independent of the division into blocks.
_KERNEL_MARGIN = 3.0

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Part:
    """A rectangle of a raster's pixels."""

    row: int
    col: int
    rows: int
    cols: int


@dataclass(frozen=True, slots=True)
class GeoRaster:
    """A north-up raster in degrees whose coordinates are those of the ground it shows.

    ``west`` and ``north`` are the outer corner of the upper-left pixel; the steps lead to the next pixel
    along a row and down a column, the second of which is negative.
    """

    path: Path
    west: float
    north: float
    step_longitude: float
    step_latitude: float
    rows: int
    cols: int

    @property
    def bounds(self) -> Bounds:
        """Outer edges of the outer pixels, degrees."""
        south = self.north + self.rows * self.step_latitude
        return Bounds(self.west, south, self.west + self.cols * self.step_longitude, self.north)

    def transform(self, part: Part) -> Affine:
        """Return the transform from a part's column and row to the upper-left corner of a pixel, degrees."""
        from affine import Affine

        west = self.west + part.col * self.step_longitude
        north = self.north + part.row * self.step_latitude
        return Affine(self.step_longitude, 0.0, west, 0.0, self.step_latitude, north)

    def same_grid(self, other: GeoRaster) -> bool:
        """Return whether the pixels of both coincide."""
        return replace(self, path=other.path) == other

    def kernel_scale(self, pixel_m: float) -> dict[str, float]:
        """Return GDAL's options that fix the width of its averaging kernel for map pixels of some size.

        Without them GDAL estimates the width for every block, and neighbouring blocks would not fit together.
        A width of whole pixels reproduces a slope; with any other the values are off by up to a tenth of a
        pixel.
        """
        latitude = math.radians(self.north + self.rows / 2 * self.step_latitude)
        width_m = self.step_longitude * METRES_A_DEGREE * math.cos(latitude)
        height_m = -self.step_latitude * METRES_A_DEGREE
        return {
            "XSCALE": 1 / max(1, round(pixel_m / width_m)),
            "YSCALE": 1 / max(1, round(pixel_m / height_m)),
        }

    def read(self, band: int, part: Part) -> NDArray[Any]:
        """Return a part of one band (counted from 1), shape (part.rows, part.cols)."""
        from rasterio.windows import Window

        with opened(self.path, own=True) as dataset:
            values: NDArray[Any] = dataset.read(band, window=Window(part.col, part.row, part.cols, part.rows))
        return values

    def around(self, grid: MapGrid) -> Part | None:
        """Return the part that a map grid needs, with the kernel's margin, or None if they do not overlap."""
        from rasterio.warp import transform_bounds

        box = grid.bounds.buffered(_KERNEL_MARGIN * grid.pixel_m)
        degrees = Bounds.of(*transform_bounds(grid.crs, _GEOGRAPHIC, *box))
        west, south, east, north = degrees.near(self.bounds)
        first_col = max(0, math.floor((west - self.west) / self.step_longitude))
        first_row = max(0, math.floor((north - self.north) / self.step_latitude))
        last_col = min(self.cols, math.ceil((east - self.west) / self.step_longitude))
        last_row = min(self.rows, math.ceil((south - self.north) / self.step_latitude))
        if last_row <= first_row or last_col <= first_col:
            return None
        return Part(first_row, first_col, last_row - first_row, last_col - first_col)


def geographic(path: Path) -> GeoRaster:
    """Open a raster in degrees whose header GDAL reads correctly, such as a GeoTIFF.

    Raises
    ------
    InputError
        If it cannot be opened or is not north-up.
    """
    with opened(path, own=True) as dataset:
        step_x, skew_x, west, skew_y, step_y, north = dataset.transform[:6]
        if skew_x or skew_y or step_x <= 0 or step_y >= 0:
            raise InputError(f"raster {path} is not north-up")
        return GeoRaster(path, west, north, step_x, step_y, dataset.height, dataset.width)


def isce_geocoded(path: Path) -> GeoRaster:
    """Open an ISCE2 ``.geo`` raster (without the ending ``.vrt``) and correct its place by half a pixel.

    ISCE2 writes the centre of the first pixel where GDAL expects its corner, so that GDAL places the raster
    half a pixel too far to the south-east.

    Raises
    ------
    InputError
        If there is no such raster.
    """
    raster = geographic(path.with_name(f"{path.name}.vrt"))
    return replace(
        raster,
        west=raster.west - raster.step_longitude / 2,
        north=raster.north - raster.step_latitude / 2,
    )


@contextmanager
def without_place() -> Iterator[None]:
    """Suppress GDAL's warning that a raster in radar geometry has no place on the map."""
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


@contextmanager
def opened(path: Path, own: bool = False) -> Iterator[Any]:
    """Yield a raster to read, as rasterio's dataset; it may be a stranger's.

    Only a local GeoTIFF is opened: other formats, such as VRT, open further files and addresses. Rasters of
    this run's steps (``own``) may be larger, and virtual (``.vrt``).

    Raises
    ------
    InputError
        If it cannot be opened or read.
    """
    import rasterio
    from rasterio.errors import RasterioError

    try:
        if not path.is_file():
            raise InputError(f"there is no raster {path}", hint="run the step that makes it again")
        with without_place(), rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
            dataset = rasterio.open(
                path.absolute(), driver="VRT" if own and path.suffix == ".vrt" else "GTiff"
            )
        with dataset:
            if not own:
                _check_size(path, dataset)
            yield dataset
    except RasterioError as exc:
        raise InputError(
            f"raster {path} cannot be read: {exc}", hint="run the step that makes it again"
        ) from exc


def _check_size(path: Path, dataset: Any) -> None:
    """Refuse sizes that would take too much memory or time; a few bytes can claim any."""
    block = max(rows * cols for rows, cols in dataset.block_shapes)
    if (
        dataset.width * dataset.height > _MOST_PIXELS
        or block > _MOST_PIXELS // 20
        or dataset.count > _MOST_BANDS
    ):
        size = f"{dataset.width} x {dataset.height} pixels, {dataset.count} bands, blocks of {block} pixels"
        raise InputError(
            f"raster {path} is larger than a layer of a product can be: {size}",
            hint="give a product of isce2-recipe or HyP3",
        )


def project(
    values: FloatArray,
    raster: GeoRaster,
    part: Part,
    grid: MapGrid,
    *,
    nearest: bool = False,
    threads: int = 1,
) -> FloatArray:
    """Return bands, shape (bands, part.rows, part.cols), on a map grid; NaN is no data and in no mean.

    The coordinates, which cost most, are computed once for all bands of a raster. Each pixel is the
    ``nearest`` one, or a bilinear mean over all pixels below the output pixel.
    """
    from rasterio.enums import Resampling
    from rasterio.warp import reproject

    result = np.full((len(values), grid.rows, grid.cols), np.nan, np.float32)
    reproject(
        values,
        result,
        src_transform=raster.transform(part),
        src_crs=_GEOGRAPHIC,
        src_nodata=np.nan,
        dst_transform=grid.transform,
        dst_crs=grid.crs,
        dst_nodata=np.nan,
        resampling=Resampling.nearest if nearest else Resampling.bilinear,
        num_threads=threads,
        tolerance=0.0,
        UNIFIED_SRC_NODATA="NO",
        **raster.kernel_scale(grid.ground_pixel_m),
    )
    return result


@contextmanager
def scratch_raster(path: Path, grid: MapGrid, layer: Layer, tags: Mapping[str, str]) -> Iterator[Any]:
    """Yield a plain tiled GeoTIFF to write blocks into, from which `publish` makes the layer's file."""
    import rasterio

    profile = {
        "driver": "GTiff",
        "dtype": layer.dtype,
        "count": 1,
        "width": grid.cols,
        "height": grid.rows,
        "crs": grid.crs,
        "transform": grid.transform,
        "nodata": layer.nodata,
        "tiled": True,
        "bigtiff": "if_safer",
    }
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as dataset:
        dataset.update_tags(**tags)
        dataset.set_band_description(1, layer.description)
        if layer.unit:
            dataset.set_band_unit(1, layer.unit)
        if layer.palette:
            dataset.write_colormap(1, colours.table(layer.palette))
        yield dataset


def publish(scratch: Path, path: Path, layer: Layer) -> None:
    """Make a cloud-optimised, compressed GeoTIFF of a plain one, and delete the plain one."""
    import rasterio.shutil

    with without_place():
        rasterio.shutil.copy(
            scratch,
            path,
            driver="COG",
            compress="DEFLATE",
            predictor="NO" if layer.dtype.startswith("complex") else "YES",
            blocksize=512,
            overview_resampling="AVERAGE" if layer.resampling == "mean" else "NEAREST",
        )
    scratch.unlink()
