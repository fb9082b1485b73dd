"""The steps ``subsetoverlaps`` to ``overlapifg``: interferograms of the ground that two bursts show.

Both bursts of an overlap show the same ground with different Doppler frequencies. The names, windows and
formulas are those of ISCE2; numbers in file names are those of the reference's bursts, from 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin import kernels, node_grids
from isce2_recipe.engines.builtin.geocoding import RadarGrid
from isce2_recipe.engines.builtin.interferogram import multilook_raster
from isce2_recipe.engines.builtin.isceimage import IsceImage, append_suffix
from isce2_recipe.engines.builtin.job import GEOMETRY, Job
from isce2_recipe.engines.builtin.offsets import Offsets, offsets_of, write_offsets
from isce2_recipe.engines.builtin.preprocess import burst_image
from isce2_recipe.engines.builtin.rasters import (
    LineReader,
    MosaicPiece,
    blocks,
    line_writer,
    materialize,
    write_mosaic,
)
from isce2_recipe.engines.builtin.resample import turns_per_sample
from isce2_recipe.engines.builtin.swaths import SwathPair, lines_between
from isce2_recipe.engines.builtin.topo import geometry_file
from isce2_recipe.engines.builtin.workplace import STATE, Catalog
from isce2_recipe.paths import MISREGISTRATION
from isce2_recipe.sar.annotation import BurstGeometry
from isce2_recipe.sar.tops_carrier import carrier_table

Side = Literal["top", "bot"]
SIDES: tuple[Side, Side] = ("top", "bot")
# ISCE2's names of the descriptions of a swath's overlaps.
_PRODUCTS: dict[Side, str] = {"top": "top", "bot": "bottom"}

OVERLAPS = "overlaps"
COARSE_OFFSETS = "coarse_offsets"
COARSE_COREGISTERED = "coarse_coreg"
COARSE_INTERFEROGRAMS = "coarse_interferogram"
# Lines of the secondary above and below those that an overlap needs, for the interpolator.
_MARGIN = 8

Complex = NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class Overlap:
    """The lines that two bursts of a swath of the reference have in common."""

    pair: SwathPair
    index: int  # of the upper burst in the reference
    lines: int  # 0 or less if the bursts do not overlap
    starts: tuple[int, int]  # first line in the upper and in the lower burst

    @property
    def name(self) -> str:
        """The numbers of both bursts, such as ``01_02``."""
        return f"{self.index + 1:02d}_{self.index + 2:02d}"

    @property
    def samples(self) -> int:
        """Number of samples of the reference's bursts."""
        return self.pair.reference.bursts[self.index].geometry.samples

    def describe(self) -> str:
        """Return a name for messages."""
        return f"bursts {self.index + 1} and {self.index + 2} of IW{self.pair.number}"

    def start(self, side: Side) -> int:
        """Return the first line in one of the bursts."""
        return self.starts[SIDES.index(side)]

    def burst_index(self, side: Side) -> int:
        """Return the index of one of the bursts in the reference."""
        return self.index + SIDES.index(side)

    def burst(self, side: Side) -> BurstGeometry:
        """Return the part of a burst of the reference that lies in the overlap."""
        whole = self.pair.reference.bursts[self.burst_index(side)].geometry
        later = timedelta(seconds=self.start(side) * whole.azimuth_interval_s)
        return replace(
            whole,
            start=whole.start + later,
            lines=self.lines,
            first_valid_line=0,
            valid_lines=self.lines,
        )

    def secondary(self, side: Side) -> BurstGeometry:
        """Return the whole burst of the secondary that belongs to one of the bursts."""
        return self.pair.secondary.bursts[self.burst_index(side) + self.pair.offset].geometry


def find_overlaps(pair: SwathPair) -> list[Overlap]:
    """Return the overlaps of the common bursts of a swath, in order; some may have no lines."""
    found = []
    for index in pair.indices()[:-1]:
        upper, lower = (pair.reference.bursts[index + n].geometry for n in (0, 1))
        start = lines_between(lower.start, upper.start, upper.azimuth_interval_s) + lower.first_valid_line
        lines = upper.first_valid_line + upper.valid_lines - start
        found.append(Overlap(pair, index, min(lines, lower.valid_lines), (start, lower.first_valid_line)))
    return found


