"""Sublooks: partial sums of multilook windows, stored in two bytes each, to shift the windows later.

On decorrelated ground, such as water, the phase of a multilooked pixel depends on exactly which pixels its
window holds, and cannot be interpolated for a shifted window. Sums of sublooks give it: a sublook is one line
of a few samples, or of one sample where windows may begin anywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isce2_recipe.sar.annotation import BurstGeometry
from isce2_recipe.types import Looks

Codes = NDArray[np.uint8]
Real = NDArray[np.float32]

_PHASES = 256
_STEPS = 7  # steps of amplitude for each factor of two
_ZERO = 40  # code of the amplitude 1
_SAMPLES = 5
NEAREST_SWATH = 1


def sublook_size(looks: Looks, swath: int) -> Looks:
    """Return the size of a sublook: one line of at most five samples in IW1, of one sample in IW2 and IW3.

    Merged bursts use the windows of the nearest swath. Windows of IW1 keep their first sample; those of IW2
    and IW3 shift by any number of samples, which differs from pass to pass.
    """
    most = _SAMPLES if swath == NEAREST_SWATH else 1
    return Looks(next(n for n in range(most, 0, -1) if looks.range % n == 0), 1)


@dataclass(frozen=True, slots=True)
class Encoder:
    """Encodes the sublooks of a burst's interferogram.

    Attributes
    ----------
    shape, looked_shape : tuple of int
        Number of lines and sublooks across, and of multilooked lines and samples.
    first, stop : int
        Sublooks of each line that are whole inside the valid window.
    part, compared : int
        Samples of a sublook, and sublooks of each of the parts whose phases are compared with each other,
        which have the same size in all swaths.
    """

    shape: tuple[int, int]
    looked_shape: tuple[int, int]
    looks: Looks
    first: int
    stop: int
    part: int
    compared: int

    @classmethod
    def of(cls, burst: BurstGeometry, looks: Looks) -> Encoder | None:
        """Return the encoder for a burst with its valid window, or None if a look is one sublook."""
        size = sublook_size(looks, burst.swath)
        if size == looks:
            return None
        rows, cols = burst.lines // looks.azimuth, burst.samples // looks.range
        first = -(-burst.first_valid_sample // size.range)
        stop = (burst.first_valid_sample + burst.valid_samples) // size.range
        shape = rows * looks.azimuth, cols * (looks.range // size.range)
        compared = sublook_size(looks, NEAREST_SWATH).range // size.range
        return cls(shape, (rows, cols), looks, first, stop, size.range, compared)

    def encode(self, lines: NDArray[np.complex64]) -> tuple[Codes, Real]:
        """Return codes, shape (2, lines, sublooks), and sums, shape (2, rows, cols), of whole looks.

        Codes are phase in 1/256 cycle and amplitude in steps of 2**(1/7); amplitude 0 is no data. The sums
        are the modulus of the sum, and the sum of the moduli, of the compared parts of each look. ``lines``
        have at least the samples of whole looks, zero outside the valid lines.
        """
        codes = np.empty((2, len(lines), self.shape[1]), np.uint8)
        sums = np.zeros((2, len(lines) // self.looks.azimuth, self.looked_shape[1]), np.float32)
        _encode(
            lines, self.part, self.compared, self.looks.azimuth, self.looks.range, self.first, self.stop,
            codes, sums,
        )  # fmt: skip
        return codes, sums

    def decorrelated(self, sums: Real, around: int) -> NDArray[np.bool_]:
        """Return where looks have parts with random rather than equal phases, and ``around`` looks around."""
        from scipy.ndimage import maximum_filter, uniform_filter

        parts = self.looks.azimuth * self.looks.range // (self.part * self.compared)
        total, most = (uniform_filter(values, 3, mode="constant") for values in sums)
        low = (most > 0) & (total < 0.5 * (1.0 + parts**-0.5) * most)
        return np.asarray(maximum_filter(low, around))


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _encode(
    lines: NDArray[np.complex64],
    part: int,
    compared: int,
    azimuth: int,
    across: int,
    first: int,
    stop: int,
    codes: Codes,
    sums: Real,
) -> None:
    """Fill ``codes`` and ``sums``; see `Encoder.encode`."""
    count, cols = codes.shape[2], sums.shape[2]
    group = across // (part * compared)
    values = np.empty((2, count), np.float32)
    power = np.empty(count, np.float32)
    bits = power.view(np.int32)
    totals = np.empty((2, cols), np.float32)
    for row in range(sums.shape[1]):
        totals[:] = 0.0
        for i in range(row * azimuth, (row + 1) * azimuth):
            values[:] = 0.0
            for k in range(first, min(stop, count)):
                re, im = np.float32(0.0), np.float32(0.0)
                for j in range(k * part, (k + 1) * part):
                    re += lines[i, j].real
                    im += lines[i, j].imag
                values[0, k], values[1, k] = re / part, im / part
            _code(values[0], values[1], power, bits, codes[0, i], codes[1, i])
            for col in range(cols):
                for g in range(col * group, (col + 1) * group):
                    re, im = np.float32(0.0), np.float32(0.0)
                    for k in range(g * compared, (g + 1) * compared):
                        re += values[0, k]
                        im += values[1, k]
                    totals[0, col] += re / compared
                    totals[1, col] += im / compared
                    sums[1, row, col] += math.sqrt(re * re + im * im) / compared
        for col in range(cols):
            sums[0, row, col] = math.sqrt(totals[0, col] ** 2 + totals[1, col] ** 2)


# Constants as float32, so that loops use vectors of eight or sixteen numbers.
_ATAN = tuple(np.float32(c) for c in (0.0208351, -0.0851330, 0.1801410, -0.3302995, 0.9998660))
_TURN = np.float32(_PHASES / (2 * math.pi))
_QUARTER, _HALF = np.float32(_PHASES / 4), np.float32(_PHASES / 2)
_ROOT = np.float32(math.sqrt(2.0))
_LOG = tuple(np.float32(2.0 / math.log(2.0) / n) for n in (5, 3, 1))
_ONE, _OFFSET = np.float32(0.5), np.float32(_ZERO + 0.5)
_POWER_STEPS = np.float32(_STEPS / 2)
_TINY = np.float32(1e-30)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _code(re: Real, im: Real, power: Real, bits: NDArray[np.int32], phase: Codes, amplitude: Codes) -> None:
    """Fill the codes of a line; ``power`` and ``bits`` are the same scratch memory.

    The arc tangent is 4.4.49 of Abramowitz and Stegun (1e-5 rad), the logarithm its series around the root
    of two (1e-6).
    """
    for k in range(re.size):
        x, y = abs(re[k]), abs(im[k])
        least, most = min(x, y), max(x, y)
        r = least / (most + _TINY)
        q = r * r
        a = r * (_ATAN[4] + q * (_ATAN[3] + q * (_ATAN[2] + q * (_ATAN[1] + q * _ATAN[0])))) * _TURN
        a = a if x >= y else _QUARTER - a
        a = a if re[k] >= 0 else _HALF - a
        a = a if im[k] >= 0 else -a
        phase[k] = np.int32(a + _HALF + _HALF + _ONE) & 255
        power[k] = re[k] * re[k] + im[k] * im[k]
    for k in range(re.size):
        exponent = (bits[k] >> 23) - 127
        there = bits[k] > 0
        bits[k] = (bits[k] & 0x7FFFFF) | 0x3F800000
        s = (power[k] - _ROOT) / (power[k] + _ROOT)
        q = s * s
        log = np.float32(exponent) + _ONE + s * (_LOG[2] + q * (_LOG[1] + q * _LOG[0]))
        code = int(min(max(_POWER_STEPS * log + _OFFSET, np.float32(1.0)), np.float32(255.0)))
        amplitude[k] = code if there else 0


def decode(codes: Codes) -> NDArray[np.complex64]:
    """Return the values that were encoded, to 3 % RMS of their amplitude and 0.007 rad RMS."""
    amplitude = np.exp2((np.arange(256) - _ZERO) / _STEPS).astype(np.float32)
    amplitude[0] = 0.0
    turns = np.exp(2j * math.pi / _PHASES * np.arange(256)).astype(np.complex64)
    return np.asarray(amplitude[codes[1]] * turns[codes[0]])
