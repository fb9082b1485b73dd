"""Tests of the outline of a burst with real bursts."""

from __future__ import annotations

import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml

from isce2_recipe.errors import ParameterError
from isce2_recipe.sar.nominal_track import burst_outline

DATA = Path(__file__).parents[4] / "shared" / "data"
STACK = DATA / "SLC_BURST_stack.yml"
SAFE = DATA / "S1A_IW_SLC__1SDV_20200511T135117_20200511T135144_032518_03C421_7768.zip"


def inside(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Return a mask of the points (n, 2) inside the convex hull of an outline."""
    from scipy.spatial import ConvexHull

    hull = ConvexHull(outline)
    return (points @ hull.equations[:, :2].T + hull.equations[:, 2] <= 0).all(axis=1)


@pytest.mark.skipif(not STACK.is_file(), reason="needs the real catalogue records of ../shared/data")
def test_166_real_bursts_are_inside_the_outline():
    outline = burst_outline(372326, 3)
    items = yaml.load(STACK.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    assert len(items) == 166
    for item in items:
        geometry = item["umm"]["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]
        corners = geometry["GPolygons"][0]["Boundary"]["Points"]
        places = np.array([[corner["Longitude"], corner["Latitude"]] for corner in corners])
        assert inside(places, outline).all()


@pytest.mark.skipif(not SAFE.is_file(), reason="needs the real SAFE of ../shared/data")
@pytest.mark.parametrize(("swath", "first"), [(1, 151200), (2, 151199), (3, 151199)])
def test_geolocation_points_of_a_real_slc_are_inside_the_outlines(swath, first):
    with zipfile.ZipFile(SAFE) as archive:
        name = next(n for n in archive.namelist() if f"annotation/s1a-iw{swath}-slc-vv" in n)
        root = ET.fromstring(archive.read(name))
    lines = int(root.findtext("swathTiming/linesPerBurst"))
    rows = [
        (int(p.findtext("line")), float(p.findtext("longitude")), float(p.findtext("latitude")))
        for p in root.findall("geolocationGrid/geolocationGridPointList/geolocationGridPoint")
    ]
    count = len(root.findall("swathTiming/burstList/burst"))
    for index in range(count):
        # The grid has a row of points at each burst's first line.
        places = np.array([[lon, lat] for line, lon, lat in rows if line == index * lines])
        assert len(places) == 21
        assert inside(places, burst_outline(first + index, swath)).all()


def test_outline_is_not_much_larger_than_the_burst():
    longitude, latitude = np.ptp(burst_outline(136231, 2), axis=0)
    # A burst has 86 by 20 km, rotated by 12 degrees; margins for heights, range and time add 30 and 7 km.
    assert 1.1 < longitude < 1.25
    assert 0.37 < latitude < 0.44


def test_outline_of_flat_ground_is_smaller():
    whole, flat = burst_outline(136231, 2), burst_outline(136231, 2, (0.0,))
    assert np.ptp(flat[:, 0]) < 0.93 * np.ptp(whole[:, 0])


def test_unknown_bursts_are_refused():
    with pytest.raises(ParameterError, match="no Sentinel-1 burst number 999999"):
        burst_outline(999999, 1)
