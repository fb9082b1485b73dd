"""Unwrapping in overlapping tiles: cutting an image, and joining the tiles without steps at their borders.

The phase of a tile, and of each of its connected components, may differ from its neighbours' by whole cycles.
The number of cycles is measured in the overlaps for each pair of components; the most certain measurements
are used first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Pixels that neighbouring tiles share; SNAPHU's costs depend on seven.
OVERLAP = 128
# Pixels next to a cut that are not compared, because the unwrapper lacks part of its input there.
_RIM = 4
_TWO_PI = 2 * np.pi

Node = tuple[int, int]
"""A tile and one of its components."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of an image that is unwrapped, and the part of it that is used; used parts do not overlap."""

    lines: range
    samples: range
    own_lines: range
    own_samples: range


def cut_into_tiles(shape: tuple[int, int], largest: int) -> list[Tile]:
    """Return tiles of at most ``largest`` pixels, about square, that cover an image of ``shape``."""
    lines, samples = shape
    side = int(largest**0.5)
    overlap = min(OVERLAP, side // 4)
    across = _pieces(samples, side, overlap)
    width = max(len(whole) for whole, _ in across)
    along = _pieces(lines, largest // width, overlap)
    return [Tile(down[0], over[0], down[1], over[1]) for down, over in product(along, across)]


def _pieces(size: int, longest: int, overlap: int) -> list[tuple[range, range]]:
    """Return pieces of a line with and without overlap; they are few and of nearly equal length."""
    count = 1 if size <= longest else -(-size // (longest - overlap))
    ends = [size * number // count for number in range(count + 1)]
    before, after = overlap // 2, overlap - overlap // 2
    return [
        (range(max(0, start - before), min(size, stop + after)), range(start, stop))
        for start, stop in pairwise(ends)
    ]


@dataclass(frozen=True, slots=True)
class StoredTile:
    """An unwrapped tile on disk, which can be read in parts.

    Attributes
    ----------
    path : Path
        Path of its files without their extensions.
    sizes : mapping
        Number of pixels of each component in the own part.
    """

    tile: Tile
    path: Path
    sizes: Mapping[int, int]

    def read(self, name: str, lines: range, samples: range) -> NDArray[Any]:
        """Read part of ``phase`` (rad, NaN without data), ``labels`` or ``nearest`` by image position."""
        kinds = {"phase": np.float32, "labels": np.uint8, "nearest": np.uint8}
        rows = range(lines.start - self.tile.lines.start, lines.stop - self.tile.lines.start)
        cols = slice(samples.start - self.tile.samples.start, samples.stop - self.tile.samples.start)
        width, dtype = len(self.tile.samples), np.dtype(kinds[name])
        flat = np.fromfile(
            self.path.with_suffix(f".{name}"),
            dtype,
            len(rows) * width,
            offset=rows.start * width * dtype.itemsize,
        )
        return flat.reshape(len(rows), width)[:, cols]


def store_tile(tile: Tile, path: Path, phase: NDArray[np.float32], labels: NDArray[np.uint8]) -> StoredTile:
    """Write an unwrapped tile to disk.

    Parameters
    ----------
    phase : ndarray
        Unwrapped phase, rad; NaN where there is no data.
    labels : ndarray
        Components; pixels with 0 belong to none and are shifted with the nearest component.
    """
    path.with_suffix(".phase").write_bytes(phase.astype("f4", copy=False).tobytes())
    path.with_suffix(".labels").write_bytes(labels.tobytes())
    path.with_suffix(".nearest").write_bytes(_nearest(labels).tobytes())
    own = labels[
        tile.own_lines.start - tile.lines.start : tile.own_lines.stop - tile.lines.start,
        tile.own_samples.start - tile.samples.start : tile.own_samples.stop - tile.samples.start,
    ]
    counts = np.bincount(own.ravel(), minlength=int(labels.max(initial=0)) + 1)
    present = np.unique(labels)
    return StoredTile(tile, path, {int(label): int(counts[label]) for label in present if label})


def _nearest(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the label of the nearest component for every pixel."""
    from scipy.ndimage import distance_transform_edt

    if labels.all() or not labels.any():
        return labels
    rows, cols = distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    return np.ascontiguousarray(labels[rows, cols])


@dataclass(frozen=True, slots=True)
class CycleOffset:
    """Cycles between two components, measured where their tiles overlap.

    ``cycles`` is added to the second's phase to continue the first's; ``support`` is the number of pixels
    that agree minus the number that disagree.
    """

    first: Node
    second: Node
    cycles: int
    support: int


def cycle_offsets(tiles: Sequence[StoredTile], name: str) -> Iterator[CycleOffset]:
    """Yield offsets between components of neighbours; ``name`` is a name for `StoredTile.read`."""
    for first, second in neighbours([each.tile for each in tiles]):
        lines, samples = _shared(tiles[first].tile, tiles[second].tile)
        parts = [
            (tiles[number].read("phase", lines, samples), tiles[number].read(name, lines, samples))
            for number in (first, second)
        ]
        for (one, other), (cycles, support) in _votes(*parts).items():
            yield CycleOffset((first, one), (second, other), cycles, support)


def neighbours(tiles: Sequence[Tile]) -> Iterator[tuple[int, int]]:
    """Yield the indices of tiles with a common side, in order."""
    for second, tile in enumerate(tiles):
        for first, other in enumerate(tiles[:second]):
            left = other.own_lines == tile.own_lines and other.own_samples.stop == tile.own_samples.start
            above = other.own_samples == tile.own_samples and other.own_lines.stop == tile.own_lines.start
            if left or above:
                yield first, second


def _shared(first: Tile, second: Tile) -> tuple[range, range]:
    """Return lines and samples that two neighbours share, without the rim of each tile at their cut."""
    if first.own_lines == second.own_lines:
        return first.lines, range(second.samples.start + _RIM, first.samples.stop - _RIM)
    return range(second.lines.start + _RIM, first.lines.stop - _RIM), first.samples


def _votes(
    first: tuple[NDArray[Any], NDArray[Any]],
    second: tuple[NDArray[Any], NDArray[Any]],
) -> dict[tuple[int, int], tuple[int, int]]:
    """Return cycles and support for each pair of components for which most pixels agree."""
    difference = np.asarray(first[0], np.float64) - second[0]
    known = np.isfinite(difference)
    cycles = np.rint(difference[known] / _TWO_PI).astype(np.int64)
    keys = np.stack([first[1][known].astype(np.int64), second[1][known].astype(np.int64), cycles])
    found: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    names, numbers_of = np.unique(keys, axis=1, return_counts=True)
    for (one, other, number), count in zip(names.T, numbers_of, strict=True):
        found[int(one), int(other)].append((int(count), int(number)))
    winners = {}
    for pair, counts in found.items():
        most, number = max(counts)
        support = 2 * most - sum(count for count, _ in counts)
        if support > 0:
            winners[pair] = (number, support)
    return winners


class CycleGroups:
    """Groups of nodes with known cycles between them: a union-find structure with offsets."""

    def __init__(self) -> None:
        self._above: dict[Node, tuple[Node, int]] = {}

    def find(self, node: Node) -> tuple[Node, int]:
        """Return the root of a node's group, and the cycles to add to the node to continue the root."""
        total = 0
        while node in self._above:
            node, cycles = self._above[node]
            total += cycles
        return node, total

    def join(self, offset: CycleOffset) -> bool:
        """Join two groups; return False if they are joined already with another number of cycles."""
        (first, of_first), (second, of_second) = self.find(offset.first), self.find(offset.second)
        if first != second:
            # Keeps the lower root, so that the first tile is not shifted.
            cycles = of_first + offset.cycles - of_second
            if first < second:
                self._above[second] = (first, cycles)
            else:
                self._above[first] = (second, -cycles)
            return True
        return of_first + offset.cycles == of_second


@dataclass(frozen=True, slots=True)
class Stitching:
    """Shifts and labels with which tiles are joined.

    Attributes
    ----------
    shifts : array, shape (tiles, 256)
        Cycles to add, by tile and ``nearest`` component.
    labels : array, shape (tiles, 256)
        Component of the result, by tile and component of the tile.
    contradictions : int
        Number of offsets between components that contradict more certain ones.
    """

    shifts: NDArray[np.float32]
    labels: NDArray[np.uint8]
    contradictions: int


def compute_stitching(tiles: Sequence[StoredTile], max_components: int) -> Stitching:
    """Compute how tiles are joined; the largest components are numbered from 1."""
    cycles, components = CycleGroups(), CycleGroups()
    contradictions = 0
    for offset in _by_support(cycle_offsets(tiles, "labels")):
        if offset.first[1] and offset.second[1]:
            agrees = cycles.join(offset)
            contradictions += not agrees
            if agrees:
                components.join(CycleOffset(offset.first, offset.second, 0, 0))
    for number, each in enumerate(tiles):
        # Between components of one tile, the unwrapper's own solution is the best estimate.
        first, *others = sorted(each.sizes, key=lambda label: (-each.sizes[label], label)) or [0]
        for label in others:
            cycles.join(CycleOffset((number, first), (number, label), 0, 0))
    for offset in _by_support(cycle_offsets(tiles, "nearest")):
        cycles.join(offset)
    names = _numbers(tiles, components, max_components)
    shifts, labels = np.zeros((len(tiles), 256), np.float32), np.zeros((len(tiles), 256), np.uint8)
    for number, each in enumerate(tiles):
        for own in each.sizes or [0]:
            shifts[number, own] = cycles.find((number, own))[1]
            labels[number, own] = names.get(components.find((number, own))[0], 0)
    return Stitching(shifts, labels, contradictions)


def _by_support(offsets: Iterable[CycleOffset]) -> list[CycleOffset]:
    return sorted(offsets, key=lambda offset: -offset.support)


def _numbers(tiles: Sequence[StoredTile], components: CycleGroups, max_components: int) -> dict[Node, int]:
    """Return the numbers of the largest components by their roots."""
    sizes: dict[Node, int] = defaultdict(int)
    for number, each in enumerate(tiles):
        for label, size in each.sizes.items():
            sizes[components.find((number, label))[0]] += size
    largest = sorted((root for root in sizes if sizes[root]), key=lambda root: (-sizes[root], root))
    return {root: number for number, root in enumerate(largest[:max_components], 1)}


def assemble(
    tiles: Sequence[StoredTile], stitching: Stitching
) -> Callable[[range], tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    """Return a function from lines to their unwrapped phase (rad, NaN without data) and components."""
    samples = max(each.tile.own_samples.stop for each in tiles)

    def lines_of(lines: range) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        phase = np.full((len(lines), samples), np.nan, np.float32)
        labels = np.zeros(phase.shape, np.uint8)
        for each, shift, names in zip(tiles, stitching.shifts, stitching.labels, strict=True):
            own = each.tile.own_lines
            taken = range(max(own.start, lines.start), min(own.stop, lines.stop))
            if not taken:
                continue
            over = each.tile.own_samples
            place = np.s_[taken.start - lines.start : taken.stop - lines.start, over.start : over.stop]
            nearest = each.read("nearest", taken, over)
            phase[place] = each.read("phase", taken, over) + np.float32(_TWO_PI) * shift[nearest]
            labels[place] = names[each.read("labels", taken, over)]
        return phase, labels

    return lines_of