def used_overlaps(job: Job) -> Iterator[tuple[SwathPair, list[Overlap]]]:
    """Yield the swaths that have overlaps, with those that have lines; nothing if ESD is off."""
    for pair in job.pairs if job.config.esd else ():
        found = [overlap for overlap in find_overlaps(pair) if overlap.lines > 0]
        if found:
            yield pair, found


def subset_overlaps(job: Job) -> Catalog:
    """Write the overlaps of the reference, and latitude, longitude and height of their ground."""
    (job.folder / STATE / MISREGISTRATION).unlink(missing_ok=True)
    if job.config.esd is None:
        return {}
    entries: dict[str, object] = {}
    for pair in job.pairs:
        if pair.count < 2:
            job.log.warning("IW%d has one burst in common; ESD needs two adjacent ones", pair.number)
        for overlap in find_overlaps(pair):
            if overlap.lines <= 0:
                job.log.warning("%s do not overlap; ESD needs an overlap", overlap.describe())
            entries |= _times(overlap)
    for pair, overlaps in used_overlaps(job):
        for overlap in overlaps:
            lower = overlap.burst_index("bot")
            for name in () if job.looks_only else ("lat", "lon", "hgt"):
                path = _folder(job, GEOMETRY, pair.number) / f"{name}_{overlap.name}.rdr"
                image = IsceImage(path, overlap.lines, overlap.samples, 1, "DOUBLE")
                _cut(job, overlap, "bot", geometry_file(job, pair.number, lower, name), image)
            for side in SIDES:
                whole = burst_image(job, job.config.reference, pair.reference, overlap.burst_index(side))
                _cut(job, overlap, side, whole.path, _image(job, job.config.reference.output, overlap, side))
        _describe(job, job.config.reference.output, overlaps)
    return {"subset": entries}


def _times(overlap: Overlap) -> dict[str, object]:
    upper, lower = (overlap.pair.reference.bursts[overlap.burst_index(side)].geometry for side in SIDES)
    where = f"IW-{overlap.pair.number}"
    lines = lines_between(upper.stop, lower.start, upper.azimuth_interval_s) + 1
    return {
        f"Overlap {overlap.index} start time - {where}": lower.start.replace(tzinfo=None),
        f"Overlap {overlap.index} stop time - {where}": upper.stop.replace(tzinfo=None),
        f"Overlap {overlap.index} number of lines - {where}": lines,
        f"Overlap {overlap.index} number of valid lines - {where}": overlap.lines,
    }


def _folder(job: Job, kind: str, swath: int) -> Path:
    path: Path = job.folder / kind / OVERLAPS / f"IW{swath}"
    return path


def _image(job: Job, kind: str, overlap: Overlap, side: Side, extension: str = "slc") -> IsceImage:
    """Return the header of an SLC or interferogram of an overlap."""
    path = _folder(job, kind, overlap.pair.number) / f"burst_{side}_{overlap.name}.{extension}"
    image_type = "slc" if extension == "slc" else "cpx"
    return IsceImage(path, overlap.lines, overlap.samples, 1, "CFLOAT", image_type=image_type)


def _cut(job: Job, overlap: Overlap, side: Side, whole: Path, image: IsceImage) -> None:
    """Write the lines of an overlap, as a ``.vrt`` of the whole raster or as a file."""
    size = (overlap.pair.reference.bursts[overlap.burst_index(side)].geometry.lines, overlap.samples)
    part = (overlap.lines, overlap.samples)
    piece = MosaicPiece(
        str(append_suffix(whole, "vrt")), size, (overlap.start(side), 0, *part), (0, 0, *part)
    )
    write_mosaic(image, job.folder, [piece])
    if not job.config.use_virtual_files:
        materialize(image, job.folder)


