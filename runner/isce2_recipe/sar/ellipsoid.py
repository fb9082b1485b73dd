"""Conversion between geodetic coordinates on WGS84 and Earth-centred, Earth-fixed (ECEF) metres."""

from __future__ import annotations

import math

from numba import njit

# NIMA TR8350.2 (WGS84); ISCE2 uses the same values.
WGS84_A_M = 6378137.0
WGS84_E2 = 0.0066943799901
WGS84_B_M = WGS84_A_M * math.sqrt(1.0 - WGS84_E2)
_EP2 = WGS84_E2 / (1.0 - WGS84_E2)


@njit(cache=True, nogil=True, error_model="numpy")
def geodetic_to_ecef(lat_rad: float, lon_rad: float, height_m: float) -> tuple[float, float, float]:
    """Return ECEF ``x, y, z`` in metres."""
    sin_lat = math.sin(lat_rad)
    cos_lat = math.cos(lat_rad)
    normal = WGS84_A_M / math.sqrt(1.0 - WGS84_E2 * sin_lat * sin_lat)
    horizontal = (normal + height_m) * cos_lat
    return (
        horizontal * math.cos(lon_rad),
        horizontal * math.sin(lon_rad),
        (normal * (1.0 - WGS84_E2) + height_m) * sin_lat,
    )


@njit(cache=True, nogil=True, error_model="numpy")
def ecef_to_geodetic(x: float, y: float, z: float) -> tuple[float, float, float]:
    """Return latitude and longitude in radians and height in metres of an ECEF point in metres.

    Two iterations of Bowring's formula, which is exact to rounding from the sea floor to a satellite's orbit.
    The only trigonometric functions are the two arc tangents of the result.
    """
    p = math.sqrt(x * x + y * y)
    # u is the tangent of the parametric latitude. Points on the Earth's axis (p = 0) give NaN.
    u = z * WGS84_A_M / (p * WGS84_B_M)
    sin_lat = 0.0
    cos_lat = 1.0
    for _ in range(2):
        c = 1.0 / math.sqrt(1.0 + u * u)
        s = u * c
        north = z + _EP2 * WGS84_B_M * s * s * s
        east = p - WGS84_E2 * WGS84_A_M * c * c * c
        length = math.sqrt(north * north + east * east)
        sin_lat = north / length
        cos_lat = east / length
        u = WGS84_B_M * sin_lat / (WGS84_A_M * cos_lat)
    height = p * cos_lat + z * sin_lat - WGS84_A_M * math.sqrt(1.0 - WGS84_E2 * sin_lat * sin_lat)
    return math.atan2(sin_lat, cos_lat), math.atan2(y, x), height
