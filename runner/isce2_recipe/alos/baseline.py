"""How far apart two passes flew."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.alos.scene import AlosScene
from isce2_recipe.sar.orbit import Orbit

Float = NDArray[np.float64]

# Leaders hold a vector a minute; kernels want them denser.
_STEP_S = 10.0
_MARGIN_S = 120.0


def perpendicular_baseline_m(reference: AlosScene, secondary: AlosScene) -> float:
    """Perpendicular baseline at the reference's middle, on the ellipsoid, with ISCE2's sign.

    Positive when the secondary flew below or to the left of the line of sight, away from the side the radar
    looks to.
    """
    from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
    from isce2_recipe.sar.zero_doppler import geo2rdr, rdr2geo, state

    middle = reference.start + (reference.stop - reference.start) / 2
    slant = 0.5 * (reference.near_range_m + reference.far_range_m)
    first, first_time = _polynomial(reference.orbit, middle)
    second, second_time = _polynomial(
        secondary.orbit, secondary.start + (secondary.stop - secondary.start) / 2
    )
    sea = np.zeros((1, 1), dtype=np.float32)
    target = geodetic_to_ecef(*rdr2geo(first, first_time, slant, sea, 0.0, 0.0, -1.0, 1.0))
    time, other_slant = geo2rdr(second, *target, second_time)
    here = np.array(state(first, first_time))
    there = np.array(state(second, time)[:3])
    ahead = here[3:] / np.linalg.norm(here[3:])
    apart = there - here[:3]
    apart -= (apart @ ahead) * ahead
    length = float(np.linalg.norm(apart))
    if length == 0.0:
        return 0.0
    cosine = (slant**2 + length**2 - other_slant**2) / (2.0 * slant * length)
    side = np.cross(np.array(target) - here[:3], apart) @ here[3:]
    return math.copysign(length * math.sqrt(max(1.0 - cosine**2, 0.0)), float(side))


def _polynomial(orbit: Orbit, around: datetime) -> tuple[Float, float]:
    """The orbit for kernels around a time, and the time in seconds since the orbit's epoch."""
    middle = orbit.seconds(around)
    times = np.arange(middle - _MARGIN_S, middle + _MARGIN_S + 1.0, _STEP_S)
    dense = Orbit(orbit.epoch, times, *orbit.at(times))
    return dense.polynomial(middle - 30.0, middle + 30.0), middle
