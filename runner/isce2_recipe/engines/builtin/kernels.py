"""Kernels on full-resolution samples: deramping, resampling, interferogram, coherence, multilooking."""

from __future__ import annotations

import math
from typing import Any

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


# Constants of `cis` in float32, so that loops over it use vectors of eight or sixteen numbers.
_PI, _ONE, _TWO = np.float32(math.pi), np.float32(1.0), np.float32(2.0)
_SINE = tuple(np.float32(1 / math.factorial(n)) for n in (3, 5, 7, 9, 11))
_COSINE = tuple(np.float32(1 / math.factorial(n)) for n in (2, 4, 6, 8, 10, 12))
# Adding and subtracting it rounds a float64 to the nearest integer.
_ROUND = 6755399441055744.0


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def cis(turns: float) -> tuple[Any, Any]:
    """Return cosine and sine of ``2 pi turns`` to 5e-7, without branches, so that loops over it vectorise.

    The Taylor series of both is evaluated at half the angle, which is within a quarter turn.
    """
    h = _PI * np.float32(turns - ((turns + _ROUND) - _ROUND))
    q = h * h
    s = h * (_ONE - q * (_SINE[0] - q * (_SINE[1] - q * (_SINE[2] - q * (_SINE[3] - q * _SINE[4])))))
    high = _COSINE[3] - q * (_COSINE[4] - q * _COSINE[5])
    c = _ONE - q * (_COSINE[0] - q * (_COSINE[1] - q * (_COSINE[2] - q * high)))
    return _ONE - _TWO * s * s, _TWO * s * c


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def deramp(first_eta: float, dt: float, carrier: Float, slc: Complex) -> None:
    """Remove the TOPS carrier from lines of a burst, shape (lines, samples), in place.

    ``first_eta`` is the time of the first line after the burst's line ``lines // 2``, ``dt`` the line
    interval, s; ``carrier``, shape (3, samples), is from `isce2_recipe.sar.tops_carrier.carrier_table`.
    """
    for i in range(slc.shape[0]):
        eta = first_eta + i * dt
        line = slc[i]
        for j in range(line.size):
            since = eta - carrier[1, j]
            c, s = cis(0.5 * since * (carrier[0, j] * since + 2.0 * carrier[2, j]))
            re, im = line[j].real, line[j].imag
            line[j] = complex(re * c + im * s, im * c - re * s)


