"""Chooses the bursts and dates of a stack from everything that a search found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TypeVar

from isce2_recipe.errors import InputError
from isce2_recipe.sar.burst_grid import LAST_BURST
from isce2_recipe.sentinel1.burst_ids import BurstId
from isce2_recipe.sources.base import BurstRecord, group_by_pass
from isce2_recipe.sources.burst_query import BurstQuery
from isce2_recipe.types import BurstName

INCOMPLETE = ("drop_date", "drop_burst", "fail")

Pass = Mapping[BurstId, BurstRecord]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Track:
    """What a search found on one track."""

    passes: tuple[Pass, ...]  # the bursts of each pass, in order of time, at most one pass on each date
    # Share of the area, 0 to 1, that the bursts cover; 1 where bursts were searched by their IDs.
    coverage: float

    @property
    def bursts(self) -> list[BurstId]:
        """Return the bursts that any pass has, in order."""
        return sorted({burst for each in self.passes for burst in each})

    @property
    def numbers(self) -> list[int]:
        """Return the relative orbits of the bursts; two where the pass crosses the ascending node."""
        return sorted({record.relative_orbit for each in self.passes for record in each.values()})

    @property
    def direction(self) -> str:
        """Return ``ASCENDING`` or ``DESCENDING``."""
        return self.bursts[0].direction

    def describe(self) -> str:
        """Return the track in words."""
        tracks = " and ".join(map(str, self.numbers))
        return f"track {tracks} {self.direction.lower()}"


def tracks_of(records: Iterable[BurstRecord], query: BurstQuery) -> list[Track]:
    """Return the tracks that records are of, the best first, with the passes that began in the period.

    The best covers the largest share of the area, to a percent, then has most dates and fewest bursts.
    """
    halves: dict[int, list[BurstRecord]] = {}
    for record in records:
        halves.setdefault(burst_of(record).half_orbit, []).append(record)
    found = [_track(group, query) for group in halves.values()]
    return sorted(filter(attrgetter("passes"), found), key=_order)


def _order(track: Track) -> tuple[float, int, int, list[int]]:
    return -round(track.coverage, 2), -len(track.passes), len(track.bursts), track.numbers


def burst_of(record: BurstRecord) -> BurstId:
    """Return the ID of a record's burst."""
    return BurstId.of(BurstName.parse(record.name))


def _track(records: Sequence[BurstRecord], query: BurstQuery) -> Track:
    by_date: dict[str, Pass] = {}
    for group in group_by_pass(records):
        if not query.has_time(group[0].start):
            continue
        bursts = _without_duplicates(group)
        day = day_of(bursts)
        if len(bursts) > len(by_date.get(day, {})):
            by_date[day] = bursts
    passes = tuple(by_date[day] for day in sorted(by_date))
    footprints = {burst: record.footprint for each in passes for burst, record in each.items()}
    if query.area is None or not footprints:
        return Track(passes, 1.0)
    return Track(passes, query.area.covered_by(footprints.values()))


def _without_duplicates(group: Sequence[BurstRecord]) -> Pass:
    """Return the bursts of a pass; of a burst in two slices, the one whose slice holds more of the others."""
    slices = [record.slc for record in group]
    chosen: dict[BurstId, BurstRecord] = {}
    for record in sorted(group, key=lambda record: (slices.count(record.slc), record.name)):
        chosen[burst_of(record)] = record
    return chosen


@dataclass(frozen=True, slots=True)
class Choice:
    """The bursts and dates of a stack."""

    bursts: tuple[BurstId, ...]  # the bursts of every date, in order
    passes: tuple[Pass, ...]  # the passes of the stack, each with all bursts
    notes: tuple[str, ...]  # what was left out


