"""Goldstein and Werner's adaptive filter, with the blocks of ISCE2.

R. M. Goldstein and C. L. Werner, Radar interferogram filtering for geophysical applications, Geophysical
Research Letters 25 (1998), doi:10.1029/1998GL900033.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Fourier blocks of 32 pixels, one every 16 pixels (ISCE2 2.6.5, mroipac/filter).
BLOCK = 32
STEP = 16
# Rows of blocks that are transformed together; limits the memory for wide images.
_ROWS = 8


def goldstein_strips(
    read: Callable[[range], NDArray[Any]], lines: int, samples: int, alpha: float, workers: int = 1
) -> Iterator[NDArray[np.complex64]]:
    """Yield strips of the interferogram with filtered phase and unchanged magnitude.

    The spectrum of each block is multiplied by its modulus (without smoothing) to the power ``alpha``.
    Overlapping blocks are added with triangular weights. The first block begins at the first pixel and the
    image is padded with zeros at its end, so the outermost pixels are covered by fewer blocks than others.

    Parameters
    ----------
    read : callable
        Function from a range of lines to their pixels: complex, zero where there is no data.
    lines, samples : int
        Size of the image.
    alpha : float
        Filter strength; 0 does not change the phase.
    workers : int
        Number of threads for the transforms.
    """
    cols = -(-samples // STEP)
    carried = np.zeros((STEP, (cols + 1) * STEP), np.complex64)
    for first in range(0, lines, _ROWS * STEP):
        part = read(range(first, min(first + _ROWS * STEP + STEP, lines)))
        rows = min(_ROWS, -(-(lines - first) // STEP))
        padded = np.zeros(((rows + 1) * STEP, (cols + 1) * STEP), np.complex64)
        padded[: len(part), :samples] = part
        total = _filter_blocks(padded, alpha, workers)
        total[:STEP] += carried
        carried = total[-STEP:]
        whole = part[: rows * STEP]
        yield _with_magnitude(whole, total[: len(whole), :samples])


def _filter_blocks(padded: NDArray[Any], alpha: float, workers: int) -> NDArray[np.complex64]:
    """Return the weighted sum of the filtered blocks of a strip."""
    from scipy import fft

    windows = np.lib.stride_tricks.sliding_window_view(padded, (BLOCK, BLOCK))
    spectrum = fft.fft2(windows[::STEP, ::STEP], workers=workers)
    spectrum *= np.abs(spectrum) ** np.float32(alpha)
    blocks = fft.ifft2(spectrum, overwrite_x=True, workers=workers)
    ramp = 1 - np.abs(2 * (np.arange(BLOCK) - BLOCK / 2) / (BLOCK + 1))
    blocks *= np.outer(ramp, ramp).astype(np.float32)
    total = np.zeros_like(padded)
    rows, cols = blocks.shape[:2]
    for top in (0, STEP):
        for left in (0, STEP):
            quarter = blocks[:, :, top : top + STEP, left : left + STEP]
            flat = quarter.transpose(0, 2, 1, 3).reshape(rows * STEP, cols * STEP)
            total[top : top + rows * STEP, left : left + cols * STEP] += flat
    return total


def _with_magnitude(interferogram: NDArray[Any], smooth: NDArray[Any]) -> NDArray[np.complex64]:
    # Like ISCE2, treats a pixel whose real part is zero as no data.
    modulus = np.where(interferogram.real == 0, 0, np.abs(smooth))
    unit = np.divide(smooth, modulus, out=np.ones_like(smooth), where=modulus > 0)
    return np.asarray(np.abs(interferogram) * unit, np.complex64)
