"""The agreement of an interferogram with a known displacement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe.errors import InputError
from isce2_recipe.products.facts import SENTINEL1_WAVELENGTH_M
from isce2_recipe.products.reading import Finished


@dataclass(frozen=True, slots=True)
class Agreement:
    """Statistics of the measured displacement minus the truth, on land and inside connected components.

    Attributes
    ----------
    rms_m : float
        Root mean square, metres, after subtracting the median.
    median_m : float
        The median, which is arbitrary: an interferogram has no absolute phase.
    p95_m : float
        Bound below which 95 % of the absolute differences are.
    wrong_cycles : int
        Number of pixels that differ by more than half a cycle.
    pixels : int
        Number of pixels that were compared.
    """

    rms_m: float
    median_m: float
    p95_m: float
    wrong_cycles: int
    pixels: int


def compare(
    unwrapped: Path,
    components: Path,
    water_mask: Path,
    truth: Path,
    wavelength_m: float = SENTINEL1_WAVELENGTH_M,
) -> Agreement:
    """Return the agreement of a product's layers with the truth.

    Parameters
    ----------
    unwrapped, components, water_mask : Path
        GeoTIFFs on one grid: phase in radians (positive where range increased), labels, 1 on land.
    truth : Path
        GeoTIFF of the displacement in metres, positive where range increased, on any grid.
    wavelength_m : float
        Radar wavelength.

    Raises
    ------
    InputError
        If the layers are not on one grid or nothing can be compared.
    """
    import numpy as np

    phase, transform, crs = _read(unwrapped)
    labels, land = (_read(path)[0] for path in (components, water_mask))
    if not phase.shape == labels.shape == land.shape:
        raise InputError(f"{unwrapped}, {components} and {water_mask} are not on one grid")
    known = _project(truth, phase.shape, transform, crs)
    use = np.isfinite(phase) & np.isfinite(known) & (labels > 0) & (land == 1)
    if not use.any():
        raise InputError(f"{unwrapped} and {truth} have no pixel in common to compare")
    difference = phase[use].astype(np.float64) * wavelength_m / (4.0 * math.pi) - known[use]
    median = float(np.median(difference))
    off = np.abs(difference - median)
    return Agreement(
        rms_m=float(np.sqrt(np.mean(off**2))),
        median_m=median,
        p95_m=float(np.percentile(off, 95)),
        wrong_cycles=int((off > wavelength_m / 4.0).sum()),
        pixels=int(use.sum()),
    )


def compare_product(product: Finished, truth: Path) -> Agreement:
    """Return the agreement of a finished product with the truth."""
    layers = product.layers
    return compare(layers["unw_phase"], layers["conncomp"], layers["water_mask"], truth, product.wavelength_m)


def _read(path: Path) -> tuple[Any, Any, Any]:
    """Return values (floating point ones with NaN for no data), transform and reference system."""
    import numpy as np
    import rasterio

    with rasterio.open(path) as dataset:
        values = dataset.read(1)
        if values.dtype.kind == "f" and dataset.nodata is not None:
            values[values == dataset.nodata] = np.nan
        return values, dataset.transform, dataset.crs


def _project(path: Path, shape: tuple[int, int], transform: Any, crs: Any) -> Any:
    import numpy as np
    import rasterio
    from rasterio.warp import Resampling, reproject

    target = np.full(shape, np.nan)
    with rasterio.open(path) as dataset:
        reproject(
            rasterio.band(dataset, 1),
            target,
            dst_transform=transform,
            dst_crs=crs,
            dst_nodata=float("nan"),
            resampling=Resampling.bilinear,
        )
    return target
