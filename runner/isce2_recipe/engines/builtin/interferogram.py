"""The step ``burstifg``: flattened interferogram and coherence of each burst."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin import kernels, node_grids
from isce2_recipe.engines.builtin.isceimage import GeoGrid, IsceImage, append_suffix
from isce2_recipe.engines.builtin.job import COREGISTERED, INTERFEROGRAMS, Job
from isce2_recipe.engines.builtin.offsets import Offsets
from isce2_recipe.engines.builtin.preprocess import burst_image
from isce2_recipe.engines.builtin.rasters import BLOCK_LINES, Buffers, LineReader, blocks, line_writer
from isce2_recipe.engines.builtin.resample import Resampling, coregistered_image, turns_per_sample
from isce2_recipe.engines.builtin.swaths import SwathPair
from isce2_recipe.sar.annotation import BurstGeometry

Complex = NDArray[np.complex64]

# Additional lines above and below that the window of the coherence needs.
_HALO = 2


def burst_interferograms(job: Job) -> None:
    """Write ``fine_interferogram/IWn``."""
    describe_interferograms(job, _write)


def describe_interferograms(
    job: Job, image_of: Callable[[Job, SwathPair, int, BurstGeometry], IsceImage]
) -> None:
    """Find the valid windows of the interferograms, and write ISCE2's descriptions of their images.

    ``image_of`` gets the index of a burst in the reference, and the burst with the window.
    """
    for pair in job.pairs:
        windows = job.load_valid_windows(COREGISTERED, pair)
        described = []
        for index, coregistered in zip(pair.indices(), windows, strict=True):
            burst = common_window(pair.reference.bursts[index].geometry, coregistered)
            described.append((burst, image_of(job, pair, index, burst)))
        job.write_product(INTERFEROGRAMS, pair.reference, described)
        job.save_valid_windows(INTERFEROGRAMS, pair, [burst for burst, _ in described])


def interferogram_file(job: Job, swath: int, index: int, extension: str) -> Path:
    """Return the path of an interferogram, such as ``fine_interferogram/IW2/burst_01.int``."""
    return job.folder / INTERFEROGRAMS / f"IW{swath}" / f"burst_{index + 1:02d}.{extension}"


def interferogram_image(job: Job, pair: SwathPair, index: int, burst: BurstGeometry) -> IsceImage:
    """Return the header of a burst's interferogram."""
    path = interferogram_file(job, pair.number, index, "int")
    return IsceImage(path, burst.lines, burst.samples, 1, "CFLOAT", image_type="cpx")


def common_window(one: BurstGeometry, other: BurstGeometry) -> BurstGeometry:
    """Return the first burst with the intersection of both valid windows."""
    line = max(one.first_valid_line, other.first_valid_line)
    last_line = min(one.first_valid_line + one.valid_lines, other.first_valid_line + other.valid_lines)
    sample = max(one.first_valid_sample, other.first_valid_sample)
    last_sample = min(
        one.first_valid_sample + one.valid_samples, other.first_valid_sample + other.valid_samples
    )
    return replace(
        one,
        first_valid_line=line,
        valid_lines=max(0, last_line - line),
        first_valid_sample=sample,
        valid_samples=max(0, last_sample - sample),
    )


def _write(job: Job, pair: SwathPair, index: int, burst: BurstGeometry) -> IsceImage:
    size = (burst.lines, burst.samples)
    image = interferogram_image(job, pair, index, burst)
    correlation = IsceImage(
        interferogram_file(job, pair.number, index, "cor"), *size, 2, "FLOAT", "BIL", "cor"
    )
    burst_blocks = BurstProducts(job, pair, index, burst)
    with line_writer(image, job.folder) as writer, line_writer(correlation, job.folder) as cor_writer:

        def write(block: range) -> None:
            interferogram, amplitude, coherence = burst_blocks.compute(block)
            writer.write(block.start, interferogram)
            cor_writer.write(block.start, amplitude, coherence)

        job.in_threads(write, blocks(burst.lines), f"IW{pair.number} burst {index + 1}")
    al, rl = job.config.azimuth_looks, job.config.range_looks
    if (al, rl) != (1, 1):
        path = image.path.with_name(f"{image.path.stem}.{al}alks_{rl}rlks.int")
        multilook_raster(job, image, path)
    return image


def looks_grid(azimuth: int, range_: int) -> GeoGrid:
    """Return ISCE2's coordinates of a multilooked image: the middles of its windows in the whole one."""
    return GeoGrid((range_ - 1) / 2, (azimuth - 1) / 2, float(range_), float(azimuth))


