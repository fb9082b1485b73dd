"""Images cut into overlapping tiles, unwrapped one by one, and put together without steps where they meet.

Every tile's phase may be whole cycles off its neighbours', and so may each of its connected components. How
many is read where tiles overlap, component by component, and the surest answers come first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Looks that two neighbours share; SNAPHU's costs look at seven.
OVERLAP = 128
# Next to a cut an unwrapper does not see all of what it weighs.
_RIM = 4
_TWO_PI = 2 * np.pi

Node = tuple[int, int]
"""A tile and one of its components."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A piece of an image.

    Attributes
    ----------
    lines, samples : range
        What is unwrapped.
    own_lines, own_samples : range
        What of it goes into the whole; these do not overlap.
    """

    lines: range
    samples: range
    own_lines: range
    own_samples: range


def cut(shape: tuple[int, int], largest: int) -> list[Tile]:
    """Tiles of at most ``largest`` pixels, about square, that cover an image of ``shape``."""
    lines, samples = shape
    side = int(largest**0.5)
    overlap = min(OVERLAP, side // 4)
    across = _pieces(samples, side, overlap)
    width = max(len(whole) for whole, _ in across)
    along = _pieces(lines, largest // width, overlap)
    return [Tile(down[0], over[0], down[1], over[1]) for down, over in product(along, across)]


def _pieces(size: int, longest: int, overlap: int) -> list[tuple[range, range]]:
    """Pieces of a line with and without the overlap, as few and as equal as can be."""
    count = 1 if size <= longest else -(-size // (longest - overlap))
    ends = [size * number // count for number in range(count + 1)]
    before, after = overlap // 2, overlap - overlap // 2
    return [
        (range(max(0, start - before), min(size, stop + after)), range(start, stop))
        for start, stop in pairwise(ends)
    ]


@dataclass(frozen=True, slots=True)
class Kept:
    """An unwrapped tile on disk, to be read in parts.

    Attributes
    ----------
    tile : Tile
        Where it lies.
    path : Path
        Beginning of its files' names.
    sizes : mapping
        Pixels of each component among its own.
    """

    tile: Tile
    path: Path
    sizes: Mapping[int, int]

    def read(self, name: str, lines: range, samples: range) -> NDArray[Any]:
        """Part of ``phase`` (rad, NaN without data), ``labels`` or ``nearest``, counted in the whole."""
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


def keep(tile: Tile, path: Path, phase: NDArray[np.float32], labels: NDArray[np.uint8]) -> Kept:
    """Write an unwrapped tile down.

    Parameters
    ----------
    path : Path
        Beginning of its files' names.
    phase : ndarray
        rad, NaN where there are no data.
    labels : ndarray
        Components; 0 belongs to none and counts with the nearest one when cycles are put right.
    """
    phase.astype("f4", copy=False).tofile(path.with_suffix(".phase"))
    labels.tofile(path.with_suffix(".labels"))
    _nearest(labels).tofile(path.with_suffix(".nearest"))
    own = labels[
        tile.own_lines.start - tile.lines.start : tile.own_lines.stop - tile.lines.start,
        tile.own_samples.start - tile.samples.start : tile.own_samples.stop - tile.samples.start,
    ]
    counts = np.bincount(own.ravel(), minlength=int(labels.max(initial=0)) + 1)
    present = np.unique(labels)
    return Kept(tile, path, {int(label): int(counts[label]) for label in present if label})


def _nearest(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from scipy.ndimage import distance_transform_edt

    if labels.all() or not labels.any():
        return labels
    rows, cols = distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    return np.ascontiguousarray(labels[rows, cols])


@dataclass(frozen=True, slots=True)
class Tie:
    """What an overlap says of two components.

    Attributes
    ----------
    first, second : Node
        Of two tiles.
    cycles : int
        To add to the second's phase so that it goes on where the first's ends.
    support : int
        Pixels that say so, less those that say otherwise.
    """

    first: Node
    second: Node
    cycles: int
    support: int


def ties(kept: Sequence[Kept], name: str) -> Iterator[Tie]:
    """Ties between the components of neighbours; ``name`` tells how pixels are labelled, see `Kept.read`."""
    for first, second in neighbours([each.tile for each in kept]):
        lines, samples = _shared(kept[first].tile, kept[second].tile)
        parts = [
            (kept[number].read("phase", lines, samples), kept[number].read(name, lines, samples))
            for number in (first, second)
        ]
        for (one, other), (cycles, support) in _votes(*parts).items():
            yield Tie((first, one), (second, other), cycles, support)


def neighbours(tiles: Sequence[Tile]) -> Iterator[tuple[int, int]]:
    """Numbers of tiles with a common side, in order."""
    for second, tile in enumerate(tiles):
        for first, other in enumerate(tiles[:second]):
            beside = other.own_lines == tile.own_lines and other.own_samples.stop == tile.own_samples.start
            above = other.own_samples == tile.own_samples and other.own_lines.stop == tile.own_lines.start
            if beside or above:
                yield first, second


def _shared(first: Tile, second: Tile) -> tuple[range, range]:
    """Lines and samples that two neighbours share, without the rim of each along their cut."""
    if first.own_lines == second.own_lines:
        return first.lines, range(second.samples.start + _RIM, first.samples.stop - _RIM)
    return range(second.lines.start + _RIM, first.lines.stop - _RIM), first.samples


def _votes(
    first: tuple[NDArray[Any], NDArray[Any]],
    second: tuple[NDArray[Any], NDArray[Any]],
) -> dict[tuple[int, int], tuple[int, int]]:
    """Cycles that most pixels of each pair of components ask for, with their majority, where there is one."""
    difference = np.asarray(first[0], np.float64) - second[0]
    known = np.isfinite(difference)
    cycles = np.rint(difference[known] / _TWO_PI).astype(np.int64)
    keys = np.stack([first[1][known].astype(np.int64), second[1][known].astype(np.int64), cycles])
    found: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for (one, other, number), count in zip(*_counted(keys), strict=True):
        found[int(one), int(other)].append((int(count), int(number)))
    winners = {}
    for pair, counts in found.items():
        most, number = max(counts)
        support = 2 * most - sum(count for count, _ in counts)
        if support > 0:
            winners[pair] = (number, support)
    return winners


def _counted(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    found, counts = np.unique(keys, axis=1, return_counts=True)
    return found.T, counts


class Cycles:
    """Whole cycles between nodes, as far as they are tied; the first ties to join two groups decide."""

    def __init__(self) -> None:
        self._above: dict[Node, tuple[Node, int]] = {}

    def find(self, node: Node) -> tuple[Node, int]:
        """The group's root, and the cycles to add to the node's phase so that it goes on with the root's."""
        total = 0
        while node in self._above:
            node, cycles = self._above[node]
            total += cycles
        return node, total

    def join(self, tie: Tie) -> bool:
        """Whether the tie holds: it does unless others have decided otherwise."""
        (first, of_first), (second, of_second) = self.find(tie.first), self.find(tie.second)
        if first != second:
            # The lower root stays, so that the first tile keeps its cycle.
            cycles = of_first + tie.cycles - of_second
            if first < second:
                self._above[second] = (first, cycles)
            else:
                self._above[first] = (second, -cycles)
            return True
        return of_first + tie.cycles == of_second


