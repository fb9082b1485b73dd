"""A source of flat terrain. Recipes that need anything else are refused before they run."""

from __future__ import annotations

import logging
import math
from pathlib import Path

from isce2_recipe.errors import UsageError
from isce2_recipe.sources.base import Progress
from isce2_recipe.types import Bounds

_PER_DEGREE = 3600  # pixels: one arc second each


class FlatSource:
    """``--source flat`` or ``--source flat:HEIGHT``, in metres above the ellipsoid.

    Parameters
    ----------
    options : str
        Text after the colon on the command line.
    """

    name = "flat"

    def __init__(self, options: str) -> None:
        try:
            self.height_m = float(options or 0)
        except ValueError:
            raise UsageError(f"flat:HEIGHT must be a number of metres, instead got '{options}'") from None

    def fingerprint(self) -> str:
        """Return a text that changes when the source delivers something else."""
        return f"flat 1 {self.height_m}"

    def fetch_dem(self, bounds: Bounds, folder: Path, log: logging.Logger, progress: Progress) -> Path:
        """Write a DEM of constant height, with pixel centres on whole arc seconds."""
        import numpy as np
        import rasterio

        west, north = (math.floor(bounds.west * _PER_DEGREE), math.ceil(bounds.north * _PER_DEGREE))
        columns = math.ceil(bounds.east * _PER_DEGREE) - west + 1
        rows = north - math.floor(bounds.south * _PER_DEGREE) + 1
        step = 1 / _PER_DEGREE
        corner = rasterio.Affine(step, 0, (west - 0.5) * step, 0, -step, (north + 0.5) * step)
        path = folder / "dem.tif"
        with rasterio.open(
            path, "w", driver="GTiff", width=columns, height=rows, count=1, dtype="float32", crs="EPSG:4326",
            transform=corner, compress="deflate",
        ) as dataset:  # fmt: skip
            dataset.write(np.full((rows, columns), self.height_m, dtype="float32"), 1)
        log.info("%d x %d pixels at %g m", rows, columns, self.height_m)
        progress(1.0, "dem.tif")
        return path
