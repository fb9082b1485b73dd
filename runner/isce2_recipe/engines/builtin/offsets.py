"""The step ``fineoffsets``: offsets from every pixel of the reference to the secondary."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin import node_grids
from isce2_recipe.engines.builtin.geocoding import RadarGrid
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.job import OFFSETS, Job
from isce2_recipe.engines.builtin.rasters import LineWriter, blocks, line_writer
from isce2_recipe.engines.builtin.swaths import SwathPair
from isce2_recipe.engines.builtin.topo import ForEach
from isce2_recipe.engines.builtin.workplace import STATE, Catalog
from isce2_recipe.errors import InputError
from isce2_recipe.files import write_json
from isce2_recipe.paths import MISREGISTRATION
from isce2_recipe.sar.annotation import BurstGeometry

Float = NDArray[np.float64]

# ISCE2's value for pixels outside the secondary burst.
_OUTSIDE = -999999.0
_NODE_ROWS = 16


class Offsets:
    """Offsets of an image, held at grid nodes and interpolated to lines on request."""

    def __init__(self, grid: Float, samples: int, steps: node_grids.Steps = node_grids.TOPS) -> None:
        self._grid = grid
        self._samples = samples
        self._steps = steps
        self._line_weights = node_grids.cubic_weights(steps.line)
        self._sample_weights = node_grids.cubic_weights(steps.sample)

    @classmethod
    def load(cls, job: Job, pair: SwathPair, index: int) -> Offsets:
        """Read the offsets that the step ``fineoffsets`` wrote for a burst of the reference."""
        path = node_grids.grid_file(job.folder / STATE, "offsets", pair.number, index + 1)
        return cls(np.load(path), pair.reference.bursts[index].geometry.samples)

    def columns(self, samples: range) -> Offsets:
        """Return the offsets of a range of samples, which begins at a node."""
        first, count = samples.start // self._steps.sample, len(samples)
        nodes = slice(first, first + (count - 1) // self._steps.sample + 4)
        return Offsets(self._grid[:, :, nodes], count, self._steps)

    def span(self, block: range, plane: int) -> tuple[float, float]:
        """Return limits of a plane in some lines, a little wider than its extremes."""
        nodes = self._grid[plane, block.start // self._steps.line : block.stop // self._steps.line + 4]
        return float(nodes.min()) - 0.5, float(nodes.max()) + 0.5

    def lines(self, block: range, plane: int) -> Float:
        """Return a plane of whole lines: `RANGE_OFFSET` (samples) or `AZIMUTH_OFFSET` (lines)."""
        out = np.empty((len(block), self._samples))
        node_grids.upsample(self._grid[plane], block.start, self._line_weights, self._sample_weights, out)
        return out


def fine_offsets(job: Job) -> Catalog:
    """Write the rasters of ``fine_offsets/IWn``, with what ESD found."""
    found = Misregistration() if job.config.esd is None else Misregistration.read(job.folder / STATE)
    for pair in job.pairs:
        for index in pair.indices():
            grid = solve_offsets(job, pair, index, job.folder / STATE, found)
            np.save(node_grids.grid_file(job.subfolder(STATE), "offsets", pair.number, index + 1), grid)
            if not job.looks_only:
                samples = pair.reference.bursts[index].geometry.samples
                _write(job, pair, index, Offsets(grid, samples))
    if job.config.esd is None:
        return {}
    burst = job.pairs[0].secondary.bursts[0].geometry
    return {
        "fineoff": {
            "Initial secondary azimuth timing correction": found.azimuth_lines * burst.azimuth_interval_s,
            "Initial secondary range timing correction": found.range_samples * burst.range_spacing_m,
        }
    }


@dataclass(frozen=True, slots=True)
class Misregistration:
    """What the offsets of a pair have more than orbits and annotation say."""

    azimuth_lines: float = 0.0
    range_samples: float = 0.0

    @classmethod
    def read(cls, folder: Path) -> Misregistration:
        """Read what the steps ``esd`` and ``rangecoreg`` wrote to a folder.

        Raises
        ------
        InputError
            If they have not run with ESD switched on.
        """
        try:
            return cls(**json.loads((folder / MISREGISTRATION).read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise InputError(
                "'do ESD' is on, but the steps from subsetoverlaps to rangecoreg have run without it",
                hint="start with --start=subsetoverlaps",
            ) from None

    def write(self, folder: Path) -> None:
        """Write it to a folder."""
        write_json(folder / MISREGISTRATION, asdict(self))


def offset_file(job: Job, swath: int, index: int, name: str) -> Path:
    """Return the path of an offset raster, such as ``fine_offsets/IW2/range_01.off``."""
    return job.folder / OFFSETS / f"IW{swath}" / f"{name}_{index + 1:02d}.off"


def solve_offsets(
    job: Job,
    pair: SwathPair,
    index: int,
    geometry_folder: Path,
    misregistration: Misregistration | None = None,
) -> Float:
    """Return the offsets at the nodes of a burst, for `Offsets`.

    Parameters
    ----------
    index : int
        Index of the burst in the reference.
    geometry_folder : Path
        Folder with the grids that the step ``topo`` wrote.
    misregistration : Misregistration, optional
        Constants that are added.
    """
    geometry = np.load(
        node_grids.grid_file(geometry_folder, "geometry", pair.number, index + 1), mmap_mode="r"
    )
    other = index + pair.offset
    burst, orbit = pair.secondary.bursts[other].geometry, pair.secondary.orbit
    radar = RadarGrid(
        orbit, orbit.seconds(burst.start), burst.azimuth_interval_s, burst.near_range_m, burst.range_spacing_m
    )
    in_threads = partial(job.in_threads, text=f"IW{pair.number} burst {index + 1}")
    middle = orbit.seconds(burst.middle)
    polynomial, steps = pair.secondary.polynomial(other), node_grids.TOPS
    grid = offsets_of(geometry, radar, polynomial, middle, steps, in_threads)
    if misregistration is not None:
        grid[node_grids.RANGE_OFFSET] += misregistration.range_samples
        grid[node_grids.AZIMUTH_OFFSET] += misregistration.azimuth_lines
    return grid


def offsets_of(
    geometry: Float,
    radar: RadarGrid,
    poly: Float,
    guess_s: float,
    steps: node_grids.Steps,
    in_threads: ForEach,
) -> Float:
    """Return the offsets at nodes whose ground is known, shape (2, rows, cols), for `Offsets`.

    Parameters
    ----------
    geometry : ndarray, shape (5, rows, cols)
        Result of `topo.solve_ground` for the reference.
    radar, poly : RadarGrid and ndarray
        Pixels of the secondary, and its orbit.
    guess_s : float
        First guess of the azimuth time.
    """
    grid = np.empty((2, *geometry.shape[1:]))

    def solve(first: int) -> None:
        known = np.array(geometry[:, first : first + _NODE_ROWS])
        part = np.empty((2, *known.shape[1:]))
        node_grids.offset_rows(
            first, steps, known, poly, radar.start_s, radar.line_s, radar.near_range_m, radar.sample_m,
            guess_s, part,
        )  # fmt: skip
        grid[:, first : first + _NODE_ROWS] = part

    in_threads(solve, range(0, grid.shape[1], _NODE_ROWS))
    return grid


def _write(job: Job, pair: SwathPair, index: int, offsets: Offsets) -> None:
    burst = pair.reference.bursts[index].geometry
    other = pair.secondary.bursts[index + pair.offset].geometry
    across, along = (
        IsceImage(offset_file(job, pair.number, index, name), burst.lines, burst.samples, 1, "FLOAT")
        for name in ("range", "azimuth")
    )
    with line_writer(across, job.folder) as across_writer, line_writer(along, job.folder) as along_writer:

        def write(block: range) -> None:
            shift, lag = (
                offsets.lines(block, node_grids.RANGE_OFFSET),
                offsets.lines(block, node_grids.AZIMUTH_OFFSET),
            )
            write_offsets(block.start, shift, lag, other, across_writer, along_writer)

        job.in_threads(write, blocks(burst.lines), f"IW{pair.number} burst {index + 1}")


def write_offsets(
    first: int, shift: Float, lag: Float, other: BurstGeometry, across: LineWriter, along: LineWriter
) -> None:
    """Write range and azimuth offsets of lines from ``first`` on, with ISCE2's value outside of ``other``."""
    column, row = np.arange(shift.shape[1]) + shift, np.arange(first, first + len(lag))[:, None] + lag
    outside = (column < 0) | (column > other.samples - 1) | (row < 0) | (row > other.lines - 1)
    across.write(first, np.where(outside, _OUTSIDE, shift))
    along.write(first, np.where(outside, _OUTSIDE, lag))
