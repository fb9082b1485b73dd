"""Raw signal of point targets, computed from the satellite's curved orbit without any approximation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numba import njit

from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S
from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
from isce2_recipe.sar.focusing import Radar, RangeGrid, RangeHistory, focus, range_history
from isce2_recipe.sar.orbit import Orbit
from isce2_recipe.sar.zero_doppler import rdr2geo, state
from isce2_recipe.sources.simulated.alos import palsar
from isce2_recipe.sources.simulated.alos.scenes import find_scene
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.types import AlosName

HEIGHT_M = 400.0
NEAR_M = 867_000.0
_SPEED_M_S = 7150.0
# Lines and samples around a target that are measured, and how many times finer.
_HALF, _UP = (256, 32), 16


@njit(cache=True)
def _echo(raw, states, place, near_m, sampling_hz, rate, pulse_s, wavelength_m, length_m, doppler_hz):
    for i in range(raw.shape[0]):
        x, y, z = states[i, 0] - place[0], states[i, 1] - place[1], states[i, 2] - place[2]
        slant = math.sqrt(x * x + y * y + z * z)
        along = (x * states[i, 3] + y * states[i, 4] + z * states[i, 5]) / slant
        aspect = length_m * (-2.0 * along / wavelength_m - doppler_hz) / (2.0 * _SPEED_M_S)
        if abs(aspect) > 1.0:
            continue
        gain = 1.0 if aspect == 0.0 else (math.sin(math.pi * aspect) / (math.pi * aspect)) ** 2
        delay = 2.0 * (slant - near_m) / SPEED_OF_LIGHT_M_S
        turns = 2.0 * slant / wavelength_m
        phase = -2.0 * math.pi * (turns - math.floor(turns))
        first, last = math.ceil(delay * sampling_hz), math.floor((delay + pulse_s) * sampling_hz)
        for n in range(max(first, 0), min(last + 1, raw.shape[1])):
            time = n / sampling_hz - delay - pulse_s / 2.0
            angle = phase + math.pi * rate * time * time
            raw[i, n] += gain * complex(math.cos(angle), math.sin(angle))


@dataclass
class Targets:
    """Raw signal of point targets at (line, sample), which may be fractions."""

    places: list[tuple[float, float]]
    lines: int
    samples: int
    doppler_hz: float = 0.0
    sampling_hz: float = palsar.SAMPLING_HZ
    bandwidth_hz: float = palsar.BANDWIDTH_HZ
    raw: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        scene = find_scene(AlosName.parse("ALPSRP156121200"), SimulationOptions(lines=256, samples=1200))
        self.start_s = scene.start_s
        stop = self.start_s + self.lines / palsar.PRF_HZ
        self.orbit: Orbit = scene.flight.orbit_around(self.start_s - 20.0, stop + 20.0)
        poly = self.orbit.polynomial(self.start_s - 1.0, stop + 1.0)
        states = np.array([state(poly, self.start_s + i / palsar.PRF_HZ) for i in range(self.lines)])
        level = np.full((1, 1), HEIGHT_M, np.float32)
        self.raw = np.zeros((self.lines, self.samples), np.complex64)
        for line, sample in self.places:
            time, slant = self.start_s + line / palsar.PRF_HZ, NEAR_M + sample * self.radar.range_spacing_m
            place = geodetic_to_ecef(*rdr2geo(poly, time, slant, level, 0.0, 0.0, -1.0, 1.0))
            _echo(
                self.raw, states, np.array(place), NEAR_M, self.sampling_hz, self.radar.chirp_rate_hz_s,
                palsar.PULSE_S, palsar.WAVELENGTH_M, palsar.ANTENNA_LENGTH_M, self.doppler_hz,
            )  # fmt: skip

    @property
    def radar(self) -> Radar:
        rate = -self.bandwidth_hz / palsar.PULSE_S
        return Radar(palsar.PRF_HZ, self.sampling_hz, palsar.WAVELENGTH_M, palsar.PULSE_S, rate)

    @property
    def history(self) -> RangeHistory:
        middle = self.start_s + 0.5 * self.lines / palsar.PRF_HZ
        far = NEAR_M + self.samples * self.radar.range_spacing_m
        return range_history(self.orbit, middle, NEAR_M, far, HEIGHT_M)

    def columns(self, wanted: range, step: int) -> Iterator[tuple[range, np.ndarray]]:
        for first in range(wanted.start, wanted.stop, step):
            part = range(first, min(first + step, wanted.stop))
            yield part, self.raw[:, part.start : part.stop].T

    def focused(self, factor: float = 1.0, band_hz: float | None = None, block: int | None = None):
        """Return the image (lines, samples)."""
        grid = RangeGrid(range(self.samples - self.radar.pulse_samples), factor, band_hz or self.bandwidth_hz)
        image = np.zeros((self.lines, grid.samples), np.complex64)

        def write(line: int, sample: int, part: np.ndarray) -> None:
            image[line : line + part.shape[0], sample : sample + part.shape[1]] = part

        focus(self, self.radar, self.history, NEAR_M, grid, self.doppler_hz, write, cpus=2, block=block)
        return image


@dataclass(frozen=True)
class Response:
    """Errors of a target's position (lines, samples) and phase; width and sidelobe (dB) of its cuts."""

    line: float
    sample: float
    phase: float
    azimuth: tuple[float, float]
    range: tuple[float, float]


