"""Rules for two Sentinel-1 SLCs that can be processed together; they use only the names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isce2_recipe.errors import ParameterError
from isce2_recipe.sar.annotation import relative_orbit
from isce2_recipe.sar.burst_grid import CYCLE_ORBITS, ORBIT_S
from isce2_recipe.sentinel1.missions import is_one_pass, wrong_time
from isce2_recipe.types import SlcName

_DAY_S = 86400.0
# Time of day of the ascending node of track 175, seconds: of all satellites, which differ by about a minute.
_LAST_NODE_S = 58865.0
_NODE_TOLERANCE_S = 180.0


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
    """Check that two SLCs form a pair; return it.

    Parameters
    ----------
    polarization : str
        ``VV``, ``VH``, ``HH`` or ``HV``, or ``auto`` for the co-polarized channel of the reference.
    any_order : bool
        Whether the reference may be the newer one.

    Raises
    ------
    ParameterError
        If a rule is violated; the message lists all violations.
    """
    pair = SlcName.parse(reference), SlcName.parse(secondary)
    wanted = pair[0].polarizations[0] if polarization == "auto" else polarization
    problems = [*_channels(pair, wanted), *_track(pair), *_order(pair, any_order), *_times(pair)]
    if not swaths:
        problems.append("no swath is given; choose from 1, 2 and 3")
    if len(problems) == 1:
        raise ParameterError(problems[0], hint=_HINT)
    if problems:
        lines = "".join(f"\n  - {problem}" for problem in problems)
        raise ParameterError(f"the SLC pair has {len(problems)} problems:{lines}", hint=_HINT)
    return SlcPair(*pair, wanted, tuple(sorted(set(swaths))))


_HINT = "use an older and a newer SLC of the same track and place that contain the requested polarization"


def _channels(pair: tuple[SlcName, SlcName], wanted: str) -> list[str]:
    return [
        f"{name} has no {wanted}, only {' and '.join(name.polarizations)} (its name has 1S{name.channels})"
        for name in pair
        if wanted not in name.polarizations
    ]


def _track(pair: tuple[SlcName, SlcName]) -> list[str]:
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