def _describe(job: Job, kind: str, overlaps: list[Overlap], extension: str = "slc") -> None:
    """Write ISCE2's descriptions of both bursts, such as ``reference/overlaps/top_IW2.xml``."""
    for side in SIDES:
        described = [
            (overlap.burst(side), _image(job, kind, overlap, side, extension)) for overlap in overlaps
        ]
        name = f"{_PRODUCTS[side]}_IW{overlaps[0].pair.number}"
        job.write_product(f"{kind}/{OVERLAPS}", overlaps[0].pair.reference, described, name)


@dataclass(frozen=True, slots=True)
class OverlapOffsets:
    """Offsets from the lines of an overlap to a whole burst of the secondary."""

    offsets: Offsets
    first: int  # line of the offsets that is the first of the overlap
    lines: int

    def plane(self, plane: int) -> NDArray[np.float64]:
        """Return range offsets (samples) or azimuth offsets (lines), which count from the overlap's line."""
        values = self.offsets.lines(range(self.first, self.first + self.lines), plane)
        return values + self.first if plane == node_grids.AZIMUTH_OFFSET else values


def solve_overlap(job: Job, overlap: Overlap, side: Side, geometry_folder: Path) -> OverlapOffsets:
    """Compute the offsets of an overlap from the ground of its lower burst, as ISCE2 does for both.

    ``geometry_folder`` has the grids that the step ``topo`` wrote.
    """
    steps, start = node_grids.TOPS, overlap.start("bot")
    top = start // steps.line
    path = node_grids.grid_file(
        geometry_folder, "geometry", overlap.pair.number, overlap.burst_index("bot") + 1
    )
    rows = slice(top, top + node_grids.grid_shape(start % steps.line + overlap.lines, 1, steps)[0])
    geometry = np.array(np.load(path, mmap_mode="r")[:, rows])
    burst, orbit = overlap.secondary(side), overlap.pair.secondary.orbit
    radar = RadarGrid(
        orbit, orbit.seconds(burst.start), burst.azimuth_interval_s, burst.near_range_m, burst.range_spacing_m
    )
    polynomial = overlap.pair.secondary.polynomial(overlap.burst_index(side) + overlap.pair.offset)
    in_threads = partial(job.in_threads, text=f"overlap of {overlap.describe()}")
    grid = offsets_of(geometry, radar, polynomial, orbit.seconds(burst.middle), steps, in_threads)
    return OverlapOffsets(Offsets(grid, overlap.samples), start % steps.line, overlap.lines)


def coarse_offsets(job: Job) -> Catalog:
    """Write the offsets of the overlaps by geometry alone, also when the steps run again."""
    if job.config.esd is None:
        return {}
    entries: dict[str, object] = {
        "Initial secondary azimuth timing correction": 0.0,
        "Initial secondary range timing correction": 0.0,
    }
    for pair, overlaps in used_overlaps(job):
        entries[f"Number of overlap pairs - IW-{pair.number}"] = len(overlaps)
        for overlap in overlaps:
            for side in SIDES:
                solved = solve_overlap(job, overlap, side, job.folder / STATE)
                shift, lag = solved.plane(node_grids.RANGE_OFFSET), solved.plane(node_grids.AZIMUTH_OFFSET)
                images = [
                    IsceImage(_offset_file(job, overlap, side, name), overlap.lines, overlap.samples)
                    for name in ("range", "azimuth")
                ]
                with (
                    line_writer(images[0], job.folder) as across,
                    line_writer(images[1], job.folder) as along,
                ):
                    write_offsets(0, shift, lag, overlap.secondary(side), across, along)
    return {"coarseoff": entries}


def _offset_file(job: Job, overlap: Overlap, side: Side, name: str) -> Path:
    return _folder(job, COARSE_OFFSETS, overlap.pair.number) / f"{name}_{side}_{overlap.name}.off"


def coarse_resample(job: Job) -> None:
    """Write the overlaps of the secondary, resampled to those of the reference."""
    table = kernels.sinc_table()
    for _, overlaps in used_overlaps(job):
        for overlap in overlaps:
            for side in SIDES:
                offsets = solve_overlap(job, overlap, side, job.folder / STATE)
                slc = resample_overlap(job, overlap, side, offsets, table)
                write_whole(job, _image(job, COARSE_COREGISTERED, overlap, side), slc)
        _describe(job, COARSE_COREGISTERED, overlaps)


