"""Rules for Sentinel-1 granules that can be processed together; they use only the names of the granules.

The rules for bursts and their messages are those of HyP3's multi-burst InSAR job (ASFHyP3/hyp3-isce2,
``validate_bursts``); the last one, contiguity, is from burst2safe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from isce2_recipe.errors import ParameterError
from isce2_recipe.sar.burst_grid import CYCLE_ORBITS, ORBIT_S
from isce2_recipe.types import BurstName, SlcName

MISSIONS: Mapping[str, tuple[date, date | None]] = MappingProxyType(
    {
        "S1A": (date(2014, 4, 3), None),
        "S1B": (date(2016, 4, 25), date(2021, 12, 23)),
        "S1C": (date(2024, 12, 5), None),
        "S1D": (date(2025, 11, 4), None),
    }
)
"""Launch and last day with images; the power supply of S1B failed on 2021-12-23.

https://sentinels.copernicus.eu/web/sentinel/missions/sentinel-1
"""

# Two passes over one place are at least a day apart; the same acquisition may have times a few seconds apart.
ONE_PASS = timedelta(hours=12)
_CLOCK = timedelta(days=1)  # by which this machine's clock may be behind
# Longest time between bursts of one pass.
PASS_WINDOW = timedelta(minutes=2)
POLARIZATIONS = ("VV", "HH")
# Relative burst numbers run from 1 to this number in each cycle (ESA burst ID map, S1-TN-OVL-ESL-0001).
BURSTS_PER_CYCLE = 375887
_DAY_S = 86400.0
# Time of day of the ascending node of track 175, seconds: of all satellites, which differ by about a minute.
_LAST_NODE_S = 58865.0
_NODE_TOLERANCE_S = 180.0


def wrong_time(start: datetime, platform: str = "") -> str:
    """Return why nothing was acquired at a time, by a satellite if it is known; empty if it is possible."""
    first, last = MISSIONS.get(platform, (min(begin for begin, _ in MISSIONS.values()), None))
    name = f"Sentinel-1{platform[2:]}"
    if start.date() < first:
        return f"{name} was launched later, on {first}"
    if last is not None and start.date() > last:
        return f"{name} took its last image on {last}"
    now = datetime.now(UTC)
    return f"that is in the future; this machine's clock shows {now:%Y-%m-%d}" if start > now + _CLOCK else ""


def is_one_pass(first: datetime, second: datetime) -> bool:
    """Return whether two acquisitions of one place are so close in time that they are of one pass."""
    return abs(first - second) < ONE_PASS


@dataclass(frozen=True, slots=True)
class CheckedBurstPair:
    """Bursts that satisfy every rule; both sides are sorted by burst number and swath."""

    reference: tuple[BurstName, ...]
    secondary: tuple[BurstName, ...]

    @property
    def polarization(self) -> str:
        """Return the polarization, VV or HH."""
        return self.reference[0].polarization

    @property
    def swaths(self) -> tuple[int, ...]:
        """Return the numbers of the swaths, ascending."""
        return tuple(sorted({burst.swath for burst in self.reference}))


def check_pair(
    reference: Sequence[str], secondary: Sequence[str], *, any_order: bool = False
) -> CheckedBurstPair:
    """Check that bursts form a pair; return it with both sides sorted.

    The reference may be the newer pass with ``any_order``. Raise ParameterError with all violations of rules
    and the names of the bursts.
    """
    problems, sides = _parse_names(reference, secondary)
    if not problems:
        problems = [problem for rule in _RULES for problem in rule(*sides)]
        problems += _passes(*sides, any_order=any_order)
    _refuse("burst", problems)
    first, second = (tuple(sorted(side, key=lambda burst: burst.identifier)) for side in sides)
    return CheckedBurstPair(first, second)


class _Problem(NamedTuple):
    message: str
    hint: str


_Side = list[BurstName]


def _refuse(kind: str, problems: Sequence[_Problem]) -> None:
    """Raise an error with all problems of a pair, if there are any."""
    if not problems:
        return
    hint = "; ".join(dict.fromkeys(problem.hint for problem in problems))
    if len(problems) == 1:
        raise ParameterError(problems[0].message, hint=hint)
    lines = "".join(f"\n  - {problem.message}" for problem in problems)
    raise ParameterError(f"the {kind} pair has {len(problems)} problems:{lines}", hint=hint)


def _parse_names(
    reference: Sequence[str], secondary: Sequence[str]
) -> tuple[list[_Problem], tuple[_Side, _Side]]:
    problems: list[_Problem] = []
    sides: tuple[_Side, _Side] = ([], [])
    for side, names in zip(sides, (reference, secondary), strict=True):
        for name in names:
            try:
                side.append(BurstName.parse(name))
            except ParameterError as exc:
                problems.append(_Problem(exc.message, exc.hint or "check the name"))
    return problems, sides


def _some_of_each(reference: _Side, secondary: _Side) -> Iterator[_Problem]:
    if not (reference and secondary):
        yield _Problem(
            "Must include at least 1 reference scene and 1 secondary scene",
            "set reference and secondary to at least one burst name each",
        )


def _same_number(reference: _Side, secondary: _Side) -> Iterator[_Problem]:
    if len(reference) != len(secondary):
        yield _Problem(
            "Must provide the same number of reference and secondary scenes, "
            f"got {len(reference)} reference and {len(secondary)} secondary",
            "each reference burst needs the secondary burst of the same ground",
        )


def _same_identifiers(reference: _Side, secondary: _Side) -> Iterator[_Problem]:
    first, second = ({burst.identifier for burst in side} for side in (reference, secondary))
    if first == second or not first or not second:
        return
    unpaired = [
        f"only in the {label}: {_identifiers(ids)}"
        for label, ids in (("reference", first - second), ("secondary", second - first))
        if ids
    ]
    yield _Problem(
        "Burst number + swath + polarization identifiers must be the same for reference scenes and "
        f"secondary scenes ({'; '.join(unpaired)})",
        "pair granules whose names have the same number, swath and polarization",
    )


def _unique_identifiers(reference: _Side, secondary: _Side) -> Iterator[_Problem]:
    for label, side in (("reference", reference), ("secondary", secondary)):
        counts = Counter(burst.identifier for burst in side)
        repeated = [identifier for identifier, count in counts.items() if count > 1]
        if repeated:
            yield _Problem(
                f"Each {label} scene must have a unique burst number + swath + polarization identifier "
                f"({_identifiers(repeated)} is given more than once)",
                "name every burst once",
            )


def _one_polarization(reference: _Side, secondary: _Side) -> Iterator[_Problem]:
    present = sorted({burst.polarization for burst in reference + secondary})
    if len(present) > 1:
        yield _Problem(
            f"Scenes must have the same polarization. Polarizations present: {', '.join(present)}",
            "process each polarization in a run of its own",
        )


def _supported_polarization(reference: _Side, secondary: _Side) -> Iterator[_Problem]:
    for polarization in sorted({burst.polarization for burst in reference + secondary} - set(POLARIZATIONS)):
        yield _Problem(
            f"{polarization} polarization is not currently supported, only VV and HH",
            "use the co-polarized burst of the same place and time",
        )


def _one_pass(reference: _Side, secondary: _Side) -> Iterator[_Problem]:
    for label, side in (("Reference", reference), ("Secondary", secondary)):
        if side and max(side).start - min(side).start > PASS_WINDOW:
            yield _Problem(
                f"{label} scenes must fall within a 2-minute window in order to ensure they were collected "
                f"during the same pass ({min(side)} and {max(side)} are {max(side).start - min(side).start} "
                "apart)",
                "use bursts of one pass; process each pair of dates in a run of its own",
            )


def _passes(reference: _Side, secondary: _Side, *, any_order: bool) -> Iterator[_Problem]:
    if not reference or not secondary:
        return
    first, second = min(reference), min(secondary)
    if is_one_pass(first.start, second.start):
        yield _Problem(
            f"reference and secondary are one acquisition: {first} and {second} are only "
            f"{abs(second.start - first.start)} apart",
            "use bursts of two passes, which are days apart",
        )
    elif max(reference).start >= second.start and not (any_order and first.start > max(secondary).start):
        yield _Problem(
            "Reference scenes must be older than secondary scenes "
            f"({max(reference)} is not older than {second})",
            "swap reference and secondary, or set any_order to use the newer pass as the reference",
        )


def _possible_times(reference: _Side, secondary: _Side) -> Iterator[_Problem]:
    for side in (reference, secondary):
        if side and (why := wrong_time(min(side).start)):
            yield _Problem(f"there is no burst {min(side)}: {why}", "check the dates in the names")


def _contiguous(reference: _Side, secondary: _Side) -> Iterator[_Problem]:
    yield from _contiguity_of("Reference", reference)
    if {burst.identifier for burst in reference} != {burst.identifier for burst in secondary}:
        yield from _contiguity_of("Secondary", secondary)


def _contiguity_of(label: str, side: _Side) -> Iterator[_Problem]:
    numbers = numbers_by_swath(side)
    for swath, present in numbers.items():
        gaps = [f"{_wrapped(low)} and {_wrapped(high)}" for low, high in pairwise(present) if high - low > 1]
        if gaps:
            yield _Problem(
                f"{label} scenes of IW{swath} must be consecutive bursts, "
                f"but there is a gap between {', '.join(gaps)}",
                "add the missing bursts, or process each group of consecutive bursts in a run of its own",
            )
    for (swath, these), (neighbour, those) in pairwise(numbers.items()):
        if abs(these[0] - those[0]) > 1 or abs(these[-1] - those[-1]) > 1:
            yield _Problem(
                f"{label} scenes of IW{swath} ({_span(these)}) and IW{neighbour} ({_span(those)}) do not "
                "overlap: their first and last burst numbers may differ by 1 at most",
                "use the same burst numbers in neighbouring swaths",
            )


def numbers_by_swath(side: Sequence[BurstName]) -> dict[int, list[int]]:
    """Return the burst numbers of each swath, ascending; numbers continue over the end of the cycle."""
    over_the_end = any(burst.relative_burst > BURSTS_PER_CYCLE * 3 // 4 for burst in side)
    numbers: dict[int, set[int]] = {}
    for burst in sorted(side, key=lambda burst: burst.swath):
        wrap = over_the_end and burst.relative_burst < BURSTS_PER_CYCLE // 4
        number = burst.relative_burst + (BURSTS_PER_CYCLE if wrap else 0)
        numbers.setdefault(burst.swath, set()).add(number)
    return {swath: sorted(present) for swath, present in numbers.items()}


def _wrapped(number: int) -> str:
    return f"{(number - 1) % BURSTS_PER_CYCLE + 1:06d}"


def _span(numbers: list[int]) -> str:
    return " to ".join(dict.fromkeys([_wrapped(numbers[0]), _wrapped(numbers[-1])]))


def _identifiers(identifiers: Iterable[tuple[int, int, str]]) -> str:
    return ", ".join(f"{number:06d} IW{swath} {pol}" for number, swath, pol in sorted(identifiers))


_RULES: tuple[Callable[[_Side, _Side], Iterable[_Problem]], ...] = (
    _some_of_each,
    _same_number,
    _same_identifiers,
    _unique_identifiers,
    _one_polarization,
    _supported_polarization,
    _one_pass,
    _possible_times,
    _contiguous,
)


@dataclass(frozen=True, slots=True)
class SlcPair:
    """Two SLCs of one track that contain the requested polarization."""

    reference: SlcName
    secondary: SlcName
    polarization: str
    swaths: tuple[int, ...]


def check_slc_pair(
    reference: str, secondary: str, polarization: str, swaths: Sequence[int], *, any_order: bool = False
) -> SlcPair:
    """Check that two SLCs form a pair; return it. Raise ParameterError with all violations of rules.

    The polarization is ``VV``, ``VH``, ``HH`` or ``HV``, or ``auto`` for the co-polarized channel of the
    reference. The reference may be the newer one with ``any_order``.
    """
    pair = SlcName.parse(reference), SlcName.parse(secondary)
    wanted = pair[0].polarizations[0] if polarization == "auto" else polarization
    problems = [*_channels(pair, wanted), *_track(pair), *_order(pair, any_order), *_times(pair)]
    if not swaths:
        problems.append("no swath is given; choose from 1, 2 and 3")
    hint = "use an older and a newer SLC of the same track and place that contain the requested polarization"
    _refuse("SLC", [_Problem(problem, hint) for problem in problems])
    return SlcPair(*pair, wanted, tuple(sorted(set(swaths))))


def _channels(pair: tuple[SlcName, SlcName], wanted: str) -> list[str]:
    return [
        f"{name} has no {wanted}, only {' and '.join(name.polarizations)} (its name has 1S{name.channels})"
        for name in pair
        if wanted not in name.polarizations
    ]


def _track(pair: tuple[SlcName, SlcName]) -> list[str]:
    from isce2_recipe.sar.annotation import relative_orbit

    first, second = (relative_orbit(name.platform, name.absolute_orbit) for name in pair)
    later = {1: first, CYCLE_ORBITS - 1: second}.get((first - second) % CYCLE_ORBITS)
    if first == second or (later is not None and all(_at_node(name, later) for name in pair)):
        return []
    return [f"reference and secondary are on different tracks: {first} and {second}"]


def _at_node(name: SlcName, track: int) -> bool:
    """Return whether an SLC starts near the ascending node at which a track begins.

    The orbit number changes there, so two slices of the same ground may have the numbers of two tracks.
    """
    midnight = name.start.replace(hour=0, minute=0, second=0)
    node_s = _LAST_NODE_S + (track - CYCLE_ORBITS) * ORBIT_S
    apart_s = ((name.start - midnight).total_seconds() - node_s) % _DAY_S
    return min(apart_s, _DAY_S - apart_s) <= _NODE_TOLERANCE_S


def _order(pair: tuple[SlcName, SlcName], any_order: bool) -> list[str]:
    first, second = pair
    if is_one_pass(first.start, second.start):
        apart = abs(second.start - first.start)
        return [f"reference and secondary are one acquisition: {first} and {second} are only {apart} apart"]
    if first.start < second.start or any_order:
        return []
    return ["Reference scenes must be older than secondary scenes (swap them, or set any_order)"]


def _times(pair: tuple[SlcName, SlcName]) -> list[str]:
    return [
        f"there is no SLC {name}: {why}"
        for name in dict.fromkeys(pair)
        if (why := wrong_time(name.start, name.platform))
    ]
