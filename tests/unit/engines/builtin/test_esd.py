"""ESD on simulated bursts whose annotation is shifted by a known amount."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.config import read_config
from isce2_recipe.engines.builtin.esd import phase_coherence
from isce2_recipe.engines.builtin.overlaps import find_overlaps
from isce2_recipe.engines.builtin.range_offsets import measure_shifts
from isce2_recipe.engines.builtin.swaths import read_pairs
from isce2_recipe.errors import InputError
from isce2_recipe.products.quality.coregistration import coregistration
from isce2_recipe.products.quality.seams import seams
from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S, BurstGeometry
from isce2_recipe.sar.orbit import Orbit
from support.tops_scene import Scene, make_scene, run

BURSTS = [("136231_IW2", "12"), ("136232_IW2", "15")]
WAVELENGTH_M = 0.0554658


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Two bursts whose secondary is 0.024 lines too late and 0.2 samples too far."""
    options = "samples=1536,azimuth_shift=0.024,range_shift=0.2"
    return make_scene(tmp_path_factory.mktemp("shifted"), options, BURSTS)


@pytest.fixture(scope="module")
def refined(shifted: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work folder after ``mergebursts``; tests must not change it."""
    return run(shifted.application(tmp_path_factory.mktemp("refined"), do_ESD=True))


def entries(folder: Path, node: str) -> dict[str, str]:
    text = (folder / "topsProc.xml").read_text()
    found = re.search(rf"<{node}>(.*?)</{node}>", text, re.DOTALL)
    return dict(re.findall(r"<(\w+)>([^<]*)</", found[1] if found else ""))


def raster(path: Path) -> NDArray[Any]:
    return isceimage.read_part(path, range(isceimage.read_header(path).lines))


def test_both_shifts_are_found_and_corrected(shifted: Scene, refined: Path) -> None:
    found = coregistration(refined, shifted.truth)
    assert found is not None
    truth = found["truth"]
    assert truth == pytest.approx({"azimuth_lines": 0.024, "range_samples": 0.2})
    assert found["azimuth"]["lines"] == pytest.approx(truth["azimuth_lines"], abs=3e-4)
    assert found["azimuth"]["std"] < 0.005
    assert found["azimuth"]["points"] > 500
    assert found["range"]["samples"] == pytest.approx(truth["range_samples"], abs=0.03)
    # Applied as they are, without rounding to microseconds.
    assert found["azimuth"]["seconds"] == pytest.approx(found["azimuth"]["lines"] * 2.0555563e-3, rel=1e-6)
    assert found["range"]["metres"] == pytest.approx(found["range"]["samples"] * 2.329562, rel=1e-6)
    azimuth = np.load(refined / "PICKLE" / "offsets_IW2_01.npy")[1].mean()
    geometry = np.load(refined / "PICKLE" / "offsets_IW2_02.npy")[1].mean()
    assert azimuth == pytest.approx(geometry, abs=0.1)


def test_the_step_at_the_seam_disappears(shifted: Scene, refined: Path, tmp_path: Path) -> None:
    without = run(shifted.application(tmp_path, do_ESD=False))
    (before,), (after,) = (seams(folder, WAVELENGTH_M) for folder in (without, refined))
    assert abs(before["phase_rad"]) == pytest.approx(1.25, abs=0.05)
    assert abs(after["phase_rad"]) < 0.05
    assert coregistration(without, shifted.truth) is None


def _isce2_frequency(
    burst: BurstGeometry, orbit: Orbit, line: NDArray[Any], sample: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The product of Doppler rate and time, and the Doppler centroid, as ISCE2 has them."""
    steering = 2 * np.linalg.norm(orbit.at(orbit.seconds(burst.middle))[1]) * burst.steering_rate_rad_s
    steering = steering / burst.wavelength_m
    tau = 2 * (burst.near_range_m + burst.range_spacing_m * sample) / SPEED_OF_LIGHT_M_S
    rate = steering / (1 - steering / burst.fm_rate(tau))
    return rate * (line - burst.lines // 2) * burst.azimuth_interval_s, burst.doppler(tau)


def test_the_number_of_isce2_is_computed_as_isce2_does(refined: Path) -> None:
    """An independent formula: both dates' frequencies, and the first line twice in the secondary."""
    config = read_config(refined / "topsApp.xml", refined)
    pair = read_pairs(config)[0]
    overlap = find_overlaps(pair)[0]
    row, col = np.mgrid[: overlap.lines, : overlap.samples].astype(np.float64)
    total = np.zeros(row.shape)
    for number, side in enumerate(("top", "bot")):
        sign, start = 1 - 2 * number, overlap.starts[number]
        offsets = refined / "coarse_offsets" / "overlaps" / "IW2"
        lag, shift = (raster(offsets / f"{name}_{side}_01_02.off") for name in ("azimuth", "range"))
        own, other = pair.reference.bursts[number].geometry, pair.secondary.bursts[number].geometry
        turning, doppler = _isce2_frequency(own, pair.reference.orbit, start + row, col)
        total += sign * (turning - doppler)
        turning, doppler = _isce2_frequency(other, pair.secondary.orbit, start + row + lag, col + shift)
        total += sign * (turning + doppler)
    total *= 2 * np.pi * pair.reference.bursts[0].geometry.azimuth_interval_s
    lines, samples = overlap.lines // 5, overlap.samples // 15
    looked = total[: 5 * lines, : 15 * samples].reshape(lines, 5, samples, 15).mean(axis=(1, 3))
    stem = refined / "ESD" / "overlap_IW2_01.5alks_15rlks"
    difference, coherence = (
        raster(stem.with_suffix(".5alks_15rlks.int")),
        raster(stem.with_suffix(".5alks_15rlks.cor")),
    )
    used = (np.abs(difference) > 0) & (coherence > 0.85)
    esd = entries(refined, "esd")
    assert int(esd["number_of_coherent_points"]) == used.sum()
    expected = np.median(np.angle(difference[used]) / looked[used])
    assert float(esd["ISCE2_Median"]) == pytest.approx(expected, abs=1e-5)
    # ISCE2's divisor is three times too large.
    assert float(esd["Median"]) / float(esd["ISCE2_Median"]) == pytest.approx(3.0, abs=0.02)


def test_azimuth_and_range_have_nodes_of_their_own(refined: Path) -> None:
    assert entries(refined, "esd")["coherence_threshold"] == "0.85"
    assert entries(refined, "rangecoreg")["snr_threshold"] == "8.0"
    assert float(entries(refined, "coarseoff")["Initial_secondary_azimuth_timing_correction"]) == 0.0
    assert float(entries(refined, "fineoff")["Initial_secondary_azimuth_timing_correction"]) > 4e-5
    assert "Overlap_0_number_of_valid_lines_-_IW-2" in (refined / "topsProc.xml").read_text()


FILES = [
    "geom_reference/overlaps/IW2/lat_01_02.rdr.vrt",
    "reference/overlaps/IW2/burst_top_01_02.slc.vrt",
    "reference/overlaps/bottom_IW2.xml",
    "coarse_offsets/overlaps/IW2/azimuth_bot_01_02.off",
    "coarse_coreg/overlaps/IW2/burst_bot_01_02.slc",
    "coarse_coreg/overlaps/top_IW2.xml",
    "coarse_interferogram/overlaps/IW2/burst_top_01_02.int",
    "coarse_interferogram/overlaps/IW2/burst_top_01_02.4alks_20rlks.int",
    "ESD/overlap_IW2_01.5alks_15rlks.cor",
    "ESD/freq_IW2_01.bin",
    "ESD/freq_IW2_01.5alks_15rlks.bin",
    "ESD/combined_IW2.off",
    "ESD/combined_freq_IW2.bin",
]


def test_the_files_are_those_of_isce2(refined: Path) -> None:
    assert [name for name in FILES if not (refined / name).is_file()] == []
    text = (refined / "reference" / "overlaps" / "top_IW2.xml").read_text()
    assert re.search(r'<property name="firstvalidline">\s*<value>0</value>', text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"ESD_coherence_threshold": 1},
            r"no point has a coherence above the threshold of 1 \(largest: ",
        ),
        ({"ESD_azimuth_looks": 20}, r"at most 11\d lines, and 20 azimuth looks need 180"),
        ({"ESD_azimuth_looks": 400}, "400 azimuth looks need 3600"),
    ],
)
def test_a_run_continues_without_a_correction(
    shifted: Scene,
    refined: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, object],
    message: str,
) -> None:
    (tmp_path / "coarse_interferogram").symlink_to(refined / "coarse_interferogram")
    _copy_state(refined, tmp_path)
    shifted.application(tmp_path, do_ESD=True, **changes)
    with caplog.at_level(logging.WARNING):
        run(tmp_path, start="prepesd", end="esd")
    assert re.search(f"the azimuth coregistration is not refined: .*{message}", caplog.text)
    state = json.loads((tmp_path / "PICKLE" / "misregistration.json").read_text())
    assert state == {"azimuth_lines": 0.0, "range_samples": 0.0}
    found = coregistration(tmp_path, None)
    assert found is not None
    assert (found["azimuth"]["lines"], found["azimuth"]["points"]) == (None, 0)


