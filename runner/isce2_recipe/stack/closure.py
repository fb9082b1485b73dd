"""Closure of triplets of pairs, and repair of whole cycles.

The phases of three pairs of three dates add up to zero. Where unwrapping is wrong by whole cycles they do
not. The repair finds, for every distinct pattern of whole cycles, the smallest sum of corrections of pairs
after which all pairs agree with phases of dates (a linear programme whose solution is integral).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.stack.pair_files import PairFiles, stacked

CYCLES = "cycles.npy"
TWO_PI = 2.0 * np.pi
# Distinct patterns that are solved, the most frequent first; the looks of the others are doubtful.
_MOST_PATTERNS = 2000
# Share of the pairs of a date, or across a point in time, from which a change is doubtful.
_DOUBTFUL = 0.4


def triplets(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions of the pairs ``(a, b)``, ``(b, c)`` and ``(a, c)`` of every triplet, (n, 3)."""
    number = {tuple(pair): place for place, pair in enumerate(positions.tolist())}
    found = [
        (first, number[b, c], number[a, c])
        for (a, b), first in number.items()
        for c in range(b + 1, int(positions.max()) + 1)
        if (b, c) in number and (a, c) in number
    ]
    return np.array(found, np.int64).reshape(-1, 3)


@dataclass(frozen=True, slots=True)
class Closure:
    """The closure of all triplets."""

    triplets: NDArray[np.int64]  # positions of their pairs, shape (n, 3)
    # Of the unfiltered phase, whole cycles removed, rad, shape (n,)
    rms: NDArray[np.float64]
    mean: NDArray[np.float64]
    # Share of the looks in which the unwrapped phase does not close, shape (n,)
    open_share: NDArray[np.float64]
    open_count: NDArray[np.uint16]  # number of triplets that do not close, shape (lines, samples)


def measure_closure(
    files: PairFiles, constants: NDArray[np.float64], wanted: NDArray[np.bool_], cycles: NDArray[np.int8]
) -> Closure:
    """Measure the closure of a stack.

    Parameters
    ----------
    constants : ndarray, shape (pairs,)
        Unwrapped phase of the reference region, rad.
    wanted : ndarray, shape (lines, samples)
        The looks that count.
    cycles : ndarray, shape (pairs, lines, samples)
        Whole cycles to subtract.
    """
    found = triplets(files.positions)
    sums = np.zeros((4, len(found)))
    count = np.zeros(files.shape, np.uint16)
    for rows in files.blocks() if len(found) else []:
        whole = stacked(files.smooth, rows) - constants[:, None, None]
        whole -= TWO_PI * cycles[:, rows.start : rows.stop]
        exact = stacked(files.phase, rows)
        counted = wanted[rows.start : rows.stop]
        for number, (ab, bc, ac) in enumerate(found):
            valid = counted & np.isfinite(exact[ab] + exact[bc] + exact[ac])
            rest = exact[ab] + exact[bc] - exact[ac]
            rest = (rest - TWO_PI * np.round(rest / TWO_PI))[valid]
            is_open = valid & (np.abs(whole[ab] + whole[bc] - whole[ac]) > np.pi)
            sums[:, number] += valid.sum(), rest.sum(), (rest**2).sum(), is_open.sum()
            count[rows.start : rows.stop] += is_open
    looks = np.maximum(sums[0], 1)
    return Closure(found, np.sqrt(sums[2] / looks), sums[1] / looks, sums[3] / looks, count)


@dataclass(frozen=True, slots=True)
class Repair:
    """The whole cycles by which pairs were changed."""

    # Whole cycles to subtract from the unwrapped phase, shape (pairs, lines, samples)
    cycles: NDArray[np.int8]
    # Number of pairs whose change is doubtful; 65535 where too many patterns exist to try, shape (lines,
    # samples)
    doubtful: NDArray[np.uint16]
    patterns: int  # number of distinct patterns
    unsolved: int  # number of looks whose pattern was not tried


