"""The search for the dates of a stack: bursts over an area, of one track, between two dates."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from isce2_recipe.actions.base import Context, Read, action
from isce2_recipe.area import burst_id_words, parse_area, read_area
from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.quantities import counted
from isce2_recipe.sentinel1.burst_ids import BurstId
from isce2_recipe.sentinel1.pairs import PASS_WINDOW, wrong_time
from isce2_recipe.sentinel1.stack_dates import StackDate, StackScenes
from isce2_recipe.sources.burst_query import BurstQuery, cost
from isce2_recipe.sources.stack_choice import Choice, Pass, Track, choose, day_of, filled, tracks_of
from isce2_recipe.stack.network import check_date
from isce2_recipe.types import BurstName, Looks

if TYPE_CHECKING:
    from isce2_recipe.sources.base import BurstSearchSource

# Catalogues receive new granules for some weeks after the acquisition.
_SETTLED = timedelta(days=30)
_DAY = timedelta(days=1)
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_MOST_TRACKS_SHOWN = 5
_LIMIT = 1000


def _query(inputs: Mapping[str, Any]) -> BurstQuery:
    """Return the search that the inputs of `find` describe; raise an error if they are wrong."""
    start, stop = _day("start", inputs["start"]), _day("end", inputs["end"]) + _DAY
    if stop <= start:
        raise ParameterError(
            f"the end of the period, {inputs['end']}, is before its start, {inputs['start']}",
            hint="give the earlier date as start",
        )
    why = wrong_time(start)
    if why and why == wrong_time(stop - _DAY):
        raise ParameterError(
            f"there are no bursts from {inputs['start']} to {inputs['end']}: {why}", hint="check the dates"
        )
    track = inputs.get("track")
    if track is not None and not 1 <= track <= 175:
        raise ParameterError(f"there is no track {track}", hint="tracks are numbered from 1 to 175")
    query = BurstQuery(
        start=start,
        stop=stop,
        polarization=inputs.get("polarization", "VV"),
        track=track,
        direction=(inputs.get("direction") or "").upper() or None,
    )
    text, file = inputs.get("area", ""), inputs.get("area_file")
    words = [] if file else burst_id_words(text)
    if words:
        bursts = sorted({BurstId.parse(word) for word in words})
        _check_bursts(bursts, filled(bursts))
        return replace(query, bursts=tuple(bursts))
    query = replace(query, area=read_area(file) if file else parse_area(text))
    query.check_area()
    return query


def _day(name: str, text: str) -> datetime:
    """Return a day; one of a far century becomes the nearest day with which times can be computed."""
    try:
        return min(max(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC), _EARLIEST), _LATEST)
    except ValueError:
        raise ParameterError(
            f"{name} must be a date such as 2020-06-01, instead got '{text}'", hint="write YYYY-MM-DD"
        ) from None


def _check_bursts(bursts: Sequence[BurstId], needed: Sequence[BurstId]) -> None:
    """Check that bursts given by their IDs are of one pass and can be joined."""
    if len({each.half_orbit for each in bursts}) > 1:
        tracks = [f"{each} is of track {each.track} {each.direction.lower()}" for each in bursts]
        raise ParameterError(
            f"the bursts are not of one pass: {', '.join(tracks)}", hint="make a stack of each track"
        )
    gaps = [str(each) for each in needed if each not in bursts]
    if gaps:
        raise ParameterError(
            f"the bursts cannot be joined without {', '.join(gaps)}",
            hint="add them, or make a stack of each group of neighbouring bursts",
        )


def _searched(inputs: Mapping[str, Any], _: tuple[Path, ...], __: Read) -> object:
    """Return the day of the search while the catalogue may still receive granules of the period."""
    today = datetime.now(UTC)
    try:
        settled = _day("end", inputs["end"]) + _SETTLED < today
    except ParameterError:
        return None
    return None if settled else f"{today:%Y-%m-%d}"


@action(
    "bursts.find",
    version=2,
    uses=("source.burst_search",),
    takes=lambda _: {"bursts": ()},
    check=_query,
    fingerprint=_searched,
)
def find(
    ctx: Context,
    *,
    area: str,
    start: str,
    end: str,
    area_file: Path | None = None,
    track: int | None = None,
    direction: Literal["ascending", "descending"] | None = None,
    polarization: Literal["VV", "HH"] = "VV",
    incomplete: Literal["drop_date", "drop_burst", "fail"] = "drop_date",
    reference_date: str | None = None,
    limit: int = _LIMIT,
) -> StackScenes:
    """Find the bursts over an area on every date of one track.

    Parameters
    ----------
    area : str
        A box ``WEST,SOUTH,EAST,NORTH`` in degrees, a shape in well-known text, or burst IDs such as
        ``136231_IW2``, with spaces or commas between them.
    start, end : str
        First and last day of the period, ``YYYY-MM-DD``, UTC.
    area_file : Path, optional
        GeoJSON, KML, KMZ or Shapefile with the area, instead of ``area``.
    track : int, optional
        Relative orbit, 1 to 175; by default the one that covers the largest share of the area.
    direction : str, optional
        Direction of flight; by default both are searched.
    polarization : str
        Polarization of the bursts.
    incomplete : str
        What to leave out if a date misses a burst: the date, the burst, or nothing, which is an error.
    reference_date : str, optional
        The date that has the common geometry, ``YYYYMMDD``; by default the first.
    limit : int
        Largest number of granules; a search that finds more is an error.
    """
    inputs = {"area": area, "area_file": area_file, "start": start, "end": end, "track": track}
    inputs |= {"direction": direction, "polarization": polarization, "incomplete": incomplete, "limit": limit}
    found = search(ctx.source, ctx.log, inputs)
    for note in found.notes:
        ctx.log.info("%s", note)
    ctx.progress(1.0, found.notes[0])
    choice = found.choice
    dates = [_date(ctx, choice, each) for each in choice.passes]
    from isce2_recipe.sources.base import bounds_of

    reference = dates.index(_reference(dates, reference_date))
    return StackScenes(
        dates,
        dates[reference],
        [str(burst) for burst in choice.bursts],
        found.track.numbers[0],
        found.track.direction,
        polarization,
        sorted({burst.swath for burst in choice.bursts}),
        list(bounds_of(choice.passes[reference][burst] for burst in choice.bursts)),
        found.notes,
    )


@dataclass(frozen=True, slots=True)
class FoundStack:
    """The result of a search."""

    track: Track
    choice: Choice
    notes: list[str]  # sentences for the user, the first about the whole


def search(source: BurstSearchSource, log: logging.Logger, inputs: Mapping[str, Any]) -> FoundStack:
    """Return the dates of a stack.

    Parameters
    ----------
    source : BurstSearchSource
        Source of the bursts.
    log : Logger
        Receives the progress of the search.
    inputs : mapping
        Inputs of `find` by name.

    Raises
    ------
    ParameterError, InputError
        If the inputs are wrong, or if there are no two dates with the same bursts.
    SourceError
        If the source does not answer.
    """
    query = _query(inputs)
    track, choice_of_track = _best_track(source, query, log)
    choice = _choice(source, query, track, inputs.get("incomplete", "drop_date"), log)
    _check_size(choice, inputs.get("limit", _LIMIT))
    days = [day_of(each) for each in (choice.passes[0], choice.passes[-1])]
    summary = (
        f"{len(choice.passes)} dates from {days[0]} to {days[1]} of {counted(len(choice.bursts), 'burst')}, "
        f"{track.describe()}, {query.polarization}"
    )
    return FoundStack(track, choice, [summary, *choice_of_track, *choice.notes])


def _tracks(source: BurstSearchSource, query: BurstQuery, log: logging.Logger) -> list[Track]:
    """Return what a source has, the best track first; a pass belongs to the day of its first line."""
    wider = replace(query, start=query.start - PASS_WINDOW, stop=query.stop + PASS_WINDOW)
    return tracks_of(source.search_bursts(wider, log), query)


def _best_track(source: BurstSearchSource, query: BurstQuery, log: logging.Logger) -> tuple[Track, list[str]]:
    """Return what was found on the best track, and a sentence about the choice."""
    tracks = _tracks(source, query, log)
    if not tracks:
        raise InputError(_nothing(query), hint=_NOTHING)
    best, *others = tracks
    share = "" if query.area is None else f"{best.describe()} covers {100 * best.coverage:.0f} % of the area"
    if not others:
        return best, [share] if share else []
    rest = ", ".join(
        f"{each.describe()} {100 * each.coverage:.0f} % on {len(each.passes)} dates"
        for each in others[:_MOST_TRACKS_SHOWN]
    )
    return best, [f"{share} on {len(best.passes)} dates (others: {rest})"]


_NOTHING = (
    "Sentinel-1 images land, not open sea; check the area (longitude first), the dates, the track, the "
    "direction and the polarization at https://search.asf.alaska.edu (dataset S1 Bursts)"
)


def _nothing(query: BurstQuery) -> str:
    where = f"of {', '.join(map(str, query.bursts))}"
    if query.area is not None:
        where = f"over {query.area.bounds.describe()}"
    filters = [f"on track {query.track}"] if query.track is not None else []
    filters += [query.direction.lower()] if query.direction else []
    return (
        f"there are no {query.polarization} bursts {where} from {query.start:%Y-%m-%d} to "
        f"{query.stop - _DAY:%Y-%m-%d}{''.join(f', {each}' for each in filters)}"
    )


def _choice(
    source: BurstSearchSource, query: BurstQuery, track: Track, incomplete: str, log: logging.Logger
) -> Choice:
    """Return the bursts and dates of the stack; search the bursts that join those over the area."""
    wanted = query.bursts or tuple(filled(track.bursts))
    if set(wanted) - set(track.bursts):
        again = replace(query, area=None, bursts=wanted, track=None, direction=None)
        (track, *_) = _tracks(source, again, log)
    choice = choose(track, wanted, incomplete)
    if len(choice.passes) < 2 or not choice.bursts:
        days = ", ".join(day_of(each) for each in track.passes)
        raise InputError(
            f"a stack needs two dates or more; {len(choice.passes)} can be used ({track.describe()}, on "
            f"{days})",
            hint="; ".join(["choose a longer period, or another area or track", *choice.notes]),
        )
    return choice


def _date(ctx: Context, choice: Choice, bursts: Pass) -> StackDate:
    """Return one date, and write its catalogue."""
    from isce2_recipe.sources.catalog import write_catalog

    records = [bursts[burst] for burst in choice.bursts]
    began = min(records, key=lambda record: record.start)
    day = f"{began.start:%Y%m%d}"
    (ctx.out / day).mkdir()
    catalog = write_catalog(records, ctx.out / day / "bursts.json")
    return StackDate(day, began.platform, [record.name for record in records], catalog)


def _check_size(choice: Choice, limit: int) -> None:
    records = [each[burst] for each in choice.passes for burst in choice.bursts]
    if len(records) > limit:
        sizes = [record.bytes for record in records]
        size = None if None in sizes else sum(filter(None, sizes))
        raise InputError(
            f"the stack has {len(records):,} granules, {counted(len(choice.bursts), 'burst')} on "
            f"{len(choice.passes)} dates, which are {cost(len(records), size)}; the limit is {limit:,}",
            hint=f"choose a smaller area or a shorter period, or set limit to {len(records)} to process them",
        )


def _reference(dates: Sequence[StackDate], wanted: str | None) -> StackDate:
    if wanted is None:
        return dates[0]
    day = wanted.replace("-", "")
    for each in dates:
        if each.date == day:
            return each
    raise InputError(
        f"the stack has no date {wanted} for its reference", hint=f"it has {', '.join(d.date for d in dates)}"
    )


def _choices(inputs: Mapping[str, Any]) -> None:
    from isce2_recipe.actions.product import check_grid

    for date in inputs.get("jumps") or ():
        check_date(str(date), "jumps")
    check_grid(inputs)


@action("bursts.check_choices", version=1, check=_choices)
def check_choices(
    ctx: Context,
    *,
    dates: list[StackDate],
    reference: StackDate,
    looks: str,
    grid: dict[str, Any] | None = None,
    grid_like: Path | None = None,
    jumps: list[str] | None = None,
) -> None:
    """Check a map grid and dates of jumps against the dates that were found, before anything is downloaded.

    Parameters
    ----------
    dates : list of StackDate
        The dates that were found.
    reference : StackDate
        The date that has the common geometry.
    looks : str
        ``RANGExAZIMUTH``.
    grid : dict, optional
    grid_like : Path, optional
        Choice of the map grid, as for other products.
    jumps : list of str, optional
        Dates on which the ground may have jumped.

    Raises
    ------
    InputError
        If the map does not show the stack, or a jump is not between the first and the last date.
    """
    from isce2_recipe.products.grid_check import examine_grid
    from isce2_recipe.products.grid_choice import GridChoice
    from isce2_recipe.sources.base import BurstRecord
    from isce2_recipe.sources.catalog import read_catalog

    first, last = min(one.date for one in dates), max(one.date for one in dates)
    for jump in jumps or ():
        if not first < check_date(jump, "jumps") <= last:
            raise InputError(
                f"jumps has the date {jump}, but the series begins on {first} and ends on {last}",
                hint="give dates after the first and not after the last, or a longer period",
            )
    catalog = read_catalog(reference.catalog, BurstRecord)
    records = [catalog[granule] for granule in reference.granules]
    numbers = [(name.relative_burst, name.swath) for name in map(BurstName.parse, reference.granules)]
    choice = GridChoice.of(grid, grid_like)
    footprints = [record.footprint for record in records]
    for found in examine_grid(choice, Looks.parse(looks).pixel_m, footprints, numbers):
        if found.state == "wrong":
            raise InputError(found.detail, hint=found.remedy or None)
        ctx.log.info("%s: %s", found.name, found.detail)