# Samples that share the weights of the interpolation in azimuth, and in range. Offsets change by 1e-4 lines
# over eight samples, and by 3e-3 samples on a slope of 45 degrees with a baseline of 100 m.
_DOWN, _ACROSS = 32, 8
# Zeros before and after a filtered line, in floats.
_PAD = 32


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _column_filter(base: Real, table: Real, line: float, lag: Float, shift: Float, filtered: Real) -> None:
    """Interpolate one line in azimuth, with the same weights for each group of samples of the input.

    ``base``, shape (lines, 2 * samples), and ``filtered``, `_PAD` floats longer at both ends, hold complex
    samples as pairs of floats. ``lag`` and ``shift``, shape (width,), are azimuth and range offsets in lines
    and samples.
    """
    lines, samples = base.shape[0], base.shape[1] // 2
    last = lag.size - 1
    for start in range(0, samples, _DOWN):
        stop = min(start + _DOWN, samples)
        # Output sample that corresponds to the middle of this group, by two fixed-point iterations.
        x = min(max(int(start + _DOWN // 2 - shift[last // 2]), 0), last)
        x = min(max(int(start + _DOWN // 2 - shift[x]), 0), last)
        y = line + lag[x]
        k = math.floor(y)
        if k < EDGE - 1 or k > lines - EDGE - 1:
            filtered[_PAD + 2 * start : _PAD + 2 * stop] = 0.0
            continue
        w = table[int((y - k) * PLACES + 0.5)]
        w0, w1, w2, w3, w4, w5, w6, w7 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
        b0, b1, b2, b3 = base[k - 3], base[k - 2], base[k - 1], base[k]
        b4, b5, b6, b7 = base[k + 1], base[k + 2], base[k + 3], base[k + 4]
        for n in range(2 * start, 2 * stop):
            filtered[_PAD + n] = (
                w0 * b0[n] + w1 * b1[n] + w2 * b2[n] + w3 * b3[n]
                + w4 * b4[n] + w5 * b5[n] + w6 * b6[n] + w7 * b7[n]
            )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _row_filter(filtered: Real, table: Real, shift: Float, out: Real) -> None:
    """Interpolate one line in range, with the same weights for each group of samples of the output.

    ``filtered`` is from `_column_filter`; ``out`` holds pairs of floats and has room for whole groups.
    """
    samples, last = filtered.size // 2 - _PAD, shift.size - 1
    for start in range(0, shift.size, _ACROSS):
        middle = min(start + _ACROSS // 2, last)
        position = middle + shift[middle]
        k = math.floor(position)
        w = table[int((position - k) * PLACES + 0.5)]
        first = min(max(start + k - middle - 3, -_PAD // 2), samples)
        o = _PAD + 2 * first
        w0, w1, w2, w3, w4, w5, w6, w7 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
        for n in range(2 * _ACROSS):
            out[2 * start + n] = (
                w0 * filtered[o + n] + w1 * filtered[o + n + 2] + w2 * filtered[o + n + 4]
                + w3 * filtered[o + n + 6] + w4 * filtered[o + n + 8] + w5 * filtered[o + n + 10]
                + w6 * filtered[o + n + 12] + w7 * filtered[o + n + 14]
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
    samples, width = base.shape[1] // 2, out.shape[1]
    filtered = np.zeros(base.shape[1] + 2 * _PAD, np.float32)
    values = np.empty(2 * (width + _ACROSS), np.float32)
    # The carrier at whole samples near those of the output, its slope, and these samples.
    near, slope, whole = np.empty((3, width)), np.empty((3, width)), np.empty(width)
    middle, offset = lines // 2, -(2**30)
    for i in range(out.shape[0]):
        along, across = lag[i], shift[i]
        line = float(first_line + i)
        _column_filter(base, table, line - top, along, across, filtered)
        _row_filter(filtered, table, across, values)
        if math.floor(across[width // 2]) != offset:
            offset = math.floor(across[width // 2])
            for x in range(width):
                k = min(max(x + offset, 0), samples - 2)
                whole[x] = k
                for m in range(3):
                    near[m, x], slope[m, x] = carrier[m, k], carrier[m, k + 1] - carrier[m, k]
        row = out[i]
        for x in range(width):
            position, y = x + across[x], line + along[x]
            f = position - whole[x]
            since = (y - middle) * dt - (near[1, x] + f * slope[1, x])
            doppler = near[2, x] + f * slope[2, x]
            c, s = cis(0.5 * since * ((near[0, x] + f * slope[0, x]) * since + 2.0 * doppler))
            inside = (
                (position >= EDGE) & (position < samples - EDGE - 1) & (y >= EDGE) & (y < lines - EDGE - 1)
            )
            size = _ONE if inside else np.float32(0.0)
            re, im = size * values[2 * x], size * values[2 * x + 1]
            row[x] = complex(re * c - im * s, re * s + im * c)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz", "nnan", "reassoc"})
def extremes(first_line: int, shift: Float, lag: Float, lines: int, samples: int, limits: Float) -> None:
    """Update the extremes of offsets from an image to pixels inside another one.

    ``shift`` and ``lag`` are as in `resample`, ``lines`` and ``samples`` the size of the other image.
    ``limits`` holds the smallest and largest ``lag``, and the smallest and largest ``shift``.
    """
    least_lag, most_lag, least_shift, most_shift = limits
    for i in range(shift.shape[0]):
        across, along = shift[i], lag[i]
        for x in range(across.size):
            r, a = across[x], along[x]
            inside = (x + r >= 0.0) & (x + r <= samples - 1) & (first_line + i + a >= 0.0)
            inside &= first_line + i + a <= lines - 1
            least_lag = min(least_lag, a if inside else np.inf)
            most_lag = max(most_lag, a if inside else -np.inf)
            least_shift = min(least_shift, r if inside else np.inf)
            most_shift = max(most_shift, r if inside else -np.inf)
    limits[0], limits[1], limits[2], limits[3] = least_lag, most_lag, least_shift, most_shift


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
    # Powers and product of five lines, in a ring, and their weighted sum.
    ring = np.empty((5, 4, samples), np.float32)
    sums = np.empty((4, samples), np.float32)
    across = np.empty((4, samples), np.float32)
    two, three = np.float32(2.0), np.float32(3.0)
    for line in range(amplitude.shape[0] + 4):
        one, other = reference[line], secondary[line]
        p, q, re, im = ring[line % 5]
        for j in range(samples):
            a, b = one[j], other[j]
            p[j] = a.real * a.real + a.imag * a.imag
            q[j] = b.real * b.real + b.imag * b.imag
            re[j] = a.real * b.real + a.imag * b.imag
            im[j] = a.imag * b.real - a.real * b.imag
        i = line - 4
        if i < 0:
            continue
        for m in range(4):
            a0, a1, a2, a3, a4 = (
                ring[i % 5, m], ring[(i + 1) % 5, m], ring[(i + 2) % 5, m], ring[(i + 3) % 5, m],
                ring[(i + 4) % 5, m],
            )  # fmt: skip
            total, wide = sums[m], across[m]
            for j in range(samples):
                total[j] = (a0[j] + a4[j]) + two * (a1[j] + a3[j]) + three * a2[j]
            for j in range(2, samples - 2):
                wide[j] = (
                    (total[j - 2] + total[j + 2]) + two * (total[j - 1] + total[j + 1]) + three * total[j]
                )
        p, q, re, im = across
        first, second = ring[(i + 2) % 5, 0], ring[(i + 2) % 5, 1]
        found, size = correlation[i], amplitude[i]
        for j in range(2, samples - 2):
            power = p[j] * q[j]
            ratio = (re[j] * re[j] + im[j] * im[j]) / (power if power > 0 else _ONE)
            found[j] = math.sqrt(min(ratio, _ONE))
            size[j] = math.sqrt(math.sqrt(first[j] * second[j]))


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