@dataclass(frozen=True, slots=True)
class Stitching:
    """How to put tiles together.

    Attributes
    ----------
    shifts : array, shape (tiles, 256)
        Cycles to add by tile and ``nearest`` component.
    labels : array, shape (tiles, 256)
        The whole's component by tile and its own.
    broken : int
        Ties between components that do not hold because surer ones say otherwise.
    """

    shifts: NDArray[np.float32]
    labels: NDArray[np.uint8]
    broken: int


def stitch(kept: Sequence[Kept], most: int) -> Stitching:
    """How tiles go together; the ``most`` largest components get a number, 1 the largest."""
    cycles, whole = Cycles(), Cycles()
    broken = 0
    for tie in sorted(ties(kept, "labels"), key=lambda tie: -tie.support):
        if tie.first[1] and tie.second[1]:
            held = cycles.join(tie)
            broken += not held
            if held:
                whole.join(Tie(tie.first, tie.second, 0, 0))
    for number, each in enumerate(kept):
        # Nothing surer is known between components of one tile than what its unwrapper thought.
        first, *others = sorted(each.sizes, key=lambda label: (-each.sizes[label], label)) or [0]
        for label in others:
            cycles.join(Tie((number, first), (number, label), 0, 0))
    for tie in sorted(ties(kept, "nearest"), key=lambda tie: -tie.support):
        cycles.join(tie)
    names = _numbers(kept, whole, most)
    shifts, labels = np.zeros((len(kept), 256), np.float32), np.zeros((len(kept), 256), np.uint8)
    for number, each in enumerate(kept):
        for own in each.sizes or [0]:
            shifts[number, own] = cycles.find((number, own))[1]
            labels[number, own] = names.get(whole.find((number, own))[0], 0)
    return Stitching(shifts, labels, broken)


def _numbers(kept: Sequence[Kept], whole: Cycles, most: int) -> dict[Node, int]:
    """Numbers of the largest components, by their roots."""
    sizes: dict[Node, int] = defaultdict(int)
    for number, each in enumerate(kept):
        for label, size in each.sizes.items():
            sizes[whole.find((number, label))[0]] += size
    largest = sorted((root for root in sizes if sizes[root]), key=lambda root: (-sizes[root], root))
    return {root: number for number, root in enumerate(largest[:most], 1)}


def assemble(
    kept: Sequence[Kept], stitching: Stitching
) -> Callable[[range], tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    """A function from lines of the whole to their unwrapped phase (rad, NaN without data) and components."""
    samples = max(each.tile.own_samples.stop for each in kept)

    def lines_of(lines: range) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        phase = np.full((len(lines), samples), np.nan, np.float32)
        labels = np.zeros(phase.shape, np.uint8)
        for each, shift, names in zip(kept, stitching.shifts, stitching.labels, strict=True):
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