@dataclass(slots=True)
class _Patterns:
    """The distinct patterns of whole cycles, and their number for every look."""

    number: NDArray[np.int32]
    keys: dict[bytes, int] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)

    def add(self, rows: range, looks: NDArray[np.intp], values: NDArray[np.int8]) -> None:
        """Add the patterns of some looks of a block, ``values`` of shape (pairs, looks)."""
        distinct, which, counts = np.unique(values.T, axis=0, return_inverse=True, return_counts=True)
        names = []
        for row, count in zip(distinct, counts, strict=True):
            name = self.keys.setdefault(row.tobytes(), len(self.keys))
            if name == len(self.counts):
                self.counts.append(0)
            self.counts[name] += int(count)
            names.append(name)
        place = self.number[rows.start : rows.stop].reshape(-1)
        place[looks] = np.array(names, np.int32)[which.ravel()]


_ABSENT = -128
"""In a pattern: the pair has no data there."""


def repair(
    files: PairFiles, constants: NDArray[np.float64], wanted: NDArray[np.bool_], target: Path
) -> Repair:
    """Find the whole cycles that make all pairs agree; they are kept in the file ``target``.

    Parameters
    ----------
    constants, wanted
        See `measure_closure`.
    """
    found = _Patterns(np.full(files.shape, -1, np.int32))
    tree = _Tree.of(files.positions, np.ones(len(files.pairs), np.bool_))
    for rows in files.blocks():
        values = stacked(files.smooth, rows).reshape(len(files.pairs), -1) - constants[:, None]
        known = np.isfinite(stacked(files.phase, rows).reshape(len(files.pairs), -1))
        counted = wanted[rows.start : rows.stop].ravel()
        for looks, present in _by_presence(known, counted):
            kept = tree if present.all() else _Tree.of(files.positions, present)
            if kept is not None:
                pattern = np.full((len(files.pairs), looks.size), _ABSENT, np.int8)
                pattern[present] = kept.cycles(values[:, looks])[present]
                found.add(rows, looks, pattern)
    return _solve_all(files, found, target)


def _by_presence(
    known: NDArray[np.bool_], counted: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.bool_]]]:
    """Yield looks with the same pairs, and which pairs these are."""
    (looks,) = np.nonzero(counted & known.any(0))
    complete = known[:, looks].all(0)
    if complete.any():
        yield looks[complete], np.ones(len(known), np.bool_)
    rest = looks[~complete]
    if rest.size:
        kinds, which = np.unique(known[:, rest].T, axis=0, return_inverse=True)
        for number, present in enumerate(kinds):
            yield rest[which.ravel() == number], present


@dataclass(frozen=True, slots=True)
class _Tree:
    """A tree of the shortest pairs that connects all dates."""

    incidence: NDArray[np.float64]
    path: NDArray[np.float64]

    @classmethod
    def of(cls, positions: NDArray[np.int64], present: NDArray[np.bool_]) -> _Tree | None:
        """Return the tree of the present pairs; None if they do not connect all dates."""
        dates = int(positions.max()) + 1
        paths: dict[int, NDArray[np.float64]] = {}
        group = list(range(dates))
        chosen = []
        for place in np.argsort(positions[:, 1] - positions[:, 0], kind="stable"):
            a, b = (int(one) for one in positions[place])
            if present[place] and group[a] != group[b]:
                old, new = group[b], group[a]
                group = [new if one == old else one for one in group]
                chosen.append((int(place), a, b))
        if len(set(group)) > 1:
            return None
        paths[0] = np.zeros(len(positions))
        while len(paths) < dates:
            for place, a, b in chosen:
                for here, there, sign in ((a, b, 1.0), (b, a, -1.0)):
                    if here in paths and there not in paths:
                        paths[there] = paths[here].copy()
                        paths[there][place] += sign
        incidence = np.zeros((len(positions), dates))
        rows = np.arange(len(positions))
        incidence[rows, positions[:, 0]], incidence[rows, positions[:, 1]] = -1.0, 1.0
        return cls(incidence, np.array([paths[date] for date in range(dates)]))

    def cycles(self, values: NDArray[np.float64]) -> NDArray[np.int8]:
        """Return the whole cycles of pairs against the phases of dates along the tree, (pairs, looks)."""
        used = np.where(np.isfinite(values), values, 0.0)
        whole = np.round((used - self.incidence @ (self.path @ used)) / TWO_PI)
        return np.clip(whole, -127, 127).astype(np.int8)


