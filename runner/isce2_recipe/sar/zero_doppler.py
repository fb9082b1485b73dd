"""Exact zero-Doppler geometry: between radar coordinates (azimuth time, slant range) and the ground.

Angles are in radians, times in seconds since the orbit's epoch, lengths in metres. ``poly`` is what
`Orbit.polynomial` returns. A DEM is ``dem`` (rows, cols; heights above the ellipsoid) with the position of
its first pixel's *centre*, ``dem_lat0, dem_lon0``, and its steps ``dem_dlat, dem_dlon`` (the first negative
for north-up rasters). Sentinel-1 looks right.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isce2_recipe.sar.ellipsoid import WGS84_A_M, ecef_to_geodetic

Float = NDArray[np.float64]
Grid = NDArray[np.float32]
State = tuple[float, float, float, float, float, float]
Point = tuple[float, float, float]

# Where solving stops: a tenth of a millimetre in height, a tenth of a nanosecond in time (0.7 micrometre).
_HEIGHT_TOLERANCE_M = 1e-4
_TIME_TOLERANCE_S = 1e-10
_LOOK_STEPS = 40
_TIME_STEPS = 20


@njit(cache=True, nogil=True, error_model="numpy")
def state(poly: Float, t: float) -> State:
    """Satellite position and velocity ``x, y, z, vx, vy, vz`` at time ``t``."""
    scale = poly[0, 1]
    u = (t - poly[0, 0]) / scale
    n = poly.shape[1] - 1
    x, y, z = poly[1, n], poly[2, n], poly[3, n]
    vx, vy, vz = 0.0, 0.0, 0.0
    for k in range(n - 1, -1, -1):
        vx = vx * u + x
        vy = vy * u + y
        vz = vz * u + z
        x = x * u + poly[1, k]
        y = y * u + poly[2, k]
        z = z * u + poly[3, k]
    return x, y, z, vx / scale, vy / scale, vz / scale


@njit(cache=True, nogil=True, error_model="numpy")
def geo2rdr(poly: Float, x: float, y: float, z: float, t_guess: float) -> tuple[float, float]:
    """Azimuth time and slant range at which a point (ECEF, m) is seen at zero Doppler.

    Newton's method; the acceleration is taken from gravity's direction and the velocity's turning, by a
    difference of two states, because only the step's size needs it.
    """
    t = t_guess
    px, py, pz, vx, vy, vz = state(poly, t)
    for _ in range(_TIME_STEPS):
        dx, dy, dz = x - px, y - py, z - pz
        along = dx * vx + dy * vy + dz * vz
        # d/dt of (P - S) . V = (P - S) . A - V . V, with A close to -S * |V|^2 / |S|^2.
        v2 = vx * vx + vy * vy + vz * vz
        s2 = px * px + py * py + pz * pz
        slope = -v2 * ((dx * px + dy * py + dz * pz) / s2 + 1.0)
        step = -along / slope
        t += step
        px, py, pz, vx, vy, vz = state(poly, t)
        if abs(step) < _TIME_TOLERANCE_S:
            break
    dx, dy, dz = x - px, y - py, z - pz
    return t, math.sqrt(dx * dx + dy * dy + dz * dz)


def _spline_coefficients() -> Float:
    """Row k, ascending powers of a fraction f: weight of sample k of six at place 1 + f.

    A natural cubic spline through six samples, evaluated between the second and the third: what ISCE2's
    BIQUINTIC is, off centre as it is there.
    """
    second = np.zeros((6, 6))
    system = np.eye(6)
    for k in range(1, 5):
        system[k, k - 1 : k + 2] = 1.0, 4.0, 1.0
        second[k, k - 1 : k + 2] = 6.0, -12.0, 6.0
    curvature = np.linalg.solve(system, second)
    here, there = np.eye(6)[1], np.eye(6)[2]
    slope = there - here - curvature[1] / 3.0 - curvature[2] / 6.0
    return np.stack([here, slope, curvature[1] / 2.0, (curvature[2] - curvature[1]) / 6.0], axis=1)


_SPLINE = _spline_coefficients()
_SPLINE_TAPS = 6


@njit(cache=True, nogil=True, error_model="numpy")
def _spline_weight(k: int, f: float) -> float:
    weight: float = _SPLINE[k, 0] + f * (_SPLINE[k, 1] + f * (_SPLINE[k, 2] + f * _SPLINE[k, 3]))
    return weight


@njit(cache=True, nogil=True, error_model="numpy")
def sample_dem(
    dem: Grid, dem_lat0: float, dem_lon0: float, dem_dlat: float, dem_dlon: float, lat: float, lon: float
) -> float:
    """Height of the DEM at a place, by splines between pixel centres; beyond its edge the edge's height."""
    rows, cols = dem.shape
    y = min(max((lat - dem_lat0) / dem_dlat, 0.0), rows - 1.0)
    x = min(max((lon - dem_lon0) / dem_dlon, 0.0), cols - 1.0)
    row, col = int(y), int(x)
    fy, fx = y - row, x - col
    w0, w1, w2 = _spline_weight(0, fx), _spline_weight(1, fx), _spline_weight(2, fx)
    w3, w4, w5 = _spline_weight(3, fx), _spline_weight(4, fx), _spline_weight(5, fx)
    last = cols - 1
    c0, c1, c2 = max(col - 1, 0), col, min(col + 1, last)
    c3, c4, c5 = min(col + 2, last), min(col + 3, last), min(col + 4, last)
    total = 0.0
    for i in range(_SPLINE_TAPS):
        r = min(max(row - 1 + i, 0), rows - 1)
        line = (
            w0 * dem[r, c0] + w1 * dem[r, c1] + w2 * dem[r, c2]
            + w3 * dem[r, c3] + w4 * dem[r, c4] + w5 * dem[r, c5]
        )  # fmt: skip
        total += _spline_weight(i, fy) * line
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def look_axes(s: State) -> tuple[float, float, float, float, float, float]:
    """Unit vectors ``down`` (perpendicular to the velocity) and ``right`` of the zero-Doppler plane."""
    px, py, pz, vx, vy, vz = s
    v = math.sqrt(vx * vx + vy * vy + vz * vz)
    vx, vy, vz = vx / v, vy / v, vz / v
    along = px * vx + py * vy + pz * vz
    dx, dy, dz = along * vx - px, along * vy - py, along * vz - pz
    d = math.sqrt(dx * dx + dy * dy + dz * dz)
    dx, dy, dz = dx / d, dy / d, dz / d
    return dx, dy, dz, dy * vz - dz * vy, dz * vx - dx * vz, dx * vy - dy * vx


