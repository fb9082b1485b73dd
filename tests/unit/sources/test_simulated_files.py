"""The simulated source's options, metadata, terrain, water and truth."""

from __future__ import annotations

import logging
import re
import xml.etree.ElementTree as ET
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from isce2_recipe.errors import InputError, ParameterError, UsageError
from isce2_recipe.sar.annotation import read_annotation
from isce2_recipe.sources import open_source
from isce2_recipe.sources.base import traits_of
from isce2_recipe.sources.names import water_mask_corners, water_mask_tile
from isce2_recipe.sources.simulated import ground
from isce2_recipe.sources.simulated.acquisition import misregistration, slice_of
from isce2_recipe.sources.simulated.metadata_xml import burst_geometry, burst_metadata
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.sources.simulated.world import Landscape
from isce2_recipe.types import Bounds, BurstName
from support.simulated_names import burst_name

LOG = logging.getLogger(__name__)
REFERENCE = "S1_136231_IW2_20200604T022312_VV_7C85-BURST"
SECONDARY = "S1_136231_IW2_20200616T022313_VV_5D11-BURST"


def quiet(fraction, text):
    """Ignore progress."""


def find(*names, options=""):
    source = open_source(f"simulated:{options}")
    return source, source.find_bursts([BurstName.parse(name) for name in names], LOG)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("simulate", "did you mean simulated?"),
        ("simulated:line=3", "did you mean lines=...?"),
        ("simulated:lines", "no option 'lines'"),
        ("simulated:lines=many", "lines must be a number"),
        ("simulated:lines=3", "lines must be at least 64"),
        ("simulated:motion=up", "motion must be one of dipole, linear, annual"),
        ("simulated:motion=linear+linear", "motion must be one of"),
        ("simulated:step_date=2020-13-01", "step_date must be a date"),
        ("simulated:land_cover=sand", "land_cover must be one of uniform, mixed"),
        ("simulated:atmosphere=nan", "atmosphere must lie between 0 and 100"),
        ("simulated:relief=-1", "relief must lie between 0 and 1.6"),
        ("simulated:naturl", "did you mean natural?"),
        ("simulated:coherence=2", "coherence must lie between"),
        ("asf:fast", "takes no options"),
        ("directory", "needs a folder"),
        ("", "known sources: asf, directory, simulated"),
    ],
)
def test_invalid_source_options_are_refused(text, message):
    with pytest.raises(UsageError) as caught:
        open_source(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "share"),
    [("", 1.0), ("lines=300,samples=6000", 0.1), ("bursts=3", 1 / 3 + 0.05), ("lines=9000", 1.0)],
)
def test_the_disk_of_steps_follows_cropped_scenes(text, share):
    assert traits_of(open_source(f"simulated:{text}")).share == pytest.approx(share)


@pytest.mark.parametrize(
    ("day", "expected"), [("20200604", (0.0, 0.0)), ("20200616", (0.25, -1.5)), ("20200628", (0.25, -1.5))]
)
def test_later_dates_are_shifted(day, expected):
    options = SimulationOptions.parse("azimuth_shift=0.25,range_shift=-1.5")
    first, later = (
        slice_of(BurstName.parse(f"S1_136231_IW2_{date}T022312_VV_7C85-BURST"), options).flight
        for date in ("20200604", day)
    )
    assert misregistration(first, later) == pytest.approx(expected)


def test_options_are_part_of_the_fingerprint():
    texts = ("simulated", "simulated:seed=2", "simulated:lines=400,samples=4000", "simulated:motion=linear")
    assert len({open_source(text).fingerprint() for text in texts}) == 4
    assert open_source("simulated:seed=17").fingerprint() == open_source("simulated").fingerprint()


def test_records_have_the_facts_of_a_catalogue():
    _, records = find(SECONDARY, REFERENCE)
    secondary, reference = records
    assert (reference.name, reference.platform, reference.index) == (REFERENCE, "S1A", 7)
    assert (reference.absolute_orbit, reference.relative_orbit, reference.direction) == (
        32861,
        64,
        "DESCENDING",
    )
    assert reference.slc == "S1A_IW_SLC__1SDV_20200604T022252_20200604T022319_032861_03CE46_7C85"
    assert secondary.slc.endswith("_5D11")
    assert reference.bytes == 1509 * 25359 * 4
    assert reference.footprint[0] == reference.footprint[-1]
    # The position of the real burst.
    bounds = reference.bounds
    assert (bounds.west, bounds.south, bounds.east, bounds.north) == pytest.approx(
        (53.18, 27.50, 54.11, 27.84), abs=0.05
    )


