"""The bursts and dates that a stack takes from what a search found."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from isce2_recipe.errors import InputError
from isce2_recipe.sar.burst_grid import LAST_BURST
from isce2_recipe.sentinel1.burst_ids import BurstId
from isce2_recipe.sources.base import BurstRecord
from isce2_recipe.sources.burst_query import BurstQuery
from isce2_recipe.sources.stack_choice import choose, contiguous, day_of, filled, tracks_of
from isce2_recipe.types import BurstName

START = datetime(2020, 6, 4, 2, 23, 12, tzinfo=UTC)
IDS = [BurstId(number, 2) for number in (136231, 136232, 136233)]

QUERY = BurstQuery(start=START.replace(hour=0), stop=START + timedelta(days=60), polarization="VV")


def _record(burst: BurstId, day: int, *, suffix="7C85", platform="S1A", start=START) -> BurstRecord:
    begins = start + timedelta(days=day, seconds=2.758 * (burst.number - 136231))
    name = BurstName(begins.replace(microsecond=0), burst.number, burst.swath, "VV", suffix)
    west = 53.0 + burst.swath
    south = 30.0 - 0.2 * (burst.number - 136231)
    north, east = south + 0.2, west + 1
    return BurstRecord(
        name=str(name), platform=platform, slc=f"slice {suffix}", index=0,
        absolute_orbit=32861 + round(day * 175 / 12), relative_orbit=64, direction="DESCENDING", start=begins,
        stop=begins + timedelta(seconds=3),
        footprint=((west, south), (east, south), (east, north), (west, north), (west, south)),
    )  # fmt: skip


def _track(*missing: tuple[int, BurstId], days: tuple[int, ...] = (0, 12, 24, 36)):
    (track,) = tracks_of([_record(b, day) for day in days for b in IDS if (day, b) not in missing], QUERY)
    return track


def test_a_date_that_misses_a_burst_is_left_out_or_the_burst_is() -> None:
    track = _track((12, IDS[2]))
    choice = choose(track, IDS, "drop_date")
    assert [len(choice.bursts), len(choice.passes)] == [3, 3]
    assert choice.notes == ("date 20200616 is left out: it misses 136233_IW2",)
    choice = choose(track, IDS, "drop_burst")
    assert [len(choice.bursts), len(choice.passes)] == [2, 4]
    assert choice.notes == ("burst 136233_IW2 is left out: it is missing on 20200616",)
    with pytest.raises(InputError, match="1 of 4 dates miss bursts: 20200616 misses 136233_IW2"):
        choose(track, IDS, "fail")


def test_a_burst_of_few_dates_does_not_cost_the_other_dates() -> None:
    track = _track(*((day, IDS[0]) for day in (0, 12, 24)))
    for incomplete in ("drop_date", "drop_burst", "fail"):
        choice = choose(track, IDS, incomplete)
        assert [len(choice.bursts), len(choice.passes)] == [2, 4]
        assert choice.notes == ("burst 136231_IW2 is left out: it is on 1 of 4 dates",)


def test_a_gap_between_bursts_leaves_one_side() -> None:
    choice = choose(_track((12, IDS[1])), IDS, "drop_burst")
    assert len(choice.bursts) == 1
    assert "it is not next to the others" in choice.notes[1]


def test_a_burst_in_two_slices_counts_once() -> None:
    records = [_record(b, day) for day in (0, 12) for b in IDS]
    records += [_record(IDS[2], day, suffix="FFFF") for day in (0, 12)]
    (track,) = tracks_of(records, QUERY)
    assert [len(each) for each in track.passes] == [3, 3]
    assert all("7C85" in record.name for each in track.passes for record in each.values())


def test_a_pass_over_midnight_is_one_date() -> None:
    late = START.replace(hour=23, minute=59, second=56)
    (track,) = tracks_of([_record(b, day, start=late) for day in (0, 6) for b in IDS], QUERY)
    choice = choose(track, IDS, "fail")
    assert [len(each) for each in choice.passes] == [3, 3]
    # A pass belongs to the day of its first line, also at the ends of the period.
    next_day = replace(QUERY, start=late.replace(hour=0) + timedelta(days=1))
    (track,) = tracks_of([_record(b, day, start=late) for day in (0, 6) for b in IDS], next_day)
    assert [day_of(each) for each in track.passes] == ["20200610"]


def test_satellites_take_turns_on_one_track() -> None:
    records = [_record(b, day, platform="S1B" if day % 12 else "S1A") for day in (0, 6, 12) for b in IDS]
    (track,) = tracks_of(records, QUERY)
    assert [{record.platform for record in each.values()} for each in track.passes] == [
        {"S1A"},
        {"S1B"},
        {"S1A"},
    ]


def test_bursts_on_both_sides_of_the_equator_are_one_track() -> None:
    low, high = (
        next(n for n in range(136231, LAST_BURST) if BurstId(n, 1).track == track) for track in (65, 66)
    )
    near = [BurstId(number, 1) for number in (low - 1, low)]
    assert [each.track for each in near] == [64, 65]
    assert len({each.half_orbit for each in near}) == 1
    assert {each.direction for each in near} == {"ASCENDING"}
    assert BurstId(low, 1).half_orbit != BurstId(high, 1).half_orbit
    assert BurstId(1, 1).half_orbit == BurstId(LAST_BURST, 1).half_orbit


def test_groups_of_bursts_can_be_joined() -> None:
    def ids(**numbers: tuple[int, ...]) -> list[BurstId]:
        return sorted(BurstId(number, int(swath[1])) for swath, all_ in numbers.items() for number in all_)

    assert filled(ids(w1=(10, 12), w2=(14,))) == ids(w1=(10, 11, 12, 13), w2=(11, 12, 13, 14))
    assert filled([BurstId(LAST_BURST, 2), BurstId(2, 2)]) == [BurstId(n, 2) for n in (1, 2, LAST_BURST)]
    assert contiguous(ids(w1=(10, 11, 14), w2=(10, 11, 12, 13))) == ids(w1=(10, 11), w2=(10, 11, 12))
    assert contiguous(ids(w1=(10, 11), w3=(10, 11, 12))) == ids(w3=(10, 11, 12))
    assert contiguous([]) == []
