"""Tests of annotation and TOPS carrier with a real Sentinel-1 SAFE and properties of the formula."""

import itertools
import math
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from isce2_recipe.errors import InputError
from isce2_recipe.sar.annotation import RangePolynomial, platform_on, read_annotation, relative_orbit
from isce2_recipe.sar.orbit import Orbit
from isce2_recipe.sar.tops_carrier import carrier_phase, carrier_table

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
real_data = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real files of ../shared/data")


def real_annotation(swath: int) -> bytes:
    archive = zipfile.ZipFile(next(SHARED.glob("S1A_IW_SLC*.zip")))
    name = next(n for n in archive.namelist() if f"annotation/s1a-iw{swath}-slc-vv" in n)
    return archive.read(name)


def straight_orbit(when: datetime) -> Orbit:
    """Return vectors every 10 s of a straight flight at 7500 m/s; only the speed is used."""
    epoch = when.replace(hour=0, minute=0, second=0, microsecond=0)
    time = (when - epoch).total_seconds() + np.arange(-100.0, 101.0, 10.0)
    velocity = np.tile([0.0, 7500.0, 0.0], (time.size, 1))
    return Orbit(epoch, time, velocity * (time - time[0])[:, None], velocity)


@real_data
def test_a_real_annotation_is_read() -> None:
    bursts = read_annotation(real_annotation(2))
    assert len(bursts) == 9
    first = bursts[0]
    assert (first.platform, first.swath, first.polarization) == ("S1A", 2, "VV")
    assert (first.lines, first.samples) == (1509, 25359)
    assert first.start == datetime(2020, 5, 11, 13, 51, 17, 603718, tzinfo=UTC)
    assert first.near_range_m == pytest.approx(846067.243, abs=1e-3)
    assert first.range_spacing_m == pytest.approx(2.329562, abs=1e-6)
    assert first.wavelength_m == pytest.approx(0.05546576, abs=1e-9)
    assert math.degrees(first.steering_rate_rad_s) == pytest.approx(0.97986332)
    assert first.relative_orbit == 71
    assert first.direction == "DESCENDING"
    assert (first.first_valid_line, first.first_valid_sample) == (25, 504)
    assert first.first_valid_sample + first.valid_samples == 24945
    assert first.azimuth_weighting.bandwidth_hz == 313.0


@real_data
def test_estimates_nearest_to_the_middle_are_used() -> None:
    first = read_annotation(real_annotation(2))[0]
    # 13:51:19.17 is nearer to the middle (13:51:19.15) than 13:51:16.41.
    assert first.fm_rate.coefficients[0] == -2196.084119188912
    assert first.doppler.coefficients[0] == -22.63739


@real_data
@pytest.mark.parametrize("swath", [1, 2, 3])
def test_bursts_are_equally_spaced(swath: int) -> None:
    bursts = read_annotation(real_annotation(swath))
    steps = [(b.start - a.start).total_seconds() for a, b in itertools.pairwise(bursts)]
    assert np.allclose(steps, 2.7583, atol=0.005)  # steps are multiples of the line interval, 2 ms
    assert [b.index for b in bursts] == list(range(len(bursts)))


@real_data
def test_messages_name_file_and_element() -> None:
    text = real_annotation(2)
    with pytest.raises(InputError, match=r"a\.xml is not well-formed XML \(5000 bytes"):
        read_annotation(text[:5000], "a.xml")
    with pytest.raises(InputError, match=r"a\.xml has no .*rangeSamplingRate"):
        read_annotation(text.replace(b"rangeSamplingRate", b"other"), "a.xml")
    with pytest.raises(InputError, match="dataDcPolynomial must hold only numbers"):
        read_annotation(text.replace(b"-1.063056e+01 -9", b"x -9"), "a.xml")


def test_missing_annotation_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.xml cannot be read"):
        read_annotation(tmp_path / "none.xml")


@pytest.mark.parametrize("platform", ["S1A", "S1B", "S1C", "S1D"])
@pytest.mark.parametrize("orbit", [8100, 21804, 32861])
def test_satellite_is_found_from_track_and_orbit(platform: str, orbit: int) -> None:
    assert platform_on(relative_orbit(platform, orbit), orbit) == platform
    tracks = {relative_orbit(name, orbit) for name in ("S1A", "S1B", "S1C", "S1D")}
    assert platform_on(next(track for track in range(1, 176) if track not in tracks), orbit) == ""


def test_relative_orbits_of_known_orbits() -> None:
    """Orbit 32518 of S1A is on track 71 according to a real manifest, and so is the orbit one cycle later."""
    assert relative_orbit("S1A", 32518) == relative_orbit("S1A", 32518 + 175) == 71
    assert relative_orbit("S1B", 26500) == (26500 - 27) % 175 + 1
    # S1C was moved twice. Real products: orbit 1681 on track 110; orbits 8018 and 8019 as in ISCE2.
    tracks = {890: 92, 891: 20, 1681: 110, 8018: 147, 8019: 46}
    assert {orbit: relative_orbit("S1C", orbit) for orbit in tracks} == tracks
    assert relative_orbit("S1D", 2389) == 73  # stated by a real manifest
    with pytest.raises(InputError, match="'S1Z' is not"):
        relative_orbit("S1Z", 1)


def test_range_polynomial_is_evaluated() -> None:
    assert RangePolynomial(2.0, (1.0, 3.0, 5.0))(4.0) == 1 + 6 + 20


def test_derivatives_of_the_carrier_phase_are_doppler_and_rate() -> None:
    """The second derivative is 2 pi kt; the first at eta_ref is 2 pi times the Doppler centroid."""
    kt, reference, doppler, step = 1700.0, 0.02, -37.0, 1e-5
    phase = [carrier_phase(kt, reference, doppler, reference + k * step) for k in (-1, 0, 1)]
    assert phase[1] == 0.0
    assert (phase[2] - phase[0]) / (2 * step) / (2 * math.pi) == pytest.approx(doppler)
    assert (phase[2] + phase[0]) / step**2 / (2 * math.pi) == pytest.approx(kt)


@real_data
def test_carrier_table_of_a_real_burst_follows_the_formula() -> None:
    burst = read_annotation(real_annotation(2))[0]
    table = carrier_table(burst, straight_orbit(burst.middle))
    tau = 2 * burst.near_range_m / 299792458.0
    ka = burst.fm_rate(tau)
    ks = 2 * 7500.0 * burst.steering_rate_rad_s / burst.wavelength_m
    assert table.shape == (3, burst.samples)
    assert table[0, 0] == pytest.approx(ka * ks / (ka - ks))
    assert table[1, 0] == 0.0
    assert table[2, 0] == pytest.approx(burst.doppler(tau))
    margin = carrier_table(burst, straight_orbit(burst.middle), before=10, after=5)
    assert np.array_equal(margin[:, 10:-5], table)
