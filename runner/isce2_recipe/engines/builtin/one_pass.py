"""The steps ``fineresamp`` to ``mergebursts`` without rasters of full resolution.

Each block of lines of a burst is resampled, multiplied and added to the multilooked image while it is in the
processor's cache. Latitude, longitude, height and line of sight are means over the looks of the surface
through the nodes of `node_grids`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin import isceimage, kernels, node_grids
from isce2_recipe.engines.builtin.interferogram import (
    BurstProducts,
    describe_interferograms,
    interferogram_file,
    interferogram_image,
)
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.job import COREGISTERED, Job
from isce2_recipe.engines.builtin.merge import MergedFrame, PlacedBurst, frame_of, placed_bursts
from isce2_recipe.engines.builtin.offsets import Offsets
from isce2_recipe.engines.builtin.rasters import Rectangle, blocks, line_writer
from isce2_recipe.engines.builtin.resample import Resampling
from isce2_recipe.engines.builtin.swaths import lines_between
from isce2_recipe.engines.builtin.topo import wrapped_azimuth
from isce2_recipe.engines.builtin.workplace import STATE
from isce2_recipe.sar import sublooks
from isce2_recipe.types import Looks

Float = NDArray[np.float64]
Real = NDArray[np.float32]
Complex = NDArray[np.complex64]
Keep = Callable[[range, Complex], None]
"""Receives lines of a burst's interferogram, from several threads."""

# Lines of full resolution, and multilooked lines of the geometry, that a thread processes at once.
_LINES = 64
_STRIP = 64


def find_windows(job: Job) -> None:
    """Find the windows of the bursts that are valid after resampling (``fineresamp``)."""
    for pair in job.pairs:
        made = [Resampling(job, pair, index, Offsets.load(job, pair, index)) for index in pair.indices()]
        job.save_valid_windows(COREGISTERED, pair, [one.window() for one in made])


def common_windows(job: Job) -> None:
    """Find the windows of the interferograms, and describe them in ``fine_interferogram`` (``burstifg``)."""
    describe_interferograms(job, interferogram_image)


def merge_looks(job: Job) -> None:
    """Write the multilooked interferogram and geometry of all bursts to ``merged`` (``mergebursts``).

    For a single burst, its sublooks (`isce2_recipe.sar.sublooks`) are written too, from which it can be
    merged with others; for several, the interferograms of the lines that two bursts share, to measure seams.
    """
    frame, windows = frame_of(job)
    merge_geometry(job)
    looks = _looks(job)
    rows, cols = frame.lines // looks.azimuth, frame.samples // looks.range
    folder = job.subfolder(paths.MERGED)
    interferogram, both = (
        isceimage.create(IsceImage(folder / name, rows, cols, *kind), job.folder)
        for name, kind in _INTERFEROGRAM.items()
    )
    layers = interferogram[0].view(np.float32).reshape(rows, cols, 2), both[0][..., None], both[1][..., None]
    placed = placed_bursts(job, frame, windows, valid_only=True)
    for part, areas in zip(placed, visible_areas([one.placed for one in placed]), strict=True):
        with ExitStack() as stack:
            alone = len(placed) == 1
            keep = _keep_sublooks(job, part, stack) if alone else _keep_overlaps(job, part, placed, stack)
            _add_burst(job, part, frame, areas, layers, keep)


# Bands, data type, interleaving and ISCE2's image type of each file.
_INTERFEROGRAM: dict[str, tuple[int, str, str, str]] = {
    paths.INTERFEROGRAM: (1, "CFLOAT", "BIP", "cpx"),
    paths.AMPLITUDE_COHERENCE: (2, "FLOAT", "BIL", "cor"),
}


def _looks(job: Job) -> Looks:
    return Looks(job.config.range_looks, job.config.azimuth_looks)


def visible_areas(placed: Sequence[Rectangle]) -> list[list[Rectangle]]:
    """Return for each rectangle the parts of it that no later one covers."""
    found: list[list[Rectangle]] = []
    for number, (line, sample, lines, samples) in enumerate(placed):
        later = placed[number + 1 :]
        edges = {edge for top, _, height, _ in later for edge in (top, top + height)}
        inner = sorted(edge for edge in edges if line < edge < line + lines)
        areas = []
        for top, bottom in pairwise([line, *inner, line + lines]):
            spans = [(sample, sample + samples)]
            for first, left, height, width in later:
                if first <= top and bottom <= first + height:
                    spans = [part for span in spans for part in _without(span, left, left + width)]
            areas += [(top, left, bottom - top, right - left) for left, right in spans]
        found.append(areas)
    return found


