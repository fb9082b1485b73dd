"""Tests of coregistration, sub-bands and ionosphere of stripmap images with closed forms."""

import logging
import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from isce2_recipe.engines.builtin import node_grids
from isce2_recipe.engines.builtin.offsets import Offsets
from isce2_recipe.engines.builtin.stripmap import ionosphere, misregistration, sub_bands, two_pass
from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S
from isce2_recipe.sar.focused import FocusedImage
from isce2_recipe.sar.orbit import Orbit
from isce2_recipe.types import Looks

PRF_HZ, SAMPLING_HZ, FREQUENCY_HZ, BANDWIDTH_HZ = 2160.0, 32e6, 1.27e9, 28e6
SPACING_M = SPEED_OF_LIGHT_M_S / (2 * SAMPLING_HZ)
LINES, SAMPLES = 168, 240


def image(lines: int = LINES, samples: int = SAMPLES, doppler_hz: float = 0.0) -> FocusedImage:
    start = datetime(2008, 6, 14, tzinfo=UTC)
    orbit = Orbit(start, np.zeros(1), np.zeros((1, 3)), np.zeros((1, 3)))
    return FocusedImage(
        Path("none.slc"), lines, samples, start, PRF_HZ, 850e3, SPACING_M, SPEED_OF_LIGHT_M_S / FREQUENCY_HZ,
        BANDWIDTH_HZ, -BANDWIDTH_HZ / 27e-6, (doppler_hz,), orbit,
    )  # fmt: skip


def waves(line: np.ndarray, sample: np.ndarray, doppler_hz: float = 0.0) -> np.ndarray:
    """Return a sum of waves within the bands of ALOS, 0.43 cycles in range and 0.37 in azimuth."""
    parts = [(0.31, -0.42, 1.0), (-0.36, 0.43, 0.6j), (0.05, 0.12, 0.8), (-0.2, -0.3, 0.5)]
    carrier = np.exp(2j * np.pi * doppler_hz / PRF_HZ * line)
    return carrier * sum(a * np.exp(2j * np.pi * (f * line + g * sample)) for f, g, a in parts)


def constant_offsets(lag: float, shift: float, lines: int = LINES, samples: int = SAMPLES) -> Offsets:
    grid = np.empty((2, *node_grids.grid_shape(lines, samples, node_grids.STRIPMAP)))
    grid[node_grids.RANGE_OFFSET], grid[node_grids.AZIMUTH_OFFSET] = shift, lag
    return Offsets(grid, samples, node_grids.STRIPMAP)


@pytest.mark.parametrize("doppler_hz", [0.0, 700.0])
def test_resampling_in_two_passes_gives_the_image_between_its_pixels(doppler_hz: float) -> None:
    """The sum of four waves at the edges of the spectra, with an amplitude up to 2.9, is good to 1.4 %."""
    line, sample = np.mgrid[0:LINES, 0:SAMPLES].astype(float)
    lag, shift = -3.37, 2.61
    pixels = waves(line, sample, doppler_hz).astype(np.complex64)
    resampler = two_pass.Resampler(
        image(), image(doppler_hz=doppler_hz), pixels, constant_offsets(lag + 0.5, shift - 0.25),
        two_pass.Residual((-0.5, 0.0, 0.0), (0.25, 0.0, 0.0)),
    )  # fmt: skip
    out = resampler.window(range(32, 112), range(40, 200))
    rows, cols = np.mgrid[32:112, 40:200].astype(float)
    turns = 2 * SPACING_M * FREQUENCY_HZ / SPEED_OF_LIGHT_M_S * (shift - 0.25)
    expected = waves(rows + lag, cols + shift, doppler_hz) * np.exp(2j * np.pi * turns)
    assert np.abs(out - expected).max() < 0.04
    # The same pixels, whatever block they are computed in.
    assert np.abs(resampler.window(range(0, LINES), range(SAMPLES))[32:112, 40:200] - out).max() < 1e-5


def test_first_slant_ranges_that_differ_do_not_change_the_result() -> None:
    """Three samples more range at the start of the secondary, and as many less offset."""
    pixels = speckle(LINES, SAMPLES)
    usual = two_pass.Resampler(image(), image(), pixels, constant_offsets(0.3, 1.4))
    later = replace(image(), near_range_m=image().near_range_m + 3 * SPACING_M)
    moved = np.ascontiguousarray(pixels[:, 3:])
    shifted_start = two_pass.Resampler(
        image(), replace(later, samples=SAMPLES - 3), moved, constant_offsets(0.3, 1.4 - 3)
    )
    window = range(20, 100), range(40, 160)
    assert np.abs(usual.window(*window) - shifted_start.window(*window)).max() < 1e-4