def measure(image: np.ndarray, place: tuple[float, float], spacing_m: float, doppler_hz: float) -> Response:
    """Measure a target; phases are relative to ``-4 pi R / wavelength``."""
    line, sample = round(place[0]), round(place[1])
    high, wide = _HALF
    chip = image[line - high : line + high, sample - wide : sample + wide].astype(complex)
    centre = place[0] - line + high, place[1] - sample + wide
    along, across = np.fft.fftfreq(2 * high)[:, None], np.fft.fftfreq(2 * wide)[None]
    along = along + np.round(doppler_hz / palsar.PRF_HZ - along)
    # The cuts through the true place.
    column = np.fft.ifft(np.fft.fft(chip, axis=1) * np.exp(2j * np.pi * across * centre[1]), axis=1)[:, 0]
    row = np.fft.ifft(np.fft.fft(chip, axis=0) * np.exp(2j * np.pi * along * centre[0]), axis=0)[0]
    azimuth = _finer(np.fft.fft(column), round(doppler_hz / palsar.PRF_HZ * 2 * high))
    ranges = _finer(np.fft.fft(row), 0)
    value = complex(np.vdot(np.exp(-2j * np.pi * along[:, 0] * centre[0]), np.fft.fft(column)))
    turns = 2.0 * (NEAR_M + place[1] * spacing_m) / palsar.WAVELENGTH_M
    return Response(
        _vertex(azimuth) / _UP - centre[0],
        _vertex(ranges) / _UP - centre[1],
        float(np.angle(value * np.exp(2j * np.pi * (turns % 1.0)))),
        width_and_sidelobe(azimuth, _UP),
        width_and_sidelobe(ranges, _UP),
    )


def _finer(spectrum: np.ndarray, centre: int) -> np.ndarray:
    """Return the amplitude of a cut with `_UP` times as many samples."""
    size = spectrum.size
    out = np.zeros(size * _UP, complex)
    first = (size * _UP - size) // 2
    out[first : first + size] = np.fft.fftshift(np.roll(spectrum, -centre))
    return np.abs(np.fft.ifft(np.fft.ifftshift(out)))


def _vertex(values: np.ndarray) -> float:
    k = int(values.argmax())
    before, here, after = values[k - 1 : k + 2]
    return k + (before - after) / (2.0 * (before - 2.0 * here + after))


def width_and_sidelobe(cut: np.ndarray, up: int) -> tuple[float, float]:
    """Return the width at half power, samples, and the highest sidelobe, dB, of a cut through a response."""
    values = np.abs(cut) / np.abs(cut).max()
    peak = int(values.argmax())
    ends, lobes = [], []
    for side in (values[peak:], values[peak::-1]):
        k = int(np.argmax(side < math.sqrt(0.5)))
        ends.append(k - 1 + (side[k - 1] - math.sqrt(0.5)) / (side[k - 1] - side[k]))
        null = int(np.argmax(np.diff(side) > 0.0))
        lobes.append(side[null : null + 8 * up].max())
    return sum(ends) / up, 20.0 * math.log10(max(lobes))


def ideal_azimuth(doppler_hz: float) -> tuple[float, float]:
    """Return width (lines) and sidelobe of a target whose spectrum is the antenna's within one PRF."""
    size, up = 4096, 64
    frequency = np.fft.fftfreq(size) * palsar.PRF_HZ
    aspect = frequency * palsar.ANTENNA_LENGTH_M / (2.0 * _SPEED_M_S)
    gain = np.where(np.abs(aspect) < 1.0, np.sinc(aspect) ** 2, 0.0)
    wide = np.zeros(size * up)
    wide[: size // 2], wide[-size // 2 :] = gain[: size // 2], gain[-size // 2 :]
    return width_and_sidelobe(np.fft.fftshift(np.fft.ifft(wide)), up)
