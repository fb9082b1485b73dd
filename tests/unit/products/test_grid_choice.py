"""The choice of a product's grid."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rasterio.warp import transform, transform_bounds

from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.products.grid_choice import GridChoice, map_grid
from isce2_recipe.sources import open_source
from isce2_recipe.types import Bounds
from support.examples import examples
from support.simulated_names import burst_name

DATA = Bounds(53.2, 27.5, 54.1, 27.83)
BURST = (136231, 2)


def raster(path, transform, crs="EPSG:32639"):
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, width=30, height=20, crs=crs, transform=transform
    ) as dataset:
        dataset.write(np.zeros((20, 30), np.uint8), 1)
    return path


@settings(max_examples=examples(20), deadline=None)
@given(
    west=st.floats(53.1, 53.6),
    south=st.floats(27.4, 27.6),
    width=st.floats(0.1, 1.0),
    height=st.floats(0.1, 0.4),
)
def test_common_does_not_depend_on_the_pair(west, south, width, height):
    data = Bounds(west, south, west + width, south + height)
    assert map_grid(GridChoice(), 80, data, [BURST]) == map_grid(GridChoice(), 80, DATA, [BURST])


def test_common_covers_the_burst_of_any_date():
    source, log = open_source("simulated"), logging.getLogger("test")
    days = (datetime(2015, 1, 2), datetime(2020, 6, 4), datetime(2021, 1, 1), datetime(2025, 12, 30))
    grid = map_grid(GridChoice(), 80, DATA, [BURST])
    assert grid.epsg == 32639
    for record in source.find_bursts([burst_name(*BURST, day) for day in days], log):
        box = record.bounds
        inner = transform_bounds("EPSG:4326", grid.crs, box.west, box.south, box.east, box.north)
        assert grid.bounds.contains(Bounds(*inner))


@settings(max_examples=examples(60), deadline=None, derandomize=True)
@given(
    number=st.integers(1, 375_887),
    swath=st.sampled_from([1, 2, 3]),
    day=st.integers(1, 3_900),
    pixel_m=st.sampled_from([20, 40, 80]),
)
def test_common_clips_no_burst_of_any_track_on_any_date(number, swath, day, pixel_m):
    date = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(days=day)
    (record,) = open_source("simulated").find_bursts(
        [burst_name(number, swath, date)], logging.getLogger("test")
    )
    assume(record.bounds.east - record.bounds.west < 30)  # does not cross the antimeridian
    grid = map_grid(GridChoice(), pixel_m, DATA, [(number, swath)])
    longitudes, latitudes = zip(*record.footprint, strict=True)
    xs, ys = transform("EPSG:4326", grid.crs, longitudes, latitudes)
    assert grid.bounds.contains(Bounds(min(xs), min(ys), max(xs), max(ys)))


@settings(max_examples=examples(30), deadline=None)
@given(
    west=st.floats(-178, 176),
    south=st.floats(-78, 76),
    width=st.floats(0.05, 1.5),
    height=st.floats(0.05, 1.5),
    crs=st.sampled_from(["utm", "EPSG:4326", "EPSG:3395"]),
    pixel_m=st.sampled_from([20, 40, 80]),
)
def test_a_grid_covers_the_requested_box(west, south, width, height, crs, pixel_m):
    choice = GridChoice(bounds=Bounds(west, south, west + width, south + height), crs=crs)
    grid = map_grid(choice, pixel_m, DATA, [BURST])
    corners = [(x, y) for x in (west, west + width) for y in (south, south + height)]
    longitudes, latitudes = zip(*corners, strict=True)
    xs, ys = transform("EPSG:4326", grid.crs, longitudes, latitudes)
    slack = 1e-9 * max(map(abs, (*xs, *ys)))
    assert grid.bounds.buffered(slack).contains(Bounds(min(xs), min(ys), max(xs), max(ys)))
    for edge in (grid.west_m, grid.north_m):
        assert edge / grid.pixel_m == pytest.approx(round(edge / grid.pixel_m), abs=1e-6)


def test_common_is_the_union_of_the_bursts_in_any_order():
    one, other = BURST, (136232, 2)
    both = map_grid(GridChoice(), 80, DATA, [one, other])
    assert both == map_grid(GridChoice(), 80, DATA, [other, one, one])
    for alone in (one, other):
        assert both.bounds.contains(map_grid(GridChoice(), 80, DATA, [alone]).bounds)


def test_data_covers_the_pair():
    grid = map_grid(GridChoice(extent="data"), 40, DATA, [BURST])
    inner = Bounds(*transform_bounds("EPSG:4326", grid.crs, DATA.west, DATA.south, DATA.east, DATA.north))
    assert grid.bounds.contains(inner)
    assert not grid.bounds.buffered(-40).contains(inner)
    assert map_grid(GridChoice(), 40, DATA) == grid


def test_a_box_a_projection_and_a_pixel():
    choice = GridChoice.of(
        {"bounds": [53.3, 27.6, 53.5, 27.7], "crs": "EPSG:3395", "pixel": 100, "extent": None}
    )
    grid = map_grid(choice, 80, DATA, [BURST])
    assert (grid.epsg, grid.pixel_m, grid.ground_pixel_m) == (3395, 100, 100)
    assert grid.title == "WGS 84 / World Mercator"
    west, south, east, north = transform_bounds(grid.crs, "EPSG:4326", *vars_of(grid.bounds))
    assert west == pytest.approx(53.3, abs=0.001)
    assert (south, east, north) == pytest.approx((27.6, 53.5, 27.7), abs=0.001)


def vars_of(box: Bounds) -> tuple[float, float, float, float]:
    return box.west, box.south, box.east, box.north


def test_degrees_get_parts_of_an_arc_second():
    grid = map_grid(GridChoice(crs="EPSG:4326", extent="data"), 20, DATA)
    assert grid.pixel_m == pytest.approx(20 / 30 / 3600)
    assert grid.ground_pixel_m == pytest.approx(20.6, abs=0.1)
    assert grid.bounds.buffered(1e-9).contains(DATA)


def test_the_grid_of_another_raster(tmp_path):
    path = raster(tmp_path / "a.tif", Affine(50, 0, 500_010, 0, -50, 3_000_020))
    grid = map_grid(GridChoice.of(None, path), 80, DATA, [BURST])
    assert (grid.epsg, grid.pixel_m, grid.west_m, grid.north_m) == (32639, 50, 500_010, 3_000_020)
    assert (grid.rows, grid.cols) == (20, 30)


@pytest.mark.parametrize(
    ("transform", "crs", "message"),
    [
        (Affine(50, 0, 0, 0, -40, 0), "EPSG:32639", "not square or not north-up"),
        (Affine(50, 3, 0, 3, -50, 0), "EPSG:32639", "not square or not north-up"),
        (Affine(50, 0, 0, 0, -50, 0), "+proj=laea +lat_0=12 +lon_0=7 +R=6370000", "has no EPSG code"),
    ],
)
def test_rasters_with_unsuitable_pixels_are_refused(tmp_path, transform, crs, message):
    path = raster(tmp_path / "a.tif", transform, crs)
    with pytest.raises(InputError, match=message):
        map_grid(GridChoice(like=path), 80, DATA)


def test_unknown_projections_and_places_off_the_map():
    with pytest.raises(InputError, match="EPSG:99999 is not a known map projection"):
        map_grid(GridChoice(crs="EPSG:99999"), 80, DATA)
    for code in (3413, 2154):
        with pytest.raises(InputError, match="cannot show the whole scene"):
            map_grid(GridChoice(crs=f"EPSG:{code}", extent="data"), 80, Bounds(0, -90, 10, -80))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"bounds": [54, 27, 53, 28]}, "edges in the wrong order"),
        ({"size": 3}, "has no key 'size'"),
        ({"bounds": [1, 2, 3, 4, 5]}, "bounds of the grid must be four numbers"),
        ({"bounds": "abcd"}, "must be four numbers"),
        ({"bounds": [1, 2, 3, 10**400]}, "must be four numbers"),
        ({"bounds": [True, 2, 3, 4]}, "must be four numbers"),
        ({"extent": "all"}, "must be common or data, instead got 'all'"),
        ({"crs": 4326}, "must be utm or a text"),
        ({"pixel": "80"}, "must be a number"),
    ],
)
def test_invalid_choices_are_refused(values, message):
    with pytest.raises(ParameterError, match=message):
        GridChoice.of(values)


def test_changes_are_what_differs_from_the_default(tmp_path):
    assert GridChoice().changes() == {}
    assert GridChoice.of({"extent": "common", "crs": "utm", "pixel": None, "bounds": None}).changes() == {}
    given = {"extent": "data", "bounds": [1, 2, 3, 4], "pixel": 90}
    assert GridChoice.of(given, tmp_path / "x.tif").changes() == {**given, "like": "x.tif"}