@njit(cache=True, nogil=True, error_model="numpy")
def _on_circle(s: State, axes: State, slant_range: float, look: float) -> Point:
    """The point of the zero-Doppler circle at a look angle from ``down`` (ECEF, m)."""
    c = slant_range * math.cos(look)
    q = slant_range * math.sin(look)
    return (
        s[0] + c * axes[0] + q * axes[3],
        s[1] + c * axes[1] + q * axes[4],
        s[2] + c * axes[2] + q * axes[5],
    )


@njit(cache=True, nogil=True, error_model="numpy")
def sphere_look(s: State, slant_range: float, height_m: float) -> float:
    """Look angle at which a sphere through the ground below is met: where solving starts."""
    distance = math.sqrt(s[0] * s[0] + s[1] * s[1] + s[2] * s[2])
    lat = math.asin(s[2] / distance)
    radius = WGS84_A_M * (1.0 - math.sin(lat) ** 2 / 298.257) + height_m
    cosine = (distance * distance + slant_range * slant_range - radius * radius) / (
        2.0 * distance * slant_range
    )
    return math.acos(min(max(cosine, -1.0), 1.0))


@njit(cache=True, nogil=True, error_model="numpy")
def solve_look(
    s: State,
    slant_range: float,
    look: float,
    height: float,
    dem: Grid,
    dem_lat0: float,
    dem_lon0: float,
    dem_dlat: float,
    dem_dlon: float,
) -> tuple[float, float, float, float]:
    """Ground point at a slant range from a satellite state.

    Secant steps in the look angle on "height of the point minus height of the DEM", bisecting when a step
    leaves a bracket that is known.

    Parameters
    ----------
    s : tuple of float
        From `state`.
    slant_range : float
        Metres.
    look : float
        First guess of the look angle: a neighbour's, or `sphere_look`.
    height : float
        Metres added to the DEM's.
    dem, dem_lat0, dem_lon0, dem_dlat, dem_dlon
        Terrain. A 1 x 1 DEM is a surface of constant height.

    Returns
    -------
    lat, lon, height, look : float
    """
    axes = look_axes(s)
    flat = dem.size == 1
    below, above = 0.0, math.pi
    old_look, old_miss = look, 0.0
    lat, lon, h = 0.0, 0.0, 0.0
    for k in range(_LOOK_STEPS):
        x, y, z = _on_circle(s, axes, slant_range, look)
        lat, lon, h = ecef_to_geodetic(x, y, z)
        ground = height + (
            dem[0, 0] if flat else sample_dem(dem, dem_lat0, dem_lon0, dem_dlat, dem_dlon, lat, lon)
        )
        miss = h - ground
        if abs(miss) < _HEIGHT_TOLERANCE_M:
            break
        if miss < 0.0:
            below = max(below, look)
        else:
            above = min(above, look)
        if k == 0 or miss == old_miss:
            # d height / d look on a sphere: R * S * sin(look) / |P|
            s_norm = math.sqrt(s[0] * s[0] + s[1] * s[1] + s[2] * s[2])
            p_norm = math.sqrt(x * x + y * y + z * z)
            slope = slant_range * s_norm * math.sin(look) / p_norm
        else:
            slope = (miss - old_miss) / (look - old_look)
        old_look, old_miss = look, miss
        look = look - miss / slope
        if not below < look < above:
            look = 0.5 * (below + above) if above < math.pi and below > 0.0 else old_look - miss / abs(slope)
    return lat, lon, h, look


@njit(cache=True, nogil=True, error_model="numpy")
def rdr2geo(
    poly: Float,
    t: float,
    slant_range: float,
    dem: Grid,
    dem_lat0: float,
    dem_lon0: float,
    dem_dlat: float,
    dem_dlon: float,
) -> Point:
    """Latitude, longitude (radians) and height (m) of the ground seen at a time and a slant range.

    The DEM's origin and steps are in radians. For a surface of constant height give a 1 x 1 DEM of it.
    """
    s = state(poly, t)
    look = sphere_look(s, slant_range, 0.0)
    lat, lon, h, _ = solve_look(s, slant_range, look, 0.0, dem, dem_lat0, dem_lon0, dem_dlat, dem_dlon)
    return lat, lon, h
