"""Scenes across 180 degrees of longitude agree with the truth as well as others do."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.warp import transform

import isce2_recipe
from isce2_recipe.types import longitude_near
from support.main_job import stock_folder

SOURCE = "simulated:clean,lines=200,samples=1200"


def pair(number: int, swath: int, times: tuple[str, str]) -> tuple[str, str]:
    """Return the names of a burst on two dates."""
    ends = zip(times, ("7C85", "5D11"), strict=True)
    return tuple(f"S1_{number:06d}_IW{swath}_{time}_VV_{suffix}-BURST" for time, suffix in ends)


# The line passes through the middle of these cropped bursts, or through the gap between two of them.
SOUTH = pair(93507, 1, ("20200604T173908", "20200616T173909"))
SOUTHWEST = pair(93509, 1, ("20200604T173913", "20200616T173914"))
SOUTHEAST = pair(93505, 1, ("20200604T173902", "20200616T173903"))
NORTH = pair(63003, 3, ("20200602T181651", "20200614T181652"))


def run(folder: Path, names: tuple[Any, Any], source: str = SOURCE, **values: Any) -> isce2_recipe.RunResult:
    given = {"reference": names[0], "secondary": names[1], **values}
    return isce2_recipe.run("insar_tops_burst", source=source, engine="builtin", workdir=folder, **given)


def agrees(made: isce2_recipe.RunResult) -> None:
    found = re.search(r"to ([\d.]+) mm RMS.*, (\d+) of (\d+)", made.outputs["agreement"])
    assert found is not None
    assert float(found[1]) < 0.8
    assert (found[2], int(found[3]) > 300) == ("0", True)


def layer(made: isce2_recipe.RunResult, name: str) -> Any:
    assert made.product is not None
    return rasterio.open(made.product / f"{made.product.name}_{name}.tif")


def longitudes(made: isce2_recipe.RunResult, name: str = "unw_phase") -> np.ndarray:
    """Return the longitudes of all pixels with data, sorted, those in the west beyond 180."""
    with layer(made, name) as dataset:
        rows, cols = np.nonzero(dataset.read(1) != (dataset.nodata or 0))
        x, y = dataset.xy(rows, cols)
        return np.sort(longitude_near(np.array(transform(dataset.crs, "EPSG:4326", x, y)[0]), 180.0))


def crosses_without_gap(made: isce2_recipe.RunResult) -> bool:
    found = longitudes(made)
    return found[0] < 179.99 and found[-1] > 180.01 and np.diff(found).max() < 0.002


@pytest.fixture(scope="module")
def across(tmp_path_factory: pytest.TempPathFactory) -> isce2_recipe.RunResult:
    return run(tmp_path_factory.mktemp("across") / "w", SOUTH)


def test_a_scene_across_the_line(across):
    agrees(across)
    assert crosses_without_gap(across)
    with layer(across, "unw_phase") as dataset:
        assert dataset.crs.to_epsg() == 32760
        assert dataset.width * dataset.res[0] < 200e3
    product = across.product
    item = json.loads((product / f"{product.name}.stac.json").read_text())
    west, south, east, north = item["bbox"]
    assert 179.9 < west < 180.0
    assert -180.0 < east < -179.9
    assert -11.6 < south < north < -11.4
    assert item["geometry"]["type"] == "MultiPolygon"
    left, right = ([x for x, _ in ring] for [ring] in item["geometry"]["coordinates"])
    assert (min(left), max(left), min(right), max(right)) == (west, 180.0, -180.0, east)
    for path in product.glob("*.kmz"):
        with zipfile.ZipFile(path) as archive:
            box = re.findall(r"<(?:east|west)>([-\d.]+)<", archive.read("doc.kml").decode())
        # KML continues the longitudes of a picture across the line.
        assert 180.0 < float(box[0]) < 181.0
        assert 179.0 < float(box[1]) < 180.0
    report = Path(across.outputs["report"]).read_text()
    assert re.search(r"179\.\d+° E<", report)
    assert re.search(r"179\.\d+° W<", report)
    assert "World map with the product at 11.5" in report


@pytest.mark.slow
def test_a_folder_with_files_on_either_side(across, tmp_path):
    folder = stock_folder(tmp_path / "source", *SOUTH, source=SOURCE)
    assert len(list(folder.glob("dem/**/*.tif"))) == 2
    made = run(tmp_path / "w", SOUTH, f"directory:{folder}")
    assert "antimeridian: crossed" in (tmp_path / "w" / "preflight" / "preflight.txt").read_text()
    with layer(across, "unw_phase") as dataset:
        seen = dataset.read(1) != 0
    for name in ("unw_phase", "dem"):
        with layer(made, name) as one, layer(across, name) as other:
            np.testing.assert_allclose(one.read(1)[seen], other.read(1)[seen], atol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("names", [NORTH, SOUTHWEST, SOUTHEAST])
def test_the_northern_hemisphere_and_either_side(tmp_path, names):
    agrees(run(tmp_path / "w", names, apply_water_mask=True))


@pytest.mark.slow
def test_grids(across, tmp_path):
    """A box in either notation, other projections, and the grid of another product give the same pixels."""
    made = {
        name: run(tmp_path / name, SOUTH, **values)
        for name, values in {
            "turned": {"grid_bounds": [179.95, -11.55, -179.95, -11.45], "grid_crs": "EPSG:4326"},
            "beyond": {"grid_bounds": [-180.05, -11.55, -179.95, -11.45], "grid_crs": "EPSG:4326"},
            "pacific": {"grid_extent": "data", "grid_crs": "EPSG:3832"},
        }.items()
    }
    made["like"] = run(
        tmp_path / "like", SOUTH, grid_like=str(next(made["turned"].product.glob("*_dem.tif")))
    )
    for one in made.values():
        agrees(one)
        assert crosses_without_gap(one)
    with layer(made["turned"], "unw_phase") as dataset:
        assert dataset.bounds.left == pytest.approx(179.95, abs=1e-3)
        assert dataset.bounds.right == pytest.approx(180.05, abs=1e-3)
        same = dataset.read(1)
    for name in ("beyond", "like"):
        with layer(made[name], "unw_phase") as dataset:
            assert np.array_equal(dataset.read(1), same)


@pytest.mark.slow
def test_whole_slcs(tmp_path):
    """The legacy name has the corners of the footprint."""
    made = isce2_recipe.run(
        "insar_tops",
        source="simulated:clean,lines=200,samples=1200,bursts=1",
        engine="builtin",
        workdir=tmp_path / "w",
        reference="S1A_IW_SLC__1SDV_20200604T173907_20200604T173912_032841_03CDAF_7C85",
        secondary="S1A_IW_SLC__1SDV_20200616T173908_20200616T173913_033016_03D2DF_5D11",
        swaths=[1],
        name_style="legacy",
    )
    agrees(made)
    assert longitudes(made).min() < 180.5
    assert re.match(r"S1A_044_E17\d_\d_S1\d_\d_[EW]1[78]\d_\d_S1\d_\d_", made.product.name)


@pytest.mark.slow
def test_bursts_on_either_side_together_and_merged(tmp_path):
    """One swath lies east of the line, and most of the next one west of it."""
    source = "simulated:clean,lines=560"
    sides = [
        pair(93496, swath, (f"20200604T17383{s}", f"20200616T17383{s + 1}")) for swath, s in ((1, 7), (2, 8))
    ]
    together = run(tmp_path / "together", tuple(zip(*sides, strict=True)), source)
    agrees(together)
    assert crosses_without_gap(together)
    for number, side in enumerate(sides):
        product = run(tmp_path / str(number), side, source).product
        assert product is not None
        shutil.copytree(product, tmp_path / "products" / product.name)
    merged = isce2_recipe.run(
        "merge_tops_bursts",
        source=source,
        workdir=tmp_path / "merged",
        directory=str(tmp_path / "products"),
        filter_strength=0.5,
    )
    agrees(merged)
    assert crosses_without_gap(merged)
    with layer(merged, "wrapped_phase") as one, layer(together, "wrapped_phase") as other:
        assert one.bounds == other.bounds
        off = np.angle(np.exp(1j * (one.read(1).astype(np.float64) - other.read(1))))
        valid = (one.read(1) != 0) & (other.read(1) != 0)
    assert np.sqrt(np.mean(off[valid] ** 2)) < 0.05
