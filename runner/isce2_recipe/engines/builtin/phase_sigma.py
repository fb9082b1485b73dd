"""Coherence from the variance of the phase around a local plane: ISCE2's ``phsig.cor``.

The method is that of ISCE2's ICU (mroipac/icu, written by C. Werner): the local fringe frequency is estimated
from weighted first differences and removed; the variance of the phase around the mean of the window gives the
correlation ``1 / sqrt(2 L var + 1)`` with ``L`` = 3 looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Windows of 5 x 5, Gaussian weights exp(-r^2 / 2.5), three looks (ISCE2 2.6.5, mroipac/icu).
WINDOW = 5
HALF = WINDOW // 2
LOOKS = 3
# Lines that a thread processes at once, so that the arrays fit into the processor's cache.
_STRIP = 16
# Strips that are read at once; limits the memory.
_AT_ONCE = 8


def phase_sigma_strips(
    read: Callable[[range], NDArray[Any]], lines: int, samples: int, workers: int = 1
) -> Iterator[NDArray[np.float32]]:
    """Yield strips of the correlation, 0 to 1; zero where there is no data and at the image's border.

    Parameters
    ----------
    read : callable
        Function from a range of lines to their pixels: complex, usually filtered, zero where there is no
        data.
    lines, samples : int
        Size of the image.
    workers : int
        Number of threads.
    """
    # Like ISCE2, computes no value for the first two and the last three lines and samples.
    inner = slice(HALF, samples - HALF - 1)
    end_line = lines - HALF - 1
    if end_line <= HALF or inner.stop <= HALF:
        yield np.zeros((lines, samples), np.float32)
        return
    height = _STRIP * _AT_ONCE
    yield np.zeros((HALF, samples), np.float32)
    with ThreadPoolExecutor(workers) as pool:
        for first in range(HALF, end_line, height):
            last = min(first + height, end_line)
            # Pads a line above and a sample before the image; differences with them are not used.
            above = max(first - HALF - 1, 0)
            padded = np.zeros((last - first + 2 * HALF + 1, samples + 1), np.complex64)
            padded[above - (first - HALF - 1) :, 1:] = read(range(above, last + HALF))
            starts = range(0, last - first, _STRIP)
            strips = [padded[start : start + _STRIP + 2 * HALF + 1] for start in starts]
            tops = [first + start == HALF for start in starts]
            correlation = np.zeros((last - first, samples), np.float32)
            correlation[:, inner] = np.concatenate(list(pool.map(_correlation, strips, tops)))
            yield correlation
    yield np.zeros((lines - end_line, samples), np.float32)


def _correlation(strip: NDArray[Any], top: bool) -> NDArray[Any]:
    """Return the correlation; ``strip`` has three more lines above and two below, likewise samples."""
    fringes = strip[1:, 1:-1]
    along, across = _fringe_frequency(strip, top)
    height, width = along.shape
    level = np.empty((WINDOW, WINDOW, height, width), np.complex64)
    for line in range(WINDOW):
        for sample in range(WINDOW):
            plane = _power(across, HALF - line) * _power(along, HALF - sample)
            level[line, sample] = fringes[line : line + height, sample : sample + width] * plane
    centre = np.conj(level.sum((0, 1)))
    variance = _phase_variance(level, centre)
    return np.where(centre == 0, 0, 1 / np.sqrt(2 * LOOKS * variance + 1))


def _fringe_frequency(strip: NDArray[Any], top: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return unit phasors of the phase step per sample and line; 1 in the first line and sample."""
    inner = strip[1:, 1:-1]
    along = _smooth(inner * np.conj(strip[1:, :-2]))
    across = _smooth(inner * np.conj(strip[:-1, 1:-1]))
    for step in (along, across):
        size = np.abs(step)
        np.divide(step, size, out=step, where=size > 0)
        step[size == 0] = 1
        step[:, 0] = 1
        if top:
            step[0] = 1
    return along, across


def _weight() -> NDArray[np.float32]:
    """Return the weights along one axis; those of the window are products of two."""
    offset = np.arange(WINDOW) - HALF
    weight = np.exp(-(offset**2) / (WINDOW / 2))
    return np.asarray(weight / weight.sum(), np.float32)


def _smooth(values: NDArray[Any]) -> NDArray[Any]:
    """Return the weighted mean of every complete window."""
    height, width = values.shape[0] - WINDOW + 1, values.shape[1] - WINDOW + 1
    lines = sum(w * values[i : i + height] for i, w in enumerate(_weight()))
    return np.asarray(sum(w * lines[:, i : i + width] for i, w in enumerate(_weight())))


def _power(phasor: NDArray[Any], exponent: int) -> NDArray[Any]:
    """Return an integer power of unit phasors by multiplication."""
    base = phasor if exponent >= 0 else np.conj(phasor)
    return np.asarray(base ** abs(exponent))


def _phase_variance(level: NDArray[Any], centre: NDArray[Any]) -> NDArray[Any]:
    mean = np.zeros(centre.shape, np.float32)
    square = np.zeros_like(mean)
    weight = _weight()
    for line in range(WINDOW):
        for sample in range(WINDOW):
            # Adding zero turns -0 into +0, so that the angle is 0, not pi, where there is no data.
            phase = np.angle(level[line, sample] * centre + 0)
            weighted = weight[line] * weight[sample] * phase
            mean += weighted
            square += weighted * phase
    return np.asarray(np.maximum(square - mean * mean, 0))