def multilook_raster(job: Job, image: IsceImage, path: Path) -> IsceImage:
    """Write the means over windows of the application's looks; incomplete windows at the end are dropped.

    The input, complex64 or float32, is read through its ``.vrt``; the header of the output is returned.
    """
    al, rl = job.config.azimuth_looks, job.config.range_looks
    lines, samples = image.lines // al, image.samples // rl
    multilooked = replace(image, path=path, lines=lines, samples=samples, grid=looks_grid(al, rl))
    parts = 2 if image.data_type == "CFLOAT" else 1
    reader = LineReader(append_suffix(image.path, "vrt"))
    with line_writer(multilooked, job.folder) as writer:

        def write(block: range) -> None:
            bands = []
            for band in range(1, image.bands + 1):
                lines = reader.read(range(block.start * al, block.stop * al), band)
                out = np.empty((len(block), multilooked.samples, parts), np.float32)
                kernels.multilook(lines.view(np.float32).reshape(*lines.shape, parts), al, rl, out)
                bands.append(out.reshape(len(block), -1).view(multilooked.dtype))
            writer.write(block.start, *bands)

        job.in_threads(
            write, blocks(multilooked.lines, max(1, BLOCK_LINES // al)), f"multilooking {image.path.name}"
        )
    return multilooked


class BurstProducts:
    """Computes interferogram, amplitude and coherence of blocks of lines of one burst.

    Parameters
    ----------
    burst : BurstGeometry
        The burst with the valid window of the interferogram.
    """

    def __init__(self, job: Job, pair: SwathPair, index: int, burst: BurstGeometry) -> None:
        reference = burst_image(job, job.config.reference, pair.reference, index)
        self.burst = burst
        self.offsets = Offsets.load(job, pair, index)
        self.turns_per_sample = turns_per_sample(pair.secondary.bursts[index + pair.offset].geometry)
        self._reference = LineReader(append_suffix(reference.path, "vrt")).read
        self._secondary: Callable[..., object]
        if job.looks_only:
            self._secondary = Resampling(job, pair, index, self.offsets).fill
        else:
            image = coregistered_image(job, pair, index)
            self._secondary = LineReader(append_suffix(image.path, "vrt")).read
        self._buffers = Buffers()

    def compute(self, block: range) -> tuple[Complex, NDArray[np.float32], NDArray[np.float32]]:
        """Return interferogram, amplitude and coherence of some lines.

        The arrays are valid until the thread computes the next block.
        """
        burst = self.burst
        shape = (len(block), burst.samples)
        reference = self._read("reference", self._reference, block)
        secondary = self._read("secondary", self._secondary, block)
        interferogram, amplitude, correlation = (
            self._buffers.zeros(name, shape, dtype)
            for name, dtype in (("product", "c8"), ("amplitude", "f4"), ("coherence", "f4"))
        )
        top = max(block.start, _HALO) - block.start
        bottom = min(block.stop, burst.lines - _HALO) - block.start
        if bottom > top:
            rows = slice(top, bottom + 2 * _HALO)
            kernels.coherence(
                reference[rows], secondary[rows], amplitude[top:bottom], correlation[top:bottom]
            )
        first = max(block.start, burst.first_valid_line) - block.start
        stop = min(block.stop, burst.first_valid_line + burst.valid_lines) - block.start
        if stop > first:
            valid = slice(_HALO + first, _HALO + stop)
            shift = self.offsets.lines(
                range(block.start + first, block.start + stop), node_grids.RANGE_OFFSET
            )
            kernels.flatten(secondary[valid], shift, self.turns_per_sample)
            kernels.multiply(
                reference[valid], secondary[valid], burst.first_valid_sample,
                burst.first_valid_sample + burst.valid_samples, interferogram[first:stop],
            )  # fmt: skip
        return interferogram, amplitude, correlation

    def _read(self, name: str, fill: Callable[..., object], block: range) -> Complex:
        """Read lines with the additional ones above and below; zero outside the burst."""
        lines = range(max(block.start - _HALO, 0), min(block.stop + _HALO, self.burst.lines))
        read = self._buffers.array(name, (len(block) + 2 * _HALO, self.burst.samples), np.complex64)
        at = lines.start - block.start + _HALO
        read[:at], read[at + len(lines) :] = 0, 0
        fill(lines, out=read[at : at + len(lines)])
        return read
