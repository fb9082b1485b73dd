"""Orbits and times of simulated Sentinel-1 satellites, compared with those of real ones."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml

from isce2_recipe.errors import ParameterError
from isce2_recipe.sar.annotation import relative_orbit
from isce2_recipe.sar.orbit import read_orbit
from isce2_recipe.sources.base import Needs
from isce2_recipe.sources.simulated.acquisition import pass_at, slice_of
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.sources.simulated.orbit_file import orbit_file
from isce2_recipe.sources.simulated.orbits import find_pass, make_pass
from isce2_recipe.sources.simulated.source import SimulatedSource
from isce2_recipe.types import Bounds, BurstName
from support.simulated_names import burst_name

DATA = Path(__file__).parents[4] / "shared" / "data"
STACK = DATA / "SLC_BURST_stack.yml"
RESORB = DATA / "S1A_OPER_AUX_RESORB_OPOD_20230823T162050_V20230823T123139_20230823T154909.EOF"

LOG = logging.getLogger(__name__)
BOX = Bounds(west=-118.0, south=34.0, east=-117.0, north=35.0)


def frame(text, options=None):
    return slice_of(BurstName.parse(f"S1_{text}_7C85-BURST"), options or SimulationOptions())


def start(text):
    name = BurstName.parse(f"S1_{text}_7C85-BURST")
    slc = slice_of(name, SimulationOptions())
    return slc.start(name.relative_burst, slc.swaths[name.swath - 1])


@pytest.mark.skipif(not STACK.is_file(), reason="needs the real catalogue records of ../shared/data")
def test_166_real_bursts_get_their_satellite_orbit_and_time():
    items = yaml.load(STACK.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    errors = []
    for item in items:
        values = {each["Name"]: each["Values"][0] for each in item["umm"]["AdditionalAttributes"]}
        # Names in the catalogue differ before 2018; number and time give the current form of the name.
        time = datetime.fromisoformat(values["AZIMUTH_TIME"])
        slc = frame(f"372326_IW3_{time:%Y%m%dT%H%M%S}_VV")
        assert slc.flight.absolute_orbit == item["umm"]["OrbitCalculatedSpatialDomains"][0]["OrbitNumber"]
        assert slc.flight.platform[2] == item["umm"]["Platforms"][0]["ShortName"][-1]
        assert slc.flight.relative_orbit == 174
        node = time - timedelta(seconds=float(values["AZIMUTH_ANX_TIME"]))
        errors.append((slc.flight.node - node.replace(tzinfo=UTC)).total_seconds())
    assert np.abs(errors).max() < 1.1
    assert np.std(errors) < 0.3


@pytest.mark.skipif(not RESORB.is_file(), reason="needs the real orbit file of ../shared/data")
def test_the_track_follows_real_state_vectors():
    real = read_orbit(RESORB)
    flight = find_pass(56, datetime(2023, 8, 23, 12, 31, 44, tzinfo=UTC))
    assert (flight.platform, flight.absolute_orbit) == ("S1A", 50003)
    nominal = make_pass("S1A", 50003, 56, real.epoch + timedelta(seconds=45104.3784), 0)
    since = real.time_s - real.seconds(nominal.node)
    position, velocity = nominal.states(since)
    assert np.linalg.norm(position - real.position_m, axis=1).max() < 1000.0
    assert np.linalg.norm(velocity - real.velocity_m_s, axis=1).max() < 1.5


def test_velocity_is_the_derivative_of_position():
    flight = frame("136231_IW2_20200604T022312_VV").flight
    times = np.array([100.0, 2513.0, 5900.0])
    step = 0.5
    ends = [flight.states(times + shift)[0] for shift in (-2 * step, -step, step, 2 * step)]
    slope = (ends[0] - 8.0 * ends[1] + 8.0 * ends[2] - ends[3]) / (12.0 * step)
    np.testing.assert_allclose(flight.states(times)[1], slope, atol=1e-6)


def test_bursts_of_a_pass_fit_on_one_grid_of_lines():
    """The names of bursts 136231 and 136232 on 2020-06-04 are 3 s apart, the bursts 2.758 s."""
    first, second = start("136231_IW2_20200604T022312_VV"), start("136232_IW2_20200604T022315_VV")
    lines = (second - first).total_seconds() / 2.055556299999998e-3
    assert lines == pytest.approx(round(lines), abs=1e-3)
    assert (second - first).total_seconds() == pytest.approx(2.758273, abs=1.1e-3)
    assert frame("136231_IW2_20200604T022312_VV").name == frame("136232_IW3_20200604T022316_VH").name


@pytest.mark.parametrize(
    ("text", "orbit"),
    [
        ("136231_IW2_20200604T022312_VV", 32861),
        ("136231_IW2_20200616T022313_VV", 33036),
        ("056072_IW2_20220814T125829_VV", 44549),
        ("093117_IW2_20250718T172122_VV", 60141),
        ("093118_IW3_20250730T172125_VV", 60316),
    ],
)
def test_times_in_real_names_are_reproduced_within_two_seconds(text, orbit):
    named = BurstName.parse(f"S1_{text}_7C85-BURST").start + timedelta(seconds=0.5)
    assert abs(start(text) - named) < timedelta(seconds=2)
    flight = frame(text).flight
    assert (flight.platform, flight.absolute_orbit, flight.day_shift) == ("S1A", orbit, 0)


@pytest.mark.parametrize(
    ("date", "platform"), [("20200604", "S1A"), ("20200610", "S1B"), ("20251018", "S1C"), ("20261002", "S1D")]
)
def test_all_satellites_fly(date, platform):
    flight = slice_of(burst_name(136231, 2, datetime.fromisoformat(date)), SimulationOptions()).flight
    assert (flight.platform, flight.day_shift) == (platform, 0)
    assert relative_orbit(platform, flight.absolute_orbit) == flight.relative_orbit == 64


def test_day_without_a_pass_gets_one_at_the_tracks_time_of_day():
    flights = [frame(f"{n}_IW2_20210102T0222{k}_VV").flight for n, k in (("136231", 35), ("136232", 38))]
    assert flights[0] == flights[1]
    assert abs(flights[0].day_shift) >= 1
    begin = start("136231_IW2_20210102T022235_VV")
    assert (begin.hour, begin.minute) == (2, 23) or (begin.hour, begin.minute) == (2, 22)
    # An orbit file is requested by satellite and time only.
    assert pass_at(flights[0].platform, begin, SimulationOptions()) == flights[0]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("136231_IW2_20200604T100000_VV", "S1_136231_IW2_20200604T022312_VV"),
        ("136240_IW2_20200604T022312_VV", "S1_136240_IW2_20200604T022337_VV"),
        ("136231_IW2_20200604T022345_VV", "S1_136231_IW2_20200604T022312_VV"),
        ("100000_IW1_20200604T235959_HH", "S1_100000_IW1_20200604T223736_HH"),
    ],
)
def test_burst_with_a_wrong_time_of_day_is_simulated_at_the_right_time_with_a_note(text, right):
    name = BurstName.parse(f"S1_{text}_7C85-BURST")
    source = SimulatedSource()
    (record,) = source.find_bursts([name], LOG)
    assert f"{record.start:%Y%m%dT%H%M%S}" in right
    inputs, note = source.examine(Needs((str(name), f"{right}_7C85-BURST"), (), BOX), LOG)
    assert (inputs.state, note.state) == ("ok", "note")
    assert text in note.detail
    assert right in note.remedy


def test_pass_of_any_burst_is_found_from_its_time():
    for day in range(24):
        name = burst_name(136231, day % 3 + 1, datetime(2020, 6, 1) + timedelta(days=day))
        slc = slice_of(name, SimulationOptions())
        begin = slc.start(name.relative_burst, slc.swaths[name.swath - 1])
        assert pass_at(slc.flight.platform, begin, SimulationOptions()) == slc.flight


def baseline_m(first, second):
    """Return the perpendicular baseline at a look angle of 34.5 degrees."""
    (p,), (v,) = first.states(2512.0)
    (q,), _ = second.states(2512.0)
    down, ahead = -p / np.linalg.norm(p), v / np.linalg.norm(v)
    right = np.cross(down, ahead)
    right /= np.linalg.norm(right)
    look = np.radians(34.5)
    view = np.cos(look) * down + np.sin(look) * right
    across = np.cross(ahead, view)
    return float((q - p) @ across / np.linalg.norm(across))


@pytest.mark.parametrize("days", [6, 12, 24, 36])
def test_perpendicular_baselines_are_50_to_150_m(days):
    for k in range(8):
        dates = [datetime(2020, 6, 4) + timedelta(days=6 * k + shift) for shift in (0, days)]
        flights = [slice_of(burst_name(136231, 2, date), SimulationOptions()).flight for date in dates]
        assert 50.0 < abs(baseline_m(*flights)) < 152.0


def test_documented_pair_has_a_baseline_of_101_m():
    flights = [
        frame(text).flight for text in ("136231_IW2_20200604T022312_VV", "136231_IW2_20200616T022313_VV")
    ]
    assert abs(baseline_m(*flights)) == pytest.approx(101.0, abs=2.0)


def test_dates_before_the_first_satellite_are_refused():
    with pytest.raises(ParameterError, match="no Sentinel-1 was in orbit on 2013-05-01"):
        frame("136231_IW2_20130501T022312_VV")


def test_orbit_file_has_esas_form_and_the_state_vectors_of_the_pass(tmp_path):
    flight = frame("136231_IW2_20200604T022312_VV").flight
    begin = start("136231_IW2_20200604T022312_VV")
    name, content = orbit_file(flight, begin)
    assert name == "S1A_OPER_AUX_POEORB_OPOD_20200624T120700_V20200603T225942_20200605T005942.EOF"
    (tmp_path / name).write_text(content)
    orbit = read_orbit(tmp_path / name, begin, begin)
    assert np.diff(orbit.time_s) == pytest.approx(10.0)
    seconds = orbit.seconds(begin) + np.array([0.0, 1.5, 3.1])
    position, velocity = flight.states(seconds - orbit.seconds(flight.node))
    # The file is rounded to micrometres.
    np.testing.assert_allclose(orbit.at(seconds)[0], position, atol=1e-5)
    np.testing.assert_allclose(orbit.at(seconds)[1], velocity, atol=1e-5)


def test_a_slice_over_the_node_has_the_orbit_on_which_it_began():
    """Burst 373742 starts 6 s after the node of track 175, in a slice that began before it."""
    options = SimulationOptions()
    for name in (
        "S1_373742_IW1_20200603T162110_VV_7C85-BURST",
        "S1_373743_IW1_20200603T162113_VV_7C85-BURST",
    ):
        burst = BurstName.parse(name)
        slc = slice_of(burst, options)
        start = slc.start(burst.relative_burst, slc.swaths[0])
        assert slc.flight.relative_orbit == (174 if burst.relative_burst == 373742 else 175)
        assert pass_at(slc.flight.platform, start, options) == slc.flight
