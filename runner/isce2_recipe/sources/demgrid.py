"""The grid of all terrain: pixels of one arc second, with centres on whole arc seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe.types import Bounds

_PER_DEGREE = 3600


@dataclass(frozen=True, slots=True)
class DemGrid:
    """A grid of pixels of one arc second.

    Attributes
    ----------
    west, north : int
        Centre of the first pixel, whole arc seconds.
    rows, columns : int
        Size of the grid.
    """

    west: int
    north: int
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


def write_dem(heights: Any, grid: DemGrid, path: Path) -> Path:
    """Write heights (rows, columns), metres above the ellipsoid, on a grid."""
    import rasterio

    with rasterio.open(path, "w", **grid.profile()) as dataset:
        dataset.write(heights, 1)
    return path