def choose(track: Track, wanted: Sequence[BurstId], incomplete: str) -> Choice:
    """Return the bursts and dates of a stack, without what is missing somewhere.

    Bursts that are missing on most of the dates are left out in any case, and so are bursts that cannot be
    joined with the others.

    Parameters
    ----------
    track : Track
        What was found.
    wanted : sequence of BurstId
        The bursts of a complete date.
    incomplete : str
        What to do about a date that misses a burst: leave out the date (``drop_date``) or the burst
        (``drop_burst``), or ``fail``.

    Raises
    ------
    InputError
        If a date misses a burst and ``incomplete`` is ``fail``, or if no date has a burst.
    """
    rare, usual = _parted(wanted, lambda burst: 2 * _count(track, burst) < len(track.passes))
    reasons = {burst: f"it is on {_count(track, burst)} of {len(track.passes)} dates" for burst in rare}
    late, whole = _parted(track.passes, lambda each: not each.keys() >= set(usual))
    lacking = {day_of(each): [str(burst) for burst in usual if burst not in each] for each in late}
    notes: list[str] = []
    if late and incomplete == "fail":
        missed = "; ".join(f"{day} misses {', '.join(missing)}" for day, missing in lacking.items())
        raise InputError(
            f"{len(late)} of {len(track.passes)} dates miss bursts: {missed}",
            hint="set incomplete to drop_date or drop_burst, or choose a smaller area",
        )
    if late and incomplete == "drop_burst":
        for burst in [each for each in usual if any(each not in found for found in late)]:
            days = ", ".join(day for day, missing in lacking.items() if str(burst) in missing)
            reasons[burst] = f"it is missing on {days}"
        whole = list(track.passes)
    else:
        notes += [f"date {day} is left out: it misses {', '.join(gone)}" for day, gone in lacking.items()]
    kept = [burst for burst in usual if burst not in reasons]
    joined = contiguous(kept)
    reasons |= {burst: "it is not next to the others" for burst in kept if burst not in joined}
    notes += [f"burst {burst} is left out: {why}" for burst, why in sorted(reasons.items())]
    return Choice(tuple(joined), tuple(whole), tuple(notes))


def _count(track: Track, burst: BurstId) -> int:
    return sum(burst in each for each in track.passes)


def day_of(bursts: Pass) -> str:
    """Return the date of a pass, ``YYYYMMDD``: that of its first line."""
    return f"{min(record.start for record in bursts.values()):%Y%m%d}"


def _parted(items: Iterable[_T], apart: Callable[[_T], bool]) -> tuple[list[_T], list[_T]]:
    """Return the items for which a condition holds, and the others."""
    listed = list(items)
    return [item for item in listed if apart(item)], [item for item in listed if not apart(item)]


def filled(bursts: Collection[BurstId]) -> list[BurstId]:
    """Return bursts with those that lie between them or are needed to join them, in order.

    In each swath the numbers become consecutive, and the first and the last of neighbouring swaths differ by
    at most one, which is the condition of `isce2_recipe.sentinel1.pairs`.
    """
    numbers = _by_swath(bursts)
    ends = {swath: (min(present), max(present)) for swath, present in numbers.items()}
    for _ in ends:
        for swath, (first, last) in list(ends.items()):
            around = [ends[near] for near in (swath - 1, swath + 1) if near in ends]
            lowest = min([first, *(low + 1 for low, _ in around)])
            ends[swath] = lowest, max([last, *(high - 1 for _, high in around)])
    return _ids({swath: range(first, last + 1) for swath, (first, last) in ends.items()})


def contiguous(bursts: Collection[BurstId]) -> list[BurstId]:
    """Return the largest group of bursts that satisfies the condition of `filled`, in order."""
    numbers = _by_swath(bursts)
    every = sorted(set().union(*numbers.values()))
    best: dict[int, range] = {}
    for first in every:
        for last in range(first, every[-1] + 1):
            group = {
                swath: range(first - (first - 1 in present), last + 1 + (last + 1 in present))
                for swath, present in numbers.items()
                if present.issuperset(range(first, last + 1))
            }
            if not group:
                break
            gap = {1, 3} == set(group)
            if not gap and _size(group) > _size(best):
                best = group
    return _ids(best)


def _size(group: Mapping[int, range]) -> int:
    return sum(map(len, group.values()))


def _by_swath(bursts: Iterable[BurstId]) -> dict[int, set[int]]:
    """Return the numbers in each swath; they continue beyond the end of the cycle."""
    listed = list(bursts)
    at_end = any(burst.number > 0.75 * LAST_BURST for burst in listed)
    numbers: dict[int, set[int]] = {}
    for number, swath in listed:
        beyond = at_end and number < 0.25 * LAST_BURST
        numbers.setdefault(swath, set()).add(number + LAST_BURST if beyond else number)
    return numbers


def _ids(group: Mapping[int, range]) -> list[BurstId]:
    return sorted(
        BurstId((number - 1) % LAST_BURST + 1, swath)
        for swath, numbers in group.items()
        for number in numbers
    )
