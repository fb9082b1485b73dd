"""The grid of all terrain: pixels of one arc second, with centres on whole arc seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isce2_recipe.types import Bounds, longitude_near

if TYPE_CHECKING:
    from affine import Affine

_PER_DEGREE = 3600


@dataclass(frozen=True, slots=True)
class DemGrid:
    """A grid of pixels of one arc second."""

    # Centre of the first pixel, whole arc seconds.
    west: int
    north: int
    # Size of the grid.
    rows: int
    columns: int

    @classmethod
    def covering(cls, bounds: Bounds) -> DemGrid:
        """Return the smallest grid whose pixel centres enclose a box in degrees."""
        west, south = math.floor(bounds.west * _PER_DEGREE), math.floor(bounds.south * _PER_DEGREE)
        east, north = math.ceil(bounds.east * _PER_DEGREE), math.ceil(bounds.north * _PER_DEGREE)
        return cls(west, north, north - south + 1, east - west + 1)

    @property
    def bounds(self) -> Bounds:
        """The outer edges of the pixels, degrees."""
        west, north = (self.west - 0.5) / _PER_DEGREE, (self.north + 0.5) / _PER_DEGREE
        return Bounds(west, north - self.rows / _PER_DEGREE, west + self.columns / _PER_DEGREE, north)

    def profile(self) -> dict[str, Any]:
        """Return the profile with which rasterio writes ``dem.tif``."""
        from rasterio.transform import Affine

        pixel = 1.0 / _PER_DEGREE
        return {
            "driver": "GTiff",
            "dtype": "float32",
            "count": 1,
            "width": self.columns,
            "height": self.rows,
            "crs": "EPSG:4326",
            "transform": Affine(pixel, 0.0, self.bounds.west, 0.0, -pixel, self.bounds.north),
            "tiled": True,
            "compress": "deflate",
            "predictor": 3,
        }

    def resample(self, source: Any, method: str = "cubic", **properties: Any) -> Any:
        """Return a raster on the grid (rows, columns; float32), NaN where it has no data.

        ``properties`` are those of an array, such as ``src_crs``; a band of a dataset has its own.
        """
        import numpy as np
        from rasterio.warp import Resampling, reproject

        target = np.full((self.rows, self.columns), np.nan, dtype=np.float32)
        reproject(
            source,
            target,
            **properties,
            dst_transform=self.profile()["transform"],
            dst_crs="EPSG:4326",
            dst_nodata=float("nan"),
            resampling=Resampling[method],
        )
        return target


def write_dem(heights: Any, grid: DemGrid, path: Path) -> Path:
    """Write heights (rows, columns), metres above the ellipsoid, on a grid."""
    import rasterio

    with rasterio.open(path, "w", **grid.profile()) as dataset:
        dataset.write(heights, 1)
    return path


def eastwards(transform: Affine, degrees: float) -> Affine:
    """Return a raster's transform with longitudes that are larger by some degrees."""
    from affine import Affine

    a, b, c, d, e, f = transform[:6]
    return Affine(a, b, c + degrees, d, e, f)


def spans_globe(dataset: Any) -> bool:
    """Return whether a raster in degrees has all longitudes."""
    geographic = dataset.crs is not None and dataset.crs.is_geographic
    return bool(geographic and dataset.width >= round(360.0 / dataset.transform.a))


def read_around(dataset: Any, bounds: Bounds, margin: int) -> tuple[Any, Affine]:
    """Return the pixels of a raster in degrees around a box and their transform, in the box's longitudes.

    Pixels on either side of the edge of a raster of the whole globe are joined; ``margin`` pixels are added.
    """
    import numpy as np
    from rasterio.windows import Window

    transform = dataset.transform
    left, right = (math.floor((x - transform.c) / transform.a) for x in (bounds.west, bounds.east))
    top, bottom = (int((y - transform.f) / transform.e) for y in (bounds.north, bounds.south))
    first_row = max(top - margin, 0)
    rows = min(bottom + margin, dataset.height - 1) - first_row + 1
    first, stop, turn = left - margin, right + margin + 1, round(360.0 / transform.a)
    if not spans_globe(dataset):
        first, stop, turn = max(first, 0), min(stop, dataset.width), dataset.width
    edges = [k * turn for k in range(first // turn, (stop - 1) // turn + 1)]
    windows = [
        Window(max(first, edge) - edge, first_row, min(stop, edge + turn) - max(first, edge), rows)
        for edge in edges
    ]
    place = dataset.window_transform(windows[0])
    around = longitude_near(place.c, (bounds.west + bounds.east) / 2) - place.c
    return np.hstack([dataset.read(1, window=window) for window in windows]), eastwards(place, around)