def resample_overlap(
    job: Job, overlap: Overlap, side: Side, offsets: OverlapOffsets, table: NDArray[np.float32]
) -> Complex:
    """Return an overlap of the secondary on the pixels of the reference, shape (lines, samples)."""
    shift, lag = offsets.plane(node_grids.RANGE_OFFSET), offsets.plane(node_grids.AZIMUTH_OFFSET)
    burst, index = overlap.secondary(side), overlap.burst_index(side) + overlap.pair.offset
    first = max(0, math.floor(lag.min()) - _MARGIN)
    stop = max(first + 2 * _MARGIN, min(burst.lines, math.ceil(lag.max()) + overlap.lines + _MARGIN))
    dt, carrier = burst.azimuth_interval_s, carrier_table(burst, overlap.pair.secondary.orbit)
    image = burst_image(job, job.config.secondary, overlap.pair.secondary, index)
    base = LineReader(append_suffix(image.path, "vrt")).read(range(first, min(stop, burst.lines)))
    base = np.ascontiguousarray(base, np.complex64)
    kernels.deramp((first - burst.lines // 2) * dt, dt, carrier, base)
    out = np.empty(lag.shape, np.complex64)

    def make(block: range) -> None:
        part = slice(block.start, block.stop)
        kernels.resample(
            base.view(np.float32), table, block.start, shift[part], lag[part], carrier, dt, out[part], first,
            burst.lines,
        )  # fmt: skip

    job.in_threads(make, blocks(overlap.lines), f"overlap of {overlap.describe()}")
    return out


def write_whole(job: Job, image: IsceImage, values: NDArray[Any]) -> None:
    """Write a raster of one band."""
    with line_writer(image, job.folder) as writer:
        writer.write(0, values)


def read_whole(image: IsceImage) -> NDArray[Any]:
    """Return all lines of a raster of one band."""
    return LineReader(append_suffix(image.path, "vrt")).read(range(image.lines))


def reference_overlap(job: Job, overlap: Overlap, side: Side) -> NDArray[Any]:
    """Return the pixels of the reference."""
    return read_whole(_image(job, job.config.reference.output, overlap, side))


def coregistered_overlap(job: Job, overlap: Overlap, side: Side) -> NDArray[Any]:
    """Return the pixels of the secondary."""
    return read_whole(_image(job, COARSE_COREGISTERED, overlap, side))


def overlap_interferograms(job: Job) -> None:
    """Write the flattened interferograms of the upper and of the lower bursts, also multilooked."""
    al, rl = job.config.azimuth_looks, job.config.range_looks
    for _, overlaps in used_overlaps(job):
        for overlap in overlaps:
            for side in SIDES:
                offsets = solve_overlap(job, overlap, side, job.folder / STATE)
                product = multiply_overlap(
                    overlap.burst(side),
                    reference_overlap(job, overlap, side),
                    coregistered_overlap(job, overlap, side),
                    offsets.plane(node_grids.RANGE_OFFSET),
                    turns_per_sample(overlap.secondary(side)),
                )
                image = _image(job, COARSE_INTERFEROGRAMS, overlap, side, "int")
                write_whole(job, image, product)
                multilook_raster(job, image, image.path.with_suffix(f".{al}alks_{rl}rlks.int"))
        _describe(job, COARSE_INTERFEROGRAMS, overlaps, "int")


def multiply_overlap(
    burst: BurstGeometry,
    reference: NDArray[Any],
    secondary: NDArray[Any],
    shift: NDArray[np.float64],
    turns: float,
) -> Complex:
    """Return the flattened interferogram of an overlap, zero outside the valid samples of the reference."""
    out = np.zeros(shift.shape, np.complex64)
    stop = burst.first_valid_sample + burst.valid_samples
    kernels.flatten(secondary, shift, turns)
    kernels.multiply(reference, secondary, burst.first_valid_sample, stop, out)
    return out


def read_interferogram(job: Job, overlap: Overlap, side: Side) -> NDArray[Any]:
    """Return the flattened interferogram of one burst of an overlap."""
    return read_whole(_image(job, COARSE_INTERFEROGRAMS, overlap, side, "int"))
