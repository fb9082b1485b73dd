"""Tests of ESA's burst numbers with real bursts."""

from __future__ import annotations

import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from isce2_recipe.errors import ParameterError
from isce2_recipe.sar.burst_grid import (
    BURST_PERIOD_S,
    LAST_BURST,
    ORBIT_S,
    burst_number,
    burst_slot,
    middle_anx_s,
)

DATA = Path(__file__).parents[4] / "shared" / "data"
STACK = DATA / "SLC_BURST_stack.yml"
SAFE = DATA / "S1A_IW_SLC__1SDV_20200511T135117_20200511T135144_032518_03C421_7768.zip"
INTERVAL_S = 2.0555563e-3


@pytest.mark.skipif(not STACK.is_file(), reason="needs the real catalogue records of ../shared/data")
def test_times_of_166_real_bursts_match_their_number():
    slot = burst_slot(372326, 3)
    assert slot.relative_orbit == 174
    items = yaml.load(STACK.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    assert len(items) == 166
    for item in items:
        values = {each["Name"]: each["Values"][0] for each in item["umm"]["AdditionalAttributes"]}
        middle = float(values["AZIMUTH_ANX_TIME"]) + int(values["LINES_PER_BURST"]) // 2 * INTERVAL_S
        # The times of real bursts scatter with a standard deviation of 0.02 s.
        assert abs(middle - slot.middle_anx_s) < 0.06
        assert burst_number(174, middle) == 372326


@pytest.mark.skipif(not SAFE.is_file(), reason="needs the real SAFE of ../shared/data")
@pytest.mark.parametrize(("swath", "first"), [(1, 151200), (2, 151199), (3, 151199)])
def test_bursts_of_a_real_slc_have_consecutive_numbers(swath, first):
    with zipfile.ZipFile(SAFE) as archive:
        name = next(n for n in archive.namelist() if f"annotation/s1a-iw{swath}-slc-vv" in n)
        root = ET.fromstring(archive.read(name))
    half = int(root.findtext("swathTiming/linesPerBurst")) // 2 * INTERVAL_S
    for index, burst in enumerate(root.findall("swathTiming/burstList/burst")):
        middle = float(burst.findtext("azimuthAnxTime")) + half
        assert burst_number(71, middle) == first + index
        assert abs(burst_slot(first + index, swath).middle_anx_s - middle) < 0.06


def test_the_documented_burst_is_on_track_64():
    assert burst_slot(136231, 2).relative_orbit == 64


@given(st.integers(1, LAST_BURST), st.sampled_from([1, 2, 3]))
def test_number_and_slot_are_inverse(number, swath):
    slot = burst_slot(number, swath)
    assert 0.0 <= slot.middle_anx_s < ORBIT_S
    assert 1 <= slot.relative_orbit <= 175
    assert burst_number(slot.relative_orbit, slot.middle_anx_s) == number


@given(st.integers(1, LAST_BURST - 1), st.sampled_from([1, 2, 3]))
def test_neighbours_are_one_period_apart_also_across_the_node(number, swath):
    track = burst_slot(number, swath).relative_orbit
    gap = middle_anx_s(number + 1, swath, track) - middle_anx_s(number, swath, track)
    assert gap == pytest.approx(BURST_PERIOD_S, abs=1e-6)


@pytest.mark.parametrize("number", [0, -3, LAST_BURST + 1, 999999])
def test_numbers_outside_the_cycle_are_refused(number):
    with pytest.raises(ParameterError, match=f"no Sentinel-1 burst number {number}"):
        burst_slot(number, 1)
