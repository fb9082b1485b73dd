"""Actions of the subject ``raster``. Slow packages are imported inside the functions that use them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from isce2_recipe.actions.base import Context, action
from isce2_recipe.errors import InputError


@dataclass(frozen=True)
class RasterSummary:
    """Statistics of a raster's first band.

    Attributes
    ----------
    minimum, mean, maximum : float
        Statistics of the finite pixels.
    report : Path
        JSON file with the statistics.
    """

    minimum: float
    mean: float
    maximum: float
    report: Path


@action("raster.summarise", version=1)
def summarise(ctx: Context, *, raster: Path) -> RasterSummary:
    """Compute statistics of the first band of a raster."""
    import numpy as np
    import rasterio

    try:
        with rasterio.open(raster) as dataset:
            values = dataset.read(1)
    except rasterio.errors.RasterioIOError as exc:
        raise InputError(f"{raster} is not a raster that GDAL can read: {exc}") from exc
    values = values[np.isfinite(values)]
    report = ctx.out / "summary.json"
    found = RasterSummary(float(values.min()), float(values.mean()), float(values.max()), report)
    numbers = {name: value for name, value in asdict(found).items() if name != "report"}
    report.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    ctx.log.info("%s: %s", raster.name, numbers)
    return found
