"""The motion of the ground around the middle of every burst of a track."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S
from isce2_recipe.sar.burst_grid import LAST_BURST, middle_anx_s
from isce2_recipe.sources.simulated import ground
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.sources.simulated.orbits import Sentinel1Pass
from isce2_recipe.sources.simulated.swaths import RANGE_SAMPLING_HZ, SWATHS

Float = NDArray[np.float64]

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)

# The axis of the lobes turns by the golden angle in 12 days. So the difference between any two dates is again
# two lobes of opposite sign. Its strength depends only on the time between the dates and is not zero for any
# multiple of 12 days.
_TURN_RAD_PER_DAY = math.pi * (3.0 - math.sqrt(5.0)) / 12.0
_STRENGTH_M = 0.1 / (2.0 * math.sin(6.0 * _TURN_RAD_PER_DAY))
# Direction of the axis on 2020-01-01, chosen so that the pair in the documentation shows the lobes side by
# side.
_PHASE_RAD = 0.7732


def lobes(flight: Sentinel1Pass, bursts: list[int], options: SimulationOptions) -> Float:
    """Return the motion of the ground on the date of a pass, shape (n, 8), for `ground.displacement`.

    The motion of the bursts before and after the numbered ones is included.
    """
    numbers = sorted({n + k for n in bursts for k in (-1, 0, 1) if 1 <= n + k <= LAST_BURST})
    found: list[Float] = []
    for number in numbers if options.motion != "none" else []:
        for swath in SWATHS:
            place = _middle(flight.relative_orbit, number, swath)
            found += rows(*place, flight.node, options)
    return np.array(found).reshape(-1, 8)


def rows(
    centre: Float, right: Float, ahead: Float, when: datetime, options: SimulationOptions
) -> list[Float]:
    """Return the motions around a place (ECEF, m) on a date, each a row for `ground.displacement`.

    ``right`` and ``ahead`` are level unit vectors to the right of the track and along it.
    """
    years = days_of(when) / 365.25

    def lobe(across: float, along: float) -> Float:
        return np.concatenate([centre, across * right + along * ahead, [ground.LOBES, 0.0]])

    makers: dict[str, Callable[[], Float]] = {
        "dipole": lambda: lobe(*_dipole(when)),
        "linear": lambda: lobe(options.rate * days_of(when) / 365.25, 0.0),
        "annual": lambda: lobe(0.0, options.annual * math.sin(2.0 * math.pi * years)),
        "step": lambda: lobe(options.step if when >= options.step_time else 0.0, 0.0),
        "bowl": lambda: np.concatenate([centre, right, [ground.BOWL, options.rate * years]]),
        "fault": lambda: np.concatenate([centre, right, [ground.FAULT, options.rate * years]]),
    }
    return [makers[name]() for name in options.motion.split("+") if name != "none"]


def days_of(when: datetime) -> float:
    """Return a time in days since 2020-01-01."""
    return (when - _EPOCH).total_seconds() / 86400.0


def _dipole(when: datetime) -> tuple[float, float]:
    """Return the across-track and along-track component of the axis of a pair of lobes, metres."""
    angle = _TURN_RAD_PER_DAY * days_of(when) + _PHASE_RAD
    return _STRENGTH_M * math.cos(angle), _STRENGTH_M * math.sin(angle)


def _middle(track: int, number: int, swath: int) -> tuple[Float, Float, Float]:
    """Return a burst's middle on the ellipsoid (ECEF, m) and unit vectors to the right and ahead there."""
    from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
    from isce2_recipe.sar.zero_doppler import rdr2geo

    mode = SWATHS[swath]
    middle = middle_anx_s(number, swath, track)
    nominal = Sentinel1Pass("S1A", 1, track, _EPOCH)
    poly = pass_polynomial(nominal, middle - 5.0, middle + 5.0)
    time = mode.slant_range_time_s + mode.samples / 2 / RANGE_SAMPLING_HZ
    slant_range = time * SPEED_OF_LIGHT_M_S / 2.0
    sea = np.zeros((1, 1), dtype=np.float32)
    centre = np.array(geodetic_to_ecef(*rdr2geo(poly, middle, slant_range, sea, 0.0, 0.0, -1.0, 1.0)))
    position, velocity = nominal.states(middle)
    up = centre / np.linalg.norm(centre)
    right = centre - position[0]
    right -= (right @ up) * up
    right /= np.linalg.norm(right)
    ahead = velocity[0] - (velocity[0] @ up) * up - (velocity[0] @ right) * right
    return centre, right, ahead / np.linalg.norm(ahead)


def pass_polynomial(flight: Sentinel1Pass, start_anx_s: float, stop_anx_s: float) -> Float:
    """Return the orbit of a pass for the kernels of `zero_doppler`; times are seconds since the node."""
    from isce2_recipe.sar.orbit import Orbit

    times = np.arange(start_anx_s - 60.0, stop_anx_s + 61.0, 10.0)
    position, velocity = flight.states(times)
    return Orbit(flight.node, times, position, velocity).polynomial(start_anx_s, stop_anx_s)
