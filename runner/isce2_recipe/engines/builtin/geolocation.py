"""Radar coordinates of map nodes from arrays of latitude and longitude, without an orbit.

Four neighbouring radar pixels form two triangles on the map. A node inside a triangle gets radar coordinates
by linear interpolation between its corners.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isce2_recipe.engines.builtin.geocoding import GeocodeGrid, Locate
from isce2_recipe.types import Bounds

Float = NDArray[np.float64]

# Size of a tile in pixels; tiles that do not reach the requested rows are skipped.
_TILE = 32
# Tolerance of the barycentric coordinates, so that rounding does not exclude a node on an edge from both
# triangles.
_ON_EDGE = -1e-9


def bounds_of(latitude: Float, longitude: Float) -> Bounds:
    """Return the box around all pixels that have coordinates; see `locator`."""
    west, south, east, north = np.inf, np.inf, -np.inf, -np.inf
    for one, other in zip(latitude, longitude, strict=True):
        known = one != 0
        if known.any():
            west, east = min(west, other[known].min()), max(east, other[known].max())
            south, north = min(south, one[known].min()), max(north, one[known].max())
    return Bounds(float(west), float(south), float(east), float(north))


def locator(latitude: Float, longitude: Float, grid: GeocodeGrid) -> Locate:
    """Return a function from rows of a map grid to the radar coordinates of their nodes.

    Latitude and longitude of every radar pixel, ``(lines, samples)``, are in degrees; both are zero where a
    pixel has none. They may be memory maps: no array of their size is allocated.
    """
    nodes = grid.nodes
    axes = np.array(
        [nodes.first_latitude, nodes.delta_latitude, nodes.first_longitude, nodes.delta_longitude]
    )
    limits = _tile_limits(latitude, longitude, axes)

    def locate(rows: range) -> tuple[Float, Float]:
        line, sample = np.full((2, len(rows), grid.cols), -1.0)
        _fill(latitude, longitude, axes, limits, _TILE, rows.start, line, sample)
        return line, sample

    return locate


def _tile_limits(latitude: Float, longitude: Float, axes: Float) -> Float:
    """Return the smallest and largest map row in every tile, shape (2, tile lines, tile samples)."""
    down, across = (max(1, -(-(size - 1) // _TILE)) for size in latitude.shape)
    limits = np.empty((2, down, across))
    for i in range(down):
        lines = slice(i * _TILE, (i + 1) * _TILE + 1)
        row = (latitude[lines] - axes[0]) / axes[1]
        row[(latitude[lines] == 0) & (longitude[lines] == 0)] = np.nan
        for j in range(across):
            tile = row[:, j * _TILE : (j + 1) * _TILE + 1]
            known = tile[~np.isnan(tile)]
            limits[:, i, j] = (known.min(), known.max()) if known.size else (np.inf, -np.inf)
    return limits


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(
    latitude: Float,
    longitude: Float,
    axes: Float,
    limits: Float,
    tile: int,
    first: int,
    line: Float,
    sample: Float,
) -> None:
    """Fill the radar coordinates of map rows from ``first`` on; nodes outside all triangles are unchanged.

    ``latitude`` and ``longitude`` (lines, samples) are in degrees; ``axes`` has first latitude, step, first
    longitude and step; ``limits`` is from `_tile_limits`; ``line`` and ``sample`` (rows, cols) are filled.
    """
    lines, samples = latitude.shape
    last = first + line.shape[0] - 1
    for a in range(limits.shape[1]):
        for b in range(limits.shape[2]):
            if limits[1, a, b] < first or limits[0, a, b] > last:
                continue
            for i in range(a * tile, min((a + 1) * tile, lines - 1)):
                for j in range(b * tile, min((b + 1) * tile, samples - 1)):
                    _triangle(latitude, longitude, axes, i, j, 1, first, line, sample)
                    _triangle(latitude, longitude, axes, i + 1, j + 1, -1, first, line, sample)


@njit(cache=True, nogil=True, error_model="numpy")
def _map_position(latitude: Float, longitude: Float, axes: Float, i: int, j: int) -> tuple[float, float]:
    """Return row and column of a radar pixel on the map; NaN if it has no coordinates."""
    if latitude[i, j] == 0.0 and longitude[i, j] == 0.0:
        return np.nan, np.nan
    east = longitude[i, j] - axes[2]
    # The map may continue the longitudes on the other side of the antimeridian.
    if east < -180.0:
        east += 360.0
    elif east > 180.0:
        east -= 360.0
    return (latitude[i, j] - axes[0]) / axes[1], east / axes[3]


@njit(cache=True, nogil=True, error_model="numpy")
def _triangle(
    latitude: Float,
    longitude: Float,
    axes: Float,
    i: int,
    j: int,
    step: int,
    first: int,
    line: Float,
    sample: Float,
) -> None:
    """Fill the nodes inside the triangle of pixel (i, j) and its neighbours at ``step`` (1 or -1)."""
    r0, c0 = _map_position(latitude, longitude, axes, i, j)
    r1, c1 = _map_position(latitude, longitude, axes, i, j + step)
    r2, c2 = _map_position(latitude, longitude, axes, i + step, j)
    r1, c1, r2, c2 = r1 - r0, c1 - c0, r2 - r0, c2 - c0
    area = c1 * r2 - c2 * r1
    if np.isnan(area) or area == 0.0:
        return
    top = max(first, int(np.ceil(r0 + min(0.0, r1, r2))))
    bottom = min(first + line.shape[0] - 1, int(np.floor(r0 + max(0.0, r1, r2))))
    left = max(0, int(np.ceil(c0 + min(0.0, c1, c2))))
    right = min(line.shape[1] - 1, int(np.floor(c0 + max(0.0, c1, c2))))
    for r in range(top, bottom + 1):
        for c in range(left, right + 1):
            across = ((c - c0) * r2 - c2 * (r - r0)) / area
            along = (c1 * (r - r0) - (c - c0) * r1) / area
            if across >= _ON_EDGE and along >= _ON_EDGE and across + along <= 1.0 - _ON_EDGE:
                line[r - first, c] = i + step * along
                sample[r - first, c] = j + step * across