def test_resampling_is_zero_outside_the_secondary() -> None:
    pixels = np.ones((LINES, SAMPLES), np.complex64)
    far = two_pass.Resampler(image(), image(), pixels, constant_offsets(30.5, -50.5))
    out = np.abs(far.window(range(LINES), range(SAMPLES)))
    assert (out[:, :60] == 0).all() and (out[134:] == 0).all()
    assert out[:120, 70:-20] == pytest.approx(1.0, abs=1e-3)
    gone = two_pass.Resampler(image(), image(), pixels, constant_offsets(1e4, 0.0))
    assert (gone.window(range(LINES), range(SAMPLES)) == 0).all()


def speckle(lines: int, samples: int, seed: int = 1) -> np.ndarray:
    """Return band-limited noise like that of a focused scene."""
    noise = np.random.default_rng(seed).standard_normal((lines, samples, 2)) @ [1, 1j]
    spectrum = np.fft.fft2(noise)
    spectrum[np.abs(np.fft.fftfreq(lines)) > 0.37] = 0
    spectrum[:, np.abs(np.fft.fftfreq(samples)) > BANDWIDTH_HZ / SAMPLING_HZ / 2] = 0
    return np.fft.ifft2(spectrum).astype(np.complex64)


def shifted(pixels: np.ndarray, lines: float, samples: float) -> np.ndarray:
    """Return an image whose content lies further down and right, periodically."""
    turns = lines * np.fft.fftfreq(pixels.shape[0])[:, None] + samples * np.fft.fftfreq(pixels.shape[1])
    return np.fft.ifft2(np.fft.fft2(pixels) * np.exp(-2j * np.pi * turns)).astype(np.complex64)


def test_correlation_finds_the_offset_of_two_images() -> None:
    one = speckle(128, 64)
    down, right, correlation = misregistration.correlation_peak(one, shifted(one, 1.7, -2.3))
    assert (down, right) == pytest.approx((1.7, -2.3), abs=0.05)
    assert correlation > 0.7
    assert misregistration.correlation_peak(one, np.zeros_like(one))[2] == 0.0
    assert misregistration.correlation_peak(one, speckle(128, 64, 2))[2] < 0.25


def test_misregistration_is_found_again_to_a_hundredth_of_a_pixel() -> None:
    lines, samples = 512, 320
    one = speckle(lines, samples)
    other = shifted(one, 2.2, -0.6)
    resampler = two_pass.Resampler(
        image(lines, samples), image(lines, samples), other, constant_offsets(0.0, 0.0, lines, samples)
    )

    def each(work, items):
        for item in items:
            work(item)

    found = misregistration.measure(one, resampler, each, logging.getLogger())
    assert found.azimuth == pytest.approx((2.2, 0, 0), abs=0.01)
    assert found.range == pytest.approx((-0.6, 0, 0), abs=0.01)


def test_outliers_do_not_change_the_fit_and_a_slope_is_found() -> None:
    rng = np.random.default_rng(3)
    place = rng.uniform(0, 1, (200, 2)) * (10000, 3000)
    chips = np.column_stack([place, np.full((200, 2), (0.4, -0.1)), np.full(200, 0.8)])
    chips[:, 2:4] += 0.01 * rng.standard_normal((200, 2))
    chips[:30, 2:4] = rng.uniform(-30, 30, (30, 2))
    fit = misregistration.fit_offsets(chips, (10000, 3000))
    assert fit is not None and fit.used <= 175
    assert fit.residual.azimuth == pytest.approx((0.4, 0, 0), abs=0.005)
    chips[:, 3] += 1e-4 * place[:, 1]
    fit = misregistration.fit_offsets(chips, (10000, 3000))
    assert fit is not None and fit.residual.azimuth[1:] == (0.0, 0.0)
    assert fit.residual.range == pytest.approx((-0.1, 0, 1e-4), abs=0.01)
    assert fit.residual.range[2] == pytest.approx(1e-4, rel=0.05)
    chips[:, 4] = 0.1
    assert misregistration.fit_offsets(chips, (10000, 3000)) is None


@pytest.mark.parametrize("looks", [Looks(4, 14), Looks(3, 14)])
def test_bands_show_the_group_delay(looks: Looks) -> None:
    """A delay of the envelope by a third of a metre changes the difference of the bands by its phase."""
    lines, samples = 112, 2048
    one = speckle(lines, samples)
    delay_m = 0.3
    two = shifted(one, 0.0, delay_m / SPACING_M)
    flat = constant_offsets(0.0, 0.0, lines, samples)
    resampler = two_pass.Resampler(image(lines, samples), image(lines, samples), two, flat)
    size = lines // looks.azimuth, samples // looks.range
    low, high = np.empty((2, *size), np.complex64)

    def write(first, *parts):
        for target, part in zip((low, high), parts, strict=False):
            target[first : first + len(part)] = part

    bands = sub_bands.write_bands(one, two, resampler, looks, write, lambda work, items: [*map(work, items)])
    apart = bands.high_hz - bands.low_hz
    assert apart == pytest.approx(2 * BANDWIDTH_HZ / 3, rel=0.01)
    found = np.angle((high * np.conj(low)).sum())
    assert found == pytest.approx(4 * np.pi / SPEED_OF_LIGHT_M_S * apart * delay_m, rel=0.02)


