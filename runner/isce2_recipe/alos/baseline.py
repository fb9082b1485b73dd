"""Perpendicular baseline of two ALOS scenes."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.alos.scene import AlosScene
from isce2_recipe.sar.orbit import Orbit

Float = NDArray[np.float64]

# Leaders have one state vector a minute; the polynomial needs them closer.
_STEP_S = 10.0
_MARGIN_S = 120.0


def perpendicular_baseline_m(reference: AlosScene, secondary: AlosScene) -> float:
    """Return the perpendicular baseline at the middle of the reference, on the ellipsoid.

    See `isce2_recipe.sar.baseline.across_track_baseline_m` for the sign.
    """
    from isce2_recipe.sar.baseline import across_track_baseline_m
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
    _, perpendicular = across_track_baseline_m((here[:3], here[3:]), there, target, slant, other_slant)
    return perpendicular


def _polynomial(orbit: Orbit, around: datetime) -> tuple[Float, float]:
    """Return the orbit polynomial around a time, and the time in seconds since the orbit's epoch."""
    middle = orbit.seconds(around)
    times = np.arange(middle - _MARGIN_S, middle + _MARGIN_S + 1.0, _STEP_S)
    dense = Orbit(orbit.epoch, times, *orbit.at(times))
    return dense.polynomial(middle - 30.0, middle + 30.0), middle
