"""Raw signal compared with its closed form, and focused by back-projection along the true orbit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S
from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
from isce2_recipe.sar.zero_doppler import geo2rdr, rdr2geo
from isce2_recipe.sources.simulated import ground
from isce2_recipe.sources.simulated.alos import palsar, raw
from isce2_recipe.sources.simulated.alos.acquisition import acquire, lobes
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.types import AlosName

LINES, SAMPLES = 3072, 1200
HEIGHT_M = 500.0
REFERENCE, SECONDARY = (AlosName.parse(text) for text in ("ALPSRP156121200", "ALPSRP162831200"))


def place_at(scene, line, sample, height=HEIGHT_M):
    """Return the ground point (ECEF) with the given zero-Doppler coordinates."""
    level = np.full((1, 1), height, dtype=np.float32)
    time, slant = scene.start_s + line / palsar.PRF_HZ, scene.near_range_m + sample * palsar.RANGE_SPACING_M
    return geodetic_to_ecef(*rdr2geo(scene.poly, time, slant, level, 0.0, 0.0, -1.0, 1.0))


def phase_of(slant_range):
    return -4.0 * math.pi * (slant_range / palsar.WAVELENGTH_M % 0.5)


def impulse_image(scene, targets):
    """Return an image of unit scatterers at (time, slant range), each with the phase of its slant range."""
    image = np.zeros((scene.lines, scene.samples), dtype=np.complex64)
    taps = np.arange(-24, 25)
    window = np.kaiser(taps.size + 2, 4.0)[1:-1]
    for time, slant in targets:
        line, sample = (
            (time - scene.start_s) * palsar.PRF_HZ,
            (slant - scene.near_range_m) / palsar.RANGE_SPACING_M,
        )
        i, j = round(line) + taps, round(sample) + taps
        patch = np.outer(np.sinc(i - line) * window, np.sinc(j - sample) * window)
        image[i[0] : i[-1] + 1, j[0] : j[-1] + 1] += 1000.0 * np.exp(1j * phase_of(slant)) * patch
    return image


def satellite(scene):
    return scene.flight.states(scene.start_s + np.arange(scene.lines) / palsar.PRF_HZ)[0]


def compress(signal):
    """Compress the signal in range with the transmitted pulse."""
    time = np.arange(palsar.PULSE_SAMPLES) / palsar.SAMPLING_HZ
    pulse = np.exp(-1j * math.pi * 28e6 / palsar.PULSE_S * (time - palsar.PULSE_S / 2.0) ** 2)
    spectrum = np.fft.fft(signal, axis=1) * np.conj(np.fft.fft(pulse, signal.shape[1]))
    return np.fft.ifft(spectrum, axis=1)


class Focus:
    """Focuses a range-compressed scene by back-projection onto points near a ground point."""

    def __init__(self, scene, compressed, point):
        self.scene, self.point = scene, np.array(point)
        self.eyes = satellite(scene)
        time, slant = geo2rdr(scene.poly, *point, scene.middle_s)
        _, velocity = scene.flight.states(time)
        self.ahead = velocity[0] / np.linalg.norm(velocity[0])
        eye = scene.flight.states(time)[0][0]
        self.sight = (self.point - eye) / np.linalg.norm(self.point - eye)
        self.slant = slant
        # Only a window of bins around the point is needed.
        centre = round((slant - scene.near_range_m) / palsar.RANGE_SPACING_M)
        self.first = centre - 24
        self.data = compressed[:, self.first : self.first + 64]

    def value(self, range_m, azimuth_m):
        """Return the image at a point displaced along the line of sight and along track."""
        point = self.point + range_m * self.sight + azimuth_m * self.ahead
        distance = np.linalg.norm(self.eyes - point, axis=1)
        at = (distance - self.scene.near_range_m) / palsar.RANGE_SPACING_M - self.first
        near = (at > 8) & (at < self.data.shape[1] - 9)
        rows = np.flatnonzero(near)
        whole = np.floor(at[near]).astype(int)
        taps = np.arange(-7, 9)
        weights = np.sinc(at[near, None] - whole[:, None] - taps) * np.kaiser(18, 4.0)[1:-1]
        samples = (self.data[rows[:, None], whole[:, None] + taps] * weights).sum(axis=1)
        return (samples * np.exp(-1j * phase_of(distance[near]))).sum()

    def peak(self):
        """Return the displacement of the brightest point in range and azimuth, metres."""
        level = abs(self.value(0.0, 0.0))
        options = {"xatol": 2e-3, "fatol": 1e-6, "initial_simplex": [(0.0, 0.0), (0.3, 0.0), (0.0, 0.3)]}
        found = minimize(
            lambda p: -abs(self.value(*p)) / level, (0.0, 0.0), method="Nelder-Mead", options=options
        )
        return found.x


@pytest.fixture(scope="module")
def scene():
    return acquire(REFERENCE, LINES, SAMPLES)


@pytest.fixture(scope="module")
def geometry(scene):
    return raw.echo_geometry(scene, HEIGHT_M)


def test_echoes_of_a_point_have_their_closed_form(scene, geometry):
    """Compare the echoes with the transmitted pulse at the distances from the true orbit."""
    line, sample = LINES // 2, 200
    slant = scene.near_range_m + sample * palsar.RANGE_SPACING_M
    image = np.zeros((LINES, SAMPLES), dtype=np.complex64)
    # A third of the Doppler band, so that the hyperbola ends within the scene.
    lines = np.arange(-100, 101)
    image[line + lines, sample] = np.exp(1j * phase_of(slant)) * np.sinc(0.35 * lines) * np.hanning(203)[1:-1]
    echoes = raw.echoes(image, geometry, 2)
    distance = np.linalg.norm(satellite(scene) - np.array(place_at(scene, line, sample)), axis=1)
    for pulse in range(line - 1000, line + 1001, 200):
        delay = (
            np.arange(SAMPLES) / palsar.SAMPLING_HZ
            - 2.0 * (distance[pulse] - scene.near_range_m) / SPEED_OF_LIGHT_M_S
        )
        inside = (delay > 0.5e-6) & (delay < palsar.PULSE_S - 0.5e-6)
        expected = (
            phase_of(distance[pulse])
            - math.pi * 28e6 / palsar.PULSE_S * (delay[inside] - palsar.PULSE_S / 2.0) ** 2
        )
        match = echoes[pulse, inside] * np.exp(-1j * expected)
        coherence = abs(match.sum()) / np.sqrt((abs(match) ** 2).sum() * inside.sum())
        assert np.angle(match.sum()) == pytest.approx(0.0, abs=0.03)
        # The spectrum of a single sample is wider than that of the pulse, so ripples remain.
        assert coherence > 0.98


@pytest.mark.parametrize(
    ("line", "sample"), [(1500.0, 60.0), pytest.param(1400.3, 150.6, marks=pytest.mark.slow), (1620.7, 270.2)]
)
def test_point_is_focused_at_its_position_with_its_phase(scene, geometry, line, sample):
    point = place_at(scene, line, sample)
    target = geo2rdr(scene.poly, *point, scene.middle_s)
    signal = raw.echoes(impulse_image(scene, [target]), geometry, 2)
    focus = Focus(scene, compress(signal), point)
    range_m, azimuth_m = focus.peak()
    # The tolerances are a hundredth of a sample (5 cm in range, 3 cm in azimuth) and 0.02 rad (0.4 mm).
    assert range_m == pytest.approx(0.0, abs=0.05)
    assert azimuth_m == pytest.approx(0.0, abs=0.04)
    assert np.angle(focus.value(0.0, 0.0)) == pytest.approx(0.0, abs=0.02)


@pytest.mark.slow
def test_two_passes_show_baseline_terrain_and_motion():
    """Check the interferometric phase of points at two heights, from five-bit samples."""
    options = SimulationOptions.parse("clean")
    pair = [acquire(name, LINES, SAMPLES) for name in (REFERENCE, SECONDARY)]
    points = [
        place_at(pair[0], line, sample, h)
        for line, sample, h in [(1400.2, 80.1, 200.0), (1700.8, 260.4, 900.0)]
    ]
    phases, ranges = [], []
    for scene in pair:
        moved = [ground.displacement(lobes(scene, options), *point) for point in points]
        seen = [geo2rdr(scene.poly, *point, scene.middle_s) for point in points]
        targets = [(time, slant + d) for (time, slant), d in zip(seen, moved, strict=True)]
        samples = raw.quantize(
            raw.echoes(impulse_image(scene, targets), raw.echo_geometry(scene, HEIGHT_M), 2)
        )
        pulses = (samples.astype(np.float32) - palsar.BIAS).reshape(LINES, SAMPLES, 2)
        compressed = compress(pulses[..., 0] + 1j * pulses[..., 1])
        values = [Focus(scene, compressed, point).value(0.0, 0.0) for point in points]
        phases.append(np.angle(values))
        ranges.append(moved)
    # Back-projection removes the geometric phase. The motion remains: +4 pi / lambda * d.
    difference = np.angle(np.exp(1j * (phases[0] - phases[1])))
    expected = 4.0 * math.pi / palsar.WAVELENGTH_M * (np.array(ranges[1]) - np.array(ranges[0]))
    assert np.abs(expected).max() > 0.05
    error = np.angle(np.exp(1j * (difference - expected)))
    assert error == pytest.approx([0.0, 0.0], abs=0.03)


def test_effective_speed_agrees_with_the_orbit(scene, geometry):
    """Compare it with the second difference of squared distances over a second of the true orbit."""
    for sample in (0, SAMPLES - 1):
        point = np.array(place_at(scene, LINES / 2, sample))
        middle = scene.start_s + LINES / 2 / palsar.PRF_HZ
        times = middle + np.array([-0.5, 0.0, 0.5])
        squares = ((scene.flight.states(times)[0] - point) ** 2).sum(axis=1)
        speed = math.sqrt((squares[0] - 2.0 * squares[1] + squares[2]) / 0.5)
        assert geometry.speed_m_s[sample] == pytest.approx(speed, rel=2e-6)


def test_quantized_signal_is_coherent_with_the_original():
    rng = np.random.default_rng(1)
    signal = (rng.standard_normal((64, 500)) + 1j * rng.standard_normal((64, 500))).astype(np.complex64)
    pairs = raw.quantize(7e3 * signal).reshape(64, 500, 2) - palsar.BIAS
    back = pairs[..., 0] + 1j * pairs[..., 1]
    coherence = abs(np.vdot(signal, back)) / (np.linalg.norm(signal) * np.linalg.norm(back))
    assert coherence > 0.995


def test_signal_of_zero_is_quantized_to_the_bias():
    assert set(np.unique(raw.quantize(np.zeros((2, 4), dtype=np.complex64)))) <= {15, 16}