def test_footprint_of_a_real_burst_is_reproduced_within_a_few_kilometres():
    _, (record,) = find("S1_372326_IW3_20180815T151558_VV_6BD3-BURST")
    assert record.slc.startswith("S1B_IW_SLC__1SDV_20180815T1515")
    # Corners of the polygon that the catalogue has for this burst.
    for lon, lat in ((-135.2300, 57.0819), (-136.5363, 57.2008), (-136.5937, 56.9963), (-135.2917, 56.8867)):
        kilometres = [
            np.hypot((x - lon) * 111.2 * np.cos(np.radians(lat)), (y - lat) * 111.2)
            for x, y in record.footprint
        ]
        assert min(kilometres) < 4.5


@pytest.mark.parametrize("number", [15000, 186000, 243000, 375886])
def test_bursts_anywhere_on_the_orbit_have_a_footprint(number):
    _, (record,) = find(str(burst_name(number, 3, datetime(2020, 6, 4), "HH")))
    assert -90.0 < record.bounds.south < record.bounds.north < 90.0
    assert 0.1 < record.bounds.north - record.bounds.south < 2.0


def test_an_area_with_its_edges_turned_around_is_refused(tmp_path):
    source = open_source("simulated")
    for box in (Bounds(179.0, 60.0, -179.0, 61.0), Bounds(-170.0, 60.0, 170.0, 61.0)):
        with pytest.raises(InputError):
            source.fetch_dem(box, tmp_path, LOG, quiet)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("S1_999999_IW2_20200604T022312_VV_7C85-BURST", "no Sentinel-1 burst number 999999"),
        ("S1_136231_IW2_20120604T022312_VV_7C85-BURST", "no Sentinel-1 was in orbit"),
    ],
)
def test_impossible_bursts_are_refused(name, message):
    with pytest.raises(ParameterError, match=message):
        find(name)


@pytest.fixture(scope="module")
def metadata():
    frame = slice_of(BurstName.parse(REFERENCE), SimulationOptions())
    return frame, burst_metadata(frame, Landscape(1))


def test_metadata_describe_the_whole_slc_in_asfs_form(metadata):
    _, content = metadata
    root = ET.fromstring(content)
    assert root.tag == "burst"
    assert root.find("manifest/{urn:ccsds:schema:xfdu:1}XFDU") is not None
    for kind in ("product", "noise", "calibration", "rfi"):
        parts = root.findall(f"metadata/{kind}")
        labels = {(part.findtext("polarisation"), part.findtext("swath")) for part in parts}
        assert labels == {(p, f"IW{s}") for p in ("VV", "VH") for s in (1, 2, 3)}
        assert all(part.get("source_filename").endswith(".xml") for part in parts)
    assert root.find("metadata/product/content/adsHeader/missionId").text == "S1A"


def test_annotation_agrees_with_the_record(metadata):
    _, content = metadata
    _, (record,) = find(REFERENCE)
    burst = burst_geometry(content, 2, "VV", record.index)
    assert (burst.burst_id, burst.platform, burst.absolute_orbit) == (136231, "S1A", 32861)
    assert (burst.lines, burst.samples, burst.start) == (1509, 25359, record.start)
    assert abs(burst.stop - record.stop) <= timedelta(microseconds=2)
    assert (burst.first_valid_line, burst.first_valid_sample) == (25, 504)
    # A real SLC of this swath has -2196 Hz/s, and a heading of -166.7 degrees at 38 N.
    assert burst.fm_rate.coefficients[0] == pytest.approx(-2196.0, rel=0.01)
    assert burst.heading_deg == pytest.approx(-167.8, abs=1.0)


def test_bursts_in_the_annotation_are_consecutive(metadata):
    frame, content = metadata
    products = ET.fromstring(content).findall("metadata/product[polarisation='VH']/content")
    assert len(products) == 3
    for product in products:
        product.tag = "product"
        bursts = read_annotation(ET.tostring(product))
        assert [burst.burst_id for burst in bursts] == list(frame.bursts)
        gaps = [(b.start - a.start).total_seconds() for a, b in pairwise(bursts)]
        # Bursts start on whole lines, 2 ms apart.
        assert gaps == pytest.approx([2.758273] * 8, abs=2.1e-3)
        # Consecutive bursts overlap on the ground.
        assert max(gaps) < bursts[0].valid_lines * bursts[0].azimuth_interval_s


