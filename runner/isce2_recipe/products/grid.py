"""Map grids of square pixels whose edges are multiples of their size, so that products of a stack overlay."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isce2_recipe.types import Bounds

if TYPE_CHECKING:
    from affine import Affine
    from rasterio.crs import CRS

_BLOCK_PIXELS = 1 << 17
METRES_A_DEGREE = 111_195.0  # of a great circle of the mean Earth, radius 6371 km


@dataclass(frozen=True, slots=True)
class MapGrid:
    """Square pixels on a map: ``west_m`` and ``north_m`` are the outer corner of the upper-left one.

    All lengths are in the unit of the reference system ``epsg``: metres in UTM, degrees in EPSG:4326.
    """

    epsg: int
    pixel_m: float
    west_m: float
    north_m: float
    rows: int
    cols: int

    @property
    def crs(self) -> str:
        """The reference system as GDAL accepts it."""
        return f"EPSG:{self.epsg}"

    @property
    def transform(self) -> Affine:
        """The transform from column and row to the upper-left corner of a pixel on the map."""
        from affine import Affine

        return Affine(self.pixel_m, 0.0, self.west_m, 0.0, -self.pixel_m, self.north_m)

    @property
    def ground_pixel_m(self) -> float:
        """Approximate edge length of a pixel on the ground, metres."""
        from rasterio.crs import CRS

        crs = CRS.from_epsg(self.epsg)
        unit_m: float = METRES_A_DEGREE if crs.is_geographic else crs.linear_units_factor[1]
        return self.pixel_m * unit_m

    @property
    def pixel_text(self) -> str:
        """The size of pixels as text, such as ``pixels of 80 m``."""
        from rasterio.crs import CRS

        return pixel_text(self.pixel_m, CRS.from_epsg(self.epsg))

    @property
    def title(self) -> str:
        """Name of the reference system, such as ``WGS 84 / UTM zone 39N``."""
        from rasterio.crs import CRS

        return str(CRS.from_epsg(self.epsg).to_wkt().split('"')[1])

    @property
    def bounds(self) -> Bounds:
        """Outer edges."""
        return Bounds(
            self.west_m,
            self.north_m - self.rows * self.pixel_m,
            self.west_m + self.cols * self.pixel_m,
            self.north_m,
        )

    def blocks(self, pixels: int = _BLOCK_PIXELS) -> Iterator[tuple[int, MapGrid]]:
        """Yield bands of whole rows with about ``pixels`` pixels, from the north, each with its first row."""
        step = max(1, pixels // self.cols)
        for first in range(0, self.rows, step):
            north = self.north_m - first * self.pixel_m
            rows = min(step, self.rows - first)
            yield first, MapGrid(self.epsg, self.pixel_m, self.west_m, north, rows, self.cols)


def pixel_text(pixel: float, crs: CRS) -> str:
    """Return the size of pixels as text: ``pixels of 80 m``, ``pixels of 0.0005 degrees``."""
    if crs.is_geographic:
        return f"pixels of {pixel:.6g} degrees"
    unit, metres = crs.linear_units_factor
    return f"pixels of {pixel:.6g} {'m' if metres == 1.0 else unit}"


def utm_epsg(longitude: float, latitude: float) -> int:
    """Return the code of a place's WGS 84 / UTM zone, without the exceptions for Norway and Svalbard."""
    zone = int(longitude // 6 + 30) % 60 + 1
    return (32600 if latitude >= 0 else 32700) + zone


def utm_grid(bounds: Bounds, pixel_m: float) -> MapGrid:
    """Return the UTM grid that covers a box in degrees, in the zone of its north-west corner.

    HyP3 takes the zone of this corner too, so that products of one frame have the same zone.
    """
    from rasterio.warp import transform_bounds

    epsg = utm_epsg(bounds.west, bounds.north)
    box = transform_bounds("EPSG:4326", f"EPSG:{epsg}", bounds.west, bounds.south, bounds.east, bounds.north)
    return aligned_grid(epsg, pixel_m, Bounds(*box))


def aligned_grid(epsg: int, pixel: float, box: Bounds) -> MapGrid:
    """Return the smallest grid of whole pixels around a box, in the reference system's unit."""
    first_col, last_col = math.floor(box.west / pixel), math.ceil(box.east / pixel)
    first_row, last_row = math.floor(box.south / pixel), math.ceil(box.north / pixel)
    return MapGrid(
        epsg, pixel, first_col * pixel, last_row * pixel, last_row - first_row, last_col - first_col
    )
