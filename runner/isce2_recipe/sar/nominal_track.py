"""Nominal orbit of Sentinel-1, and the ground that a burst can image on any date.

Sentinel-1 repeats its ground track every 175 orbits in 12 days and stays within 100 m of it. In a frame that
turns once a day its orbit is one closed curve, given here as a Fourier series fitted to real state vectors
(S1A, orbits 50003 and 50004, 2023-08-23; 0.2 km RMS). The track turns by 24.69 degrees from orbit to orbit,
and every pass of a track images the same ground.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.sar.burst_grid import ORBIT_S, burst_slot

Float = NDArray[np.float64]

_DAY_S = 86400.0
_HALF_SPAN_S = 30.0
_DEGREE = 9

# Longitude of the ascending node of relative orbit 56, degrees (mean of three real crossings).
_NODE_LONGITUDE_56_DEG = 82.43067

# Columns x, y, z in metres in the frame of the node; rows constant, cosine 1 to 6, sine 1 to 6 of the phase.
_SERIES_M = np.array(
    [
        [21.1, 1776.2, -12323.4],
        [7075711.8, -2217.9, 15745.5],
        [25.7, 571.3, -4112.6],
        [1148.6, -9.0, 9.8],
        [1.6, -2.3, 0.2],
        [3.3, -1.8, 0.2],
        [2.4, -1.4, 0.3],
        [-15901.2, -1007630.5, 7002884.7],
        [4157.0, -9.2, 59.1],
        [-7.3, -169.8, 1159.2],
        [2.4, -6.6, 18.6],
        [1.9, -4.7, 17.6],
        [1.5, -3.9, 14.7],
    ]
)

# Slant range of each swath's first and last sample in metres, and the margins before and beyond it: the
# window moves with the height of the orbit. IW1 began at 798.1 km and at 804.1 km in real products (S1A,
# 2014).
_RANGE_M = {1: (799600.0, 849600.0), 2: (846000.0, 905200.0), 3: (901600.0, 958800.0)}
_BEFORE_M, _BEYOND_M = 3000.0, 6000.0

# Half of the longest burst (1.56 s) and a margin of 2.6 km on the ground. The margin covers the error of the
# nominal track and of the node (0.7 km for real orbits of 2014 to 2020), the scatter of real burst times
# (0.02 s), and one kilometre by which ESA's burst map is larger than the bursts.
_HALF_S = 1.95

# Lowest and highest ground above the ellipsoid: shore of the Dead Sea and Mount Everest. High ground has a
# shorter slant range, so the highest ground defines the far edge and the lowest the near edge.
_HEIGHTS_M = (-500.0, 8900.0)


def nominal_position(track: int, anx_s: Float) -> Float:
    """Return positions (m, ECEF, shape (n, 3)) on the nominal track at seconds since its ascending node."""
    phase = 2.0 * np.pi / ORBIT_S * anx_s
    order = np.arange(1, 7)
    terms = [np.ones((anx_s.size, 1)), np.cos(np.outer(phase, order)), np.sin(np.outer(phase, order))]
    x, y, z = (np.hstack(terms) @ _SERIES_M).T
    longitude = math.radians(_NODE_LONGITUDE_56_DEG) - 2.0 * np.pi / _DAY_S * (anx_s + (track - 56) * ORBIT_S)
    cos, sin = np.cos(longitude), np.sin(longitude)
    return np.stack([cos * x - sin * y, sin * x + cos * y, z], axis=1)


def nominal_polynomial(track: int, middle_anx_s: float) -> Float:
    """Return the nominal track for the kernels of `zero_doppler`, valid 30 s before and after a time.

    Returns
    -------
    ndarray, shape (4, 10)
        The form of `Orbit.polynomial`; times are seconds since the ascending node.
    """
    u = np.linspace(-1.0, 1.0, 41)
    positions = nominal_position(track, middle_anx_s + _HALF_SPAN_S * u)
    table = np.zeros((4, _DEGREE + 1))
    table[0, :2] = middle_anx_s, _HALF_SPAN_S
    table[1:] = np.polynomial.polynomial.polyfit(u, positions, _DEGREE).T
    return table


def burst_outline(number: int, swath: int, heights_m: Sequence[float] = _HEIGHTS_M) -> Float:
    """Return points around all ground that a burst can image: longitude, latitude in degrees, shape (n, 2).

    Parameters
    ----------
    number, swath : int
        ``136231`` and ``2`` of ``S1_136231_IW2_...``.
    heights_m : sequence of float
        Heights of the ground above the ellipsoid.

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
