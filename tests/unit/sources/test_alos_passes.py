"""Orbits and times of simulated ALOS scenes, compared with the catalogue's record of a real one."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml

from isce2_recipe.errors import ParameterError, UsageError
from isce2_recipe.sar.ellipsoid import ecef_to_geodetic, geodetic_to_ecef
from isce2_recipe.sar.zero_doppler import geo2rdr, state
from isce2_recipe.sources.simulated.alos import palsar, passes
from isce2_recipe.sources.simulated.alos.acquisition import acquire
from isce2_recipe.types import AlosName

RESPONSE = Path(__file__).parents[4] / "shared" / "data" / "Alos_response.yml"
REFERENCE, SECONDARY = (AlosName.parse(text) for text in ("ALPSRP156121200", "ALPSRP162831200"))


@pytest.mark.skipif(not RESPONSE.is_file(), reason="needs the real catalogue record of ../shared/data")
def test_real_scene_has_the_time_and_position_of_its_record():
    record = yaml.safe_load(RESPONSE.read_text())
    facts = record["properties"]
    # Number of pulses of the real file: its size divided by the length of a pulse's record.
    scene = acquire(AlosName.parse(facts["sceneName"]), facts["bytes"] // 21100, 10304)
    assert scene.flight.path == facts["pathNumber"]
    # The catalogue holds whole seconds.
    for ours, theirs in ((scene.start, facts["startTime"]), (scene.stop, facts["stopTime"])):
        assert abs(ours - datetime.fromisoformat(theirs)) < timedelta(seconds=1.1)
    assert scene.centre == pytest.approx((facts["centerLat"], facts["centerLon"]), abs=0.01)
    theirs = np.array(record["geometry"]["coordinates"][0])
    ours = np.array(scene.footprint)
    nearest = [np.abs(ours - corner).max(axis=1).min() for corner in theirs]
    assert max(nearest) < 0.1
    assert scene.ascending


def test_ground_track_repeats_after_46_days():
    first, second = (passes.find_pass(name) for name in (REFERENCE, SECONDARY))
    assert second.node - first.node == timedelta(days=46)
    assert second.path == first.path
    middle = passes.middle_s(REFERENCE.frame)
    apart = first.nominal.states(middle)[0] - second.nominal.states(middle)[0]
    assert np.linalg.norm(apart) < 0.1


def test_next_orbit_is_46_tracks_away():
    first, second = (passes.find_pass(AlosName(orbit, 1200)) for orbit in (15612, 15613))
    assert (second.node - first.node).total_seconds() == pytest.approx(5923.1, abs=0.01)
    assert (second.path - first.path) % 671 == 46
    assert (first.node_longitude_deg - second.node_longitude_deg) % 360.0 == pytest.approx(24.68, abs=0.01)


def test_orbit_has_the_height_and_shape_of_alos():
    flight = passes.find_pass(REFERENCE)
    position, _ = flight.nominal.states(np.linspace(0.0, passes.PERIOD_S, 200))
    heights = np.array([ecef_to_geodetic(*place)[2] for place in position])
    latitudes = np.array([math.degrees(ecef_to_geodetic(*place)[0]) for place in position])
    assert 685e3 < heights.min() < heights.max() < 730e3
    assert latitudes.max() == pytest.approx(81.9, abs=0.2)


def test_velocity_is_the_derivative_of_position():
    flight = passes.find_pass(SECONDARY)
    times = np.array([900.0, 986.0, 2500.0])
    ahead, behind = flight.states(times + 0.01)[0], flight.states(times - 0.01)[0]
    assert flight.states(times)[1] == pytest.approx((ahead - behind) / 0.02, abs=1e-3)


def test_acceleration_is_gravity_in_a_turning_frame():
    """Focusing depends on it: an error of 0.1 % would give radians of phase at the ends of the aperture."""
    flight = passes.find_pass(REFERENCE).nominal
    time = 986.0
    position, velocity = (values[0] for values in flight.states(time))
    measured = (flight.states(time + 0.5)[1] - flight.states(time - 0.5)[1])[0]
    spin = np.array([0.0, 0.0, 2.0 * math.pi / 86164.0905])
    radius = np.linalg.norm(position)
    gravity = -3.986004418e14 * position / radius**3
    # Oblateness, J2.
    z = position[2] / radius
    factor = 1.5 * 1.08263e-3 * 3.986004418e14 * 6378137.0**2 / radius**5
    gravity += factor * position * np.array([5 * z * z - 1, 5 * z * z - 1, 5 * z * z - 3])
    expected = gravity - 2.0 * np.cross(spin, velocity) - np.cross(spin, np.cross(spin, position))
    assert measured == pytest.approx(expected, abs=2e-3)


def test_passes_of_a_pair_are_300_m_apart_across_the_line_of_sight():
    scenes = [acquire(name, None, None) for name in (REFERENCE, SECONDARY)]
    lat, lon = scenes[0].centre
    place = geodetic_to_ecef(math.radians(lat), math.radians(lon), 0.0)
    eyes = [np.array(state(s.poly, geo2rdr(s.poly, *place, s.middle_s)[0])[:3]) for s in scenes]
    sight = np.array(place) - eyes[0]
    baseline = eyes[1] - eyes[0]
    along = baseline @ sight / np.linalg.norm(sight)
    assert np.linalg.norm(baseline) == pytest.approx(300.0, abs=0.5)
    assert abs(along) < 1.0


@pytest.mark.parametrize("cycle", range(4))
def test_successive_cycles_are_300_m_apart(cycle):
    offsets = [passes.find_pass(AlosName(12000 + 671 * (cycle + k), 700)).offset_m for k in range(2)]
    assert abs(offsets[1] - offsets[0]) == 300.0


def test_neighbouring_frames_are_consecutive():
    middles = [passes.middle_s(frame) for frame in range(1180, 1230, 10)]
    assert [b - a for a, b in pairwise(middles)] == pytest.approx([8.22] * 4, abs=0.02)


def test_first_pulse_is_at_a_whole_millisecond_and_range_a_whole_metre():
    scene = acquire(SECONDARY, 2048, 1500)
    assert scene.start.microsecond % 1000 == 0
    assert scene.near_range_m == round(scene.near_range_m)
    assert scene.near_range_m == acquire(REFERENCE, 2048, 1500).near_range_m


def test_descending_frames_fly_south():
    scene = acquire(AlosName(15612, 2400), 512, 1500)
    assert not scene.ascending
    assert abs(scene.heading_deg) > 90.0


@pytest.mark.parametrize("text", ["ALPSRP15612120", "ALPSRS156121200", "", "S1A"])
def test_other_names_are_refused(text):
    with pytest.raises(ParameterError, match="is not the name of an ALOS PALSAR"):
        AlosName.parse(text)


@pytest.mark.parametrize("level", ["1.1", "1.5"])
def test_focused_levels_are_refused(level):
    with pytest.raises(ParameterError, match=f"is of level {level}, which is already focused"):
        AlosName.parse(f"ALPSRP156121200-L{level}")


def test_name_with_its_level_is_the_same_scene():
    assert AlosName.parse("ALPSRP156121200-L1.0") == REFERENCE
    assert str(REFERENCE) == "ALPSRP156121200"


@pytest.mark.parametrize(
    ("orbit", "frame", "words"), [(500, 1200, "2006"), (99999, 1200, "20"), (15612, 7200, "frame")]
)
def test_scenes_that_cannot_exist_are_refused(orbit, frame, words):
    with pytest.raises(ParameterError, match=words):
        passes.find_pass(AlosName(orbit, frame))


@pytest.mark.parametrize(("lines", "samples"), [(10, None), (None, 900), (10**6, None), (None, 30000)])
def test_sizes_out_of_range_are_refused(lines, samples):
    with pytest.raises(UsageError, match="ALOS scenes need"):
        acquire(REFERENCE, lines, samples)


def test_default_size_is_one_that_stripmapapp_can_focus():
    scene = acquire(REFERENCE, None, None)
    assert scene.lines >= 9000
    assert scene.samples - palsar.PULSE_SAMPLES > 2000
