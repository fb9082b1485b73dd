"""Tests of ellipsoid, orbit and zero-Doppler geometry with closed forms, real orbits and real annotation."""

import math
import xml.etree.ElementTree as ET
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from isce2_recipe.errors import InputError
from isce2_recipe.sar.ellipsoid import WGS84_A_M, WGS84_B_M, ecef_to_geodetic, geodetic_to_ecef
from isce2_recipe.sar.orbit import Orbit, read_orbit
from isce2_recipe.sar.zero_doppler import geo2rdr, rdr2geo, sample_dem, state

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
real_data = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real files of ../shared/data")

RADIUS_M = 7_071_000.0
SPIN_RAD_S = 2 * math.pi / 5924.6


def circular_orbit() -> Orbit:
    """Return vectors every 10 s of a polar circle, whose derivatives are known exactly."""
    time = np.arange(0.0, 400.0, 10.0)
    angle = SPIN_RAD_S * time + 0.3
    position = RADIUS_M * np.stack([np.cos(angle), np.zeros_like(angle), np.sin(angle)], axis=1)
    velocity = RADIUS_M * SPIN_RAD_S * np.stack([-np.sin(angle), np.zeros_like(angle), np.cos(angle)], 1)
    return Orbit(datetime(2020, 6, 4, tzinfo=UTC), time, position, velocity)


@pytest.mark.parametrize("height", [-400.0, 0.0, 8848.0, 693_000.0])
@pytest.mark.parametrize("lat", [-89.9, -45.0, 0.0, 1e-9, 27.5, 60.0, 89.9])
def test_ellipsoid_round_trip(lat: float, height: float) -> None:
    x, y, z = geodetic_to_ecef(math.radians(lat), math.radians(-117.3), height)
    lat2, lon2, height2 = ecef_to_geodetic(x, y, z)
    assert math.degrees(lat2) == pytest.approx(lat, abs=1e-11)
    assert math.degrees(lon2) == pytest.approx(-117.3, abs=1e-11)
    assert height2 == pytest.approx(height, abs=1e-6)


def test_points_on_the_axes_of_the_ellipsoid() -> None:
    assert geodetic_to_ecef(0.0, 0.0, 0.0) == pytest.approx((WGS84_A_M, 0.0, 0.0))
    assert geodetic_to_ecef(math.pi / 2, 0.0, 0.0) == pytest.approx((0.0, 0.0, WGS84_B_M), abs=1e-6)


def test_polynomial_fits_a_circle_to_a_tenth_of_a_millimetre() -> None:
    poly = circular_orbit().polynomial(190.0, 195.0)
    for t in np.linspace(185.0, 200.0, 31):
        x, y, z, vx, vy, vz = state(poly, t)
        angle = SPIN_RAD_S * t + 0.3
        assert math.hypot(x - RADIUS_M * math.cos(angle), y, z - RADIUS_M * math.sin(angle)) < 1e-4
        speed = RADIUS_M * SPIN_RAD_S
        assert math.hypot(vx + speed * math.sin(angle), vy, vz - speed * math.cos(angle)) < 1e-5


def test_polynomial_of_vectors_a_minute_apart_is_as_good() -> None:
    """ALOS has one vector a minute; without interpolation the fit was up to kilometres off."""
    full = circular_orbit()
    thin = Orbit(full.epoch, full.time_s[::6], full.position_m[::6], full.velocity_m_s[::6])
    middle = float(full.time_s.mean())
    fitted = thin.polynomial(middle - 5.0, middle + 5.0)
    for time in (middle - 5.0, middle, middle + 5.0):
        position, velocity = full.at(time)
        assert state(fitted, time)[:3] == pytest.approx(position, abs=2e-4)
        assert state(fitted, time)[3:] == pytest.approx(velocity, abs=2e-5)


def test_geo2rdr_for_a_circular_orbit_has_the_closed_form() -> None:
    """On a circular orbit, a point in polar direction a is at zero Doppler at the angle a."""
    poly = circular_orbit().polynomial(100.0, 110.0)
    angle = SPIN_RAD_S * 104.0 + 0.3
    ground = 6_370_000.0
    x, y, z = ground * math.cos(angle), -300_000.0, ground * math.sin(angle)
    t, slant_range = geo2rdr(poly, x, y, z, 101.0)
    assert t == pytest.approx(104.0, abs=1e-8)
    assert slant_range == pytest.approx(math.hypot(RADIUS_M - ground, 300_000.0), abs=1e-4)


def rough_dem() -> tuple[np.ndarray, float, float, float, float]:
    """Return a DEM with hills around the ground track, and its origin and steps in radians."""
    step = math.radians(1 / 1200)
    lat0, lon0 = math.radians(26.0), math.radians(1.0)
    row, col = np.mgrid[0:2400, 0:7200]
    dem = 600 + 500 * np.sin(row / 60) * np.cos(col / 75)
    return dem.astype(np.float32), lat0, lon0, -step, step


@pytest.mark.parametrize("slant_range", [760e3, 800e3, 930e3])
def test_rdr2geo_and_geo2rdr_are_inverse(slant_range: float) -> None:
    poly = circular_orbit().polynomial(110.0, 130.0)
    dem = rough_dem()
    for t in np.linspace(112.0, 128.0, 9):
        lat, lon, height = rdr2geo(poly, t, slant_range, *dem)
        assert dem[1] - 2400 * dem[4] < lat < dem[1] and dem[2] < lon < dem[2] + 7200 * dem[4]
        assert height == pytest.approx(sample_dem(*dem, lat, lon), abs=1e-4)
        t2, range2 = geo2rdr(poly, *geodetic_to_ecef(lat, lon, height), t - 3.0)
        assert (t2 - t) * 7500 == pytest.approx(0.0, abs=1e-4)  # metres along track
        assert range2 == pytest.approx(slant_range, abs=1e-4)


