"""Zero-Doppler geometry: conversion between radar coordinates (azimuth time, slant range) and the ground.

Angles are in radians, times in seconds since the orbit's epoch, lengths in metres. ``poly`` is the result of
`Orbit.polynomial`, shape (4, degree + 1). A DEM is ``dem`` (rows, cols; heights above the ellipsoid) with the
position of its first pixel's *centre*, ``dem_lat0, dem_lon0``, and its steps ``dem_dlat, dem_dlon``
(``dem_dlat`` is negative for north-up rasters). The radar points to the right of the track, as Sentinel-1 and
PALSAR do.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isce2_recipe.sar.ellipsoid import WGS84_A_M, ecef_to_geodetic
from isce2_recipe.sar.orbit import POLYNOMIAL_DEGREE

Float = NDArray[np.float64]
Grid = NDArray[np.float32]
State = tuple[float, float, float, float, float, float]
Point = tuple[float, float, float]

# Convergence limits: 0.1 mm in height, 0.1 ns in time (0.7 micrometre along track).
_HEIGHT_TOLERANCE_M = 1e-4
_TIME_TOLERANCE_S = 1e-10
_ANGLE_STEPS = 40
_TIME_STEPS = 20


@njit(cache=True, nogil=True, error_model="numpy")
def state(poly: Float, t: float) -> State:
    """Return position (ECEF, m) and velocity (m/s) ``x, y, z, vx, vy, vz`` of the satellite at time ``t``."""
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
    """Return azimuth time and slant range at which a point (ECEF, m) is at zero Doppler.

    Newton's method from ``t_guess``. The slope uses an approximate acceleration, towards the Earth's centre
    with the size |V|^2 / |S|; this affects the speed of convergence only.
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def newton_steps(poly: Float, places: Float, times: Float) -> None:
    """Improve azimuth times of points (ECEF, m, shape (3, n)) by one step of `geo2rdr`, in vectors."""
    scale = poly[0, 1]
    for j in range(times.size):
        u = (times[j] - poly[0, 0]) / scale
        px, py, pz = poly[1, POLYNOMIAL_DEGREE], poly[2, POLYNOMIAL_DEGREE], poly[3, POLYNOMIAL_DEGREE]
        vx, vy, vz = 0.0, 0.0, 0.0
        for k in range(POLYNOMIAL_DEGREE - 1, -1, -1):
            vx, vy, vz = vx * u + px, vy * u + py, vz * u + pz
            px, py, pz = px * u + poly[1, k], py * u + poly[2, k], pz * u + poly[3, k]
        vx, vy, vz = vx / scale, vy / scale, vz / scale
        dx, dy, dz = places[0, j] - px, places[1, j] - py, places[2, j] - pz
        towards = (dx * px + dy * py + dz * pz) / (px * px + py * py + pz * pz) + 1.0
        times[j] += (dx * vx + dy * vy + dz * vz) / ((vx * vx + vy * vy + vz * vz) * towards)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def distances(poly: Float, places: Float, times: Float, out: Float) -> None:
    """Fill the distances (m) of points (ECEF, m, shape (3, n)) from the satellite at given times."""
    for j in range(times.size):
        u = (times[j] - poly[0, 0]) / poly[0, 1]
        px, py, pz = poly[1, POLYNOMIAL_DEGREE], poly[2, POLYNOMIAL_DEGREE], poly[3, POLYNOMIAL_DEGREE]
        for k in range(POLYNOMIAL_DEGREE - 1, -1, -1):
            px, py, pz = px * u + poly[1, k], py * u + poly[2, k], pz * u + poly[3, k]
        dx, dy, dz = places[0, j] - px, places[1, j] - py, places[2, j] - pz
        out[j] = math.sqrt(dx * dx + dy * dy + dz * dz)


def _spline_coefficients() -> Float:
    """Return the weights of six samples at position 1 + f as powers of f, ascending, one row a sample.

    They are those of a natural cubic spline through six samples, evaluated between the second and the third.
    This is what ISCE2's BIQUINTIC computes, with the same off-centre position.
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
    """Return the DEM's height at a point by spline interpolation; outside the DEM, the height at its edge."""
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
def zero_doppler_axes(s: State) -> tuple[float, float, float, float, float, float]:
    """Return the unit vectors ``down`` and ``right`` of the zero-Doppler plane (ECEF)."""
    px, py, pz, vx, vy, vz = s
    v = math.sqrt(vx * vx + vy * vy + vz * vz)
    vx, vy, vz = vx / v, vy / v, vz / v
    along = px * vx + py * vy + pz * vz
    dx, dy, dz = along * vx - px, along * vy - py, along * vz - pz
    d = math.sqrt(dx * dx + dy * dy + dz * dz)
    dx, dy, dz = dx / d, dy / d, dz / d
    return dx, dy, dz, dy * vz - dz * vy, dz * vx - dx * vz, dx * vy - dy * vx


