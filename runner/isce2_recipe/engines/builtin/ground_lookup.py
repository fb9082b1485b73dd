"""Geocoding without an orbit: radar pixels whose places on the ground are known tell where map nodes lie.

Four neighbouring pixels are two triangles on the map; a node inside one gets radar coordinates by linear
interpolation between its corners.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isce2_recipe.engines.builtin.geocoding import Locate, MapGrid

Float = NDArray[np.float64]

# Pixels of a tile's edge; a tile that lies nowhere near the rows in question is passed over as a whole.
_TILE = 32
# A node on an edge belongs to both triangles; rounding must not lose it to both.
_ON_EDGE = -1e-9


def locator(latitude: Float, longitude: Float, grid: MapGrid) -> Locate:
    """A function from rows of a map grid to the radar coordinates of their nodes.

    Parameters
    ----------
    latitude, longitude : ndarray
        Degrees of every radar pixel, ``(lines, samples)``; zero in both where a pixel has no place.
    grid : MapGrid
        The map.
    """
    nodes = grid.nodes
    row = (latitude - nodes.first_latitude) / nodes.delta_latitude
    col = (longitude - nodes.first_longitude) / nodes.delta_longitude
    row[(latitude == 0) & (longitude == 0)] = np.nan
    limits = _tile_limits(row)

    def locate(rows: range) -> tuple[Float, Float]:
        line, sample = np.full((2, len(rows), grid.cols), -1.0)
        _fill(row, col, limits, _TILE, rows.start, line, sample)
        return line, sample

    return locate


def _tile_limits(row: Float) -> Float:
    """Smallest and largest row of every tile of quadrangles, shape (2, tile lines, tile samples)."""
    down, across = (max(1, -(-(size - 1) // _TILE)) for size in row.shape)
    limits = np.empty((2, down, across))
    for i in range(down):
        for j in range(across):
            tile = row[i * _TILE : (i + 1) * _TILE + 1, j * _TILE : (j + 1) * _TILE + 1]
            known = tile[~np.isnan(tile)]
            limits[:, i, j] = (known.min(), known.max()) if known.size else (np.inf, -np.inf)
    return limits


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(row: Float, col: Float, limits: Float, tile: int, first: int, line: Float, sample: Float) -> None:
    """Radar coordinates of the map's rows from ``first`` on; what no triangle holds stays as it is."""
    last = first + line.shape[0] - 1
    for a in range(limits.shape[1]):
        for b in range(limits.shape[2]):
            if limits[1, a, b] < first or limits[0, a, b] > last:
                continue
            for i in range(a * tile, min((a + 1) * tile, row.shape[0] - 1)):
                for j in range(b * tile, min((b + 1) * tile, row.shape[1] - 1)):
                    _triangle(row, col, i, j, 1, first, line, sample)
                    _triangle(row, col, i + 1, j + 1, -1, first, line, sample)


@njit(cache=True, nogil=True, error_model="numpy")
def _triangle(
    row: Float, col: Float, i: int, j: int, step: int, first: int, line: Float, sample: Float
) -> None:
    """Nodes within the triangle of pixel (i, j) and its neighbours ``step`` along and across."""
    r0, c0 = row[i, j], col[i, j]
    r1, c1 = row[i, j + step] - r0, col[i, j + step] - c0
    r2, c2 = row[i + step, j] - r0, col[i + step, j] - c0
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
