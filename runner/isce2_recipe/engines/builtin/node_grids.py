"""Geometry and offsets at nodes of a grid, interpolated to every pixel.

The grid is about as fine as a 30 m DEM: `TOPS` and `STRIPMAP` are the distances of its nodes. Where the slope
of the ground changes abruptly, such as at a shore, pixels between nodes are corrected with the DEM
afterwards. The grid has one node before the image and two behind it, which cubic interpolation needs.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isce2_recipe.sar.ellipsoid import WGS84_A_M, WGS84_E2, geodetic_to_ecef
from isce2_recipe.sar.zero_doppler import (
    distances,
    geo2rdr,
    newton_steps,
    sample_dem,
    solve_look_angle,
    sphere_look_angle,
    state,
)

Float = NDArray[np.float64]


class Steps(NamedTuple):
    """Distances between nodes: lines, samples."""

    line: int
    sample: int


TOPS = Steps(2, 8)
STRIPMAP = Steps(8, 4)
# Planes of a geometry grid: degrees, degrees, metres, degrees, degrees.
LATITUDE, LONGITUDE, HEIGHT, INCIDENCE, AZIMUTH = range(5)
# Planes of an offset grid: samples, lines.
RANGE_OFFSET, AZIMUTH_OFFSET = range(2)

# Height difference to the DEM up to which a pixel is left unchanged, and largest correction, metres.
_HEIGHT_TOLERANCE_M = 0.01
_MAX_CORRECTION_M = 20.0
_MAX_STEPS = 5


def grid_shape(lines: int, samples: int, steps: Steps) -> tuple[int, int]:
    """Return the number of nodes in azimuth and range for an image; node 1 is the first pixel."""
    return (lines - 1) // steps.line + 4, (samples - 1) // steps.sample + 4


def grid_file(folder: Path, kind: str, swath: int, burst: int) -> Path:
    """Return the file that keeps a grid between steps; ``burst`` counts from 1."""
    return folder / f"{kind}_IW{swath}_{burst:02d}.npy"


@njit(cache=True, nogil=True, error_model="numpy")
def solve_rows(
    first_row: int,
    steps: Steps,
    poly: Float,
    t0: float,
    dt: float,
    near_range: float,
    dr: float,
    dem: NDArray[np.float32],
    dem_origin: tuple[float, float, float, float],
    out: Float,
) -> None:
    """Compute ground coordinates (degrees, m) and the direction to the satellite (degrees) of rows of nodes.

    Parameters
    ----------
    first_row : int
        Row number in the grid of the first row of ``out``.
    t0, dt, near_range, dr : float
        Time of the first line (s), line interval (s), range of the first sample (m) and sample spacing (m).
    dem, dem_origin : ndarray and tuple
        Heights above the ellipsoid, m; latitude and longitude of the first pixel, and steps, radians.
    out : ndarray, shape (5, rows, cols)
        Filled: latitude, longitude, height, incidence angle, and azimuth of the direction to the satellite,
        anticlockwise from north, in (-270, 90].
    """
    lat0, lon0, dlat, dlon = dem_origin
    degrees = 180.0 / math.pi
    for row in range(out.shape[1]):
        s = state(poly, t0 + (first_row + row - 1) * steps.line * dt)
        look_angle = sphere_look_angle(s, near_range, 0.0)
        for col in range(out.shape[2]):
            slant_range = near_range + (col - 1) * steps.sample * dr
            lat, lon, height, look_angle = solve_look_angle(
                s, slant_range, look_angle, 0.0, dem, lat0, lon0, dlat, dlon
            )
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
    steps: Steps,
    geometry: Float,
    poly: Float,
    t0: float,
    dt: float,
    near_range: float,
    dr: float,
    t_guess: float,
    out: Float,
) -> None:
    """Compute offsets of rows of nodes: position in the other image minus position in their own.

    ``geometry`` is the result of `solve_rows` for these rows; orbit and sampling, as there, are those of the
    other image. ``t_guess`` (s) is the first guess of the azimuth time. ``out``, shape (2, rows, cols), is
    filled: range offsets in samples, azimuth offsets in lines.
    """
    radians = math.pi / 180.0
    times, places = np.empty(out.shape[2]), np.empty((3, out.shape[2]))
    for row in range(out.shape[1]):
        for col in range(out.shape[2]):
            places[0, col], places[1, col], places[2, col] = geodetic_to_ecef(
                geometry[0, row, col] * radians, geometry[1, row, col] * radians, geometry[2, row, col]
            )
        if row == 0:
            for col in range(out.shape[2]):
                before = times[col - 1] if col else t_guess
                times[col], _ = geo2rdr(poly, places[0, col], places[1, col], places[2, col], before)
        else:
            # The times of the row above, moved as those of the first node; two steps are exact to 1e-10 s.
            first, _ = geo2rdr(poly, places[0, 0], places[1, 0], places[2, 0], times[0])
            times += first - times[0]
            newton_steps(poly, places, times)
            newton_steps(poly, places, times)
        distances(poly, places, times, out[0, row])
        for col in range(out.shape[2]):
            out[0, row, col] = (out[0, row, col] - near_range) / dr - (col - 1) * steps.sample
            out[1, row, col] = (times[col] - t0) / dt - (first_row + row - 1) * steps.line


def cubic_weights(steps: int) -> Float:
    """Return cubic weights of four nodes at positions from the second to the third, shape (steps, 4)."""
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
    """Interpolate one plane of an image's grid to every pixel of some lines.

    ``first_line`` is the line number of the first row of ``out``, shape (lines, samples), which is filled;
    the weights are from `cubic_weights`.
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
def snap_to_dem(
    dem: NDArray[np.float32], dem_origin: tuple[float, float, float, float], planes: Float
) -> None:
    """Correct pixels that are above or below the DEM after interpolation, at constant slant range.

    Of ``planes``, those of `solve_rows` at every pixel, shape (5, lines, samples), the first three are
    corrected in place.
    """
    lat0, lon0, dlat, dlon = dem_origin
    radians = math.pi / 180.0
    for i in range(planes.shape[1]):
        for j in range(planes.shape[2]):
            lat, lon, height = planes[0, i, j] * radians, planes[1, i, j] * radians, planes[2, i, j]
            miss = sample_dem(dem, lat0, lon0, dlat, dlon, lat, lon) - height
            if abs(miss) < _HEIGHT_TOLERANCE_M:
                continue
            # Horizontal distance away from the satellite for each metre of height, at constant slant range.
            away = 1.0 / math.tan(planes[3, i, j] * radians)
            towards = (planes[4, i, j] + 90.0) * radians
            w = 1.0 - WGS84_E2 * math.sin(lat) ** 2
            across = WGS84_A_M / math.sqrt(w)
            north = -math.sin(towards) * away * w / (across * (1.0 - WGS84_E2))
            east = -math.cos(towards) * away / (across * math.cos(lat))
            old, old_miss, rise, left = 0.0, miss, miss, miss
            for _ in range(_MAX_STEPS):
                ground = sample_dem(dem, lat0, lon0, dlat, dlon, lat + rise * north, lon + rise * east)
                left = ground - height - rise
                if abs(left) < _HEIGHT_TOLERANCE_M or left == old_miss:
                    break
                step = -left * (rise - old) / (left - old_miss)
                old, old_miss = rise, left
                rise += step
            if abs(left) < _HEIGHT_TOLERANCE_M and abs(rise) < _MAX_CORRECTION_M:
                planes[0, i, j] += rise * north / radians
                planes[1, i, j] += rise * east / radians
                planes[2, i, j] += rise
