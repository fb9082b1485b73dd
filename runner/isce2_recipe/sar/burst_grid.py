"""ESA's burst ID grid: conversion between burst numbers, tracks and times since the ascending node.

Sentinel-1 starts its IW bursts at the same positions of the orbit in every cycle, and ESA numbers them
through all 175 orbits of the repeat cycle. Source: ESA, *Sentinel-1 burst ID maps*, format document. The
position of the three swaths within a period was measured on real bursts (see the tests).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from isce2_recipe.errors import ParameterError

# Repeat cycle: 175 orbits in 12 days.
CYCLE_S = 12 * 86400.0
CYCLE_ORBITS = 175
ORBIT_S = CYCLE_S / CYCLE_ORBITS

# Time between bursts of a swath, and start of the first period after the cycle's start, seconds.
BURST_PERIOD_S = 2.758273
PREAMBLE_S = 2.299849

# Burst numbers of a cycle run from 1 to this one.
LAST_BURST = int(CYCLE_S / BURST_PERIOD_S)

# Zero-Doppler time of the middle of the bursts of IW1, IW2 and IW3, in periods since the start of their
# number. Measured on 166 real bursts of 2014 to 2021 and a whole SLC; they scatter by 0.007 periods (0.02 s).
_MIDDLE = {1: 0.1600, 2: 0.5068, 3: 0.8545}


@dataclass(frozen=True, slots=True)
class BurstSlot:
    """Track (1 to 175) of a burst, and zero-Doppler time of its middle since the ascending node, seconds."""

    relative_orbit: int
    middle_anx_s: float


def burst_slot(number: int, swath: int) -> BurstSlot:
    """Return the position in the repeat cycle of ESA's relative burst number in a swath, such as 136231 in 2.

    Raises
    ------
    ParameterError
        If the number is outside 1 to `LAST_BURST`.
    """
    if not 1 <= number <= LAST_BURST:
        raise ParameterError(
            f"there is no Sentinel-1 burst number {number}", hint=f"burst numbers run from 1 to {LAST_BURST}"
        )
    since_cycle_start = (number - 1 + _MIDDLE[swath]) * BURST_PERIOD_S + PREAMBLE_S
    orbits = math.floor(since_cycle_start / ORBIT_S)
    return BurstSlot(orbits % CYCLE_ORBITS + 1, since_cycle_start - orbits * ORBIT_S)


def burst_number(relative_orbit: int, middle_anx_s: float) -> int:
    """Return ESA's relative burst number for a track and a time of its middle since the ascending node."""
    since_cycle_start = middle_anx_s + (relative_orbit - 1) * ORBIT_S - PREAMBLE_S
    return 1 + math.floor(since_cycle_start % CYCLE_S / BURST_PERIOD_S)


def middle_anx_s(number: int, swath: int, relative_orbit: int) -> float:
    """Return the time of a burst's middle in seconds since the ascending node of a given track.

    The time is negative for bursts before the node, so all bursts of a pass that crosses it have one origin.
    """
    slot = burst_slot(number, swath)
    orbits = (slot.relative_orbit - relative_orbit + CYCLE_ORBITS // 2) % CYCLE_ORBITS - CYCLE_ORBITS // 2
    return slot.middle_anx_s + orbits * ORBIT_S
