"""What is wrong with a map grid is reported before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest
import rasterio
from affine import Affine

from isce2_recipe.errors import ParameterError
from isce2_recipe.products.grid_check import check_grid, examine_grid, grid_problems
from isce2_recipe.products.grid_choice import GridChoice

NAN = float("nan")
# A burst over Iran, a tilted quadrilateral.
FOOTPRINT = [(53.2, 27.6), (54.1, 27.75), (54.15, 27.55), (53.25, 27.4), (53.2, 27.6)]


def raster(path: Path, transform: Affine, crs: str | None, cols: int = 9, rows: int = 9) -> Path:
    place = {"crs": crs, "transform": transform, "width": cols, "height": rows, "sparse_ok": True}
    with rasterio.open(path, "w", driver="GTiff", dtype="uint8", count=1, **place):
        return path


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        ({"bounds": [53, 28, 54, 27]}, "turned around", "west, south, east and north"),
        ({"bounds": [53, 28, 53, 29]}, "is empty", "west, south, east and north"),
        ({"bounds": [53, 28, 54, 28]}, "is empty", "west, south, east and north"),
        ({"bounds": [-100, 28, -110, 29]}, "turned around", "west, south, east and north"),
        ({"bounds": [54, 27, 53, 28]}, "turned around", "west, south, east and north"),
        ({"bounds": [-179, 27, 179, 28]}, "wider than half of the Earth", "west, south, east and north"),
        ({"bounds": [53, NAN, 54, 28]}, "not a number", "degrees"),
        ({"bounds": [53, 27, float("inf"), 28]}, "not a number", "degrees"),
        ({"bounds": [53, 27, 54, 95]}, "not on the Earth", "degrees"),
        ({"bounds": [27, 153, 28, 154]}, "not on the Earth", "exchanged"),
        ({"bounds": [500000, 3000000, 600000, 3100000]}, "not on the Earth", "seem to be metres"),
        ({"crs": "EPSG:99999"}, "not a known map projection", "epsg.io"),
        ({"crs": "EPSG:4978"}, "not a known map projection", "epsg.io"),  # geocentric
        ({"crs": "EPSG:5773"}, "not a known map projection", "epsg.io"),  # vertical
        ({"crs": "EPSG:32605", "bounds": [53, 27, 54, 28]}, "degrees outside the area", "use utm"),
        ({"pixel": 500000}, "500000 metres are not possible", "the unit of UTM, metres"),
        ({"pixel": 0.0001}, "0.0001 metres", "0.0001 degrees are about 11 m"),
        ({"pixel": NAN}, "nan metres", "metres"),
        ({"pixel": float("inf")}, "inf metres", "metres"),
        ({"pixel": 80, "crs": "EPSG:4326"}, "80 degrees", "80 m are about 0.00072 degrees"),
        ({"pixel": 0.0007, "crs": "EPSG:3395"}, "0.0007 metres", "about 78 m"),
        ({"pixel": 1, "bounds": [53, 27, 54, 28]}, "more than 1,000,000,000 pixels", "smaller box"),
        ({"pixel": 9000, "bounds": [53, 27, 53.01, 27.01]}, "only [12] x [12] pixels", "larger box"),
    ],
)
def test_parameters_alone(values, message, hint):
    with pytest.raises(ParameterError, match=message) as caught:
        check_grid({"grid": values})
    assert hint in str(caught.value.hint)


def test_the_size_follows_from_the_looks():
    with pytest.raises(ParameterError, match="more than 1,000,000,000 pixels"):
        check_grid({"grid": {"bounds": [50, 20, 65, 40]}, "looks": "5x1"})


def test_all_problems_are_reported_together():
    with pytest.raises(ParameterError) as caught:
        check_grid({"grid": {"crs": "EPSG:32605", "bounds": [53, 27, 54, 28], "pixel": 0.2}})
    assert "0.2 metres" in caught.value.message
    assert [one.key for one in grid_problems({"crs": "EPSG:99999", "pixel": 1e9})] == ["crs"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"crs": "utm", "pixel": 20},
        {"crs": "EPSG:4326", "pixel": 0.001, "bounds": [53, 27, 54, 28]},
        {"crs": "EPSG:2263", "pixel": 100},  # feet
        {"crs": "EPSG:3413", "bounds": [-50, 65, -49, 66]},
        {"crs": "EPSG:32640", "bounds": [53, 27, 54, 28]},  # the neighbouring zone
        {"crs": "EPSG:32701", "bounds": [-179.9, -17, -179.2, -16]},
        {"crs": "EPSG:32760", "bounds": [179.5, -17, -179.5, -16]},
        {"crs": "EPSG:32760", "bounds": [179.5, -17, 180.5, -16]},
    ],
)
def test_possible_grids_are_accepted(values):
    check_grid({"grid": values})


@pytest.mark.parametrize(
    ("transform", "crs", "message"),
    [
        (Affine(50, 0, 0, 0, -50, 0), None, "has no projection"),
        (Affine(50, 3, 0, 3, -50, 0), "EPSG:32639", "not square or not north-up"),
        (Affine(0.1, 0, 0, 0, -0.1, 0), "EPSG:32639", "pixels of 0.1 m"),
        (Affine(1, 0, 0, 0, -1, 0), "EPSG:4326", "pixels of 1 degrees"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_grids_of_other_rasters(tmp_path, transform, crs, message):
    with pytest.raises(ParameterError, match=message):
        check_grid({"grid_like": raster(tmp_path / "a.tif", transform, crs)})


def test_a_file_that_is_no_raster(tmp_path):
    path = tmp_path / "a.tif"
    path.write_text("a,b,c\n")
    with pytest.raises(ParameterError, match=r"a\.tif cannot be read") as caught:
        check_grid({"grid_like": path})
    assert "give a GeoTIFF" in str(caught.value.hint)


def examined(
    values: dict[str, object], like: Path | None = None, **more: float
) -> dict[str, tuple[str, str]]:
    found = examine_grid(GridChoice.of(values, like), 80, [FOOTPRINT], [(136231, 2)], **more)
    return {one.name: (one.state, f"{one.detail} {one.remedy}") for one in found}


def test_the_size_of_the_map_is_reported():
    (found,) = examined({"bounds": [53.5, 27.5, 53.6, 27.6]}).values()
    assert found[0] == "ok"
    assert "127 x 142 pixels, 541 kB in all layers, pixels of 80 m in EPSG:32639" in found[1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"bounds": [10, 10, 11, 11]}, "does not touch the scene"),
        ({"bounds": [53.9, 27.2, 54.1, 27.5]}, "does not touch the scene"),  # in the corner of its box
        ({"bounds": [27.5, 53.4, 27.6, 53.6]}, "seem to be in another order"),
        ({"crs": "EPSG:32605"}, "degrees outside the area of EPSG:32605"),
        ({"pixel": 1}, "more than 1,000,000,000 pixels"),
    ],
)
def test_grids_that_do_not_fit_the_scene(values, message):
    found = examined(values)
    assert found["map"][0] == "wrong"
    assert message in found["map"][1]


def test_grids_of_other_places(tmp_path):
    elsewhere = raster(tmp_path / "a.tif", Affine(80, 0, 500_000, 0, -80, 1_000_000), "EPSG:32639")
    state, text = examined({}, elsewhere)["map"]
    assert state == "wrong"
    assert "a.tif" in text
    assert "a product of the same place" in text
    here = raster(tmp_path / "b.tif", Affine(8000, 0, 690_000, 0, -8000, 3_080_000), "EPSG:32639")
    assert examined({}, here)["map"][0] == "ok"
    world = raster(tmp_path / "c.tif", Affine(0.05, 0, -180, 0, -0.05, 90), "EPSG:4326", cols=7200, rows=3600)
    assert examined({}, world)["map"][0] == "ok"
    turned = raster(tmp_path / "d.tif", Affine(0.01, 0, 413, 0, -0.01, 28), "EPSG:4326", cols=100, rows=100)
    assert examined({}, turned)["map"][0] == "ok"


def test_a_projection_for_another_area_is_noted():
    found = examined({"crs": "EPSG:32739"})
    assert found["projection"][0] == "note"
    assert found["map"][0] == "ok"


def test_a_map_that_does_not_fit_on_the_disk():
    state, text = examined({}, disk=1e6)["map"]
    assert (state, "1.0 MB of the disk are free" in text) == ("wrong", True)
