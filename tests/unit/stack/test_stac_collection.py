"""The STAC collection of a stack, checked by the rules of STAC and of its extensions."""

from __future__ import annotations

import json
from pathlib import Path

import pystac
import pytest

from isce2_recipe.products.grid import MapGrid, utm_grid
from isce2_recipe.stack.network import StackPair
from isce2_recipe.stack.stac_collection import write_collection
from isce2_recipe.types import Bounds
from support import stac_rules

HERE, ACROSS = Bounds(50.0, 27.0, 50.8, 27.5), Bounds(179.6, 51.0, 180.4, 51.5)
PAIRS = (
    StackPair("20200604_20200610", "20200604", "20200610", 6, 12.5),
    StackPair("20200604_20200616", "20200604", "20200616", 12),
)
PROPERTIES = {
    "constellation": "sentinel-1",
    "sar:instrument_mode": "IW",
    "sar:frequency_band": "C",
    "sar:polarizations": ["VV"],
    "sar:product_type": "STACK",
    "sat:orbit_state": "descending",
    "processing:software": {"isce2-recipe": "1"},
}


def written(folder: Path, grid: MapGrid) -> tuple[dict, list[dict]]:
    """Write a collection of three dates; return it and its items."""
    path = write_collection(folder, "STACK", ["20200604", "20200610", "20200616"], PAIRS, grid, PROPERTIES)
    collection = json.loads(path.read_text())
    links = [link["href"] for link in collection["links"] if link["rel"] == "item"]
    return collection, [json.loads((folder / href).read_text()) for href in links]


@pytest.mark.parametrize("place", [HERE, ACROSS], ids=["here", "across"])
def test_items_and_collection_are_valid(tmp_path: Path, place: Bounds) -> None:
    collection, items = written(tmp_path, utm_grid(place, 80.0))
    pystac.Collection.from_dict(collection).validate()
    assert len(items) == 5
    for item in items:
        # The links of our items are relative.
        assert [wrong for wrong in stac_rules.broken(item) if not wrong.startswith("link ../")] == []
    baselines = [item["properties"].get("insar:perpendicular_baseline") for item in items]
    assert sorted(filter(None, baselines)) == [12.5]


def test_a_map_across_the_antimeridian_has_two_polygons(tmp_path: Path) -> None:
    collection, items = written(tmp_path, utm_grid(ACROSS, 80.0))
    west, south, east, north = collection["extent"]["spatial"]["bbox"][0]
    assert (west, south, east, north) == pytest.approx((179.6, 51.0, -179.6, 51.5), abs=0.05)
    for item in items:
        assert item["bbox"] == [west, south, east, north]
        (left,), (right,) = item["geometry"]["coordinates"]
        assert sorted({x for x, _ in left}) == pytest.approx([west, 180.0], abs=1e-5)  # 5 decimals
        assert sorted({x for x, _ in right}) == pytest.approx([-180.0, east], abs=1e-5)
