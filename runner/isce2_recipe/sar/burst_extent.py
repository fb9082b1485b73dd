"""Outline of the ground that a burst can image on any date, from its number and swath alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.sar.burst_grid import burst_slot
from isce2_recipe.sar.nominal_track import nominal_polynomial

Float = NDArray[np.float64]

# Slant range of each swath's first and last sample in metres, and the margins before and beyond it: the
# window moves with the height of the orbit. IW1 began at 798.1 km and at 804.1 km in real products (S1A,
# 2014).
_RANGE_M = {1: (799600.0, 849600.0), 2: (846000.0, 905200.0), 3: (901600.0, 958800.0)}
_BEFORE_M, _BEYOND_M = 3000.0, 6000.0

# Half of the longest burst (1.56 s) and a margin of 2.6 km on the ground. The margin covers the error of the
# nominal track and of the node (0.7 km for real orbits of 2014 to 2020), the scatter of real burst times
# (0.02 s), and one kilometre by which ESA's burst map is larger than the bursts.
_HALF_S = 1.95

# Lowest and highest ground above the ellipsoid: shore of the Dead Sea and Mount Everest.
_HEIGHTS_M = (-500.0, 8900.0)


def burst_outline(number: int, swath: int, heights_m: Sequence[float] = _HEIGHTS_M) -> Float:
    """Return points around all ground that a burst can image: longitude, latitude in degrees, shape (n, 2).

    Parameters
    ----------
    number, swath : int
        ``136231`` and ``2`` of ``S1_136231_IW2_...``.
    heights_m : sequence of float
        Heights of the ground above the ellipsoid. High ground has a shorter slant range, so the highest
        ground defines the far edge and the lowest the near edge.

    Raises
    ------
    ParameterError
        If there is no such burst.
    """
    slot = burst_slot(number, swath)
    near, far = _RANGE_M[swath]
    ranges = np.linspace(near - _BEFORE_M, far + _BEYOND_M, 9).tolist()
    poly = nominal_polynomial(slot.relative_orbit, slot.middle_anx_s)
    return np.array(
        [
            _ground(poly, slot.middle_anx_s + offset, slant_range, height)
            for offset in (-_HALF_S, 0.0, _HALF_S)
            for slant_range in ranges
            for height in heights_m
        ]
    )


def _ground(poly: Float, anx_s: float, slant_range_m: float, height_m: float) -> tuple[float, float]:
    """Return longitude and latitude in degrees of the zero-Doppler point to the right of the track."""
    from isce2_recipe.sar.zero_doppler import rdr2geo

    surface = np.full((1, 1), height_m, dtype=np.float32)
    latitude, longitude, _ = rdr2geo(poly, anx_s, slant_range_m, surface, 0.0, 0.0, -1.0, 1.0)
    return float(np.degrees(longitude)), float(np.degrees(latitude))