@njit(cache=True, nogil=True, error_model="numpy")
def _on_circle(s: State, axes: State, slant_range: float, look_angle: float) -> Point:
    """Return the point (ECEF, m) of the zero-Doppler circle at a look angle measured from ``down``."""
    c = slant_range * math.cos(look_angle)
    q = slant_range * math.sin(look_angle)
    return (
        s[0] + c * axes[0] + q * axes[3],
        s[1] + c * axes[1] + q * axes[4],
        s[2] + c * axes[2] + q * axes[5],
    )


@njit(cache=True, nogil=True, error_model="numpy")
def sphere_look_angle(s: State, slant_range: float, height_m: float) -> float:
    """Return the look angle of a slant range for a sphere through the ground below the satellite."""
    distance = math.sqrt(s[0] * s[0] + s[1] * s[1] + s[2] * s[2])
    lat = math.asin(s[2] / distance)
    radius = WGS84_A_M * (1.0 - math.sin(lat) ** 2 / 298.257) + height_m
    cosine = (distance * distance + slant_range * slant_range - radius * radius) / (
        2.0 * distance * slant_range
    )
    return math.acos(min(max(cosine, -1.0), 1.0))


@njit(cache=True, nogil=True, error_model="numpy")
def solve_look_angle(
    s: State,
    slant_range: float,
    look_angle: float,
    height: float,
    dem: Grid,
    dem_lat0: float,
    dem_lon0: float,
    dem_dlat: float,
    dem_dlon: float,
) -> tuple[float, float, float, float]:
    """Return the ground point at a slant range (m) from a satellite state, as `state` returns it.

    Secant method in the look angle on "height of the point minus height of the DEM", with bisection when a
    step leaves a known bracket. ``look_angle`` is a first guess: the result of a neighbouring sample, or of
    `sphere_look_angle`. ``height`` (m) is added to the DEM; a 1 x 1 DEM is a surface of constant height.

    Returns
    -------
    lat, lon, height, look_angle : float
        Radians, radians, metres, radians. The longitude is within half a circle of ``dem_lon0``.
    """
    axes = zero_doppler_axes(s)
    flat = dem.size == 1
    below, above = 0.0, math.pi
    old_angle, old_miss = look_angle, 0.0
    lat, lon, h = 0.0, 0.0, 0.0
    for k in range(_ANGLE_STEPS):
        x, y, z = _on_circle(s, axes, slant_range, look_angle)
        lat, lon, h = ecef_to_geodetic(x, y, z)
        # Continue the longitudes of a DEM that lies across the antimeridian.
        if lon - dem_lon0 < -math.pi:
            lon += 2.0 * math.pi
        elif lon - dem_lon0 > math.pi:
            lon -= 2.0 * math.pi
        ground = height + (
            dem[0, 0] if flat else sample_dem(dem, dem_lat0, dem_lon0, dem_dlat, dem_dlon, lat, lon)
        )
        miss = h - ground
        if abs(miss) < _HEIGHT_TOLERANCE_M:
            break
        if miss < 0.0:
            below = max(below, look_angle)
        else:
            above = min(above, look_angle)
        if k == 0 or miss == old_miss:
            # Derivative of the height on a sphere: R * S * sin(look_angle) / |P|
            s_norm = math.sqrt(s[0] * s[0] + s[1] * s[1] + s[2] * s[2])
            p_norm = math.sqrt(x * x + y * y + z * z)
            slope = slant_range * s_norm * math.sin(look_angle) / p_norm
        else:
            slope = (miss - old_miss) / (look_angle - old_angle)
        old_angle, old_miss = look_angle, miss
        look_angle = look_angle - miss / slope
        if not below < look_angle < above:
            bracketed = above < math.pi and below > 0.0
            look_angle = 0.5 * (below + above) if bracketed else old_angle - miss / abs(slope)
    return lat, lon, h, look_angle


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
    """Return latitude, longitude (radians) and height (m) of the ground at an azimuth time and a slant range.

    The DEM's origin and steps are in radians. A 1 x 1 DEM is a surface of constant height.
    """
    s = state(poly, t)
    guess = sphere_look_angle(s, slant_range, 0.0)
    lat, lon, h, _ = solve_look_angle(s, slant_range, guess, 0.0, dem, dem_lat0, dem_lon0, dem_dlat, dem_dlon)
    return lat, lon, h
