"""Weighted least squares of a network of pairs, look by look, with a banded matrix."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float64]
Real = NDArray[np.float32]
Index = NDArray[np.int64]

# Share of a pivot that must remain; less means that no pair connects the date with the others.
_LEAST_PIVOT = 1e-9


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
def invert(
    phase: Real, weight: Real, first: Index, second: Index, band: int, series: Real, quality: Real
) -> None:
    """Solve for the phase of every date, look by look.

    ``phase[pair] = series[second] - series[first]`` in the sense of weighted least squares, with the first
    date zero. The normal equations have ``band`` diagonals below the main one and are solved by Cholesky's
    method.

    Parameters
    ----------
    phase, weight : ndarray, shape (looks, pairs)
        Phase of the pairs, rad; weights, zero where a pair has no data.
    first, second : ndarray, shape (pairs,)
        Positions of the dates of every pair, the first smaller than the second.
    band : int
        Largest difference of the positions.
    series : ndarray, shape (dates, looks)
        Filled, rad; NaN where the pairs with data do not connect all dates.
    quality : ndarray, shape (3, looks)
        Filled: temporal coherence (0 to 1), root mean square of the residuals (rad), number of pairs used.
    """
    looks, pairs = phase.shape
    unknowns = series.shape[0] - 1
    matrix = np.empty((unknowns, band + 1))
    right = np.empty(unknowns)
    for k in range(looks):
        matrix[:] = 0.0
        right[:] = 0.0
        count = 0
        for e in range(pairs):
            w = np.float64(weight[k, e])
            if w <= 0.0:
                continue
            count += 1
            value = np.float64(phase[k, e])
            i, j = first[e] - 1, second[e] - 1
            matrix[j, 0] += w
            right[j] += w * value
            if i >= 0:
                matrix[i, 0] += w
                right[i] -= w * value
                matrix[j, j - i] -= w
        quality[2, k] = count
        if not _solve(matrix, right, band):
            quality[0, k] = np.nan
            quality[1, k] = np.nan
            series[:, k] = np.nan
            continue
        re, im, square = 0.0, 0.0, 0.0
        for e in range(pairs):
            if weight[k, e] > 0.0:
                i, j = first[e] - 1, second[e] - 1
                residual = phase[k, e] - right[j]
                if i >= 0:
                    residual += right[i]
                re += math.cos(residual)
                im += math.sin(residual)
                square += residual * residual
        quality[0, k] = math.sqrt(re * re + im * im) / count
        quality[1, k] = math.sqrt(square / count)
        series[0, k] = 0.0
        for a in range(unknowns):
            series[a + 1, k] = right[a]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
def _solve(matrix: Float, right: Float, band: int) -> bool:
    """Solve a banded system in place; return False if it is singular.

    ``matrix[a, d]`` is the entry of row ``a`` and column ``a - d``.
    """
    size = right.size
    for a in range(size):
        whole = matrix[a, 0]
        for d in range(min(band, a), -1, -1):
            c = a - d
            total = matrix[a, d]
            for g in range(max(0, a - band), c):
                total -= matrix[a, a - g] * matrix[c, c - g]
            if d > 0:
                matrix[a, d] = total / matrix[c, 0]
            elif total <= _LEAST_PIVOT * whole:
                return False
            else:
                matrix[a, 0] = math.sqrt(total)
    for a in range(size):
        total = right[a]
        for g in range(max(0, a - band), a):
            total -= matrix[a, a - g] * right[g]
        right[a] = total / matrix[a, 0]
    for a in range(size - 1, -1, -1):
        total = right[a]
        for g in range(a + 1, min(size, a + band + 1)):
            total -= matrix[g, g - a] * right[g]
        right[a] = total / matrix[a, 0]
    return True


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def gather(
    phase: Real,
    coherence: Real,
    cycles: NDArray[np.int8],
    constant: Float,
    weighted: bool,
    by_look: Real,
    weight: Real,
) -> None:
    """Bring the pairs of some looks together, with corrections, and compute their weights.

    The weight is the inverse variance of the phase, ``c^2 / (1 - c^2)`` up to a constant.

    Parameters
    ----------
    phase, coherence, cycles : ndarray, shape (pairs, looks)
        Phase in rad, NaN for no data; coherence; whole cycles to subtract.
    constant : ndarray, shape (pairs,)
        Phase of the reference region, rad, which is subtracted.
    weighted : bool
        Whether weights differ from 1.
    by_look, weight : ndarray, shape (looks, pairs)
        Filled.
    """
    for e in range(phase.shape[0]):
        for k in range(phase.shape[1]):
            value = phase[e, k]
            if math.isnan(value):
                by_look[k, e] = 0.0
                weight[k, e] = 0.0
                continue
            by_look[k, e] = value - constant[e] - 2.0 * math.pi * cycles[e, k]
            c = min(max(coherence[e, k], 0.01), 0.9999)
            weight[k, e] = c * c / (1.0 - c * c) if weighted else 1.0
