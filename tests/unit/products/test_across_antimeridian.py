"""Products of a ground on both sides of 180 degrees, whose rasters have either notation of longitudes."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.warp import transform

from isce2_recipe.errors import InputError
from isce2_recipe.products.grid_check import check_grid, examine_grid
from isce2_recipe.products.grid_choice import GridChoice, map_grid
from isce2_recipe.products.layers import LAYERS
from isce2_recipe.products.making import make_product
from isce2_recipe.products.names import NameParts, legacy_slc_name
from isce2_recipe.products.package import Product
from isce2_recipe.products.reading import open_product
from isce2_recipe.products.report.maps import corners, degree_text, locator_svg, map_frame
from isce2_recipe.types import Bounds, BurstName, Looks, longitude_near
from support import stac_rules
from support.isce_folder import Ground, request

NAME = "S1_136231_IW2_20200604_20200616_VV_INT80_663F"
# Columns of one arc second: the line is in the middle of the ground.
WEST, NORTH = 179.975, -16.5
GRIDS = {
    "utm": {"extent": "data"},
    "degrees": {"extent": "data", "crs": "EPSG:4326"},
    "pacific": {"extent": "data", "crs": "EPSG:3832"},
    "polar": {"extent": "data", "crs": "EPSG:3031"},
    "box": {"bounds": [179.96, -16.55, -179.96, -16.49], "crs": "EPSG:4326"},
    "box beyond": {"bounds": [-180.04, -16.55, -179.96, -16.49], "crs": "EPSG:4326"},
}


def made(folder: Path, west: float, grid: dict) -> Product:
    ground = Ground(first=(west, NORTH))
    longitude, _ = ground.places()
    # Metres of height and radians of phase that give the place away.
    ground.layers["height"] = 1000.0 + 3600.0 * longitude_near(longitude - 180.0, 0.0)
    ground.layers["phase"] = 3.0 + 100.0 * longitude_near(longitude - 180.0, 0.0)
    ground.write(folder)
    asked = request(folder, NAME)
    choice = GridChoice.of(grid)
    asked = replace(asked, grid=lambda data: map_grid(choice, 80, data))
    return make_product(folder, asked, threads=1, progress=lambda *_: None, layers=LAYERS)


@pytest.fixture(scope="module")
def products(tmp_path_factory) -> dict[str, Product]:
    return {
        f"{name} from {west:g}": made(tmp_path_factory.mktemp("across"), west, grid)
        for name, grid in GRIDS.items()
        for west in (WEST, WEST - 360.0)
        if west > 0 or name in ("degrees", "box")
    }


def test_layers_show_the_right_places(products):
    for product in products.values():
        for layer, factor, offset in (("dem", 3600.0, 1000.0), ("unw_phase", 100.0, 3.0)):
            with rasterio.open(product.layers[layer]) as dataset:
                values = dataset.read(1)
                rows, cols = np.nonzero(values != dataset.nodata)
                x, y = dataset.xy(rows, cols)
                longitude = np.array(transform(dataset.crs, "EPSG:4326", x, y)[0])
            east = longitude_near(longitude - 180.0, 0.0)
            assert east.min() < -0.015
            assert east.max() > 0.015
            assert values[rows, cols] == pytest.approx(offset + factor * east, abs=0.001 * factor)


def test_stac_items_follow_rfc_7946(products):
    for product in products.values():
        item = json.loads((product.directory / f"{NAME}.stac.json").read_text())
        assert list(stac_rules.broken(item)) == []
        west, south, east, north = item["bbox"]
        assert 179.97 < west < 180.0
        assert -180.0 < east < -179.97
        assert south < north
        assert item["geometry"]["type"] == "MultiPolygon"
        for [ring], (low, high) in zip(
            item["geometry"]["coordinates"], ((west, 180.0), (-180.0, east)), strict=True
        ):
            assert ring[0] == ring[-1]
            assert sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)) > 0  # anticlockwise
            assert (min(x for x, _ in ring), max(x for x, _ in ring)) == (low, high)


def test_overlays_continue_across_the_line(products):
    for product in products.values():
        for kmz in product.directory.glob("*.kmz"):
            with zipfile.ZipFile(kmz) as archive:
                text = archive.read("doc.kml").decode()
            west, east = (float(re.search(f"<{edge}>(.*)</{edge}>", text)[1]) for edge in ("west", "east"))
            assert 179.9 < west < 180.0 < east < 180.1


def test_maps_of_the_report(products):
    for product in products.values():
        grid = open_product(product.directory).grid
        frame = map_frame(grid, 1120)
        texts = [text for _, text in frame.longitudes]
        assert any(text.endswith("° E") for text in texts)
        assert any(text.endswith("° W") for text in texts)
        assert all(0.0 <= place <= 1.0 for place, _ in frame.longitudes)
        assert abs(abs(frame.convergence_deg) % 180.0) < 1.0 or grid.crs == "EPSG:3031"
        title = re.search(
            "product at (.*) degrees south, (.*) degrees (east|west)", locator_svg(corners(grid))
        )
        assert (title[1], title[2] in ("179.99", "180.00")) == ("16.52", True)
    assert degree_text(180.0, "180.0", "EW") == "180.0°"
    assert degree_text(180.5, "180.5", "EW") == "179.5° W"
    assert degree_text(-180.25, "\N{MINUS SIGN}180.25", "EW") == "179.75° E"


@pytest.mark.parametrize("epsg", [3857, 6933, 3395])
def test_maps_that_are_cut_at_the_line_are_refused(epsg):
    with pytest.raises(InputError, match=f"EPSG:{epsg} is cut at 180 degrees"):
        map_grid(GridChoice(crs=f"EPSG:{epsg}", extent="data"), 80, Bounds(179.9, -17.0, 180.1, -16.9))
    map_grid(GridChoice(crs=f"EPSG:{epsg}", extent="data"), 80, Bounds(179.8, -17.0, 179.9, -16.9))


RING = [(179.9, -17.0), (-179.9, -17.0), (-179.9, -16.8), (179.9, -16.8), (179.9, -17.0)]


@pytest.mark.parametrize(
    ("bounds", "touches"),
    [
        ([179.95, -17, -179.95, -16.9], True),
        ([179.95, -17, 180.05, -16.9], True),
        ([-180.05, -17, -179.95, -16.9], True),
        ([-179.99, -17, -179.95, -16.9], True),
        ([180.01, -17, 180.05, -16.9], True),
        ([179.2, -17, 179.8, -16.9], False),
        ([-179.8, -17, -179.7, -16.9], False),
    ],
)
def test_boxes_are_compared_with_a_scene_across(bounds, touches):
    check_grid({"grid": {"bounds": bounds}})
    [found] = examine_grid(GridChoice.of({"bounds": bounds}), 80, [RING])
    assert (found.state, "does not touch" in found.detail) == (("ok", False) if touches else ("wrong", True))


def test_common_grids_of_bursts_near_the_line_are_small():
    for number, zone in ((93507, 32760), (93502, 32760), (93512, 32760), (93530, 32760), (93480, 32701)):
        grid = map_grid(GridChoice(), 80, Bounds(0, 0, 1, 1), [(number, 1)])
        assert grid.cols * 80 < 150e3
        assert grid.epsg == zone, number


def test_legacy_names():
    names = [BurstName.parse("S1_093507_IW1_20200604T173908_VV_7C85-BURST")]
    parts = NameParts(names, names, Looks(20, 4), 44, "7EB5")
    name = legacy_slc_name(parts, "S1A", Bounds(179.2, -12.1, 180.4, -11.2))
    assert name.startswith("S1A_044_E179_2_S12_1_W179_6_S11_2_")
