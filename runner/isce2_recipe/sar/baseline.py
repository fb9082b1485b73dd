"""Baseline between two satellite positions that image the same ground point."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]


def across_track_baseline_m(
    reference: tuple[Float, Float],
    secondary_m: Float,
    target_m: ArrayLike,
    reference_range_m: float,
    secondary_range_m: float,
) -> tuple[float, float]:
    """Return parallel and perpendicular baseline in metres.

    Both are the part of the baseline normal to the reference's velocity, with ISCE2's signs: the
    perpendicular one is positive if the secondary is below the line of sight, on the side that the radar
    points away from.

    Parameters
    ----------
    reference : tuple of ndarray
        Position (ECEF, m) and velocity (m/s) of the reference satellite.
    secondary_m, target_m : ndarray, shape (3,)
        Positions of the secondary satellite and the ground point, ECEF.
    reference_range_m, secondary_range_m : float
        Slant ranges to the ground point.
    """
    position, velocity = reference
    along = velocity / np.linalg.norm(velocity)
    baseline = secondary_m - position
    baseline -= (baseline @ along) * along
    length = float(np.linalg.norm(baseline))
    if length == 0.0:
        return 0.0, 0.0
    cosine = (reference_range_m**2 + length**2 - secondary_range_m**2) / (2.0 * reference_range_m * length)
    cosine = min(max(cosine, -1.0), 1.0)
    side = np.cross(np.asarray(target_m) - position, baseline) @ velocity
    return length * cosine, math.copysign(length * math.sqrt(1.0 - cosine**2), float(side))
