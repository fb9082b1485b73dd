"""ESA's burst ID grid: a burst's number alone tells its track and where on the orbit it lies.

Sentinel-1 starts its IW bursts at the same places of the orbit on every cycle, and ESA numbers them
through all 175 orbits of the repeat cycle. Source: ESA, *Sentinel-1 burst ID maps*, format document; the
place of the three swaths within a period is measured on real bursts (see the tests).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from isce2_recipe.errors import ParameterError

# Repeat cycle: 175 orbits in 12 days.
CYCLE_S = 12 * 86400.0
CYCLE_ORBITS = 175
ORBIT_S = CYCLE_S / CYCLE_ORBITS

# From one burst of a swath to the next, and where the first period of the cycle starts, seconds.
BURST_PERIOD_S = 2.758273
PREAMBLE_S = 2.299849

# Numbers run from 1 to this one, once around the cycle.
LAST_BURST = int(CYCLE_S / BURST_PERIOD_S)

# Zero-Doppler time of the middle of IW1's, IW2's and IW3's burst, in periods since the number's start. From
# 166 real bursts of 2014 to 2021 and a whole SLC; they scatter by 0.007 (0.02 s).
_MIDDLE = {1: 0.1600, 2: 0.5068, 3: 0.8545}


@dataclass(frozen=True, slots=True)
class BurstSlot:
    """A burst's place in the repeat cycle.

    Attributes
    ----------
    relative_orbit : int
        Track, 1 to 175.
    middle_anx_s : float
        Zero-Doppler time of the burst's middle since that orbit's ascending node, seconds.
    """

    relative_orbit: int
    middle_anx_s: float


def burst_slot(number: int, swath: int) -> BurstSlot:
    """Where ESA's relative burst number lies.

    Parameters
    ----------
    number : int
        ``136231`` of ``S1_136231_IW2_...``.
    swath : int
        1, 2 or 3.

    Raises
    ------
    ParameterError
        If the number is not one of the cycle's.
    """
    if not 1 <= number <= LAST_BURST:
        raise ParameterError(
            f"there is no Sentinel-1 burst number {number}", hint=f"burst numbers run from 1 to {LAST_BURST}"
        )
    since_cycle_start = (number - 1 + _MIDDLE[swath]) * BURST_PERIOD_S + PREAMBLE_S
    orbits = math.floor(since_cycle_start / ORBIT_S)
    return BurstSlot(orbits % CYCLE_ORBITS + 1, since_cycle_start - orbits * ORBIT_S)


def burst_number(relative_orbit: int, middle_anx_s: float) -> int:
    """ESA's relative burst number from track and time since the ascending node.

    Parameters
    ----------
    relative_orbit : int
        Track, 1 to 175.
    middle_anx_s : float
        Time of the burst's middle since the track's ascending node, seconds.
    """
    since_cycle_start = middle_anx_s + (relative_orbit - 1) * ORBIT_S - PREAMBLE_S
    return 1 + math.floor(since_cycle_start % CYCLE_S / BURST_PERIOD_S)


def middle_anx_s(number: int, swath: int, relative_orbit: int) -> float:
    """Time of a burst's middle since the ascending node of a given track, which it may lie before or after.

    Bursts of one pass that reach over the node are all counted from the same one.
    """
    slot = burst_slot(number, swath)
    orbits = (slot.relative_orbit - relative_orbit + CYCLE_ORBITS // 2) % CYCLE_ORBITS - CYCLE_ORBITS // 2
    return slot.middle_anx_s + orbits * ORBIT_S
