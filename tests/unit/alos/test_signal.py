"""Raw signal files with lost pulses, moved windows, changed PRF and several frames, on one grid of lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from isce2_recipe.alos.signal import RawSignal, open_signal
from isce2_recipe.errors import InputError
from support.ceos_signal import NEAR_M, PRF_MHZ, records, write_records

SAMPLING_HZ = 32e6
PRF_HZ = PRF_MHZ / 1000.0
DOPPLER_HZ = 300.0
START = datetime(2009, 3, 1, 0, 0, 1, tzinfo=UTC)


def tone(time_s: np.ndarray, samples: int = 40) -> np.ndarray:
    """Return a signal of one Doppler frequency, whose phase depends on the sample too."""
    phase = 2.0 * np.pi * DOPPLER_HZ * time_s[:, np.newaxis] + 0.1 * np.arange(samples)
    return 13.0 * np.exp(1j * phase)


def at(lines: np.ndarray) -> np.ndarray:
    return tone(lines / PRF_HZ)


def opened(*paths: Path) -> RawSignal:
    return open_signal(paths, SAMPLING_HZ)


def read(signal: RawSignal, columns: range | None = None) -> np.ndarray:
    """Return all columns, (lines, samples)."""
    wanted = columns or range(signal.samples)
    return np.concatenate([part.copy() for _, part in signal.columns(wanted, 16)]).T


def check(signal: RawSignal, skip: slice = slice(0, 0), tolerance: float = 1.3) -> None:
    """Check the tone in all lines but those that must be zero.

    Samples are rounded to whole numbers, and the mean of so simple a signal is not quite zero.
    """
    values, expected = read(signal), at(np.arange(signal.lines))
    expected[skip] = 0.0
    np.testing.assert_allclose(values, expected, atol=tolerance)


def test_complete_pulses_are_lines(tmp_path: Path) -> None:
    signal = opened(write_records(tmp_path / "IMG", records(at(np.arange(600)))))
    assert (signal.lines, signal.samples, signal.missing, signal.interpolated) == (600, 40, 0, 0)
    assert (signal.prf_hz, signal.near_range_m, signal.polarization) == (PRF_HZ, NEAR_M, "HH")
    assert abs(signal.start - START) < timedelta(microseconds=2)
    assert signal.bias == pytest.approx(15.5 + 15.5j, abs=0.3)
    check(signal)
    assert signal.doppler_hz() == pytest.approx(DOPPLER_HZ, abs=1.0)
    np.testing.assert_array_equal(read(signal, range(7, 30)), read(signal)[:, 7:30])


@pytest.mark.parametrize("numbered", [True, False], ids=["numbered", "by the clock"])
def test_lost_pulses_become_lines_of_zeros(tmp_path: Path, numbered: bool) -> None:
    kept = np.r_[0:300, 311:600]
    all_records = records(at(np.arange(600)))[kept]
    if not numbered:
        all_records["sequence"] = 2 + np.arange(len(kept))
    signal = opened(write_records(tmp_path / "IMG", all_records))
    assert (signal.lines, signal.missing) == (600, 11)
    # Whole milliseconds say that pulses are lost, but not exactly where.
    margin = 0 if numbered else 4
    lines = np.r_[0 : 300 - margin, 311 + margin : 600]
    np.testing.assert_allclose(read(signal)[lines], at(lines), atol=1.3)
    assert abs(signal.start - START) < timedelta(microseconds=20)


def test_a_damaged_header_is_a_lost_pulse(tmp_path: Path) -> None:
    content = records(at(np.arange(600)))
    content["length"][200] = 7
    content["milliseconds"][400] = 0
    signal = opened(write_records(tmp_path / "IMG", content))
    assert (signal.lines, signal.missing) == (600, 1)
    check(signal, slice(200, 201))


@pytest.mark.parametrize("millihertz", [777, 1_000_000, 2**31 - 1])
def test_a_pulse_with_a_damaged_prf_is_a_pulse_like_the_others(tmp_path: Path, millihertz: int) -> None:
    content = records(at(np.arange(600)))
    content["prf_millihertz"][[0, 200, 201, 599]] = millihertz
    signal = opened(write_records(tmp_path / "IMG", content))
    assert (signal.lines, signal.missing, signal.prf_hz) == (600, 0, PRF_HZ)
    np.testing.assert_allclose(read(signal), at(np.arange(600)), atol=1.3)


@pytest.mark.parametrize(("pulse", "field"), [(0, "year"), (0, "day_of_year"), (200, "year")])
def test_a_pulse_without_a_valid_time_is_an_error_of_the_input(
    tmp_path: Path, pulse: int, field: str
) -> None:
    content = records(at(np.arange(600)))
    content["prf_millihertz"][200:] = 1_000_000
    content[field][pulse] = 2**31 - 1
    with pytest.raises(InputError, match="no valid time"):
        opened(write_records(tmp_path / "IMG", content))


def test_a_moved_range_window_is_moved_back(tmp_path: Path) -> None:
    later = NEAR_M + round(8 * 4.684257)
    wide = tone(np.arange(600) / PRF_HZ, 48)
    parts = records(wide[:300, :40]), records(
        wide[300:, 8:], slant_range_m=later, sequence=302 + np.arange(300),
        milliseconds=np.floor(1000.0 + np.arange(300, 600) * 1e6 / PRF_MHZ + 1e-6).astype(int),
    )  # fmt: skip
    signal = opened(write_records(tmp_path / "IMG", *parts))
    assert {run.shift for run in signal.runs} == {0, 8}
    values = read(signal)
    np.testing.assert_allclose(values[:300], at(np.arange(300)), atol=1.3)
    np.testing.assert_allclose(values[300:, 8:], at(np.arange(300, 600))[:, 8:], atol=1.3)
    assert not values[300:, :8].any()


def test_fill_before_the_samples_is_zero(tmp_path: Path) -> None:
    content = records(at(np.arange(600)), left_fill=3, data_pixels=37)
    values = read(opened(write_records(tmp_path / "IMG", content)))
    assert not values[:, :3].any()
    np.testing.assert_allclose(values[:, 3:], at(np.arange(600))[:, 3:], atol=1.3)


def test_pulses_of_another_prf_are_interpolated(tmp_path: Path) -> None:
    other = 1_950_000
    time = 600 / PRF_HZ + np.arange(250) * 1000.0 / other
    clock = np.floor(1000.0 + time * 1000.0 + 1e-6).astype(int)
    parts = (
        records(at(np.arange(600))),
        records(tone(time), prf_millihertz=other, milliseconds=clock, sequence=602 + np.arange(250)),
    )
    signal = opened(write_records(tmp_path / "IMG", *parts))
    assert signal.prf_hz == PRF_HZ
    assert signal.lines == 600 + round(249 * PRF_MHZ / other) + 1
    assert signal.interpolated == signal.lines - 600
    values, expected = read(signal), at(np.arange(signal.lines))
    # The interpolation lacks pulses at both ends.
    inner = np.r_[0:600, 612 : signal.lines - 12]
    np.testing.assert_allclose(values[inner], expected[inner], atol=1.5)
    assert signal.doppler_hz() == pytest.approx(DOPPLER_HZ, abs=1.0)


def test_frames_of_one_pass_are_joined_without_their_common_pulses(tmp_path: Path) -> None:
    everything = records(at(np.arange(900)))
    second = everything[550:].copy()
    second["sequence"] = 2 + np.arange(350)
    paths = write_records(tmp_path / "two", second), write_records(tmp_path / "one", everything[:600])
    signal = opened(*paths)
    assert (signal.lines, signal.missing, len(signal.runs)) == (900, 0, 2)
    check(signal)


def test_a_short_gap_between_frames_is_filled(tmp_path: Path) -> None:
    everything = records(at(np.arange(900)))
    second = everything[610:].copy()
    second["sequence"] = 2 + np.arange(290)
    signal = opened(write_records(tmp_path / "1", everything[:600]), write_records(tmp_path / "2", second))
    assert (signal.lines, signal.missing) == (900, 10)
    check(signal, slice(600, 610))


def test_midnight_and_fill_at_the_end_of_records(tmp_path: Path) -> None:
    lines = np.arange(600)
    clock = np.floor(86_399_900.0 + lines * 1e6 / PRF_MHZ + 1e-6).astype(int)
    content = records(
        at(lines)[:, :30],
        data_pixels=30,
        milliseconds=clock % 86_400_000,
        day_of_year=60 + clock // 86_400_000,
    )
    padded = np.zeros(600, np.dtype((np.void, content.itemsize + 80)))
    padded_bytes = padded.view(np.uint8).reshape(600, -1)
    content["length"] += 80
    padded_bytes[:, : content.itemsize] = content.view(np.uint8).reshape(600, -1)
    signal = opened(write_records(tmp_path / "IMG", padded_bytes))
    assert (signal.lines, signal.samples, signal.missing) == (600, 30, 0)
    np.testing.assert_allclose(read(signal), at(lines)[:, :30], atol=1.3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("cut", r"IMG is truncated or damaged at pulse 600: it has \d+ bytes"),
        ("empty", "IMG has no pulses"),
        ("prf", "a pulse has no PRF"),
        ("lost", "lacks 400 of 600 lines"),
        ("samples", "a pulse of 492 bytes states 41 samples"),
        ("missing", "No such file"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, change: str, words: str) -> None:
    content = records(at(np.arange(600)))
    if change == "prf":
        content["prf_millihertz"][100] = 0
    elif change == "lost":
        content = content[np.r_[0:100, 500:600]]
    elif change == "samples":
        content["data_pixels"] = 41
    path = write_records(tmp_path / "IMG", content[:0] if change == "empty" else content)
    if change == "cut":
        with path.open("r+b") as stream:
            stream.truncate(path.stat().st_size - 10)
    elif change == "missing":
        path.unlink()
    with pytest.raises(InputError, match=words):
        opened(path)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"milliseconds": 90_000 + np.arange(100)}, r"begins 8\d\.\d s after 1"),
        ({"received": 1, "milliseconds": 1279 + np.arange(100)}, "has HH, but 2 HV"),
        ({"milliseconds": 1010 + np.arange(100) // 10}, "lies within 1"),
    ],
)
def test_frames_that_do_not_follow_each_other_are_refused(tmp_path: Path, headers, words: str) -> None:
    first = write_records(tmp_path / "1", records(at(np.arange(600))))
    second = write_records(tmp_path / "2", records(at(np.arange(100)), **headers))
    with pytest.raises(InputError, match=words):
        opened(first, second)
