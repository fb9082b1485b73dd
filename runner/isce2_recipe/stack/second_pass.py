"""Second pass of a stack: pairs are filtered after the phases of a first inversion were taken out.

The Goldstein filter flattens the fringes of a place that moves in the same way in every pair, so that its
error adds up; but it removes most of the noise. So the first inversion is that of the filtered pairs, plus
the smoothed difference of that of the unfiltered pairs. What is left of a pair after it has few fringes, and
filtering it removes noise only. This helps where coherence is low; where it is high there is little noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin.filtering import goldstein_strips
from isce2_recipe.progress import Progress
from isce2_recipe.stack.checking import StackCheck
from isce2_recipe.stack.closure import TWO_PI
from isce2_recipe.stack.geometry import LAND, read_raster
from isce2_recipe.stack.inversion import Inputs, solve_phases
from isce2_recipe.stack.reference_region import ReferenceRegion

BELOW_COHERENCE = 0.7
"""Mean coherence of a look over all pairs below which it takes the phase of the second pass. The filter costs
detail, so that looks with little noise keep the unfiltered phase (see docs/benchmarks.md)."""

# Standard deviation of the Gaussian that smooths the difference of the two inversions, looks.
_SMOOTH_LOOKS = 1.5


@dataclass(frozen=True, slots=True)
class SecondPass:
    """Where and how the second pass is made."""

    wanted: NDArray[np.bool_]  # looks that take its phase, shape (lines, samples)
    strength: float  # exponent of the Goldstein filter
    constants: NDArray[np.float64]  # filtered phase of the reference region, rad, shape (pairs,)
    region: ReferenceRegion
    mode: str  # ``auto``, ``always`` or ``never``
    land_looks: int  # number of looks on land

    @property
    def looks(self) -> int:
        """The number of looks that take the phase of the second pass."""
        return int(self.wanted.sum())

    def facts(self) -> dict[str, Any]:
        """Return what the product says of the second pass."""
        return {
            "mode": self.mode,
            "looks": self.looks,
            "land_looks": self.land_looks,
            "below_coherence": BELOW_COHERENCE,
            "filter_strength": self.strength,
        }

    def describe(self) -> str:
        """Return a line for the log."""
        return f"{self.looks} of {self.land_looks} looks on land take the phase of the second pass"


def choose_looks(geometry: Path, checked: StackCheck, mode: str, strength: float) -> SecondPass:
    """Return where the second pass is made.

    Parameters
    ----------
    mode : str
        ``auto`` for looks of low coherence, ``always`` for all looks, ``never`` for none.
    strength : float
        Exponent of the Goldstein filter.
    """
    land = (np.asarray(read_raster(geometry / LAND)[0]) == 1) & np.isfinite(checked.coherence)
    limit = {"auto": BELOW_COHERENCE, "always": np.inf, "never": 0.0}[mode] if strength > 0 else 0.0
    wanted = land & (np.nan_to_num(checked.coherence) < limit)
    return SecondPass(wanted, strength, checked.smooth, checked.region, mode, int(land.sum()))


def refine(
    work: Path, folders: Sequence[Path], inputs: Inputs, how: SecondPass, *, progress: Progress, cpus: int
) -> Inputs:
    """Return the inputs with the phase of the second pass where it is wanted.

    Parameters
    ----------
    work : Path
        Folder for the phases, which the result reads.
    folders : sequence of Path
        The folder of each pair, which has its interferogram.
    """
    files = inputs.files
    series = _first_inversion(work, inputs, how, cpus)

    def filtered(number: int) -> NDArray[np.float32]:
        product = read_raster(folders[number] / paths.MERGED / paths.INTERFEROGRAM)[0]
        target = np.lib.format.open_memmap(work / f"{number}.npy", "w+", np.float32, files.shape)
        _refine_pair(target, product, inputs, number, series, how)
        return target

    constants, phases = inputs.constants.copy(), []
    rows, cols = how.region.window
    region = slice(rows.start, rows.stop), cols
    with ThreadPoolExecutor(cpus) as pool:
        for number, phase in enumerate(pool.map(filtered, range(len(files.pairs)))):
            progress((number + 1) / len(files.pairs), "second pass")
            phases.append(phase)
            constants[number] += np.nanmean(phase[region].astype(np.float64) - files.phase[number][region])
    return replace(inputs, files=replace(files, phase=tuple(phases)), constants=constants)


def _first_inversion(work: Path, inputs: Inputs, how: SecondPass, cpus: int) -> NDArray[np.float32]:
    """Return the phase of every date, rad, shape (dates, lines, samples), as a memory map."""
    from scipy.ndimage import gaussian_filter

    files = inputs.files
    shape = len(files.dates), *files.shape
    series, exact = (
        np.lib.format.open_memmap(work / f"{name}.npy", "w+", np.float32, shape)
        for name in ("dates", "exact")
    )
    smooth = replace(inputs, files=replace(files, phase=files.smooth), constants=how.constants)

    def solve(rows: range) -> None:
        for kind, target in ((smooth, series), (inputs, exact)):
            target[:, rows.start : rows.stop] = solve_phases(kind, rows)[0].reshape(shape[0], len(rows), -1)

    def correct(date: int) -> None:
        apart = exact[date] - series[date]
        known = np.isfinite(apart)
        share = np.maximum(gaussian_filter(known.astype(np.float32), _SMOOTH_LOOKS), np.float32(1e-6))
        series[date] += gaussian_filter(np.where(known, apart, np.float32(0)), _SMOOTH_LOOKS) / share

    with ThreadPoolExecutor(cpus) as pool:
        for step, parts in ((solve, files.blocks()), (correct, range(shape[0]))):
            for _ in pool.map(step, parts):
                pass
    return series


def _refine_pair(
    target: NDArray[np.float32],
    product: NDArray[Any],
    inputs: Inputs,
    number: int,
    series: NDArray[np.float32],
    how: SecondPass,
) -> None:
    """Fill the phase of a pair: that of the second pass where it is wanted, the unfiltered one elsewhere."""
    files = inputs.files
    reference, secondary = files.positions[number]
    smooth, exact = files.smooth[number], files.phase[number]

    def model(part: slice) -> NDArray[np.float32]:
        known = series[secondary, part] - series[reference, part]
        return np.where(np.isfinite(known), known, smooth[part] - np.float32(how.constants[number]))

    def rest(rows: range) -> NDArray[np.complex64]:
        part = slice(rows.start, rows.stop)
        return np.where(np.isfinite(exact[part]), product[part] * np.exp(-1j * model(part)), 0)

    first = 0
    for strip in goldstein_strips(rest, *files.shape, how.strength):
        part = slice(first, first + len(strip))
        # In the cycles of the unwrapped phase, which the repair refers to.
        apart = model(part) + np.angle(strip) - smooth[part]
        second = smooth[part] + apart - TWO_PI * np.round(apart / TWO_PI)
        known = how.wanted[part] & np.isfinite(exact[part])
        target[part] = np.where(known, second, exact[part])
        first += len(strip)
