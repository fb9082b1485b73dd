"""The agreement of an interferogram with a known displacement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.products.reading import Finished, read_on_grid


@dataclass(frozen=True, slots=True)
class Agreement:
    """Statistics of the measured displacement minus the truth, on land and inside connected components.

    Each component is compared in its own cycle, because the number of cycles between components is unknown.

    Attributes
    ----------
    rms_m : float
        Root mean square, metres, after subtracting the median.
    median_m : float
        The median, which is arbitrary: an interferogram has no absolute phase.
    p95_m : float
        Bound below which 95 % of the absolute differences are.
    wrong_cycles : int
        Number of pixels that differ by more than half a cycle from most of their component.
    pixels : int
        Number of pixels that were compared.
    """

    rms_m: float
    median_m: float
    p95_m: float
    wrong_cycles: int
    pixels: int


def compare_product(product: Finished, truth: Path) -> Agreement:
    """Return the agreement of a finished product with the truth.

    Parameters
    ----------
    truth : Path
        GeoTIFF of the displacement in metres, positive where range increased, on any grid.

    Raises
    ------
    InputError
        If nothing can be compared.
    """
    phase, labels, land = (product.read(layer) for layer in ("unw_phase", "conncomp", "water_mask"))
    known = read_on_grid(truth, product.grid)
    use = np.isfinite(phase) & np.isfinite(known) & (labels > 0) & (land == 1)
    if not use.any():
        raise InputError(f"{product.name} and {truth} have no pixel in common to compare")
    difference = phase[use].astype(np.float64) * product.wavelength_m / (4.0 * math.pi) - known[use]
    cycle_m = product.wavelength_m / 2.0
    difference -= cycle_m * component_cycles(difference / cycle_m, labels[use])
    median = float(np.median(difference))
    off = np.abs(difference - median)
    return Agreement(
        rms_m=float(np.sqrt(np.mean(off**2))),
        median_m=median,
        p95_m=float(np.percentile(off, 95)),
        wrong_cycles=int((off > product.wavelength_m / 4.0).sum()),
        pixels=int(use.sum()),
    )


def component_cycles(difference: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return the whole cycles by which most of each pixel's component differs from the median.

    Parameters
    ----------
    difference : array, shape (n,)
        Difference of two phases or displacements, in cycles.
    labels : array, shape (n,)
        Components; those of label 0 belong to none, and their cycles are 0.
    """
    if not len(difference):
        return np.zeros(0, np.int64)
    numbers = np.rint(difference - np.median(difference)).astype(np.int64)
    low, count = numbers.min(), int(numbers.max() - numbers.min()) + 1
    keys = labels.astype(np.int64)
    votes = np.bincount(keys * count + numbers - low, minlength=(int(keys.max()) + 1) * count)
    most: NDArray[np.int64] = votes.reshape(-1, count).argmax(axis=1) + low
    most[0] = 0
    return most[keys]
