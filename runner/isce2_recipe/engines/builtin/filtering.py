"""Goldstein filter and phase-sigma coherence of a merged interferogram: the files of ISCE2's ``filter``.

The filter is that of R. M. Goldstein and C. L. Werner, Radar interferogram filtering for geophysical
applications, Geophysical Research Letters 25 (1998), doi:10.1029/1998GL900033, with the blocks of ISCE2.

The coherence follows from the variance of the phase around a local plane, as in ISCE2's ICU (mroipac/icu,
written by C. Werner): the local fringe frequency is estimated from weighted first differences and removed.
The variance of the phase around the mean of the window gives ``1 / sqrt(2 L var + 1)`` with ``L`` = 3 looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.files import replace_when_complete

# Fourier blocks of 32 pixels, one every 16 pixels (ISCE2 2.6.5, mroipac/filter).
BLOCK = 32
STEP = 16
# Rows of blocks that are transformed together; limits the memory for wide images.
_ROWS = 8

# Windows of 5 x 5, Gaussian weights exp(-r^2 / 2.5), three looks (ISCE2 2.6.5, mroipac/icu).
WINDOW = 5
HALF = WINDOW // 2
LOOKS = 3
# Lines that a thread processes at once, so that the arrays fit into the processor's cache.
_STRIP = 16
# Strips that are read at once; limits the memory.
_AT_ONCE = 8


def filter_interferogram(folder: Path, strength: float, workers: int = 1, images: str = paths.MERGED) -> None:
    """Filter ``topophase.flat`` with ISCE2's ``filter strength`` (0 to 1), and estimate the coherence.

    Writes ``filt_topophase.flat`` (CFloat32) and ``phsig.cor`` (Float32, 0 to 1) with headers. ``images`` is
    the folder of all three in the application's ``folder``.

    Raises
    ------
    InputError
        If the interferogram is missing or cannot be read.
    """
    merged = folder / images
    source = isceimage.read_header(merged / paths.INTERFEROGRAM)
    size = source.lines, source.samples
    filtered = IsceImage(merged / paths.FILTERED_INTERFEROGRAM, *size, data_type="CFLOAT", image_type="cpx")
    read = partial(isceimage.read_part, source.path)
    _write(filtered, goldstein_strips(read, *size, strength, workers), folder)
    correlation = IsceImage(merged / paths.PHASE_SIGMA, *size, image_type="cor")
    read = partial(isceimage.read_part, filtered.path)
    _write(correlation, phase_sigma_strips(read, *size, workers), folder)


def _write(image: IsceImage, strips: Iterable[NDArray[Any]], folder: Path) -> None:
    with replace_when_complete(image.path) as unfinished, unfinished.open("wb") as stream:
        for strip in strips:
            isceimage.append_lines(stream, image, strip[None])
    isceimage.write_sidecars(image, folder)


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
    alpha : float
        Filter strength; 0 does not change the phase.
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


def phase_sigma_strips(
    read: Callable[[range], NDArray[Any]], lines: int, samples: int, workers: int = 1
) -> Iterator[NDArray[np.float32]]:
    """Yield strips of the correlation, 0 to 1; zero where there is no data and at the image's border.

    ``read`` returns the pixels of a range of lines: complex, usually filtered, zero where there is no data.
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
