"""Kernels on full-resolution samples: deramping, resampling, interferogram, coherence, multilooking."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float64]
Real = NDArray[np.float32]
Complex = NDArray[np.complex64]

# Length of the interpolator in samples, and number of fractional positions in the table of its weights.
TAPS = 8
PLACES = 2048
# ISCE2 computes no output nearer to the edge of the input than this many samples or lines.
EDGE = 4


def sinc_table(places: int = PLACES) -> Real:
    """Return weights of samples -3 to 4 at fractions from 0 to 1, shape (places + 1, 8).

    They are a sinc with a Hann window; each row has the sum 1.
    """
    distance = np.arange(-3, 5)[None, :] - np.linspace(0.0, 1.0, places + 1)[:, None]
    weights = np.sinc(distance) * (0.5 + 0.5 * np.cos(np.pi * distance / 4.0))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def cis(turns: float) -> tuple[float, float]:
    """Return cosine and sine of ``2 pi turns`` to 1e-9, without branches, so that loops over it vectorise.

    The Taylor series of both is evaluated at half the angle, which is within a quarter turn.
    """
    h = math.pi * (turns - math.floor(turns + 0.5))
    q = h * h
    s = h * (
        1.0
        - q
        * (1 / 6 - q * (1 / 120 - q * (1 / 5040 - q * (1 / 362880 - q * (1 / 39916800 - q / 6227020800)))))
    )
    c = 1.0 - q * (
        1 / 2
        - q
        * (
            1 / 24
            - q * (1 / 720 - q * (1 / 40320 - q * (1 / 3628800 - q * (1 / 479001600 - q / 87178291200))))
        )
    )
    return 1.0 - 2.0 * s * s, 2.0 * s * c


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def deramp(first_eta: float, dt: float, carrier: Float, slc: Complex) -> None:
    """Remove the TOPS carrier from lines of a burst, shape (lines, samples), in place.

    ``first_eta`` is the time of the first line after the burst's line ``lines // 2``, ``dt`` the line
    interval, s; ``carrier``, shape (3, samples), is from `isce2_recipe.sar.tops_carrier.carrier_table`.
    """
    for i in range(slc.shape[0]):
        eta = first_eta + i * dt
        for j in range(slc.shape[1]):
            since = eta - carrier[1, j]
            c, s = cis(0.5 * since * (carrier[0, j] * since + 2.0 * carrier[2, j]))
            re, im = slc[i, j].real, slc[i, j].imag
            slc[i, j] = complex(re * c + im * s, im * c - re * s)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _column_filter(base: Real, table: Real, line: float, lag: Float, shift: Float, filtered: Real) -> None:
    """Interpolate one line in azimuth, with the same weights for each group of eight samples of the input.

    The azimuth offset changes by 1e-4 lines over eight samples. ``base``, shape (lines, 2 * samples), and
    ``filtered``, shape (2 * samples,), hold complex samples as pairs of floats. ``lag`` and ``shift``, shape
    (width,), are azimuth and range offsets in lines and samples.
    """
    lines, samples = base.shape[0], base.shape[1] // 2
    last = lag.size - 1
    for start in range(0, samples, 8):
        stop = min(start + 8, samples)
        # Output sample that corresponds to the middle of this group, by two fixed-point iterations.
        x = min(max(int(start + 4 - shift[last // 2]), 0), last)
        x = min(max(int(start + 4 - shift[x]), 0), last)
        y = line + lag[x]
        k = math.floor(y)
        if k < EDGE - 1 or k > lines - EDGE - 1:
            for n in range(2 * start, 2 * stop):
                filtered[n] = 0.0
            continue
        w = table[int((y - k) * PLACES + 0.5)]
        for n in range(2 * start, 2 * stop):
            filtered[n] = (
                w[0] * base[k - 3, n] + w[1] * base[k - 2, n] + w[2] * base[k - 1, n] + w[3] * base[k, n]
                + w[4] * base[k + 1, n] + w[5] * base[k + 2, n]
                + w[6] * base[k + 3, n] + w[7] * base[k + 4, n]
            )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def resample(
    base: Real,
    table: Real,
    first_line: int,
    shift: Float,
    lag: Float,
    carrier: Float,
    dt: float,
    out: Complex,
    top: int,
    lines: int,
) -> None:
    """Resample a deramped burst to the pixels of another burst, and restore the carrier there.

    Parameters
    ----------
    base : ndarray, shape (lines, 2 * samples)
        Deramped burst, or those of its lines that the output needs; complex samples as pairs of floats.
    first_line : int
        Line number in the output burst of the first row of ``out``.
    shift, lag : ndarray, shape (n, width)
        Range and azimuth offsets of the output's pixels, in samples and lines: position in ``base`` minus
        position in the output.
    carrier, dt : ndarray, shape (3, samples), and float
        Carrier table and line interval (s) of the burst in ``base``.
    out : ndarray, shape (n, width)
        Filled; zero outside the burst.
    top, lines : int
        Line number of the first row of ``base`` in its burst, and number of lines of the burst.
    """
    samples = base.shape[1] // 2
    filtered = np.empty(base.shape[1], np.float32)
    for i in range(out.shape[0]):
        line = float(first_line + i)
        _column_filter(base, table, line - top, lag[i], shift[i], filtered)
        for x in range(out.shape[1]):
            position = x + shift[i, x]
            y = line + lag[i, x]
            out[i, x] = 0.0
            if position < 0.0 or position > samples - 1 or y < 0.0 or y > lines - 1:
                continue
            k, row = int(position), int(y)
            if k < EDGE or k > samples - EDGE - 2 or row < EDGE or row > lines - EDGE - 2:
                continue
            f = position - k
            w = table[int(f * PLACES + 0.5)]
            re, im = 0.0, 0.0
            for m in range(TAPS):
                re += w[m] * filtered[2 * (k - 3 + m)]
                im += w[m] * filtered[2 * (k - 3 + m) + 1]
            rate = carrier[0, k] + f * (carrier[0, k + 1] - carrier[0, k])
            reference = carrier[1, k] + f * (carrier[1, k + 1] - carrier[1, k])
            doppler = carrier[2, k] + f * (carrier[2, k + 1] - carrier[2, k])
            since = (y - lines // 2) * dt - reference
            c, s = cis(0.5 * since * (rate * since + 2.0 * doppler))
            out[i, x] = complex(re * c - im * s, re * s + im * c)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def extremes(first_line: int, shift: Float, lag: Float, lines: int, samples: int, limits: Float) -> None:
    """Update the extremes of offsets from an image to pixels inside another one.

    ``shift`` and ``lag`` are as in `resample`, ``lines`` and ``samples`` the size of the other image.
    ``limits`` holds the smallest and largest ``lag``, and the smallest and largest ``shift``.
    """
    for i in range(shift.shape[0]):
        for x in range(shift.shape[1]):
            position, y = x + shift[i, x], first_line + i + lag[i, x]
            if 0.0 <= position <= samples - 1 and 0.0 <= y <= lines - 1:
                limits[0] = min(limits[0], lag[i, x])
                limits[1] = max(limits[1], lag[i, x])
                limits[2] = min(limits[2], shift[i, x])
                limits[3] = max(limits[3], shift[i, x])


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def multiply(reference: Complex, secondary: Complex, first: int, stop: int, out: Complex) -> None:
    """Compute ``reference * conj(secondary)``, all of shape (lines, samples).

    Only samples ``first`` to ``stop - 1`` of ``out`` are written.
    """
    for i in range(out.shape[0]):
        for j in range(first, stop):
            a, b = reference[i, j], secondary[i, j]
            out[i, j] = complex(a.real * b.real + a.imag * b.imag, a.imag * b.real - a.real * b.imag)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def flatten(slc: Complex, shift: Float, turns_per_sample: float) -> None:
    """Multiply a secondary SLC by ``exp(2j pi turns_per_sample * shift)`` in place.

    ``slc`` and ``shift``, the range offset in samples, have the shape (lines, samples); ``turns_per_sample``
    is the two-way distance of one sample in wavelengths.
    """
    for i in range(slc.shape[0]):
        for j in range(slc.shape[1]):
            c, s = cis(turns_per_sample * shift[i, j])
            re, im = slc[i, j].real, slc[i, j].imag
            slc[i, j] = complex(re * c - im * s, im * c + re * s)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
def multilooked_product(
    one: Complex, other: Complex, lines: int, samples: int, product: Complex, correlation: Real
) -> None:
    """Compute means of ``one * conj(other)`` over windows of looks, and the coherence of each window.

    Samples that are zero in one of the images count as zeros in the mean, and not in the coherence.

    Parameters
    ----------
    one, other : ndarray, shape (rows * lines, cols * samples or more)
        Flattened SLCs with the same pixels.
    product, correlation : ndarray, shape (rows, cols)
        Filled: interferogram, and coherence from 0 to 1.
    """
    scale = np.float32(1.0 / (lines * samples))
    for row in range(product.shape[0]):
        for col in range(product.shape[1]):
            re, im, p, q = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for i in range(row * lines, (row + 1) * lines):
                for j in range(col * samples, (col + 1) * samples):
                    a, b = one[i, j], other[i, j]
                    u = a.real * a.real + a.imag * a.imag
                    v = b.real * b.real + b.imag * b.imag
                    re += a.real * b.real + a.imag * b.imag
                    im += a.imag * b.real - a.real * b.imag
                    p += u if v > 0 else np.float32(0)
                    q += v if u > 0 else np.float32(0)
            product[row, col] = complex(re * scale, im * scale)
            power = math.sqrt(p * q)
            correlation[row, col] = min(math.sqrt(re * re + im * im) / power, 1.0) if power > 0.0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _across(sums: Real, j: int) -> float:
    """Return the sum of five neighbours of one line, weighted 1 2 3 2 1."""
    total: float = sums[j - 2] + 2 * sums[j - 1] + 3 * sums[j] + 2 * sums[j + 1] + sums[j + 2]
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def coherence(reference: Complex, secondary: Complex, amplitude: Real, correlation: Real) -> None:
    """Compute ISCE2's coherence in a 5 x 5 window with triangular weights 1 2 3 2 1.

    Parameters
    ----------
    reference, secondary : ndarray, shape (lines + 4, samples)
        SLCs with two additional lines above and below.
    amplitude, correlation : ndarray, shape (lines, samples)
        Filled: geometric mean of both amplitudes, and coherence from 0 to 1. The first and last two samples
        of each line are not written.
    """
    samples = amplitude.shape[1]
    sums = np.empty((4, samples), np.float32)
    for i in range(amplitude.shape[0]):
        sums[:] = 0.0
        for k in range(5):
            w = np.float32(3 - abs(k - 2))
            for j in range(samples):
                a, b = reference[i + k, j], secondary[i + k, j]
                sums[0, j] += w * (a.real * a.real + a.imag * a.imag)
                sums[1, j] += w * (b.real * b.real + b.imag * b.imag)
                sums[2, j] += w * (a.real * b.real + a.imag * b.imag)
                sums[3, j] += w * (a.imag * b.real - a.real * b.imag)
        for j in range(2, samples - 2):
            p = _across(sums[0], j)
            q = _across(sums[1], j)
            re = _across(sums[2], j)
            im = _across(sums[3], j)
            power = math.sqrt(p * q)
            correlation[i, j] = min(math.sqrt(re * re + im * im) / power, 1.0) if power > 0.0 else 0.0
            a, b = reference[i + 2, j], secondary[i + 2, j]
            first = a.real * a.real + a.imag * a.imag
            amplitude[i, j] = math.sqrt(math.sqrt(first * (b.real * b.real + b.imag * b.imag)))


@njit(cache=True, nogil=True, error_model="numpy")
def add_looks(pixels: Real, line: int, sample: int, lines: int, samples: int, out: Real) -> None:
    """Add part of an image to its means over windows of ``lines`` x ``samples``.

    ``line`` and ``sample`` are the position of the first of ``pixels``, (lines, samples, parts), in the
    image. ``out``, shape (rows, cols, parts), holds the means of all windows; pixels outside are ignored.
    """
    scale = 1.0 / (lines * samples)
    stop_line, stop_sample = line + pixels.shape[0], sample + pixels.shape[1]
    for row in range(line // lines, min((stop_line - 1) // lines + 1, out.shape[0])):
        for col in range(sample // samples, min((stop_sample - 1) // samples + 1, out.shape[1])):
            for part in range(out.shape[2]):
                total = 0.0
                for i in range(max(row * lines, line), min((row + 1) * lines, stop_line)):
                    for j in range(max(col * samples, sample), min((col + 1) * samples, stop_sample)):
                        total += pixels[i - line, j - sample, part]
                out[row, col, part] += total * scale


@njit(cache=True, nogil=True, error_model="numpy")
def multilook(pixels: Real, lines: int, samples: int, out: Real) -> None:
    """Compute the mean of every window of ``lines`` x ``samples``; zeros count as values.

    ``pixels``, shape (rows * lines or more, cols * samples or more, parts), are real numbers (one part) or
    complex numbers (two parts); ``out``, shape (rows, cols, parts), is filled.
    """
    scale = 1.0 / (lines * samples)
    for row in range(out.shape[0]):
        for col in range(out.shape[1]):
            for part in range(out.shape[2]):
                total = 0.0
                for i in range(row * lines, (row + 1) * lines):
                    for j in range(col * samples, (col + 1) * samples):
                        total += pixels[i, j, part]
                out[row, col, part] = total * scale
