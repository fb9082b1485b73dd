"""Focused point targets, whose echoes follow from the curved orbit: position, phase and resolution."""

from __future__ import annotations

import numpy as np
import pytest

from isce2_recipe.sar.focusing import block_columns
from isce2_recipe.sources.simulated.alos import palsar
from support.point_targets import Response, Targets, ideal_azimuth, measure

LINES, SAMPLES = 10400, palsar.PULSE_SAMPLES + 400
PLACES = [(line, sample) for line, sample in ((5000.0, 70.0), (5200.37, 200.41), (5400.0, 330.0))]
# A chirp of this bandwidth has the spectrum of a rectangle.
IDEAL_RANGE = (0.8859 * palsar.SAMPLING_HZ / palsar.BANDWIDTH_HZ, -13.26)


def check(found: Response, doppler_hz: float, ideal_range: tuple[float, float]) -> None:
    assert abs(found.sample) < 0.002
    assert abs(found.line) < 0.02
    assert abs(found.phase) < 0.01
    for (width, sidelobe), (ideal_width, ideal_sidelobe) in (
        (found.azimuth, ideal_azimuth(doppler_hz)),
        (found.range, ideal_range),
    ):
        assert width == pytest.approx(ideal_width, rel=0.02)
        assert sidelobe == pytest.approx(ideal_sidelobe, abs=0.5)


@pytest.mark.parametrize("doppler_hz", [0.0, 45.0])
def test_targets_have_their_place_phase_and_resolution(doppler_hz: float) -> None:
    targets = Targets(PLACES, LINES, SAMPLES, doppler_hz)
    image = targets.focused()
    for place in PLACES:
        found = measure(image, place, palsar.RANGE_SPACING_M, doppler_hz)
        check(found, doppler_hz, IDEAL_RANGE)


def test_blocks_of_columns_have_no_seam() -> None:
    targets = Targets(PLACES, LINES, SAMPLES)
    whole, parts = targets.focused(), targets.focused(block=134)
    assert np.abs(parts - whole).max() < 0.003 * np.abs(whole).max()
    assert np.linalg.norm(parts - whole) < 0.003 * np.linalg.norm(whole)
    for image in (whole, parts):
        assert (np.abs(image).max(axis=0) > 0.0).all()


def test_a_scene_of_two_polarizations_is_sampled_like_one_of_one() -> None:
    """14 MHz at 16 million samples per second give an image with twice as many samples."""
    wide = [(line, sample / 2.0) for line, sample in PLACES]
    targets = Targets(wide, LINES, palsar.PULSE_SAMPLES // 2 + 200, sampling_hz=16e6, bandwidth_hz=14e6)
    image = targets.focused(2.0)
    for place in PLACES:
        found = measure(image, place, palsar.RANGE_SPACING_M, 0.0)
        check(found, 0.0, (0.8859 * 32.0 / 14.0, -13.26))


def test_a_scene_of_one_polarization_is_sampled_like_one_of_two() -> None:
    image = Targets(PLACES, LINES, SAMPLES).focused(0.5, 14e6)
    for line, sample in PLACES:
        found = measure(image, (line, sample / 2.0), 2.0 * palsar.RANGE_SPACING_M, 0.0)
        check(found, 0.0, (0.8859 * 16.0 / 14.0, -13.26))


def test_memory_is_bounded_by_the_number_of_columns() -> None:
    guard = 900
    assert block_columns(17000, 3036, guard) == 3036
    largest = block_columns(25200, 9440, guard)
    assert (largest + guard) * 8 * 25200 < 870e6