def _without(span: tuple[int, int], start: int, stop: int) -> list[tuple[int, int]]:
    """Return the parts of an interval outside another one."""
    parts = [(span[0], min(span[1], start)), (max(span[0], stop), span[1])]
    return [part for part in parts if part[0] < part[1]]


def _add_burst(
    job: Job,
    part: PlacedBurst,
    frame: MergedFrame,
    areas: list[Rectangle],
    layers: tuple[Real, Real, Real],
    keep: Keep,
) -> None:
    """Add the visible areas of a burst to multilooked layers, each of shape (rows, cols, parts).

    They are the interferogram, in two parts, and amplitude and coherence, in one.
    """
    burst, looks = part.burst, _looks(job)
    line, sample = frame.place(burst)
    products = BurstProducts(job, part.pair, part.index, burst)

    def make(block: range) -> None:
        made = products.compute(block)
        for top, left, lines, samples in areas:
            first, stop = max(top - line, block.start), min(top + lines - line, block.stop)
            across = slice(left - sample, left - sample + samples)
            if first < stop:
                for values, layer in zip(made, layers, strict=True):
                    pixels = values.view(np.float32).reshape(*values.shape, -1)
                    pixels = pixels[first - block.start : stop - block.start, across]
                    kernels.add_looks(pixels, line + first, left, looks.azimuth, looks.range, layer)
        keep(block, made[0])

    text = f"IW{part.pair.number} burst {part.index + 1}"
    job.in_threads(make, _whole_looks(burst.lines, line, looks.azimuth), text)


