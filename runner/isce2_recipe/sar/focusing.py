"""Focusing of raw stripmap data: range-Doppler algorithm with an exact two-dimensional filter.

A scatterer at slant range R returns the pulse ``exp(j pi K (t - 2 r / c - tau / 2)^2)`` with the phase
``-4 pi r / wavelength``, where ``r(s)^2 = R^2 + v^2 s^2``, s seconds after zero Doppler, plus a small cubic
term. After an azimuth and a range FFT, one filter removes pulse, range migration and secondary range
compression of the middle of the swath exactly; the residual migration of other ranges is removed by
interpolation, and the azimuth phase of each range by its own filter. Blocks of columns bound the memory.

Source: Cumming and Wong, Digital Processing of Synthetic Aperture Radar Data, chapters 5 and 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S
from isce2_recipe.sar.orbit import Orbit
from isce2_recipe.sar.sinc import kaiser_sinc

Float = NDArray[np.float64]
Complex = NDArray[np.complex64]

# Columns before a block, and after it in addition to the pulse's, which migration and interpolation need.
_BEFORE, _AFTER = 16, 40
# Bytes of a block's spectrum.
_BLOCK_BYTES = 850_000_000
# Columns of an azimuth FFT and lines of a range FFT at once.
_COLUMNS, _ROWS = 48, 128
_TAPS, _FRACTIONS = 16, 1024
# Columns that share a fraction of the residual migration; it changes by less than 0.003 samples in them.
_SHARED = 16


class Signal(Protocol):
    """Raw signal, as `isce2_recipe.alos.signal.RawSignal` is."""

    @property
    def lines(self) -> int:
        """Number of pulses."""

    @property
    def samples(self) -> int:
        """Number of complex samples of each."""

    def columns(self, wanted: range, step: int) -> Iterator[tuple[range, Complex]]:
        """Yield (columns, lines) of at most ``step`` of the wanted columns."""


@dataclass(frozen=True, slots=True)
class Radar:
    """Facts of the radar that focusing needs; ``chirp_rate_hz_s`` is negative if the frequency falls."""

    prf_hz: float
    sampling_hz: float
    wavelength_m: float
    pulse_s: float
    chirp_rate_hz_s: float

    @property
    def range_spacing_m(self) -> float:
        """Return the slant range between samples."""
        return SPEED_OF_LIGHT_M_S / (2.0 * self.sampling_hz)

    @property
    def pulse_samples(self) -> int:
        """Return the length of the pulse; as many samples at the end have no complete echo."""
        return round(self.pulse_s * self.sampling_hz)


@dataclass(frozen=True, slots=True)
class RangeHistory:
    """Slant range of targets around zero Doppler, as polynomials of ``R - middle_m``, ascending.

    ``r(s) = sqrt(R^2 + v^2 s^2) + cubic s^3``, with v from `speed` and s in seconds.
    """

    middle_m: float
    speed_m_s: tuple[float, ...]
    cubic_m_s3: float

    def speed(self, range_m: Float) -> Float:
        """Return the speed in the hyperbola at slant ranges."""
        speed: Float = np.polyval(self.speed_m_s[::-1], range_m - self.middle_m).astype(np.float64)
        return speed


@dataclass(frozen=True, slots=True)
class RangeGrid:
    """Samples of the focused image: slant range of the first, and numbers of the raw columns.

    ``factor`` is the number of samples of the image for each of the raw data: 0.5, 1 or 2.
    """

    columns: range
    factor: float
    bandwidth_hz: float

    @property
    def samples(self) -> int:
        """Return the number of samples of the image."""
        return int(len(self.columns) * self.factor)


def range_history(orbit: Orbit, time_s: float, near_m: float, far_m: float, height_m: float) -> RangeHistory:
    """Return the range history of targets on a level surface, from the orbit at a time.

    With the satellite's position S, velocity V, acceleration A and jerk J, and a target P at zero Doppler,
    ``d^2 r^2 / ds^2 = 2 (V^2 + (S - P) A)`` and ``d^3 r^2 / ds^3 = 2 (3 V A + (S - P) J)``.

    Parameters
    ----------
    time_s : float
        Seconds since the orbit's epoch.
    near_m, far_m : float
        Slant ranges between which it is valid.
    height_m : float
        Mean height of the ground above the ellipsoid.
    """
    from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
    from isce2_recipe.sar.zero_doppler import rdr2geo

    poly = orbit.polynomial(time_s - 10.0, time_s + 10.0)
    u = (time_s - poly[0, 0]) / poly[0, 1]
    curve = [np.polynomial.Polynomial(poly[axis]) for axis in (1, 2, 3)]
    s, v, a, j = (np.array([c.deriv(k)(u) if k else c(u) for c in curve]) / poly[0, 1] ** k for k in range(4))
    level = np.full((1, 1), height_m, np.float32)
    middle = 0.5 * (near_m + far_m)
    ranges = np.linspace(near_m, far_m, 9)
    arms = [
        s - np.array(geodetic_to_ecef(*rdr2geo(poly, time_s, float(r), level, 0.0, 0.0, -1.0, 1.0)))
        for r in ranges
    ]
    speeds = np.sqrt([v @ v + arm @ a for arm in arms])
    fitted = np.polynomial.polynomial.polyfit(ranges - middle, speeds, 3)
    cubic = (3.0 * v @ a + arms[len(arms) // 2] @ j) / (6.0 * middle)
    return RangeHistory(middle, tuple(fitted.tolist()), float(cubic))


def half_aperture_lines(radar: Radar, far_m: float, speed_m_s: float, doppler_hz: float) -> int:
    """Return the number of pulses on one side of a target that have its echoes, within half the PRF.

    As many lines after the last pulse keep targets near one edge from appearing at the other.
    """
    aspect = 0.5 * radar.wavelength_m * (0.5 * radar.prf_hz + abs(doppler_hz)) / speed_m_s
    return math.ceil(far_m * aspect / math.sqrt(1.0 - aspect**2) / speed_m_s * radar.prf_hz)


def block_columns(azimuth: int, columns: int, guard: int) -> int:
    """Return the number of columns to focus at once, of ``azimuth`` lines; all of them if memory allows."""
    most = _BLOCK_BYTES // (8 * azimuth)
    if columns + guard <= most:
        return columns
    count = math.ceil(columns / max(most - guard, 256))
    return math.ceil(columns / count)


def focus(
    signal: Signal,
    radar: Radar,
    history: RangeHistory,
    near_range_m: float,
    grid: RangeGrid,
    doppler_hz: float,
    write: Callable[[int, int, Complex], None],
    *,
    cpus: int = 1,
    block: int | None = None,
    progress: Callable[[float], None] = lambda _fraction: None,
) -> None:
    """Focus a raw signal.

    Line i of the image is at zero Doppler at the time of pulse i. A target at slant range R has the phase
    ``-4 pi R / wavelength``.

    Parameters
    ----------
    near_range_m : float
        Slant range of the signal's sample 0.
    grid : RangeGrid
        The columns to focus, of the first ``samples - pulse_samples`` of the signal.
    doppler_hz : float
        Doppler centroid; the image has the frequencies within half the PRF of it.
    write : callable
        Receives the first line, the first sample and part of the image, (lines, samples).
    cpus : int
        Number of threads.
    block : int, optional
        Number of columns to focus at once.
    """
    from scipy.fft import next_fast_len

    far = near_range_m + grid.columns.stop * radar.range_spacing_m
    aperture = half_aperture_lines(radar, far, history.speed_m_s[0], doppler_hz)
    azimuth = int(next_fast_len(signal.lines + aperture))
    guard = _BEFORE + radar.pulse_samples + _AFTER
    block = block or block_columns(azimuth, len(grid.columns), guard)
    block += block % 2
    for first in range(0, len(grid.columns), block):
        wanted = grid.columns[first : first + block]
        share = len(wanted) / len(grid.columns)

        def report(part: float, base: float = first / len(grid.columns), share: float = share) -> None:
            progress(base + share * part)

        image = _focus_block(
            signal, radar, history, near_range_m, wanted, grid, doppler_hz, azimuth, cpus, report
        )
        report(1.0)
        write(0, int(first * grid.factor), image)
        # Its memory is free before the next block.
        del image


def _focus_block(
    signal: Signal,
    radar: Radar,
    history: RangeHistory,
    near_range_m: float,
    wanted: range,
    grid: RangeGrid,
    doppler_hz: float,
    azimuth: int,
    cpus: int,
    progress: Callable[[float], None],
) -> Complex:
    """Return the image of columns, (lines, samples); a view into a larger array of ``azimuth`` lines."""
    from scipy import fft

    read = range(
        max(wanted.start - _BEFORE, 0), min(wanted.stop + radar.pulse_samples + _AFTER, signal.samples)
    )
    # Columns of zeros before the signal's first.
    lead = _BEFORE - (wanted.start - read.start)
    filled = lead + len(read)
    length = int(fft.next_fast_len(-(-(filled + _TAPS) // 2))) * 2
    samples = int(len(wanted) * grid.factor)
    spectrum = np.empty((azimuth, max(filled, samples)), np.complex64)
    spectrum[:, :lead] = 0.0
    column = np.zeros((_COLUMNS, azimuth), np.complex64)
    for columns, data in signal.columns(read, _COLUMNS):
        part = column[: len(columns)]
        part[:, : signal.lines] = data
        first = lead + columns.start - read.start
        spectrum[:, first : first + len(columns)] = fft.fft(part, axis=1, workers=cpus).T
        progress(0.3 * (first + len(columns)) / filled)
    doppler = np.fft.fftfreq(azimuth, 1.0 / radar.prf_hz).astype(np.float64)
    doppler += radar.prf_hz * np.round((doppler_hz - doppler) / radar.prf_hz)
    bands = _Bands(radar, grid, length)
    spacing = radar.range_spacing_m / grid.factor
    start = near_range_m + wanted.start * radar.range_spacing_m
    ranges = (start + np.arange(samples) * spacing).astype(np.float64)
    speeds = history.speed(ranges)
    table = kaiser_sinc(np.arange(_FRACTIONS + 1) / _FRACTIONS, _TAPS)

    def focus_lines(first: int) -> None:
        rows = slice(first, min(first + _ROWS, azimuth))
        lines = fft.fft(spectrum[rows, :filled], length, axis=1)
        _filter_range(
            lines, bands.filter, doppler[rows], bands.frequency,
            history.middle_m, history.speed_m_s[0], radar.wavelength_m,
        )  # fmt: skip
        lines = fft.ifft(bands.resampled(lines), axis=1, overwrite_x=True)
        _filter_azimuth(
            lines, doppler[rows], ranges, speeds, history.middle_m, history.speed_m_s[0], history.cubic_m_s3,
            radar.wavelength_m, _BEFORE * grid.factor, table, spectrum[rows, :samples],
        )  # fmt: skip

    def to_time(first: int) -> None:
        part = slice(first, min(first + _COLUMNS, samples))
        data = fft.ifft(np.ascontiguousarray(spectrum[:, part].T), axis=1, overwrite_x=True)
        spectrum[: signal.lines, part] = data[:, : signal.lines].T

    with ThreadPoolExecutor(cpus) as pool:
        for function, size, step, base, share in (
            (focus_lines, azimuth, _ROWS, 0.3, 0.5), (to_time, samples, _COLUMNS, 0.8, 0.2)
        ):  # fmt: skip
            for done, _ in enumerate(pool.map(function, range(0, size, step)), 1):
                progress(base + share * min(done * step / size, 1.0))
    return spectrum[: signal.lines, :samples]


class _Bands:
    """The range spectrum of raw lines, and its part that the image keeps."""

    def __init__(self, radar: Radar, grid: RangeGrid, length: int) -> None:
        self.frequency = np.fft.fftfreq(length, 1.0 / radar.sampling_hz).astype(np.float64)
        self.length = int(length * grid.factor)
        time = np.arange(radar.pulse_samples + 1) / radar.sampling_hz
        phase = np.pi * radar.chirp_rate_hz_s * (time - radar.pulse_s / 2.0) ** 2
        matched = np.conj(np.fft.fft(np.exp(1j * phase), length)) / len(time)
        # The spectrum of a falling frequency in azimuth leads its phase history by an eighth of a cycle.
        matched *= np.exp(0.25j * np.pi) * grid.factor
        if grid.bandwidth_hz < radar.pulse_s * abs(radar.chirp_rate_hz_s):
            matched[np.abs(self.frequency) > 0.5 * grid.bandwidth_hz] = 0.0
        self.filter = matched.astype(np.complex64)

    def resampled(self, lines: Complex) -> Complex:
        """Return the spectrum with another number of frequencies, (lines, frequencies)."""
        length, wanted = lines.shape[1], self.length
        if wanted == length:
            return lines
        out = np.zeros((lines.shape[0], wanted), np.complex64)
        half = min(length, wanted) // 2
        out[:, :half] = lines[:, :half]
        out[:, -half:] = lines[:, -half:]
        return out


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _filter_range(
    lines: Complex, matched: Complex, doppler_hz: Float, frequency_hz: Float,
    range_m: float, speed_m_s: float, wavelength_m: float,
) -> None:  # fmt: skip
    """Multiply range spectra by the pulse's filter, and remove migration and coupling at ``range_m``.

    The phase is ``4 pi R / c (sqrt((f0 + f)^2 - b^2) - f - sqrt(f0^2 - b^2))`` with ``b = c fa / (2 v)``, up
    to the third power of f. It is linear within `_SHARED` frequencies to 0.0001 rad.
    """
    carrier = SPEED_OF_LIGHT_M_S / wavelength_m
    scale = 4.0 * math.pi * range_m / SPEED_OF_LIGHT_M_S
    step_hz = frequency_hz[1] - frequency_hz[0]
    count = lines.shape[1]
    for row in range(lines.shape[0]):
        b2 = (SPEED_OF_LIGHT_M_S * doppler_hz[row] / (2.0 * speed_m_s)) ** 2
        s = math.sqrt(carrier * carrier - b2)
        first = scale * (carrier / s - 1.0)
        second = -scale * b2 / (2.0 * s**3)
        third = scale * b2 * carrier / (2.0 * s**5)
        for start in range(0, count, _SHARED):
            stop = min(start + _SHARED, count)
            if frequency_hz[start] >= 0.0 and frequency_hz[stop - 1] < 0.0:
                for k in range(start, stop):
                    f = frequency_hz[k]
                    angle = f * (first + f * (second + f * third))
                    lines[row, k] *= matched[k] * np.complex64(complex(math.cos(angle), math.sin(angle)))
                continue
            f = frequency_hz[start] + 0.5 * (stop - 1 - start) * step_hz
            slope = step_hz * (first + f * (2.0 * second + f * 3.0 * third))
            angle = f * (first + f * (second + f * third)) - 0.5 * (stop - 1 - start) * slope
            turn = complex(math.cos(angle), math.sin(angle))
            step = complex(math.cos(slope), math.sin(slope))
            for k in range(start, stop):
                lines[row, k] *= matched[k] * np.complex64(turn)
                turn *= step


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _filter_azimuth(
    lines: Complex, doppler_hz: Float, range_m: Float, speed_m_s: Float,
    middle_m: float, common_m_s: float, cubic_m_s3: float, wavelength_m: float,
    before: float, table: NDArray[np.float32], out: Complex,
) -> None:  # fmt: skip
    """Remove the residual migration and the azimuth phase of each range; ``out`` has the wanted samples.

    With ``D = sqrt(1 - (wavelength fa / (2 v))^2)`` the migration of a range is ``R (1 / D - 1)``, that of
    the middle has been removed, and the phase is ``4 pi R (D - 1) / wavelength``. The target is at the
    Doppler frequency fa at ``s = -wavelength fa R / (2 v^2 D)``, where the cubic term is added.
    """
    spacing = range_m[1] - range_m[0]
    count, width = out.shape[1], lines.shape[1]
    half = _TAPS // 2
    rotation = 4.0 * math.pi / wavelength_m
    for row in range(lines.shape[0]):
        aspect = 0.5 * wavelength_m * doppler_hz[row]
        removed = middle_m * (1.0 / math.sqrt(1.0 - (aspect / common_m_s) ** 2) - 1.0)
        real = np.empty(_SHARED, np.float32)
        imaginary = np.empty(_SHARED, np.float32)
        for start in range(0, count, _SHARED):
            stop = min(start + _SHARED, count)
            centre = start + (stop - 1 - start) // 2
            v = speed_m_s[centre]
            cosine = math.sqrt(1.0 - (aspect / v) ** 2)
            at = centre + before + (range_m[centre] * (1.0 / cosine - 1.0) - removed) / spacing
            whole = math.floor(at)
            weights = table[int((at - whole) * _FRACTIONS + 0.5)]
            first = whole - half + 1 - (centre - start)
            for k in range(_SHARED):
                real[k] = 0.0
                imaginary[k] = 0.0
            if first >= 0 and first + (stop - start) + _TAPS <= width:
                for tap in range(_TAPS):
                    w = weights[tap]
                    for k in range(stop - start):
                        value = lines[row, first + tap + k]
                        real[k] += w * value.real
                        imaginary[k] += w * value.imag
            late = -aspect * range_m[centre] / (v * v * cosine)
            cubic = rotation * cubic_m_s3 * late**3
            angle = rotation * range_m[start] * (math.sqrt(1.0 - (aspect / speed_m_s[start]) ** 2) - 1.0)
            last = rotation * range_m[stop - 1] * (math.sqrt(1.0 - (aspect / speed_m_s[stop - 1]) ** 2) - 1.0)
            slope = (last - angle) / max(stop - 1 - start, 1)
            angle = (angle + cubic) % (2.0 * math.pi)
            turn = complex(math.cos(angle), math.sin(angle))
            step = complex(math.cos(slope), math.sin(slope))
            for k in range(stop - start):
                out[row, start + k] = np.complex64(complex(real[k], imaginary[k])) * np.complex64(turn)
                turn *= step