def _solve_all(files: PairFiles, found: _Patterns, target: Path) -> Repair:
    cycles = np.lib.format.open_memmap(target, "w+", np.int8, (len(files.pairs), *files.shape))
    doubtful = np.zeros(files.shape, np.uint16)
    order = sorted(found.keys.items(), key=lambda item: -found.counts[item[1]])
    changed = [
        (np.frombuffer(key, np.int8), name)
        for key, name in order
        if any(value not in (0, _ABSENT) for value in np.frombuffer(key, np.int8))
    ]
    unsolved = 0
    for number, (pattern, name) in enumerate(changed):
        looks = found.number == name
        if number >= _MOST_PATTERNS:
            doubtful[looks] = np.iinfo(np.uint16).max
            unsolved += int(looks.sum())
            continue
        change = solve_pattern(pattern.astype(np.int64), files.positions, pattern != _ABSENT)
        for place in np.nonzero(change)[0]:
            cycles[place][looks] = change[place]
        doubtful[looks] = int(doubtful_changes(change, files.positions, pattern != _ABSENT).sum())
    cycles.flush()
    return Repair(cycles, doubtful, len(found.keys), unsolved)


def solve_pattern(
    pattern: NDArray[np.int64], positions: NDArray[np.int64], present: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the smallest changes of pairs, whole cycles, that leave a pattern of dates only.

    Parameters
    ----------
    pattern : ndarray, shape (pairs,)
        Whole cycles of the pairs.
    positions : ndarray, shape (pairs, 2)
        Positions of their dates.
    present : ndarray, shape (pairs,)
        Pairs that have data.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_matrix

    used = positions[present]
    dates, pairs = int(positions.max()) + 1, len(used)
    row = np.arange(pairs)
    ones = np.ones(pairs)
    matrix = csr_matrix(
        (
            np.concatenate([ones, -ones, ones, -ones]),
            (np.tile(row, 4), np.concatenate([used[:, 1], used[:, 0], dates + row, dates + pairs + row])),
        ),
        (pairs, dates + 2 * pairs),
    )
    cost = np.concatenate([np.zeros(dates), np.ones(2 * pairs)])
    limits: list[Any] = [(0, 0), *[(None, None)] * (dates - 1), *[(0, None)] * (2 * pairs)]
    solution = linprog(cost, A_eq=matrix, b_eq=pattern[present], bounds=limits, method="highs")
    of_dates = np.round(solution.x[:dates]).astype(np.int64)
    change = np.zeros(len(positions), np.int64)
    change[present] = pattern[present] - (of_dates[used[:, 1]] - of_dates[used[:, 0]])
    return change


def doubtful_changes(
    change: NDArray[np.int64], positions: NDArray[np.int64], present: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which changes are doubtful: of a date, or across a point in time, most pairs were changed."""
    doubtful = np.zeros(len(change), np.bool_)
    moved = change != 0
    for date in range(int(positions.max()) + 1):
        of_date = present & (positions == date).any(1)
        across = present & (positions[:, 0] < date) & (positions[:, 1] >= date)
        for group in (of_date, across):
            if group.any() and moved[group].mean() >= _DOUBTFUL:
                doubtful |= group & moved
    return doubtful
