"""Actions of the subject ``raster``. What is slow to import is imported where it is used."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from isce2_recipe.actions.base import Context, action
from isce2_recipe.errors import InputError


@dataclass(frozen=True)
class Summary:
    """Statistics of a raster's first band.

    Attributes
    ----------
    minimum, mean, maximum : float
        Of the pixels that are finite.
    report : Path
        The same as JSON.
    """

    minimum: float
    mean: float
    maximum: float
    report: Path


@action("raster.summarise", version=1)
def summarise(ctx: Context, *, raster: Path) -> Summary:
    """Statistics of a raster's first band."""
    import numpy as np
    import rasterio

    try:
        with rasterio.open(raster) as dataset:
            values = dataset.read(1)
    except rasterio.errors.RasterioIOError as exc:
        raise InputError(f"{raster} is no raster: {exc}") from exc
    values = values[np.isfinite(values)]
    report = ctx.out / "summary.json"
    found = Summary(float(values.min()), float(values.mean()), float(values.max()), report)
    numbers = {name: value for name, value in asdict(found).items() if name != "report"}
    report.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    ctx.log.info("%s: %s", raster.name, numbers)
    return found