def test_rdr2geo_gives_points_to_the_right_of_the_track() -> None:
    """On a northward track along the Greenwich meridian, points to the right are in the east."""
    poly = circular_orbit().polynomial(110.0, 130.0)
    flat = np.zeros((1, 1), np.float32)
    _, lon, height = rdr2geo(poly, 120.0, 850e3, flat, 0.0, 0.0, 1.0, 1.0)
    assert lon > 0
    assert height == pytest.approx(0.0, abs=1e-4)


def test_dem_is_sampled_at_pixel_centres_and_exact_on_planes() -> None:
    row, col = np.mgrid[0:30, 0:40]
    dem = (3 * row - 2 * col).astype(np.float32)
    assert sample_dem(dem, 0.5, 0.1, -0.01, 0.01, 0.5 - 0.05, 0.1 + 0.07) == pytest.approx(15 - 14)
    assert sample_dem(dem, 0.5, 0.1, -0.01, 0.01, 0.5 - 0.0525, 0.1 + 0.077) == pytest.approx(
        3 * 5.25 - 2 * 7.7, abs=1e-4
    )


def test_missing_and_broken_orbit_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.EOF cannot be read"):
        read_orbit(tmp_path / "nowhere.EOF")
    broken = tmp_path / "broken.EOF"
    broken.write_text("<Earth_Explorer_File><Data_Block>")
    with pytest.raises(InputError, match=r"broken\.EOF is not well-formed"):
        read_orbit(broken)
    broken.write_text("<Earth_Explorer_File/>")
    with pytest.raises(InputError, match="no NOMINAL state vector"):
        read_orbit(broken)


def test_message_of_an_orbit_names_the_times_it_does_not_cover() -> None:
    with pytest.raises(InputError, match="do not cover 2020-06-04T00:10:00"):
        circular_orbit().polynomial(600.0, 610.0)


@real_data
def test_a_real_orbit_file_is_read() -> None:
    orbit = read_orbit(next(SHARED.glob("*V20230823T123139*.EOF")))
    assert orbit.time_s.size == 1186
    assert orbit.position_m[0] == pytest.approx([923782.276306, 7016372.549440, -39701.370546])
    assert orbit.epoch + timedelta(seconds=orbit.time_s[0]) == datetime(
        2023, 8, 23, 12, 31, 39, 35127, tzinfo=UTC
    )


@real_data
def test_interpolation_reproduces_an_omitted_real_vector() -> None:
    """Interpolate across gaps of 20 s; errors are much smaller for the real interval of 10 s."""
    orbit = read_orbit(next(SHARED.glob("*V20230823T123139*.EOF")))
    for k in (100, 500, 900):
        keep = np.arange(orbit.time_s.size) != k
        thin = Orbit(orbit.epoch, orbit.time_s[keep], orbit.position_m[keep], orbit.velocity_m_s[keep])
        position, _ = thin.at(orbit.time_s[k])
        assert np.abs(position - orbit.position_m[k]).max() < 2e-4
        poly = thin.polynomial(orbit.time_s[k] - 3, orbit.time_s[k] + 3)
        assert np.abs(np.array(state(poly, orbit.time_s[k])[:3]) - orbit.position_m[k]).max() < 2e-4


@real_data
def test_real_geolocation_grid_is_reproduced() -> None:
    """Compare with ESA's tie points, whose times are rounded to a microsecond (7 mm)."""
    archive = zipfile.ZipFile(next(SHARED.glob("S1A_IW_SLC*.zip")))
    name = next(n for n in archive.namelist() if "annotation/s1a-iw2-slc-vv" in n)
    root = ET.fromstring(archive.read(name))
    orbit = annotation_orbit(root)
    points = root.findall("geolocationGrid/geolocationGridPointList/geolocationGridPoint")
    worst_along = worst_range = 0.0
    for point in points:
        when = orbit.seconds(datetime.fromisoformat(point.findtext("azimuthTime")))
        lat, lon = (math.radians(float(point.findtext(k))) for k in ("latitude", "longitude"))
        xyz = geodetic_to_ecef(lat, lon, float(point.findtext("height")))
        poly = orbit.polynomial(when - 2.0, when + 2.0)
        t, slant_range = geo2rdr(poly, *xyz, when)
        worst_along = max(worst_along, abs(t - when) * 6800)
        expected = float(point.findtext("slantRangeTime")) * 299792458.0 / 2
        worst_range = max(worst_range, abs(slant_range - expected))
    assert len(points) > 100
    assert worst_along < 0.02
    assert worst_range < 0.001


def annotation_orbit(root: ET.Element) -> Orbit:
    vectors = root.findall("generalAnnotation/orbitList/orbit")
    times = [datetime.fromisoformat(v.findtext("time")).replace(tzinfo=UTC) for v in vectors]
    epoch = times[0].replace(hour=0, minute=0, second=0, microsecond=0)
    values = {
        kind: np.array([[float(v.findtext(f"{kind}/{axis}")) for axis in "xyz"] for v in vectors])
        for kind in ("position", "velocity")
    }
    seconds = np.array([(t - epoch).total_seconds() for t in times])
    return Orbit(epoch, seconds, values["position"], values["velocity"])