def _copy_state(folder: Path, target: Path) -> None:
    (target / "PICKLE").mkdir()
    for file in (folder / "PICKLE").iterdir():
        (target / "PICKLE" / file.name).write_bytes(file.read_bytes())


def test_one_burst_has_no_overlap(scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        run(scene.application(tmp_path, do_ESD=True), end="fineoffsets")
    assert "IW2 has one burst in common; ESD needs two adjacent ones" in caplog.text
    assert "no swath has two adjacent bursts in common that overlap" in caplog.text
    assert "the range coregistration is not refined: of 0 windows" in caplog.text
    assert float(entries(tmp_path, "fineoff")["Initial_secondary_range_timing_correction"]) == 0.0


def test_esd_that_was_off_is_not_applied(scene: Scene, merged: Path, tmp_path: Path) -> None:
    _copy_state(merged, tmp_path)
    with pytest.raises(InputError, match="from subsetoverlaps to rangecoreg have run without it"):
        run(scene.application(tmp_path, do_ESD=True), start="fineoffsets", end="fineoffsets")


@pytest.mark.parametrize("shift", [-0.4, 0.0, 0.25])
def test_range_shifts_of_speckle_are_measured_with_their_sign(shift: float) -> None:
    generator = np.random.default_rng(7)
    lines, samples = 96, 1400
    noise = generator.normal(size=(2, lines, samples))
    spectrum = np.fft.fft(noise[0] + 1j * noise[1], axis=1)
    frequency = np.fft.fftfreq(samples)
    spectrum[:, np.abs(frequency) > 0.44] = 0.0
    one, other = (
        np.fft.ifft(spectrum * np.exp(-2j * np.pi * frequency * by), axis=1).astype(np.complex64)
        for by in (0.0, shift)
    )
    shifts, ratios = measure_shifts(one, other)
    assert shifts.mean() == pytest.approx(shift, abs=0.01)
    assert ratios.min() > 8.0


def test_the_coherence_of_a_constant_phase_is_one_inside_and_zero_at_the_edges() -> None:
    coherence = phase_coherence(np.full((20, 30), 2.0 - 1.0j, np.complex64))
    assert coherence[4:-4, 4:-4] == pytest.approx(1.0)
    assert not coherence[:4].any()
    assert not coherence[:, -4:].any()
