"""Rules for Sentinel-1 bursts that can be processed together; they use only the names of the granules.

The rules and their messages are those of HyP3's multi-burst InSAR job (ASFHyP3/hyp3-isce2,
``validate_bursts``); the last one, contiguity, is from burst2safe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from isce2_recipe.errors import ParameterError
from isce2_recipe.sentinel1.missions import is_one_pass, wrong_time
from isce2_recipe.types import BurstName

# Longest time between bursts of one pass.
PASS_WINDOW = timedelta(minutes=2)
POLARIZATIONS = ("VV", "HH")
# Relative burst numbers run from 1 to this number in each cycle (ESA burst ID map, S1-TN-OVL-ESL-0001).
BURSTS_PER_CYCLE = 375887


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

    Parameters
    ----------
    any_order : bool
        Whether the reference may be the newer pass.

    Raises
    ------
    ParameterError
        If a rule is violated; the message lists all violations with the names of the bursts.
    """
    problems, sides = _parse_names(reference, secondary)
    if not problems:
        problems = [problem for rule in _RULES for problem in rule(*sides)]
        problems += _passes(*sides, any_order=any_order)
    if problems:
        raise _error(problems)
    first, second = (tuple(sorted(side, key=lambda burst: burst.identifier)) for side in sides)
    return CheckedBurstPair(first, second)


@dataclass(frozen=True, slots=True)
class _Problem:
    message: str
    hint: str


_Side = list[BurstName]


def _error(problems: list[_Problem]) -> ParameterError:
    hint = "; ".join(dict.fromkeys(problem.hint for problem in problems))
    if len(problems) == 1:
        return ParameterError(problems[0].message, hint=hint)
    lines = "".join(f"\n  - {problem.message}" for problem in problems)
    return ParameterError(f"the burst pair has {len(problems)} problems:{lines}", hint=hint)


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


def _some_of_each(reference: _Side, secondary: _Side) -> list[_Problem]:
    if reference and secondary:
        return []
    return [
        _Problem(
            "Must include at least 1 reference scene and 1 secondary scene",
            "set reference and secondary to at least one burst name each",
        )
    ]


def _same_number(reference: _Side, secondary: _Side) -> list[_Problem]:
    if len(reference) == len(secondary):
        return []
    return [
        _Problem(
            "Must provide the same number of reference and secondary scenes, "
            f"got {len(reference)} reference and {len(secondary)} secondary",
            "each reference burst needs the secondary burst of the same ground",
        )
    ]


def _same_identifiers(reference: _Side, secondary: _Side) -> list[_Problem]:
    first, second = ({burst.identifier for burst in side} for side in (reference, secondary))
    if first == second or not first or not second:
        return []
    unpaired = [
        f"only in the {label}: {_identifiers(ids)}"
        for label, ids in (("reference", first - second), ("secondary", second - first))
        if ids
    ]
    return [
        _Problem(
            "Burst number + swath + polarization identifiers must be the same for reference scenes and "
            f"secondary scenes ({'; '.join(unpaired)})",
            "pair granules whose names have the same number, swath and polarization",
        )
    ]


def _unique_identifiers(reference: _Side, secondary: _Side) -> list[_Problem]:
    problems = []
    for label, side in (("reference", reference), ("secondary", secondary)):
        counts = Counter(burst.identifier for burst in side)
        repeated = [identifier for identifier, count in counts.items() if count > 1]
        if repeated:
            problems.append(
                _Problem(
                    f"Each {label} scene must have a unique burst number + swath + polarization identifier "
                    f"({_identifiers(repeated)} is given more than once)",
                    "name every burst once",
                )
            )
    return problems


def _one_polarization(reference: _Side, secondary: _Side) -> list[_Problem]:
    present = sorted({burst.polarization for burst in reference + secondary})
    if len(present) <= 1:
        return []
    return [
        _Problem(
            f"Scenes must have the same polarization. Polarizations present: {', '.join(present)}",
            "process each polarization in a run of its own",
        )
    ]


def _supported_polarization(reference: _Side, secondary: _Side) -> list[_Problem]:
    present = sorted({burst.polarization for burst in reference + secondary} - set(POLARIZATIONS))
    return [
        _Problem(
            f"{polarization} polarization is not currently supported, only VV and HH",
            "use the co-polarized burst of the same place and time",
        )
        for polarization in present
    ]


def _one_pass(reference: _Side, secondary: _Side) -> list[_Problem]:
    problems = []
    for label, side in (("Reference", reference), ("Secondary", secondary)):
        if not side or max(side).start - min(side).start <= PASS_WINDOW:
            continue
        problems.append(
            _Problem(
                f"{label} scenes must fall within a 2-minute window in order to ensure they were collected "
                f"during the same pass ({min(side)} and {max(side)} are {max(side).start - min(side).start} "
                "apart)",
                "use bursts of one pass; process each pair of dates in a run of its own",
            )
        )
    return problems


def _passes(reference: _Side, secondary: _Side, *, any_order: bool) -> list[_Problem]:
    if not reference or not secondary:
        return []
    first, second = min(reference), min(secondary)
    if is_one_pass(first.start, second.start):
        return [
            _Problem(
                f"reference and secondary are one acquisition: {first} and {second} are only "
                f"{abs(second.start - first.start)} apart",
                "use bursts of two passes, which are days apart",
            )
        ]
    if max(reference).start < second.start or (any_order and first.start > max(secondary).start):
        return []
    return [
        _Problem(
            "Reference scenes must be older than secondary scenes "
            f"({max(reference)} is not older than {second})",
            "swap reference and secondary, or set any_order to use the newer pass as the reference",
        )
    ]


def _possible_times(reference: _Side, secondary: _Side) -> list[_Problem]:
    return [
        _Problem(f"there is no burst {min(side)}: {why}", "check the dates in the names")
        for side in (reference, secondary)
        if side and (why := wrong_time(min(side).start))
    ]


def _contiguous(reference: _Side, secondary: _Side) -> list[_Problem]:
    sides = [("Reference", reference)]
    if {burst.identifier for burst in reference} != {burst.identifier for burst in secondary}:
        sides.append(("Secondary", secondary))
    return [problem for label, side in sides for problem in _contiguity_of(label, side)]


def _contiguity_of(label: str, side: _Side) -> list[_Problem]:
    numbers = numbers_by_swath(side)
    problems = []
    for swath, present in numbers.items():
        gaps = [f"{_wrapped(low)} and {_wrapped(high)}" for low, high in pairwise(present) if high - low > 1]
        if gaps:
            problems.append(
                _Problem(
                    f"{label} scenes of IW{swath} must be consecutive bursts, "
                    f"but there is a gap between {', '.join(gaps)}",
                    "add the missing bursts, or process each group of consecutive bursts in a run of its own",
                )
            )
    for (swath, these), (neighbour, those) in pairwise(numbers.items()):
        if abs(these[0] - those[0]) > 1 or abs(these[-1] - those[-1]) > 1:
            problems.append(
                _Problem(
                    f"{label} scenes of IW{swath} ({_span(these)}) and IW{neighbour} ({_span(those)}) do not "
                    "overlap: their first and last burst numbers may differ by 1 at most",
                    "use the same burst numbers in neighbouring swaths",
                )
            )
    return problems


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


_RULES: tuple[Callable[[_Side, _Side], list[_Problem]], ...] = (
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
