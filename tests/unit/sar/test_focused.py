"""Tests of the record of a focused image."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from isce2_recipe.errors import InputError
from isce2_recipe.sar.focused import FocusedImage, load_focused
from isce2_recipe.sar.orbit import Orbit


def image(path: Path) -> FocusedImage:
    time = np.arange(0.0, 600.0, 60.0)
    orbit = Orbit(datetime(2008, 6, 14, tzinfo=UTC), time, np.ones((10, 3)) / 3, np.zeros((10, 3)))
    return FocusedImage(
        path,
        lines=1000,
        samples=300,
        start=datetime(2008, 6, 14, 0, 4, 0, 123000, tzinfo=UTC),
        prf_hz=2159.827,
        near_range_m=848000.0,
        range_spacing_m=4.684257,
        wavelength_m=0.2360571,
        bandwidth_hz=28e6,
        chirp_rate_hz_s=-28e6 / 27e-6,
        doppler_hz=(45.0, 0.001),
        orbit=orbit,
    )


def test_a_saved_image_is_read_unchanged(tmp_path: Path) -> None:
    saved = image(tmp_path / "reference.slc")
    saved.save(tmp_path / "reference.json")
    read = load_focused(tmp_path / "reference.json", saved.path)
    assert replace(read, orbit=saved.orbit) == saved
    for name in ("time_s", "position_m", "velocity_m_s"):
        np.testing.assert_array_equal(getattr(read.orbit, name), getattr(saved.orbit, name))
    assert read.orbit.epoch == saved.orbit.epoch


def test_times_and_ranges_follow_from_the_facts(tmp_path: Path) -> None:
    slc = image(tmp_path / "reference.slc")
    assert slc.start_s == pytest.approx(240.123)
    assert slc.stop_s - slc.start_s == pytest.approx(999 / 2159.827)
    assert slc.far_range_m == pytest.approx(848000.0 + 299 * 4.684257)
    assert slc.sampling_hz == pytest.approx(32e6, rel=1e-6)
    assert slc.doppler_at(np.array([0.0, 100.0])) == pytest.approx([45.0, 45.1])


@pytest.mark.parametrize("text", ["{", "{}", '{"lines": 3}'])
def test_a_damaged_record_is_an_error_of_the_input(tmp_path: Path, text: str) -> None:
    file = tmp_path / "reference.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"reference\.json does not describe a focused image"):
        load_focused(file, tmp_path / "reference.slc")