def bands_of(delay_m: np.ndarray, moved_m: np.ndarray, noise: float, lost: np.ndarray) -> ionosphere.BandPair:
    """Return what two bands and the unwrapped full band show of an ionosphere and a displacement."""
    rng = np.random.default_rng(5)
    k = 4 * np.pi / SPEED_OF_LIGHT_M_S
    phase = k * FREQUENCY_HZ * (moved_m - delay_m)
    apart = BANDWIDTH_HZ / 3
    low, high = (
        np.exp(
            1j * (phase + k * sign * apart * (moved_m + delay_m) + noise * rng.standard_normal(phase.shape))
        )
        for sign in (-1, 1)
    )
    coherence = np.full(phase.shape, 0.9, np.float32)
    labels = np.ones(phase.shape, np.uint8)
    return ionosphere.BandPair(low, high, coherence, phase.astype(np.float32), labels, ~lost)


def test_ionosphere_is_found_without_the_displacement() -> None:
    """Waves of 40 km, and a bowl of 15 cm: 0.1 rad, and 1 % of the displacement, with gaps."""
    y, x = np.mgrid[0:500, 0:400].astype(float)
    delay = 0.06 * np.sin(2 * np.pi * (y * 0.044 + x * 0.03) / 40)
    moved = 0.15 * np.exp(-((y - 250) ** 2 + (x - 150) ** 2) / 90**2)
    lost = (x > 300) | ((x - 100) ** 2 + (y - 100) ** 2 < 60**2)
    noise, looks = 0.09, 13.0
    pair = bands_of(delay, moved, noise, lost)
    third = BANDWIDTH_HZ / 3
    found = ionosphere.estimate(
        pair,
        sub_bands.Bands(-third, third),
        FREQUENCY_HZ,
        looks,
        np.zeros((1, 1)),
        ionosphere.Smoothing(40, 50),
    )
    assert found is not None
    factor = 4 * np.pi * FREQUENCY_HZ / SPEED_OF_LIGHT_M_S
    wrong = (found.dispersive + factor * delay)[~lost]
    assert abs(found.dispersive[~lost].mean()) < 0.1
    assert wrong.std() < 0.1
    assert np.polyfit(-factor * delay[~lost], found.dispersive[~lost], 1)[0] > 0.95
    assert abs(np.polyfit(factor * moved[~lost], wrong, 1)[0]) < 0.01
    assert 0.3 * wrong.std() < np.median(found.error[~lost]) < 1.2 * wrong.std()
    assert found.used.sum() == (~lost).sum()


def test_cycles_between_components_do_not_disturb_the_ionosphere() -> None:
    y, x = np.mgrid[0:320, 0:300].astype(float)
    delay = 0.05 * np.sin(y / 150) + 1e-4 * x
    pair = bands_of(delay, np.zeros_like(delay), 0.05, np.abs(x - 150) < 5)
    labels = np.where(x > 155, 2, 1).astype(np.uint8)
    phase = pair.phase - np.float32(4 * np.pi) * (labels == 2)
    broken = ionosphere.BandPair(pair.low, pair.high, pair.coherence, phase, labels, pair.usable)
    third = sub_bands.Bands(-BANDWIDTH_HZ / 3, BANDWIDTH_HZ / 3)
    one, two = (
        ionosphere.estimate(each, third, FREQUENCY_HZ, 13.0, np.zeros((1, 1)), ionosphere.Smoothing(40, 50))
        for each in (pair, broken)
    )
    assert one is not None and two is not None
    assert np.abs(one.dispersive - two.dispersive).max() < 0.02


def test_ionosphere_needs_some_data() -> None:
    zeros = np.zeros((200, 200))
    pair = bands_of(zeros, zeros, 0.0, zeros == 0)
    third = sub_bands.Bands(-BANDWIDTH_HZ / 3, BANDWIDTH_HZ / 3)
    assert ionosphere.estimate(pair, third, FREQUENCY_HZ, 13.0, zeros, ionosphere.Smoothing(40, 50)) is None
    assert math.isclose(third.high_hz, -third.low_hz)
