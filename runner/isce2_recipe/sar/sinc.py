"""Weights of windowed sinc functions, which interpolate between samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def kaiser_sinc(fraction: ArrayLike, taps: int, beta: float = 4.0) -> NDArray[np.float32]:
    """Return the weights of neighbouring samples for values between two of them.

    Parameters
    ----------
    fraction : array_like, shape (n,)
        Positions after sample ``taps / 2 - 1`` of the weighted ones, 0 to 1.
    taps : int
        Number of samples, even.
    beta : float
        Parameter of the Kaiser window.

    Returns
    -------
    ndarray of float32, shape (n, taps)
        Rows have the sum 1.
    """
    distance = np.arange(taps) - (taps // 2 - 1) - np.asarray(fraction, np.float64)[:, np.newaxis]
    window = np.i0(beta * np.sqrt(np.clip(1.0 - (2.0 * distance / taps) ** 2, 0.0, None)))
    weights = np.sinc(distance) * window
    rows: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return rows
