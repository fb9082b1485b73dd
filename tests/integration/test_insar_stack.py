"""The recipe from a place and two dates to a velocity map, on simulated bursts with known motion."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.warp import transform

from isce2_recipe.sources import open_source
from isce2_recipe.stack.page import write_page
from isce2_recipe.stack.stations import Station
from isce2_recipe.types import BurstName
from support.browser import MISSING, browser
from support.runs import call
from support.shared import Shared

SOURCE = "simulated:clean,lines=240,samples=1600,motion=linear"
PLACE = ("--area", "136231_IW2", "--start", "2020-06-01")


def stack(folder: Path, *words: str, source: str = SOURCE, end: str = "2020-06-20", code: int = 0) -> str:
    """Run the recipe and return what it printed."""
    done = call(
        "run", "insar_stack", "--source", source, *PLACE, "--end", end, "--workdir", folder, *words,
        cwd=folder.parent, timeout=900,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def started(printed: str) -> set[str]:
    return set(re.findall(r"^(\S+): started", printed, re.MULTILINE))


@pytest.fixture(scope="module")
def run(shared: Shared) -> Path:
    """The work directory of a stack of three dates, 4, 10 and 16 June 2020."""

    def make(folder: Path) -> None:
        (folder / "printed.txt").write_text(stack(folder / "run"))

    return shared.folder("insar-stack", make) / "run"


def product(run: Path) -> Path:
    [found] = (run / "package").iterdir()
    return found


def layer(run: Path, name: str) -> Path:
    return product(run) / f"{product(run).name}_{name}.tif"


@pytest.mark.slow
def test_azimuth_shifts_of_all_dates_are_found_and_removed(tmp_path: Path) -> None:
    """The reference is not shifted, so all others have the injected shift; without ESD they run again."""
    source = "simulated:clean,samples=1024,azimuth_shift=0.02"
    words = ("--area", "136230_IW2,136231_IW2", "--pairs", "none")
    printed = stack(tmp_path / "run", *words, "--esd", source=source)
    assert "coregistration: azimuth shifts of 2 of 2 dates from 3 pairs" in printed
    shifts = json.loads((tmp_path / "run/refine/misregistration.json").read_text())["lines"]
    assert list(shifts.values()) == pytest.approx([0.0, 0.02, 0.02], abs=3e-4)
    again = stack(tmp_path / "run", *words, source=source)
    assert {name for name in started(again) if name.endswith("/slc")} == {
        "dates[20200610]/slc",
        "dates[20200616]/slc",
    }


def true_velocity(run: Path, to: rasterio.DatasetReader, folder: Path) -> np.ndarray:
    """Velocity of the simulated ground towards the satellite at the pixels of a map, metres a year."""
    source = open_source(SOURCE)
    names = _granules(run)
    records = source.find_bursts([BurstName.parse(names[0]), BurstName.parse(names[-1])], logging.getLogger())
    truth = source.write_truth(records, run / "terrain" / "dem" / "dem.tif", folder)
    years = (records[1].start - records[0].start).total_seconds() / 86400 / 365.25
    with rasterio.open(truth) as away:
        rows, cols = np.mgrid[: to.height, : to.width]
        xs, ys = rasterio.transform.xy(to.transform, rows.ravel(), cols.ravel())
        places = zip(*transform(to.crs, "EPSG:4326", xs, ys), strict=True)
        values = np.array([one[0] for one in away.sample(places)]).reshape(to.shape)
    return -values / years


def _granules(run: Path) -> list[str]:
    catalogues = sorted(run.glob("scenes/*/bursts.json"))
    found = [record["name"] for file in catalogues for record in json.loads(file.read_text())]
    return sorted(found, key=lambda name: name.split("_")[3])


def test_velocity_is_that_of_the_ground(run: Path, tmp_path: Path) -> None:
    with rasterio.open(layer(run, "velocity")) as dataset:
        velocity = dataset.read(1)
        assert dataset.units == ("metre/year",)
        truth = true_velocity(run, dataset, tmp_path)
    known = np.isfinite(velocity)
    wrong = (velocity - truth)[known]
    assert known.sum() > 1000
    # 12 days only: 0.3 mm a date are 13 mm a year. The ground's velocity spans 100 mm a year here.
    assert 1e3 * (wrong - np.median(wrong)).std() < 20
    assert np.corrcoef(velocity[known], truth[known])[0, 1] > 0.9


def test_every_date_agrees_with_the_truth(run: Path) -> None:
    found = json.loads((run / "quality" / "quality.json").read_text())
    truth = found["truth"]
    assert list(truth["dates"]) == ["20200610", "20200616"]
    # 0.26 mm a date, and as much of the first one.
    assert truth["rms_mm"] < 0.6
    assert truth["wrong_cycles"] == 0
    assert truth["values"] == 2 * found["coverage"]["valid"]
    assert truth["velocity"]["rms_mm_per_year"] < 20
    printed = (run.parent / "printed.txt").read_text()
    assert f"displacement agrees with the truth to {truth['rms_mm']:.2f} mm RMS" in printed
    assert "Agreement with the truth" in (run / "show" / "report.html").read_text()


def test_files_of_the_product(run: Path) -> None:
    folder = product(run)
    assert re.fullmatch(
        r"S1_064_000000s1n00-136231s2n01-000000s3n00_IW_20200604_20200616_VV_STACK80_[0-9A-F]{4}", folder.name
    )
    dates = ["20200604", "20200610", "20200616"]
    names = [path.name for path in sorted((folder / "displacement").iterdir())]
    assert names == [f"20200604_{date}.tif" for date in dates]
    with rasterio.open(f"netcdf:{folder / folder.name}_displacement.nc:displacement") as cube:
        assert cube.count == 3
        assert cube.crs.to_epsg() == 32639
        assert [cube.tags(band)["NETCDF_DIM_date"] for band in (1, 2, 3)] == ["0", "6", "12"]
        assert cube.tags()["date#units"] == "days since 2020-06-04"
        with (
            rasterio.open(folder / "displacement" / names[2]) as last,
            rasterio.open(layer(run, "velocity")) as velocity,
        ):
            assert cube.transform == last.transform == velocity.transform
            assert np.array_equal(cube.read(3), last.read(1), equal_nan=True)
    facts = json.loads((folder / "check.json").read_text())
    assert facts["reference"]["looks"] == 25
    assert len(facts["triplets"]) == 1
    assert facts["triplets"][0]["rms_rad"] < 0.04
    collection = json.loads((folder / "collection.json").read_text())
    items = [json.loads((folder / link["href"]).read_text()) for link in collection["links"][1:]]
    assert len(items) == 6
    assert all(
        (folder / "items" / one["href"]).is_file() for item in items for one in item["assets"].values()
    )
    pairs = sorted((folder / "pairs").iterdir())
    assert len(pairs) == 3
    assert {path.name.removeprefix(f"{pairs[0].name}_") for path in pairs[0].glob("*.tif")} >= {
        "unw_phase.tif", "corr.tif", "dem.tif", "lv_theta.tif", "lv_phi.tif", "water_mask.tif",
    }  # fmt: skip
    assert "mintpy.load.processor = hyp3" in (folder / "mintpy" / "smallbaselineApp.cfg").read_text()
    readme = (folder / f"{folder.name}_README.md.txt").read_text()
    table = re.findall(r"^\| (`[^|]+`) \|", readme, re.MULTILINE)
    named = [name for cell in table for name in re.findall("`([^`]+)`", cell)]
    assert len(named) > 15
    assert [name for name in named if not (folder / name.replace("*", folder.name)).exists()] == []


def test_reference_region_does_not_move(run: Path) -> None:
    region = json.loads((product(run) / "check.json").read_text())["reference"]
    with rasterio.open(layer(run, "velocity")) as dataset:
        xs, ys = transform("EPSG:4326", dataset.crs, [region["longitude"]], [region["latitude"]])
        row, col = dataset.index(xs[0], ys[0])
        near = dataset.read(1)[row - 1 : row + 2, col - 1 : col + 2]
    assert abs(np.nanmean(near)) < 0.02


def test_the_page_shows_what_its_script_draws(run: Path) -> None:
    page = run / "show" / "report.html"
    assert page.stat().st_size < 25e6
    text = page.read_text()
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    if MISSING:
        pytest.skip(MISSING)
    with browser() as shown:
        shown.open(page)
        assert shown.log() == []
        where = "document.getElementById('where').textContent"
        before = shown.run(f"done({where})")
        assert re.search(r"EPSG:32639\): -?\d+\.\d mm a year", before)
        key = "new KeyboardEvent('keydown', {key: 'ArrowLeft', bubbles: true})"
        after = shown.run(f"document.getElementById('map').dispatchEvent({key}); done({where})")
        assert after != before
        shown.run("document.getElementById('ref').click(); done()")
        assert " 0.0 mm a year" in shown.run(f"done({where})").replace("-0.0", "0.0")
        assert shown.run("done(document.querySelectorAll('#thumbs canvas').length)") == 3
        shown.width(360)
        assert shown.run("done(document.documentElement.scrollWidth)") <= 360


def test_stations_are_in_the_table_and_on_the_map(run: Path, tmp_path: Path) -> None:
    with rasterio.open(layer(run, "velocity")) as dataset:
        values = dataset.read(1)
        row, col = np.argwhere(np.isfinite(values))[1000]
        [lon], [lat] = transform(dataset.crs, "EPSG:4326", *([one] for one in dataset.xy(row, col)))
    known = [Station("inside", lon, lat, 3.0, None), Station("outside", lon + 5, lat, 3.0, None)]
    template = (Path(__file__).parents[2] / "templates" / "report" / "stack.html.j2").read_text()
    page = write_page(tmp_path / "page.html", product(run), template, stations=known)
    text = page.read_text()
    assert re.search(r"<td>outside</td>.*no data", text)
    [marks] = re.findall(r'"stations": (\[.*?\}\])', text)
    assert [mark["name"] for mark in json.loads(marks)] == ["inside"]
    if not MISSING:
        with browser() as shown:
            shown.width(360)
            shown.open(page)
            assert shown.log() == []
            assert shown.run("done(document.documentElement.scrollWidth)") <= 360


@pytest.mark.slow
def test_a_date_more_runs_only_what_is_new(run: Path) -> None:
    printed = stack(run, end="2020-06-25")
    assert started(printed) == {
        "scenes", "network", "orbits[20200622]", "baselines", "dates[20200622]/bursts", "dates[20200622]/slc",
        "groups", "pairs[20200622]/form", "pairs[20200622]/products", "check", "invert", "package", "show",
        "truth", "quality",
    }  # fmt: skip
    assert "6 pairs of 4 dates" in printed
    again = stack(run, end="2020-06-25")
    assert not started(again)


def downloaded(folder: Path) -> bool:
    return any(folder.rglob("*.SAFE"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--start", "2020-07-01"), "the end of the period, 2020-06-20, is before its start, 2020-07-01"),
        (("--start", "2020-06-15"), "a stack needs two dates or more; 1 can be used"),
        (
            ("--max-days", "5"),
            "the network of pairs is in 3 pieces: 20200604, 20200610, 20200616; no pair",
        ),
        (("--reference-point", "50", "10"), "the reference point 50 E, 10 N is outside the stack"),
        (("--unwrapper", "guess"), "unwrapper must be one of"),
        (("--max-perpendicular", "0.01"), "max_perpendicular is 0.01 m"),
        (("--pairs-file", "missing.txt"), "missing.txt"),
    ],
)
def test_bad_input_ends_before_any_download(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    printed = stack(tmp_path / "run", *words, code=1)
    assert message in " ".join(printed.split()), printed
    assert not downloaded(tmp_path / "run")


@pytest.mark.slow
def test_a_reference_point_on_water_is_refused(run: Path, tmp_path: Path) -> None:
    with rasterio.open(run / "terrain" / "water_mask" / "water_mask.tif") as mask:
        bounds = json.loads(next(run.glob("scenes/20200604/bursts.json")).read_text())[0]["footprint"]
        west, east = (pick(x for x, _ in bounds) for pick in (min, max))
        south, north = (pick(y for _, y in bounds) for pick in (min, max))
        window = mask.window(west, south, east, north)
        row, col = np.argwhere(mask.read(1, window=window) == 0)[0]
        lon, lat = mask.xy(window.row_off + row, window.col_off + col)
    printed = stack(tmp_path / "run", "--reference-point", str(lon), str(lat), code=1)
    assert "is on water" in printed
    assert not downloaded(tmp_path / "run")