def test_grid_points_of_the_annotation_are_at_their_slant_ranges(metadata):
    from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
    from isce2_recipe.sar.zero_doppler import geo2rdr
    from isce2_recipe.sources.simulated.motion import pass_polynomial

    frame, content = metadata
    product = ET.fromstring(content).find("metadata/product[swath='IW3']/content")
    points = product.findall("geolocationGrid/geolocationGridPointList/geolocationGridPoint")
    assert len(points) == 210
    start = (frame.first_time - frame.flight.node).total_seconds()
    poly = pass_polynomial(frame.flight, start - 5.0, start + 35.0)
    cache = ground.new_cache()
    for point in points[::13]:
        lat, lon = (np.radians(float(point.findtext(tag))) for tag in ("latitude", "longitude"))
        height = float(point.findtext("height"))
        assert height == pytest.approx(
            ground.height(cache, ground.normal_vector(lat, lon), Landscape(1)), abs=1.0
        )
        x, y, z = geodetic_to_ecef(lat, lon, height)
        _, slant_range = geo2rdr(poly, x, y, z, start + 10.0)
        expected = float(point.findtext("slantRangeTime")) * 299792458.0 / 2.0
        # The simulator finds the height in four iterations.
        assert slant_range == pytest.approx(expected, abs=1.0)


def test_the_dem_lies_on_whole_arc_seconds_and_neighbours_agree(tmp_path):
    source = open_source("simulated")
    boxes = (Bounds(53.0, 27.0, 53.03, 27.02), Bounds(53.01, 26.99, 53.05, 27.01))
    rasters = []
    for k, box in enumerate(boxes):
        path = source.fetch_dem(box, tmp_path / str(k), LOG, quiet)
        assert path.name == "dem.tif"
        with rasterio.open(path) as raster:
            assert raster.crs.to_epsg() == 4326
            assert raster.dtypes == ("float32",)
            assert Bounds(*raster.bounds).contains(box)
            centre = np.array(raster.xy(0, 0)) * 3600.0
            np.testing.assert_allclose(centre, np.round(centre), atol=1e-6)
            rasters.append((raster.read(1), raster.transform))
    (first, here), (second, there) = rasters
    row, col = round((here.f - there.f) / here.a), round((there.c - here.c) / here.a)
    rows, cols = first.shape[0] - row, first.shape[1] - col
    np.testing.assert_allclose(first[row:, col:], second[:rows, :cols], atol=1e-3)


def test_terrain_has_relief_but_no_layover():
    second = np.radians(1.0 / 3600.0)
    heights = np.empty((1200, 1800), dtype=np.float32)
    ground.height_grid(np.radians(27.9), np.radians(53.2), second, heights, Landscape(17))
    assert 300.0 < np.ptp(heights) < 1500.0
    rise = np.hypot(*np.gradient(heights, 30.9, 27.3))
    # IW1 starts at 30 degrees of incidence.
    assert np.degrees(np.arctan(rise.max())) < 25.0
    assert 0.02 < (heights <= Landscape(17).water_level_m).mean() < 0.3


def test_terrain_is_the_same_across_the_antimeridian_and_at_the_pole():
    cache = ground.new_cache()
    west = ground.height(cache, ground.normal_vector(1.0, -np.pi), Landscape(1))
    east = ground.height(ground.new_cache(), ground.normal_vector(1.0, np.pi), Landscape(1))
    assert west == pytest.approx(east, abs=1e-6)
    pole = [ground.height(cache, ground.normal_vector(np.pi / 2, lon), Landscape(1)) for lon in (0.0, 2.0)]
    assert pole[0] == pytest.approx(pole[1], abs=1e-6)


def test_the_water_mask_shows_the_dems_lakes(tmp_path):
    source, box = open_source("simulated"), Bounds(53.5, 27.55, 53.7, 27.75)
    (tile,) = source.fetch_water_mask(box, tmp_path, LOG, quiet)
    assert tile.name == "n25e050.tif"
    with rasterio.open(source.fetch_dem(box, tmp_path, LOG, quiet)) as raster:
        heights, transform = raster.read(1), raster.transform
    with rasterio.open(tile) as raster:
        assert tuple(raster.bounds) == pytest.approx((50.0, 25.0, 55.0, 30.0))
        assert raster.dtypes == ("uint8",)
        rows, cols = np.mgrid[5:700:7, 5:700:7]
        lon = transform.c + (cols.ravel() + 0.5) * transform.a
        lat = transform.f + (rows.ravel() + 0.5) * transform.e
        water = np.array([value[0] for value in raster.sample(zip(lon, lat, strict=True))])
    lakes = heights[rows, cols].ravel() <= Landscape(17).water_level_m
    assert lakes.any()
    assert not lakes.all()
    # Shores may differ by half a pixel: the centres of the DEM are the corners of the mask.
    assert (water.astype(bool) == lakes).mean() > 0.99


