"""The STAC item of a product, checked by the rules of STAC 1.1 and its extensions."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from itertools import pairwise

import pytest
import rasterio
import rasterio.features
from rasterio.warp import transform_geom

from isce2_recipe.products.package import Product
from support import stac_rules
from support.isce_folder import Ground, product

NAME = "S1_136231_IW2_20200604_20200616_VV_INT80_663F"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Product:
    folder = tmp_path_factory.mktemp("stac")
    Ground().write(folder)
    return product(folder, NAME)


@pytest.fixture(scope="module")
def item(made) -> dict:
    return json.loads((made.directory / f"{NAME}.stac.json").read_text())


def test_required_fields(item):
    assert item["type"] == "Feature"
    assert item["stac_version"] == "1.1.0"
    assert item["id"] == NAME
    assert {"geometry", "bbox", "properties", "links", "assets"} <= item.keys()
    properties = item["properties"]
    # A null datetime asks for both ends.
    assert properties["datetime"] is None
    times = [datetime.fromisoformat(properties[key]) for key in ("start_datetime", "end_datetime")]
    assert times[0] <= times[1]
    for link in item["links"]:
        assert link["rel"] == "derived_from"
        assert link["href"].startswith("https://")


def test_it_is_valid(item):
    assert list(stac_rules.broken(item)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"properties": {"sar:looks_range": 2.5}},
        {"properties": {"sar:frequency_band": "Z"}},
        {"properties": {"sat:orbit_state": "DESCENDING"}},
        {"properties": {"view:incidence_angle": 91}},
        {"properties": {"insar:baseline": 1.0}},
        {"properties": {"insar:reference_datetime": "2020-06-04"}},
        {"properties": {"proj:shape": [1, 2, 3]}},
        {"properties": {"processing:expression": {"format": "x"}}},
        {"properties": {"start_datetime": None}},
        {
            "properties": {"eo:cloud_cover": 1},
            "stac_extensions": ["https://stac-extensions.github.io/eo/v1.1.0/"],
        },
        {"stac_extensions": []},
        {"geometry": {"type": "Polygon", "coordinates": [[[0, 0]]]}},
        {"links": [{"rel": "derived_from", "href": "granule"}]},
    ],
    ids=str,
)
def test_the_rules_find_violations(item, change):
    spoilt = item | change | {"properties": item["properties"] | change.get("properties", {})}
    assert list(stac_rules.broken(spoilt)) != []


@pytest.mark.parametrize(
    "field",
    [
        "sar:instrument_mode", "sar:frequency_band", "sar:polarizations", "sar:product_type",
        "sat:orbit_state", "sat:relative_orbit", "sat:absolute_orbit", "view:incidence_angle", "view:azimuth",
        "proj:code", "proj:shape", "proj:transform", "processing:level", "processing:software",
        "insar:perpendicular_baseline", "insar:temporal_baseline", "insar:height_of_ambiguity",
        "insar:reference_datetime", "insar:secondary_datetime", "insar:processing_dem", "insar:geocoding_dem",
    ],
)  # fmt: skip
def test_fields_of_the_extensions(item, field):
    assert item["properties"][field] is not None


def test_values(item):
    properties = item["properties"]
    assert properties["platform"] == "sentinel-1b"
    assert properties["sat:orbit_state"] == "descending"
    assert (properties["sar:looks_range"], properties["sar:looks_azimuth"]) == (20, 4)
    assert properties["insar:perpendicular_baseline"] == -101.25
    assert properties["view:incidence_angle"] == pytest.approx(39.0, abs=0.01)
    # Descending Sentinel-1 flies to the south-south-west and is seen in the east-south-east.
    assert properties["view:azimuth"] == pytest.approx(102.07, abs=0.01)
    assert properties["processing:software"]["isce2"] == "2.6.5"
    assert abs(properties["insar:height_of_ambiguity"]) == pytest.approx(145.9, abs=0.5)


def test_every_file_is_an_asset_with_its_checksum(made, item):
    files = {path.name for path in made.directory.iterdir()} - {f"{NAME}.stac.json"}
    assert {asset["href"].removeprefix("./") for asset in item["assets"].values()} == files
    for asset in item["assets"].values():
        path = made.directory / asset["href"]
        assert asset["file:size"] == path.stat().st_size
        assert asset["file:checksum"] == "1220" + hashlib.sha256(path.read_bytes()).hexdigest()
        assert asset["roles"]


def test_assets_of_layers_agree_with_their_files(made, item):
    for name, path in made.layers.items():
        asset = item["assets"][name]
        with rasterio.open(path) as dataset:
            assert asset["data_type"] == dataset.dtypes[0]
            assert asset.get("nodata") == dataset.nodata
            assert asset.get("unit") == dataset.units[0]
            assert item["properties"]["proj:code"] == dataset.crs.to_string()
            assert item["properties"]["proj:shape"] == list(dataset.shape)
            assert item["properties"]["proj:transform"] == list(dataset.transform)[:6]


def test_the_footprint_covers_the_data(made, item):
    ring = item["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)) > 0  # anticlockwise
    with rasterio.open(made.layers["amp"]) as dataset:
        shape = transform_geom("EPSG:4326", dataset.crs, item["geometry"])
        inside = rasterio.features.geometry_mask([shape], dataset.shape, dataset.transform, invert=True)
        data = dataset.read(1) != 0
    assert (data & ~inside).sum() < 0.01 * data.sum()
    assert (inside & ~data).sum() < 0.05 * data.sum()
    west, south, east, north = item["bbox"]
    assert west == min(lon for lon, _ in ring)
    assert north == max(lat for _, lat in ring)
    assert south < north
    assert west < east


def test_simulated_data_are_marked(item):
    properties = item["properties"]
    assert "simulated" in properties["processing:lineage"]
    assert properties["title"] == "Simulated interferogram of Sentinel-1"
    assert properties["keywords"] == ["simulated"]
    # No link leads to granules that were never read.
    assert item["links"] == []
