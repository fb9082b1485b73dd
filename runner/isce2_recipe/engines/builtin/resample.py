"""The step ``fineresamp``: resampling of the secondary's bursts to the reference's pixels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin import kernels, node_grids
from isce2_recipe.engines.builtin.isceimage import IsceImage, append_suffix
from isce2_recipe.engines.builtin.job import COREGISTERED, Job
from isce2_recipe.engines.builtin.offsets import Offsets
from isce2_recipe.engines.builtin.preprocess import burst_image
from isce2_recipe.engines.builtin.rasters import LineReader, blocks, line_writer
from isce2_recipe.engines.builtin.swaths import Burst, SwathPair, lines_between
from isce2_recipe.errors import InputError
from isce2_recipe.sar.annotation import BurstGeometry
from isce2_recipe.sar.tops_carrier import carrier_table

# Lines and samples that ISCE2 removes at each end of the secondary's valid window for its interpolator.
_TRIM = 4


def fine_resample(job: Job) -> None:
    """Write the rasters of ``fine_coreg/IWn``."""
    table = kernels.sinc_table()
    for pair in job.pairs:
        described = []
        for index in pair.indices():
            image = coregistered_image(job, pair, index)
            offsets = Offsets.load(job, pair, index)
            with line_writer(image, job.folder) as writer:
                burst = resample_burst(job, pair, index, offsets, table, writer.write)
            described.append((burst, image))
        job.write_product(COREGISTERED, pair.reference, described)
        job.save_valid_windows(COREGISTERED, pair, [burst for burst, _ in described])


def coregistered_image(job: Job, pair: SwathPair, index: int) -> IsceImage:
    """Return the header of a coregistered burst, such as ``fine_coreg/IW2/burst_01.slc``."""
    burst = pair.reference.bursts[index].geometry
    path: Path = job.folder / COREGISTERED / f"IW{pair.number}" / f"burst_{index + 1:02d}.slc"
    return IsceImage(path, burst.lines, burst.samples, 1, "CFLOAT", image_type="slc")


def resample_burst(
    job: Job,
    pair: SwathPair,
    index: int,
    offsets: Offsets,
    table: NDArray[np.float32],
    write: Callable[[int, NDArray[np.complex64]], None],
    *,
    flatten: bool = False,
) -> BurstGeometry:
    """Resample a burst of the secondary to the pixels of the reference's burst.

    Parameters
    ----------
    index : int
        Index of the burst in the reference.
    table : ndarray
        Result of `kernels.sinc_table`.
    write : callable
        Called from several threads with a first line and the lines from there, shape (lines, samples).
    flatten : bool
        Whether the phase of the difference in range is removed, so that the product of the reference and the
        conjugate of the result has no phase of the geometry.

    Returns
    -------
    BurstGeometry
        The reference's burst with the window that is valid after resampling, by ISCE2's rule.
    """
    other = index + pair.offset
    burst = pair.secondary.bursts[other].geometry
    carrier = carrier_table(burst, pair.secondary.orbit)
    pairs_of_floats = _base_band(job, pair, other, carrier).view(np.float32)
    samples = pair.reference.bursts[index].geometry.samples
    limits = []

    def make(block: range) -> None:
        out = np.empty((len(block), samples), np.complex64)
        found = np.array([np.inf, -np.inf, np.inf, -np.inf])
        shift = offsets.lines(block, node_grids.RANGE_OFFSET)
        kernels.resample(
            pairs_of_floats, table, block.start, shift, offsets.lines(block, node_grids.AZIMUTH_OFFSET),
            carrier, burst.azimuth_interval_s, out, found,
        )  # fmt: skip
        if flatten:
            kernels.flatten(out, shift, turns_per_sample(burst))
        write(block.start, out)
        limits.append(found)

    lines = pair.reference.bursts[index].geometry.lines
    job.in_threads(make, blocks(lines), f"IW{pair.number} burst {index + 1}")
    found = np.array(limits)
    if not np.isfinite(found.min()):
        raise InputError(
            f"IW{pair.number} burst {index + 1}: reference and secondary do not overlap",
            hint="check that the orbit files belong to the bursts",
        )
    least, greatest = found.min(0), found.max(0)
    return _trimmed(pair, index, np.array([least[0], greatest[1], least[2], greatest[3]]))


def turns_per_sample(burst: BurstGeometry) -> float:
    """Return the two-way distance of one sample in wavelengths."""
    return 2.0 * burst.range_spacing_m / burst.wavelength_m


def _base_band(job: Job, pair: SwathPair, index: int, carrier: NDArray[np.float64]) -> NDArray[np.complex64]:
    """Return a burst of the secondary without its carrier, shape (lines, samples)."""
    burst = pair.secondary.bursts[index].geometry
    image = burst_image(job, job.config.secondary, pair.secondary, index)
    reader = LineReader(append_suffix(image.path, "vrt"))
    base = np.empty((burst.lines, burst.samples), np.complex64)

    def read(block: range) -> None:
        part = base[block.start : block.stop]
        part[:] = reader.read(block)
        eta = (block.start - burst.lines // 2) * burst.azimuth_interval_s
        kernels.deramp(eta, burst.azimuth_interval_s, carrier, part)

    job.in_threads(read, blocks(burst.lines), f"IW{pair.number} burst {index + 1} base band")
    return base


def _trimmed(pair: SwathPair, index: int, limits: NDArray[np.float64]) -> BurstGeometry:
    """Return the reference's burst with the window that is valid after resampling, by ISCE2's rule."""
    burst = pair.reference.bursts[index].geometry
    other = pair.secondary.bursts[index + pair.offset].geometry
    drift = _drift(pair, index)
    line, lines = _shifted_window(
        limits[0] - drift, limits[1] - drift, burst.lines, other.first_valid_line, other.valid_lines
    )
    sample, samples = _shifted_window(
        limits[2], limits[3], burst.samples, other.first_valid_sample, other.valid_samples
    )
    return replace(
        burst,
        first_valid_line=line,
        valid_lines=lines,
        first_valid_sample=max(sample, 0),
        valid_samples=samples,
    )


def _drift(pair: SwathPair, index: int) -> int:
    """Return the lines from the first common burst to this burst, secondary minus reference."""

    def since_first(bursts: tuple[Burst, ...], first: int, here: int) -> int:
        start: datetime = bursts[first].geometry.start
        burst = bursts[here].geometry
        return lines_between(burst.start, start, bursts[first].geometry.azimuth_interval_s)

    other = pair.first + pair.offset
    return since_first(pair.secondary.bursts, other, index + pair.offset) - since_first(
        pair.reference.bursts, pair.first, index
    )


def _shifted_window(least: float, greatest: float, size: int, first: int, count: int) -> tuple[int, int]:
    """Return start and length of the secondary's valid window in the reference, by ISCE2's rule.

    ``least`` and ``greatest`` are the extreme offsets from the reference, of ``size`` pixels, to the
    secondary, whose valid window is ``first`` and ``count``.
    """
    if least < 0 < greatest:
        start = first - math.floor(least) + _TRIM
        length = count + math.floor(least) - 2 * _TRIM - math.ceil(greatest)
    else:
        start = first - math.floor(greatest if least >= 0 else least) + _TRIM
        length = count - 2 * _TRIM
    return start, length if start + length < size else size - start
