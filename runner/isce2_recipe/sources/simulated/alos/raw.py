"""The raw signal of a focused image: the inverse of focusing.

A scatterer at slant range R and zero-Doppler time t0 returns, at pulse time t and delay u after the first
sample, ``exp(-j 4 pi r / wavelength) * exp(j pi K (u' - tau / 2)^2)`` for ``0 <= u' <= tau``. Here
``r = sqrt(R^2 + v^2 (t - t0)^2)``, ``u' = u - 2 r / c`` and ``K = -bandwidth / tau``. In the range-Doppler
domain this is a phase in every range bin, a shift in range, and a filter of the range spectrum that all bins
share. Echoes from beyond an edge of the image are taken from the opposite edge; after focusing they lie
outside the part of the image that has full resolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S
from isce2_recipe.sar.sinc import kaiser_sinc
from isce2_recipe.sources.simulated.alos import palsar
from isce2_recipe.sources.simulated.alos.acquisition import Acquisition

Float = NDArray[np.float64]
Complex = NDArray[np.complex64]
Bytes = NDArray[np.uint8]

# Samples have five bits: 0 to 31 with a mean of 15.5. The standard deviation is _DEVIATION steps.
_LEVELS = 31
_DEVIATION = 5.0

_COLUMNS = 256
_ROWS = 256
_TAPS = 16
_FRACTIONS = 512


@dataclass(frozen=True, slots=True)
class EchoGeometry:
    """Slant range and effective speed of each range bin, which determine the shape of the echoes."""

    near_range_m: float  # slant range of the first bin
    speed_m_s: Float  # speed ``v`` in the range hyperbola of each bin, shape (samples,)

    @property
    def range_m(self) -> Float:
        """Slant range of each bin, shape (samples,)."""
        return np.arange(self.speed_m_s.size, dtype=np.float64) * palsar.RANGE_SPACING_M + self.near_range_m

    @property
    def middle(self) -> int:
        """Number of the middle bin, whose range filter is used for all bins."""
        return self.speed_m_s.size // 2


def echo_geometry(scene: Acquisition, height_m: float) -> EchoGeometry:
    """Return the effective speeds that follow from the orbit and ground at a mean height.

    At zero Doppler ``d^2(r^2)/dt^2 = 2 (V^2 + (S - P) A)``, with the satellite's position S, speed V and
    acceleration A, and the ground point P. This is twice the ``v^2`` of the range hyperbola.
    """
    from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
    from isce2_recipe.sar.zero_doppler import rdr2geo

    middle = scene.start_s + 0.5 * scene.lines / palsar.PRF_HZ
    position, velocity = (values[0] for values in scene.flight.states(middle))
    around = scene.flight.states([middle - 0.5, middle + 0.5])[1]
    acceleration = around[1] - around[0]
    level = np.full((1, 1), height_m, dtype=np.float32)
    bins = np.linspace(0.0, scene.samples - 1.0, 9)
    squares = []
    for slant in scene.near_range_m + bins * palsar.RANGE_SPACING_M:
        place = rdr2geo(scene.poly, middle, float(slant), level, 0.0, 0.0, -1.0, 1.0)
        arm = position - np.array(geodetic_to_ecef(*place))
        squares.append(velocity @ velocity + arm @ acceleration)
    curve = np.polynomial.Polynomial.fit(bins, squares, 3)
    return EchoGeometry(scene.near_range_m, np.sqrt(curve(np.arange(scene.samples))))


def echoes(image: NDArray[np.int16] | Complex, geometry: EchoGeometry, cpus: int) -> Complex:
    """Return the echoes of an image, before quantization.

    Parameters
    ----------
    image : ndarray, shape (lines, samples, 2) of int16 or (lines, samples) of complex64
        Zero-Doppler image. Line i is ``i / PRF_HZ`` later than the first; bin j is at the slant range
        ``geometry.near_range_m + j * RANGE_SPACING_M``.
    geometry : EchoGeometry
        Slant ranges and speeds of the image's range bins.
    cpus : int
        Number of threads.

    Returns
    -------
    ndarray of complex64, shape (lines, samples)
        Line i is the pulse at the time of image line i; sample 0 is at the delay of range bin 0.
    """
    from scipy import fft

    lines, samples = image.shape[:2]
    spectrum = np.empty((lines, samples), dtype=np.complex64)
    for part in _parts(samples, _COLUMNS):
        spectrum[:, part] = fft.fft(_as_complex(image[:, part]), axis=0, workers=cpus)
    doppler = np.fft.fftfreq(lines, 1.0 / palsar.PRF_HZ).astype(np.float64)
    table = kaiser_sinc(np.arange(_FRACTIONS + 1) / _FRACTIONS, _TAPS, 5.0)
    for part in _parts(lines, _ROWS):
        rows = np.empty((doppler[part].size, samples), dtype=np.complex64)
        _migrate(
            spectrum[part], doppler[part], geometry.range_m, geometry.speed_m_s, geometry.middle, table, rows
        )
        rows = fft.fft(rows, axis=1, workers=cpus, overwrite_x=True)
        rows *= _range_filter(doppler[part], geometry)
        spectrum[part] = fft.ifft(rows, axis=1, workers=cpus, overwrite_x=True)
    for part in _parts(samples, _COLUMNS):
        spectrum[:, part] = fft.ifft(spectrum[:, part], axis=0, workers=cpus)
    return spectrum


def quantize(signal: Complex) -> Bytes:
    """Return five-bit samples of a signal of any scale (lines, samples), I and Q alternating.

    The values, uint8 of shape (lines, 2 * samples), are 0 to 31; ``value - BIAS`` is proportional to the
    signal.
    """
    lines, samples = signal.shape
    power = float(np.mean([np.vdot(row, row).real for row in signal]) / samples)
    # Three digits, so that different rounding in the last bits of the signal does not change the gain.
    gain = float(f"{_DEVIATION * math.sqrt(2.0 / max(power, 1e-30)):.3g}")
    out = np.empty((lines, 2 * samples), dtype=np.uint8)
    for part in _parts(lines, _ROWS):
        values = np.floor(signal[part].view(np.float32) * gain + (palsar.BIAS + 0.5))
        out[part] = np.clip(values, 0, _LEVELS)
    return out


def chirp() -> Complex:
    """Return the transmitted pulse, shape (PULSE_SAMPLES,), of unit energy."""
    time = np.arange(palsar.PULSE_SAMPLES) / palsar.SAMPLING_HZ
    phase = math.pi * palsar.CHIRP_RATE_HZ_S * (time - palsar.PULSE_S / 2.0) ** 2
    pulse: Complex = (np.exp(1j * phase) / math.sqrt(palsar.PULSE_SAMPLES)).astype(np.complex64)
    return pulse


def antenna(doppler_hz: Float, speed_m_s: float) -> Float:
    """Return the two-way gain of the antenna at a Doppler frequency."""
    gain: Float = np.sinc(doppler_hz * palsar.ANTENNA_LENGTH_M / (2.0 * speed_m_s)) ** 2
    return gain


def _parts(size: int, step: int) -> Iterator[slice]:
    return (slice(first, min(first + step, size)) for first in range(0, size, step))


def _as_complex(pixels: NDArray[np.int16] | Complex) -> Complex:
    if pixels.ndim == 2:
        return pixels.astype(np.complex64)
    return np.ascontiguousarray(pixels).astype(np.float32).view(np.complex64)[..., 0]


def _range_filter(doppler_hz: Float, geometry: EchoGeometry) -> Complex:
    """Return the filter of the range spectrum (dopplers, samples): pulse, migration, Doppler coupling."""
    samples = geometry.speed_m_s.size
    middle = geometry.middle
    slant = float(geometry.range_m[middle])
    speed = float(geometry.speed_m_s[middle])
    pulse = np.fft.fft(chirp(), samples)
    offset = np.fft.fftfreq(samples, 1.0 / palsar.SAMPLING_HZ)
    carrier = palsar.FREQUENCY_HZ + offset
    shadow = (SPEED_OF_LIGHT_M_S * doppler_hz / (2.0 * speed))[:, np.newaxis] ** 2
    along = np.sqrt(carrier**2 - shadow) - np.sqrt(palsar.FREQUENCY_HZ**2 - shadow) - offset
    # The spectrum of an upward chirp in azimuth lags its phase history by an eighth of a cycle.
    phase = (-4.0 * math.pi * slant / SPEED_OF_LIGHT_M_S) * along - math.pi / 4.0
    gain = antenna(doppler_hz, speed)[:, np.newaxis]
    filtered: Complex = (gain * pulse * np.exp(1j * phase)).astype(np.complex64)
    return filtered


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def _migrate(
    spectrum: Complex, doppler_hz: Float, range_m: Float, speed_m_s: Float, middle: int,
    table: NDArray[np.float32], out: Complex,
) -> None:  # fmt: skip
    """Apply to each range bin its azimuth phase and the difference of its migration from the middle bin's."""
    samples = range_m.shape[0]
    spacing = range_m[1] - range_m[0]
    for row in prange(spectrum.shape[0]):
        aspect = 0.5 * palsar.WAVELENGTH_M * doppler_hz[row]
        cosine = math.sqrt(1.0 - (aspect / speed_m_s[middle]) ** 2)
        shared = range_m[middle] * (1.0 / cosine - 1.0)
        line = np.empty(samples, dtype=np.complex64)
        shift = np.empty(samples)
        for k in range(samples):
            cosine = math.sqrt(1.0 - (aspect / speed_m_s[k]) ** 2)
            shift[k] = (range_m[k] * (1.0 / cosine - 1.0) - shared) / spacing
            turns = -2.0 * range_m[k] * (cosine - 1.0) / palsar.WAVELENGTH_M
            angle = 2.0 * math.pi * (turns - math.floor(turns))
            line[k] = spectrum[row, k] * complex(math.cos(angle), math.sin(angle))
        for k in range(samples):
            at = k - shift[k]
            whole = math.floor(at)
            w = table[int((at - whole) * _FRACTIONS + 0.5)]
            first = whole - _TAPS // 2 + 1
            re = np.float32(0.0)
            im = np.float32(0.0)
            for tap in range(_TAPS):
                value = line[(first + tap) % samples]
                re += w[tap] * value.real
                im += w[tap] * value.imag
            out[row, k] = complex(re, im)