def _whole_looks(lines: int, line: int, looks: int) -> list[range]:
    """Return blocks of a burst's lines that share no multilooked line; its first line is merged ``line``."""
    first = min(-line % looks, lines)
    height = max(1, _LINES // looks) * looks
    rest = [range(first + part.start, first + part.stop) for part in blocks(lines - first, height)]
    return ([range(first)] if first else []) + rest


def _keep_sublooks(job: Job, part: PlacedBurst, stack: ExitStack) -> Keep:
    """Return a function that writes the sublooks of an only burst, which begin with its first pixel."""
    burst, looks = part.burst, _looks(job)
    encoder = sublooks.Encoder.of(burst, looks)
    if encoder is None:
        return lambda _block, _product: None
    codes, sums = (
        stack.enter_context(line_writer(image, job.folder))
        for image in (
            IsceImage(interferogram_file(job, part.pair.number, part.index, name), *size, 2, kind, "BIL")
            for name, size, kind in (
                (paths.SUBLOOKS, encoder.shape, "BYTE"),
                (paths.SUBLOOK_SUMS, encoder.looked_shape, "FLOAT"),
            )
        )
    )

    def keep(block: range, product: Complex) -> None:
        rows = min(len(block) // looks.azimuth, encoder.looked_shape[0] - block.start // looks.azimuth)
        if rows > 0:
            coded, total = encoder.encode(product[: rows * looks.azimuth])
            codes.write(block.start, *coded)
            sums.write(block.start // looks.azimuth, *total)

    return keep


def _keep_overlaps(job: Job, part: PlacedBurst, placed: list[PlacedBurst], stack: ExitStack) -> Keep:
    """Return a function that writes the lines of a burst that others of its swath show too."""
    burst = part.burst
    image = interferogram_image(job, part.pair, part.index, burst)
    writer = stack.enter_context(line_writer(image, job.folder))
    starts = [
        lines_between(other.burst.start, burst.start, burst.azimuth_interval_s)
        for other in placed
        if other.pair is part.pair and other.index != part.index
    ]

    def keep(block: range, product: Complex) -> None:
        for start in starts:
            first, stop = max(start, block.start), min(start + burst.lines, block.stop)
            if first < stop:
                writer.write(first, product[first - block.start : stop - block.start])

    return keep


def merge_geometry(job: Job) -> MergedFrame:
    """Write the mean latitude, longitude, height and line of sight of each window of looks to ``merged``.

    Pixels that no burst covers are zero. The frame of the merged image is returned.
    """
    frame, windows = frame_of(job)
    looks = _looks(job)
    rows, cols = frame.lines // looks.azimuth, frame.samples // looks.range
    placed = placed_bursts(job, frame, windows, valid_only=False)
    grounds = [
        _Ground.load(job, part, areas)
        for part, areas in zip(placed, visible_areas([one.placed for one in placed]), strict=True)
    ]
    merged = job.subfolder(paths.MERGED)
    with ExitStack() as stack:
        *writers, los = [
            stack.enter_context(line_writer(IsceImage(merged / name, rows, cols, *kind), job.folder))
            for name, kind in _GEOMETRY.items()
        ]

        def write(strip: range) -> None:
            sums, counts = np.zeros((5, len(strip), cols)), np.zeros((len(strip), cols))
            for ground in grounds:
                ground.add(strip, looks, grounds[0], sums, counts)
            sums /= np.maximum(counts, 1)
            for writer, plane in zip(writers, sums[:3], strict=True):
                writer.write(strip.start, plane)
            azimuth = np.where(counts > 0, wrapped_azimuth(sums[node_grids.AZIMUTH]), 0)
            los.write(strip.start, sums[node_grids.INCIDENCE], azimuth)

        job.in_threads(write, blocks(rows, _STRIP), "geometry of the looks")
    return frame


_GEOMETRY: dict[str, tuple[int, str, str, str]] = {
    paths.LATITUDE: (1, "DOUBLE", "BIP", ""),
    paths.LONGITUDE: (1, "DOUBLE", "BIP", ""),
    paths.HEIGHT: (1, "DOUBLE", "BIP", ""),
    paths.LINE_OF_SIGHT: (2, "FLOAT", "BIL", "bil"),
}


@dataclass(frozen=True, slots=True)
class _Ground:
    """The ground of a burst at its nodes, and the areas of the merged image that show it."""

    grid: Float
    origin: tuple[int, int]  # line and sample of the burst's first pixel in the merged image
    areas: list[Rectangle]

    @classmethod
    def load(cls, job: Job, part: PlacedBurst, areas: list[Rectangle]) -> _Ground:
        """Read the nodes that the step ``topo`` wrote."""
        path = node_grids.grid_file(job.folder / STATE, "geometry", part.pair.number, part.index + 1)
        origin = part.placed[0] - part.taken[0], part.placed[1] - part.taken[1]
        return cls(np.load(path, mmap_mode="r"), origin, areas)

    def add(self, rows: range, looks: Looks, first: _Ground, sums: Float, counts: Float) -> None:
        """Add the pixels of some multilooked lines to sums of the planes, and their number to ``counts``."""
        for top, left, lines, samples in self.areas:
            within = range(max(top, rows.start * looks.azimuth), min(top + lines, rows.stop * looks.azimuth))
            across = range(left, min(left + samples, sums.shape[2] * looks.range))
            if not within or not across:
                continue
            down = _weights(within, self.origin[0], looks.azimuth, rows, node_grids.TOPS.line)
            along = _weights(
                across, self.origin[1], looks.range, range(sums.shape[2]), node_grids.TOPS.sample
            )
            pixels = np.outer(down.pixels, along.pixels)
            counts += pixels
            for plane, values in enumerate(self.grid):
                sums[plane] += down.matrix @ values[down.nodes, along.nodes] @ along.matrix.T
                if plane in (node_grids.LONGITUDE, node_grids.AZIMUTH):
                    # All bursts continue the angles of the first one.
                    turns = np.round((first.grid[plane, 0, 0] - self.grid[plane, 0, 0]) / 360.0)
                    sums[plane] += 360.0 * turns * pixels


class _Weights(NamedTuple):
    """Sums over the pixels of multilooking windows as a matrix, ``(windows, nodes)``, for some nodes."""

    matrix: Any
    nodes: slice
    pixels: Float  # number of pixels in each window


def _weights(pixels: range, origin: int, looks: int, windows: range, step: int) -> _Weights:
    """Return the weights of nodes in the sums over merged ``pixels`` of one axis, those of `upsample`."""
    from scipy.sparse import coo_array

    merged = np.arange(pixels.start, pixels.stop)
    window, own = merged // looks - windows.start, merged - origin
    first, last = int(own[0]) // step, int(own[-1]) // step + 4
    columns = (own // step - first)[:, None] + np.arange(4)
    weights = node_grids.cubic_weights(step)[own % step]
    rows = np.repeat(window, 4)
    matrix = coo_array((weights.ravel(), (rows, columns.ravel())), (len(windows), last - first)).tocsr()
    count = np.bincount(window, minlength=len(windows)).astype(np.float64)
    return _Weights(matrix, slice(first, last), count)
