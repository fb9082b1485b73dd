"""Azimuth shifts of all dates of a stack by enhanced spectral diversity, solved over the network of pairs.

Every date is reduced to the product of the upper and the conjugate lower burst of each overlap, flattened on
the reference's pixels. The double difference of two dates is then the product of two such files.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin import kernels, node_grids, preprocess
from isce2_recipe.engines.builtin.config import EsdConfig
from isce2_recipe.engines.builtin.esd import EsdPoints, Estimate, divisors, multilook, phase_coherence
from isce2_recipe.engines.builtin.isceimage import append_suffix
from isce2_recipe.engines.builtin.job import Job
from isce2_recipe.engines.builtin.overlaps import (
    SIDES,
    Overlap,
    find_overlaps,
    resample_overlap,
    solve_overlap,
)
from isce2_recipe.engines.builtin.preprocess import burst_image
from isce2_recipe.engines.builtin.rasters import LineReader
from isce2_recipe.engines.builtin.resample import turns_per_sample
from isce2_recipe.files import write_json
from isce2_recipe.progress import Progress
from isce2_recipe.stack.coregister import remove_links
from isce2_recipe.stack.frame import read_frame
from isce2_recipe.stack.geometry import Pass, tops_config
from isce2_recipe.stack.network import StackPair

SETTINGS = EsdConfig(coherence_threshold=0.7)
_LOOKS = (SETTINGS.azimuth_looks, SETTINGS.range_looks)
_PRODUCT, _DIVISOR = "overlap_{}.npy", "divisor_{}.npy"
# Smallest number of points of a pair that counts, and smallest standard deviation of a pair's shift, lines.
_FEW, _LEAST_ERROR = 20, 1e-5
# Points lie on a grid; noise of neighbours in the window of their coherence is not independent.
_DEPENDENT = 4.0


def write_overlaps(
    out: Path,
    geometry: Path,
    reference: Pass,
    date: Pass,
    *,
    log: logging.Logger,
    progress: Progress,
    cpus: int,
) -> int:
    """Write the overlaps of one date, and return their number.

    Parameters
    ----------
    out : Path
        Folder for two arrays of each overlap: its product, and the phase for a shift of one line.
    geometry : Path
        Folder that `isce2_recipe.stack.geometry.make_geometry` wrote.
    reference, date : Pass
        The date that has the geometry, and the date to write, which may be the same.
    """
    frame = read_frame(geometry)
    swaths = tuple(sorted({piece.swath for piece in frame.pieces}))
    job = Job(out, tops_config(reference, date, swaths, frame.looks, geometry), log, progress, cpus)
    preprocess.preprocess(job)
    overlaps = [each for pair in job.pairs for each in find_overlaps(pair) if each.lines > 0]
    table = None if reference.safes == date.safes else kernels.sinc_table()
    for overlap in overlaps:
        name = f"IW{overlap.pair.number}_{overlap.name}"
        product, divisor = _reduce(job, overlap, geometry, table)
        np.save(out / _PRODUCT.format(name), product)
        np.save(out / _DIVISOR.format(name), multilook(divisor, _LOOKS))
    for name in ("reference", "secondary"):
        remove_links(out / name)
    return len(overlaps)


def _reduce(
    job: Job, overlap: Overlap, geometry: Path, table: NDArray[np.float32] | None
) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """Return the product of both bursts of the secondary, and the divisor.

    Without a table the secondary is the reference itself, which is not resampled.
    """
    offsets = [solve_overlap(job, overlap, side, geometry) for side in SIDES]
    slcs: list[NDArray[np.complex64]] = []
    for side, offset in zip(SIDES, offsets, strict=True):
        if table is None:
            index, start = overlap.burst_index(side), overlap.start(side)
            image = burst_image(job, job.config.reference, overlap.pair.reference, index)
            reader = LineReader(append_suffix(image.path, "vrt"))
            slcs.append(reader.read(range(start, start + overlap.lines)))
        else:
            slc = resample_overlap(job, overlap, side, offset, table)
            shift = offset.plane(node_grids.RANGE_OFFSET)
            kernels.flatten(slc, shift, turns_per_sample(overlap.secondary(side)))
            slcs.append(slc)
    product = slcs[0] * slcs[1].conj()
    burst = overlap.burst("top")
    product[:, : burst.first_valid_sample] = 0
    product[:, burst.first_valid_sample + burst.valid_samples :] = 0
    return product, divisors(overlap, offsets)[0]


@dataclass(frozen=True, slots=True)
class PairShift:
    """The azimuth shift of a pair, lines; the secondary's minus the reference's."""

    name: str
    lines: float
    std: float  # of the points
    points: int
    residual: float = 0.0  # what the solution of the network leaves

    @property
    def error(self) -> float:
        """Return the standard deviation of the shift."""
        return max(self.std * _DEPENDENT / math.sqrt(self.points), _LEAST_ERROR)


@dataclass(frozen=True, slots=True)
class NetworkShifts:
    """The solution over a network of pairs."""

    lines: dict[str, float]  # by date; the reference has zero
    pairs: tuple[PairShift, ...]  # those that counted
    unknown: tuple[str, ...]  # dates that no pair connects with the reference; their shift is zero

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        write_json(path, asdict(self))


def pair_shift(folders: Mapping[str, Path], pair: StackPair) -> PairShift | None:
    """Return the shift of a pair from the overlaps of its dates, None if too few points are coherent."""
    shifts = []
    for file in sorted(folders[pair.secondary].glob(_PRODUCT.format("*"))):
        one, other = (np.load(folders[date] / file.name) for date in (pair.reference, pair.secondary))
        difference = multilook(one * other.conj(), _LOOKS)
        if min(difference.shape, default=0) == 0:
            continue
        name = file.stem.removeprefix(_PRODUCT.format("").removesuffix(".npy"))
        divisor = np.load(folders[pair.secondary] / _DIVISOR.format(name))
        points = EsdPoints(difference, divisor, divisor, phase_coherence(difference))
        shifts.append(points.shifts(SETTINGS)[0])
    values = np.concatenate([*shifts, np.empty(0)])
    if values.size < _FEW:
        return None
    found = Estimate.of(values)
    return PairShift(pair.name, found.median, found.std, found.points)


def solve_network(reference: str, pairs: Sequence[StackPair], shifts: Sequence[PairShift]) -> NetworkShifts:
    """Return the shift of every date from those of the pairs, by weighted least squares."""
    found = {shift.name: shift for shift in shifts}
    used = [pair for pair in pairs if pair.name in found]
    known = _connected(reference, used)
    used = [pair for pair in used if pair.reference in known]
    column = {date: number for number, date in enumerate(sorted(known - {reference}))}
    design, observed = np.zeros((len(used), len(column))), np.zeros(len(used))
    for row, pair in enumerate(used):
        for date, sign in ((pair.secondary, 1.0), (pair.reference, -1.0)):
            if date != reference:
                design[row, column[date]] = sign
        observed[row] = found[pair.name].lines
    weights = 1.0 / np.array([found[pair.name].error for pair in used])
    solution = np.linalg.lstsq(design * weights[:, None], observed * weights, rcond=None)[0]
    lines = {date: float(solution[number]) for date, number in column.items()}
    rest = observed - design @ solution
    dates = {date for pair in pairs for date in (pair.reference, pair.secondary)} | {reference}
    measured = tuple(
        PairShift(pair.name, one.lines, one.std, one.points, float(left))
        for pair, left in zip(used, rest, strict=True)
        for one in [found[pair.name]]
    )
    unknown = tuple(sorted(dates - known))
    return NetworkShifts({reference: 0.0} | dict.fromkeys(unknown, 0.0) | lines, measured, unknown)


def _connected(reference: str, pairs: Sequence[StackPair]) -> set[str]:
    """Return the dates that pairs connect with the reference."""
    known, before = {reference}, set[str]()
    while known != before:
        before = set(known)
        for pair in pairs:
            if known & {pair.reference, pair.secondary}:
                known |= {pair.reference, pair.secondary}
    return known
