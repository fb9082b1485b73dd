"""Perpendicular baselines of the dates of a stack, from their orbits alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
from isce2_recipe.sar.orbit import across_track_baseline_m, read_orbit
from isce2_recipe.sar.zero_doppler import geo2rdr
from isce2_recipe.sources.base import BurstRecord

Float = NDArray[np.float64]

# Time around the burst in which the other pass is at zero Doppler, seconds.
_MARGIN_S = 10.0


def perpendicular_baseline_m(reference: tuple[BurstRecord, Path], other: tuple[BurstRecord, Path]) -> float:
    """Return the perpendicular baseline from one pass to another in the middle of a burst's footprint.

    The footprint is taken at sea level: a height of 1000 m changes the baseline by less than a tenth of a
    per cent.

    Parameters
    ----------
    reference, other : (BurstRecord, Path)
        The same burst of both passes, and the orbit file of each.
    """
    longitude, latitude = np.radians(np.array(reference[0].footprint[:-1])).mean(0)
    target = geodetic_to_ecef(latitude, longitude, 0.0)
    state, distance = _seen(*reference, target)
    (position, _), other_distance = _seen(*other, target)
    return float(across_track_baseline_m(state, position, target, distance, other_distance)[1])


def _seen(
    record: BurstRecord, orbit_file: Path, target: tuple[float, float, float]
) -> tuple[tuple[Float, Float], float]:
    """Return position and velocity of a satellite when it sees a place at zero Doppler, and the range."""
    orbit = read_orbit(orbit_file, record.start, record.stop)
    start, stop = orbit.seconds(record.start), orbit.seconds(record.stop)
    poly = orbit.polynomial(start - _MARGIN_S, stop + _MARGIN_S)
    time, distance = geo2rdr(poly, *target, (start + stop) / 2)
    return orbit.at(time), distance
