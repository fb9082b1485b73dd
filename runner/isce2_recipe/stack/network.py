"""The network of a stack: which dates form pairs, and whether the pairs connect all dates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations
from pathlib import Path

from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.sentinel1.stack_dates import StackDate

# Days by which a pair of a year may be shorter or longer than 365.
_YEAR_DAYS, _YEAR_MARGIN = 365, 30
_PAIR_LINE = re.compile(r"(\d{8}|\d{4}-\d\d-\d\d)\D+(\d{8}|\d{4}-\d\d-\d\d)\b")
_PAIRS = "give a text file with two dates in every line, such as 20200604_20200616 or 2020-06-04 2020-06-16"
_MOST_LINES = 100_000


@dataclass(frozen=True, slots=True)
class StackPair:
    """Two dates of a stack."""

    name: str  # both dates with an underscore
    # The older and the newer date, ``YYYYMMDD``.
    reference: str
    secondary: str
    days: int
    # Difference of their perpendicular baselines, metres; None if it is not known.
    perpendicular_m: float | None = None


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """Which dates form pairs."""

    neighbours: int = 3  # number of next dates with which every date forms a pair
    max_days: int | None = None  # longest time between the dates of a pair
    one_year: bool = False  # also pairs of about one year, 335 to 395 days, one for each date
    single_reference: str | None = None  # a date with which all others form the only pairs
    pairs: tuple[tuple[str, str], ...] | None = None  # the pairs themselves, in place of all other choices


def make_network(dates: Sequence[StackDate], choice: NetworkChoice) -> list[StackPair]:
    """Return the pairs of a stack by their dates.

    Raise InputError if there are fewer than two dates, a date of a pair is not in the stack, or the pairs do
    not connect all dates.
    """
    if len(dates) < 2:
        found = dates[0].date if dates else "none"
        raise InputError(
            f"a stack needs at least two dates, but only one was found: {found}"
            if dates
            else "a stack needs at least two dates, but none was found",
            hint="extend the time between start and end, or take another track",
        )
    ordered = sorted(dates, key=lambda one: one.date)
    known = {one.date: one for one in ordered}
    pairs = [
        _pair(known[first], known[second])
        for first, second in sorted(set(_wanted([one.date for one in ordered], choice)))
    ]
    kept = [pair for pair in pairs if choice.pairs is not None or _allowed(pair, choice)]
    limited = choice.max_days is not None and choice.pairs is None
    _require_connected(list(known), kept, f"max_days is {choice.max_days}" if limited else "")
    return kept


def _wanted(dates: list[str], choice: NetworkChoice) -> Iterator[tuple[str, str]]:
    if choice.pairs is not None:
        for pair in choice.pairs:
            for date in pair:
                if date not in dates:
                    raise InputError(
                        f"the list of pairs has the date {date}, which the stack does not have",
                        hint=f"the stack has {', '.join(dates)}",
                    )
            yield min(pair), max(pair)
        return
    if choice.single_reference is not None:
        if choice.single_reference not in dates:
            raise InputError(
                f"the single reference {choice.single_reference} is not a date of the stack",
                hint=f"choose one of {', '.join(dates)}",
            )
        yield from (
            (min(date, choice.single_reference), max(date, choice.single_reference))
            for date in dates
            if date != choice.single_reference
        )
        return
    for position, date in enumerate(dates):
        yield from ((date, later) for later in dates[position + 1 : position + 1 + choice.neighbours])
        year = [later for later in dates if abs(_days(date, later) - _YEAR_DAYS) <= _YEAR_MARGIN]
        if choice.one_year and year:
            yield date, min(year, key=lambda later: abs(_days(date, later) - _YEAR_DAYS))


def _days(first: str, second: str) -> int:
    one, other = (datetime.strptime(date, "%Y%m%d") for date in (first, second))
    return (other - one).days


def _pair(first: StackDate, second: StackDate) -> StackPair:
    name = f"{first.date}_{second.date}"
    return StackPair(name, first.date, second.date, _days(first.date, second.date))


def _allowed(pair: StackPair, choice: NetworkChoice) -> bool:
    long = choice.max_days is not None and pair.days > choice.max_days
    return not long or (choice.one_year and abs(pair.days - _YEAR_DAYS) <= _YEAR_MARGIN)


def limit_baselines(
    pairs: Sequence[StackPair], perpendicular_m: Mapping[str, float], most_m: float | None
) -> list[StackPair]:
    """Return the pairs with their baselines, without those whose baseline is too long.

    Parameters
    ----------
    perpendicular_m : mapping of float
        Perpendicular baseline of every date to one of them, metres.

    Raises
    ------
    InputError
        If the remaining pairs do not connect all dates.
    """
    known = [
        replace(
            pair,
            perpendicular_m=round(perpendicular_m[pair.secondary] - perpendicular_m[pair.reference], 1),
        )
        for pair in pairs
    ]
    kept = [one for one in known if most_m is None or abs(one.perpendicular_m or 0.0) <= most_m]
    limit = "" if most_m is None else f"max_perpendicular is {most_m:g} m"
    _require_connected(sorted(perpendicular_m), kept, limit)
    return kept


def connected(dates: Sequence[str], pairs: Sequence[StackPair]) -> list[list[str]]:
    """Return the groups of dates that pairs connect, the groups and their dates in order of time."""
    group = {date: {date} for date in dates}
    for pair in pairs:
        joined = group[pair.reference] | group[pair.secondary]
        for date in joined:
            group[date] = joined
    return sorted({tuple(sorted(one)): sorted(one) for one in group.values()}.values())


def _require_connected(dates: list[str], pairs: list[StackPair], limit: str) -> None:
    groups = connected(dates, pairs)
    if len(groups) == 1:
        return
    pieces = ", ".join(f"{g[0]} to {g[-1]} ({len(g)} dates)" if len(g) > 1 else g[0] for g in groups)
    (days, before, after) = min(
        (abs(_days(one, other)), *sorted((one, other)))
        for first, second in combinations(groups, 2)
        for one in first
        for other in second
    )
    because = f"; {limit}" if limit else ""
    raise InputError(
        f"the network of pairs is in {len(groups)} pieces: {pieces}; no pair joins {before} and {after}, "
        f"which are {days} days apart{because}",
        hint="allow longer pairs or more neighbours, or leave the dates of the smaller pieces out",
    )


def network_table(pairs: Sequence[StackPair]) -> str:
    """Return the pairs as CSV: dates, days and perpendicular baseline in metres."""
    rows = ["reference,secondary,days,perpendicular_m"]
    for pair in pairs:
        apart = "" if pair.perpendicular_m is None else f"{pair.perpendicular_m:.1f}"
        rows.append(f"{pair.reference},{pair.secondary},{pair.days},{apart}")
    return "\n".join(rows) + "\n"


def read_pairs_file(path: Path) -> tuple[tuple[str, str], ...]:
    """Read pairs of dates: two dates in every line, ``YYYYMMDD`` or ``YYYY-MM-DD``, no digits between.

    Empty lines and those that begin with ``#`` are left out.

    Raise InputError if the file cannot be read, has no pair, or a line is not a pair.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"the list of pairs {path} is not text in UTF-8", hint=_PAIRS) from None
    except OSError as exc:
        raise InputError(f"the list of pairs {path} cannot be read: {exc.strerror}", hint=_PAIRS) from exc
    found = []
    for number, line in enumerate(lines[:_MOST_LINES], 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _PAIR_LINE.match(text)
        first, second = (one.replace("-", "") for one in match.groups()) if match else ("", "")
        if first == second:
            raise InputError(f"{path}:{number}: {text[:60]!r} is not a pair of two dates", hint=_PAIRS)
        found.append((first, second))
    if not found:
        raise InputError(f"the list of pairs {path} has no pair", hint=_PAIRS)
    return tuple(found)


def check_date(text: str, name: str) -> str:
    """Return a date as ``YYYYMMDD``.

    Raise ParameterError if it is not a date; ``name`` is the parameter's name.
    """
    try:
        return f"{datetime.strptime(text.replace('-', ''), '%Y%m%d'):%Y%m%d}"
    except ValueError:
        raise ParameterError(f"{name} must be a date such as 20200604, instead got '{text}'") from None
