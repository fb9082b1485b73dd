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
from isce2_recipe.engines.builtin.rasters import Buffers, LineReader, blocks, line_writer
from isce2_recipe.engines.builtin.swaths import Burst, SwathPair, lines_between
from isce2_recipe.errors import InputError
from isce2_recipe.sar.annotation import BurstGeometry
from isce2_recipe.sar.tops_carrier import carrier_table

# Lines and samples that ISCE2 removes at each end of the secondary's valid window for its interpolator.
_TRIM = 4


def fine_resample(job: Job) -> None:
    """Write the rasters of ``fine_coreg/IWn``."""
    for pair in job.pairs:
        described = []
        for index in pair.indices():
            image = coregistered_image(job, pair, index)
            made = Resampling(job, pair, index, Offsets.load(job, pair, index))
            with line_writer(image, job.folder) as writer:
                made.write(writer.write)
            described.append((made.window(), image))
        job.write_product(COREGISTERED, pair.reference, described)
        job.save_valid_windows(COREGISTERED, pair, [burst for burst, _ in described])


def coregistered_image(job: Job, pair: SwathPair, index: int) -> IsceImage:
    """Return the header of a coregistered burst, such as ``fine_coreg/IW2/burst_01.slc``."""
    burst = pair.reference.bursts[index].geometry
    path: Path = job.folder / COREGISTERED / f"IW{pair.number}" / f"burst_{index + 1:02d}.slc"
    return IsceImage(path, burst.lines, burst.samples, 1, "CFLOAT", image_type="slc")


class Resampling:
    """Resampling of a burst of the secondary to the pixels of the reference's burst, some lines at a time.

    Parameters
    ----------
    index : int
        Index of the burst in the reference.
    """

    def __init__(self, job: Job, pair: SwathPair, index: int, offsets: Offsets) -> None:
        self._job, self._pair, self._index, self._offsets = job, pair, index, offsets
        self._text = f"IW{pair.number} burst {index + 1}"
        other = index + pair.offset
        self._burst = pair.secondary.bursts[other].geometry
        self._carrier = carrier_table(self._burst, pair.secondary.orbit)
        self._table = kernels.sinc_table()
        image = burst_image(job, job.config.secondary, pair.secondary, other)
        self._reader = LineReader(append_suffix(image.path, "vrt"))
        self._buffers = Buffers()

    def fill(self, block: range, out: NDArray[np.complex64], *, flatten: bool = False) -> None:
        """Fill ``out``, shape (lines, samples), with some lines, zero outside the burst.

        With ``flatten``, the phase of the difference in range is removed, so that the product of the
        reference and the conjugate of the result has no phase of the geometry.
        """
        shift = self._offsets.lines(block, node_grids.RANGE_OFFSET)
        lag = self._offsets.lines(block, node_grids.AZIMUTH_OFFSET)
        top, base = self._base_band(block)
        kernels.resample(
            base.view(np.float32), self._table, block.start, shift, lag, self._carrier,
            self._burst.azimuth_interval_s, out, top, self._burst.lines,
        )  # fmt: skip
        if flatten:
            kernels.flatten(out, shift, turns_per_sample(self._burst))

    def write(self, write: Callable[[int, NDArray[np.complex64]], None], *, flatten: bool = False) -> None:
        """Call ``write`` from several threads with a first line and the lines from there."""
        samples = self._pair.reference.bursts[self._index].geometry.samples

        def make(block: range) -> None:
            out = self._buffers.array("out", (len(block), samples), np.complex64)
            self.fill(block, out, flatten=flatten)
            write(block.start, out)

        lines = self._pair.reference.bursts[self._index].geometry.lines
        self._job.in_threads(make, blocks(lines), self._text)

    def window(self) -> BurstGeometry:
        """Return the reference's burst with the window that is valid after resampling, by ISCE2's rule."""
        limits = []

        def find(block: range) -> None:
            found = np.array([np.inf, -np.inf, np.inf, -np.inf])
            shift = self._offsets.lines(block, node_grids.RANGE_OFFSET)
            lag = self._offsets.lines(block, node_grids.AZIMUTH_OFFSET)
            kernels.extremes(block.start, shift, lag, self._burst.lines, self._burst.samples, found)
            limits.append(found)

        lines = self._pair.reference.bursts[self._index].geometry.lines
        self._job.in_threads(find, blocks(lines), self._text)
        found = np.array(limits)
        if not np.isfinite(found.min()):
            raise InputError(
                f"{self._text}: reference and secondary do not overlap",
                hint="check that the orbit files belong to the bursts",
            )
        least, greatest = found.min(0), found.max(0)
        return _trimmed(self._pair, self._index, np.array([least[0], greatest[1], least[2], greatest[3]]))

    def _base_band(self, block: range) -> tuple[int, NDArray[np.complex64]]:
        """Return those lines without their carrier that some lines of the output need, and the first one."""
        least, greatest = self._offsets.span(block, node_grids.AZIMUTH_OFFSET)
        half = kernels.TAPS // 2
        first = min(max(block.start + math.floor(least) - half, 0), self._burst.lines - 1)
        stop = max(min(block.stop + math.ceil(greatest) + half, self._burst.lines), first + 1)
        base = self._buffers.array("base", (stop - first, self._burst.samples), np.complex64)
        self._reader.read(range(first, stop), out=base)
        interval_s = self._burst.azimuth_interval_s
        kernels.deramp((first - self._burst.lines // 2) * interval_s, interval_s, self._carrier, base)
        return first, base


def turns_per_sample(burst: BurstGeometry) -> float:
    """Return the two-way distance of one sample in wavelengths."""
    return 2.0 * burst.range_spacing_m / burst.wavelength_m


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
