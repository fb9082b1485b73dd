"""Geometry solved on a grid of every second line and eighth sample, and brought to every pixel.

The grid is about as fine as a 30 m DEM; where the ground has a crease, such as a shore, pixels between nodes
are then put back onto it. It reaches one node before the burst and two after it, which cubic interpolation
reads.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isce2_recipe.sar.ellipsoid import WGS84_A_M, WGS84_E2, geodetic_to_ecef
from isce2_recipe.sar.zero_doppler import geo2rdr, sample_dem, solve_look, sphere_look, state

Float = NDArray[np.float64]

LINE_STEP = 2
SAMPLE_STEP = 8
# Planes of a geometry grid.
LATITUDE, LONGITUDE, HEIGHT, INCIDENCE, AZIMUTH = range(5)
# Planes of an offset grid.
RANGE, ALONG = range(2)

# How far interpolation may leave a pixel above or below the ground, metres, and how far it is moved at most.
_ON_GROUND_M = 0.01
_REACH_M = 20.0
_SETTLING_STEPS = 5


def grid_shape(lines: int, samples: int) -> tuple[int, int]:
    """Nodes along azimuth and range for a burst; node 1 is the first pixel, two follow the last."""
    return (lines - 1) // LINE_STEP + 4, (samples - 1) // SAMPLE_STEP + 4


def grid_file(folder: Path, kind: str, swath: int, burst: int) -> Path:
    """Where a grid is kept between steps; ``burst`` counts from 1."""
    return folder / f"{kind}_IW{swath}_{burst:02d}.npy"


@njit(cache=True, nogil=True, error_model="numpy")
def solve_rows(
    first_row: int,
    poly: Float,
    t0: float,
    dt: float,
    near_range: float,
    dr: float,
    dem: NDArray[np.float32],
    dem_origin: tuple[float, float, float, float],
    out: Float,
) -> None:
    """Ground coordinates (degrees, m) and look direction (degrees) of rows of nodes.

    Parameters
    ----------
    first_row : int
        Of ``out``'s rows in the whole grid.
    poly : ndarray
        The orbit.
    t0, dt, near_range, dr : float
        First line, line interval, first sample and sample spacing of the burst.
    dem : ndarray
        Heights.
    dem_origin : tuple
        First pixel's latitude and longitude and the steps, radians.
    out : ndarray, shape (5, rows, cols)
        Filled: latitude, longitude, height, incidence angle, and the azimuth of the direction to the
        satellite, anticlockwise from north, in (-270, 90].
    """
    lat0, lon0, dlat, dlon = dem_origin
    degrees = 180.0 / math.pi
    for row in range(out.shape[1]):
        s = state(poly, t0 + (first_row + row - 1) * 2 * dt)
        look = sphere_look(s, near_range, 0.0)
        for col in range(out.shape[2]):
            slant_range = near_range + (col - 1) * 8 * dr
            lat, lon, height, look = solve_look(s, slant_range, look, 0.0, dem, lat0, lon0, dlat, dlon)
            x, y, z = geodetic_to_ecef(lat, lon, height)
            dx, dy, dz = s[0] - x, s[1] - y, s[2] - z
            sin_lat, cos_lat, sin_lon, cos_lon = math.sin(lat), math.cos(lat), math.sin(lon), math.cos(lon)
            horizontal = cos_lon * dx + sin_lon * dy
            east = cos_lon * dy - sin_lon * dx
            north = cos_lat * dz - sin_lat * horizontal
            up = cos_lat * horizontal + sin_lat * dz
            out[0, row, col] = lat * degrees
            out[1, row, col] = lon * degrees
            out[2, row, col] = height
            out[3, row, col] = math.acos(up / math.sqrt(dx * dx + dy * dy + dz * dz)) * degrees
            out[4, row, col] = math.atan2(north, east) * degrees - 90.0


@njit(cache=True, nogil=True, error_model="numpy")
def offset_rows(
    first_row: int,
    geometry: Float,
    poly: Float,
    t0: float,
    dt: float,
    near_range: float,
    dr: float,
    t_guess: float,
    out: Float,
) -> None:
    """Where rows of nodes are in another burst, less where they are in their own.

    Parameters
    ----------
    first_row : int
        Of ``out``'s rows in the whole grid.
    geometry : ndarray, shape (5, rows, cols)
        The same rows from `solve_rows`.
    poly, t0, dt, near_range, dr
        Orbit and sampling of the other burst.
    t_guess : float
        Time to start from.
    out : ndarray, shape (2, rows, cols)
        Filled: samples in range, lines in azimuth.
    """
    radians = math.pi / 180.0
    t = t_guess
    for row in range(out.shape[1]):
        for col in range(out.shape[2]):
            x, y, z = geodetic_to_ecef(
                geometry[0, row, col] * radians, geometry[1, row, col] * radians, geometry[2, row, col]
            )
            t, slant_range = geo2rdr(poly, x, y, z, t)
            out[0, row, col] = (slant_range - near_range) / dr - (col - 1) * 8
            out[1, row, col] = (t - t0) / dt - (first_row + row - 1) * 2


def cubic_weights(steps: int) -> Float:
    """Weights of four nodes for each of ``steps`` places between the middle two, shape (steps, 4)."""
    f = np.arange(steps) / steps
    nodes = np.array([-1.0, 0.0, 1.0, 2.0])
    weights = np.ones((steps, 4))
    for k in range(4):
        for m in range(4):
            if m != k:
                weights[:, k] *= (f - nodes[m]) / (nodes[k] - nodes[m])
    return weights


@njit(cache=True, nogil=True, error_model="numpy")
def upsample(grid: Float, first_line: int, line_weights: Float, sample_weights: Float, out: Float) -> None:
    """Bring one plane of a grid to every pixel of some lines.

    Parameters
    ----------
    grid : ndarray, shape (rows, cols)
        Nodes of the whole burst.
    first_line : int
        Of the lines wanted.
    line_weights, sample_weights : ndarray
        From `cubic_weights`.
    out : ndarray, shape (lines, samples)
        Filled.
    """
    steps = line_weights.shape[0]
    across = sample_weights.shape[0]
    samples = out.shape[1]
    column = np.empty(grid.shape[1])
    for i in range(out.shape[0]):
        row = (first_line + i) // steps
        w = line_weights[(first_line + i) % steps]
        for c in range(grid.shape[1]):
            column[c] = (
                w[0] * grid[row, c]
                + w[1] * grid[row + 1, c]
                + w[2] * grid[row + 2, c]
                + w[3] * grid[row + 3, c]
            )
        for p in range(across):
            a, b, g, d = sample_weights[p]
            for n in range((samples - p + across - 1) // across):
                out[i, p + n * across] = (
                    a * column[n] + b * column[n + 1] + g * column[n + 2] + d * column[n + 3]
                )


@njit(cache=True, nogil=True, error_model="numpy")
def settle(dem: NDArray[np.float32], dem_origin: tuple[float, float, float, float], planes: Float) -> None:
    """Put pixels that interpolation left above or below the ground back onto it, at the same slant range.

    Parameters
    ----------
    dem, dem_origin
        As for `solve_rows`.
    planes : ndarray, shape (5, lines, samples)
        As `solve_rows` has them; the first three are changed.
    """
    lat0, lon0, dlat, dlon = dem_origin
    radians = math.pi / 180.0
    for i in range(planes.shape[1]):
        for j in range(planes.shape[2]):
            lat, lon, height = planes[0, i, j] * radians, planes[1, i, j] * radians, planes[2, i, j]
            miss = sample_dem(dem, lat0, lon0, dlat, dlon, lat, lon) - height
            if abs(miss) < _ON_GROUND_M:
                continue
            # A metre higher is as far as this from the satellite's foot, at the same slant range.
            away = 1.0 / math.tan(planes[3, i, j] * radians)
            towards = (planes[4, i, j] + 90.0) * radians
            w = 1.0 - WGS84_E2 * math.sin(lat) ** 2
            across = WGS84_A_M / math.sqrt(w)
            north = -math.sin(towards) * away * w / (across * (1.0 - WGS84_E2))
            east = -math.cos(towards) * away / (across * math.cos(lat))
            old, old_miss, rise, left = 0.0, miss, miss, miss
            for _ in range(_SETTLING_STEPS):
                ground = sample_dem(dem, lat0, lon0, dlat, dlon, lat + rise * north, lon + rise * east)
                left = ground - height - rise
                if abs(left) < _ON_GROUND_M or left == old_miss:
                    break
                step = -left * (rise - old) / (left - old_miss)
                old, old_miss = rise, left
                rise += step
            if abs(left) < _ON_GROUND_M and abs(rise) < _REACH_M:
                planes[0, i, j] += rise * north / radians
                planes[1, i, j] += rise * east / radians
                planes[2, i, j] += rise