def test_tiles_south_and_west_are_named_by_their_lower_left_corner():
    assert water_mask_tile(-5, -70) == "s05w070.tif"
    corners = [(-10, -75), (-10, -70), (-5, -75), (-5, -70)]
    assert water_mask_corners(Bounds(-70.5, -5.5, -69.5, -4.5)) == corners


def truth(tmp_path, *names, options=""):
    source, records = find(*names, options=options)
    box = Bounds(53.1, 27.4, 54.2, 27.9)
    # Pixels of ten arc seconds are enough, because only the grid matters.
    shape = round((box.north - box.south) * 360), round((box.east - box.west) * 360)
    transform = from_origin(box.west, box.north, 1 / 360, 1 / 360)
    dem = tmp_path / "dem.tif"
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "crs": "EPSG:4326", "transform": transform}
    with rasterio.open(dem, "w", height=shape[0], width=shape[1], **profile) as raster:
        raster.write(np.zeros(shape, dtype=np.float32), 1)
    with rasterio.open(source.write_truth(records, dem, tmp_path)) as raster:
        assert raster.transform == transform
        assert raster.shape == shape
        return raster.read(1)


def test_the_truth_is_two_lobes_of_a_decimetre(tmp_path):
    moved = truth(tmp_path, REFERENCE, SECONDARY)
    assert moved.dtype == np.float32
    assert moved.max() == pytest.approx(0.1, abs=0.002)
    assert moved.min() == pytest.approx(-0.1, abs=0.002)
    # Nothing moves in most of the scene.
    assert (moved == 0.0).mean() > 0.6
    # The truth is from the first date to the second, even if the second is older.
    np.testing.assert_array_equal(moved, -truth(tmp_path, SECONDARY, REFERENCE))


@pytest.mark.parametrize("days", [12, 24, 36, 48])
def test_every_pair_of_dates_moves(tmp_path, days):
    later = {12: "20200616", 24: "20200628", 36: "20200710", 48: "20200722"}[days]
    moved = truth(tmp_path, REFERENCE, f"S1_136231_IW2_{later}T022313_VV_5D11-BURST")
    assert 0.03 < moved.max() < 0.12
    assert moved.min() == pytest.approx(-moved.max(), rel=0.05)


def test_linear_motion_has_a_constant_rate(tmp_path):
    pairs = [("20200604", "20200616"), ("20200616", "20200722")]
    moved = [
        truth(
            tmp_path,
            *(f"S1_136231_IW2_{date}T022312_VV_7C85-BURST" for date in pair),
            options="motion=linear",
        )
        for pair in pairs
    ]
    np.testing.assert_allclose(moved[1], 3.0 * moved[0], atol=1e-6)
    assert moved[0].max() == pytest.approx(0.3 * 12 / 365.25, rel=0.02)


def test_the_truth_needs_two_dates(tmp_path):
    source, records = find(REFERENCE)
    dem = source.fetch_dem(Bounds(53.0, 27.0, 53.01, 27.01), tmp_path, LOG, quiet)
    with pytest.raises(ParameterError, match="bursts of two passes, instead got 1"):
        source.write_truth(records, dem, tmp_path)


def test_documented_settings_are_those_of_the_source():
    page = Path(__file__).parents[3] / "docs" / "simulated-source.md"
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|", page.read_text(), re.MULTILINE)
    settings = {field.name: field.default for field in fields(SimulationOptions)}
    defaults = {
        name: "all" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in settings.items()
    }
    assert {name: default for name, default, _ in rows} == defaults
    for name, _, allowed in rows:
        if name.endswith("_date"):
            continue
        first, *_, last = allowed.replace(",", "").split()
        for value in {first, first if last == "more" else last}:
            open_source(f"simulated:{name}={value}")
        if last == "more":
            with pytest.raises(UsageError, match=f"at least {first}"):
                open_source(f"simulated:{name}={int(first) - 1}")
