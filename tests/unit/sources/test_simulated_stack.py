"""What a stack needs of the simulated source: motions, decorrelation, air and errors, each with its truth."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from test_simulated_burst import LOG, compare, fetch, fetch_ground, multilooked, offsets, quiet, sinc

from isce2_recipe.sources import open_source
from isce2_recipe.sources.simulated import echo, ground
from isce2_recipe.sources.simulated.noise import hash_normal
from isce2_recipe.sources.simulated.options import PRESETS, SimulationOptions
from isce2_recipe.sources.simulated.world import Air, Landscape
from isce2_recipe.types import Bounds, BurstName

NAMES = [f"S1_136231_IW2_{day}T022312_VV_7C85-BURST" for day in ("20200604", "20200616", "20200803")]
DAYS = 60.0
EVERYTHING = "motion=linear+annual+step+bowl+fault,step_date=2020-06-10,atmosphere=5,stratified=10"


@pytest.fixture(scope="module")
def dem(tmp_path_factory) -> Path:
    """A grid of 20 arc seconds around the burst."""
    path = tmp_path_factory.mktemp("grid") / "dem.tif"
    transform = from_origin(53.1, 27.9, 1 / 180, 1 / 180)
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "crs": "EPSG:4326", "transform": transform}
    with rasterio.open(path, "w", height=90, width=198, **profile) as raster:
        raster.write(np.zeros((90, 198), dtype=np.float32), 1)
    return path


def truths(settings: str, names: list[str], dem: Path, folder: Path) -> dict[str, np.ndarray]:
    """Return the rasters of a pair or, for a single name, of a date."""
    source = open_source(f"simulated:clean,{settings}")
    records = source.find_bursts([BurstName.parse(name) for name in names], LOG)
    write = source.write_truth if len(names) == 2 else source.write_date_truth
    write(records, dem, folder)
    found = {}
    for path in folder.glob("los_*.tif"):
        with rasterio.open(path) as raster:
            found[path.stem] = raster.read(1)
    return found


def test_the_truth_of_pairs_is_the_difference_of_dates_and_sums_over_them(dem, tmp_path):
    dates = [truths(EVERYTHING, [name], dem, tmp_path / f"{k}") for k, name in enumerate(NAMES)]
    pairs = {
        (i, j): truths(EVERYTHING, [NAMES[i], NAMES[j]], dem, tmp_path / f"{i}{j}")
        for i, j in ((0, 1), (1, 2), (0, 2))
    }
    layers = {"los_displacement", "los_atmosphere", "los_total"}
    for (i, j), pair in pairs.items():
        assert set(pair) == layers
        for layer in layers:
            np.testing.assert_allclose(pair[layer], dates[j][layer] - dates[i][layer], atol=1e-6)
        np.testing.assert_allclose(
            pair["los_total"], pair["los_displacement"] + pair["los_atmosphere"], atol=1e-6
        )
    for layer in layers:
        np.testing.assert_allclose(pairs[0, 1][layer] + pairs[1, 2][layer], pairs[0, 2][layer], atol=1e-6)


def test_each_motion_follows_its_model(dem, tmp_path):
    def moved(motion: str, first: int, last: int) -> np.ndarray:
        folder = tmp_path / f"{motion}{first}{last}".replace("=", "")
        found = truths(f"motion={motion}", [NAMES[first], NAMES[last]], dem, folder)
        assert set(found) == {"los_displacement"}
        return found["los_displacement"]

    for motion in ("linear", "bowl", "fault"):
        np.testing.assert_allclose(moved(motion, 0, 2), moved(motion, 0, 1) * 5.0, atol=2e-6)
    year = 0.3 * DAYS / 365.25
    assert moved("linear", 0, 2).max() == pytest.approx(year, rel=0.02)
    assert moved("bowl", 0, 2).max() == pytest.approx(year, rel=0.02)
    assert moved("bowl", 0, 2).min() == 0.0
    slip = moved("fault", 0, 2)
    assert slip.max() == pytest.approx(-slip.min(), rel=0.05)
    assert 0.3 * year < slip.max() < 0.5 * year
    # The documented dates are before and after the step.
    assert np.abs(moved("step", 0, 1)).max() == 0.0
    assert moved("step", 1, 2).max() == pytest.approx(0.1, rel=0.02)
    parts = [moved(motion, 0, 2) for motion in ("linear", "annual")]
    np.testing.assert_allclose(moved("linear+annual", 0, 2), sum(parts), atol=1e-6)
    # A year later the season is the same.
    later = truths(
        "motion=annual", [NAMES[0], NAMES[0].replace("20200604", "20210605")], dem, tmp_path / "year"
    )
    assert np.abs(later["los_displacement"]).max() < 0.001


def test_the_air_of_a_date_has_the_stated_strength():
    terrain, air = Landscape(17), SimulationOptions(atmosphere=8.0, stratified=0.0).air("S1A", 1, 0)
    values = np.empty((900, 900), dtype=np.float32)
    ground.delay_grid(0.9, 0.2, 4e-4, 4e-4, terrain, Air(), air, values)
    assert values.std() == pytest.approx(8e-3, rel=0.08)
    near = np.empty((500, 500), dtype=np.float32)
    step = math.radians(1.5 / 3600)
    ground.delay_grid(0.9, 0.2, step, step, terrain, Air(), air, near)
    rises = [np.sqrt(((near[:, k:] - near[:, :-k]) ** 2).mean()) for k in (20, 40)]
    # Within the boundary layer the structure function grows with the distance to the power of 5/3.
    assert math.log2(rises[1] / rises[0]) == pytest.approx(5 / 6, abs=0.15)
    slopes = [SimulationOptions(stratified=6.0).air("S1A", orbit, 0).per_height for orbit in range(4000)]
    assert np.std(slopes) == pytest.approx(6e-6, rel=0.05)
    ground.delay_grid(0.9, 0.2, step, step, terrain, Air(), Air(0, 0.0, 6e-6), near)
    heights = np.empty_like(near)
    ground.height_grid(0.9, 0.2, step, heights, terrain)
    np.testing.assert_allclose(near, 6e-6 * heights, rtol=1e-4)


def test_numbers_of_dates_are_normally_distributed():
    values = np.array([hash_normal("x", k) for k in range(4000)])
    assert values.mean() == pytest.approx(0.0, abs=0.05)
    assert values.std() == pytest.approx(1.0, abs=0.05)


def test_the_share_of_scatterers_that_remain_decays_exponentially():
    key = np.uint64(12345)
    for age in (0.0, 3.3):
        first = np.array([echo._renewals(key, k, age) for k in range(20_000)])
        for later in (0.2, 1.0, 2.0):
            second = np.array([echo._renewals(key, k, age + later) for k in range(20_000)])
            assert (first == second).mean() == pytest.approx(math.exp(-later), abs=0.012)


def test_mixed_land_has_all_kinds_and_water_has_its_own():
    kinds = SimulationOptions(coherence=0.92, water_coherence=0.0).kinds()
    assert kinds.shape == (5, 4)
    assert kinds[-1].tolist() == [0.0, 1.0, 0.0, 1.0]
    # The coherence limits those of all kinds.
    assert kinds[:4, 0].max() == 0.92
    cache = ground.new_cache()
    places = [(a, b) for a in np.linspace(0.47, 0.5, 60) for b in np.linspace(0.92, 0.95, 60)]
    found = np.bincount(
        [ground.cover(cache, ground.normal_vector(*place), 17) for place in places], minlength=4
    )
    assert (found / len(places) > 0.01).all()
    assert SimulationOptions.parse("clean").kinds().tolist() == [[0.92, 1.0, 0.0, 1.0], [0.08, 1.0, 0.0, 1.0]]


def test_presets_are_settings_with_a_name():
    assert SimulationOptions.parse("natural") == SimulationOptions.parse("") == SimulationOptions()
    clean = SimulationOptions.parse("clean,seed=3")
    assert (clean.land_cover, clean.seed, clean.has_air) == ("uniform", 3, False)
    assert str(clean) == "clean,seed=3"
    for text in (*PRESETS, "clean,atmosphere=2", "atmosphere=0,lines=100", "clean,coherence=0.5,relief=1.2"):
        options = SimulationOptions.parse(text)
        assert SimulationOptions.parse(str(options)) == options


def test_errors_are_in_the_files_and_not_in_the_image(tmp_path):
    """The orbit file and the annotation are wrong by the same distance, which is another one on each date."""
    shifts = []
    for name in NAMES[:2]:
        right, wrong = (
            fetch(tmp_path / settings[:5], f"simulated:clean,lines=64,samples=256{settings}", name)[0]
            for settings in ("", ",orbit_error=0.5")
        )
        assert right.burst.start == wrong.burst.start
        np.testing.assert_array_equal(right.pixels, wrong.pixels)
        shift = wrong.orbit.position_m - right.orbit.position_m
        lengths = np.linalg.norm(shift, axis=1)
        assert 0.02 < lengths.mean() < 2.5
        assert np.ptp(lengths) < 1e-3
        shifts.append(lengths.mean())
    assert abs(shifts[0] - shifts[1]) > 0.01


def test_a_timing_error_moves_the_image_and_not_its_annotation(tmp_path):
    right, wrong = (
        fetch(tmp_path / settings[:5], f"simulated:clean,lines=128,samples=512{settings}", NAMES[0])[0]
        for settings in ("", ",timing_error=1")
    )
    assert right.burst.start == wrong.burst.start
    assert (right.pixels != wrong.pixels).mean() > 0.5


def test_relief_and_water_level_shape_the_ground(tmp_path):
    box = Bounds(53.4, 27.5, 53.6, 27.7)
    heights = {}
    for settings in ("", "relief=1.5", "water_level=600", "relief=0"):
        path = open_source(f"simulated:clean,{settings}").fetch_dem(box, tmp_path / settings, LOG, quiet)
        with rasterio.open(path) as raster:
            heights[settings] = raster.read(1)
    land = (heights[""] > 240.0) & (heights["relief=1.5"] > 240.0)
    mean = heights["relief=0"][0, 0]
    np.testing.assert_allclose(
        (heights["relief=1.5"] - mean)[land], 1.5 * (heights[""] - mean)[land], atol=1e-3
    )
    assert np.ptp(heights["relief=0"]) == 0.0
    # Most of the scene is a sea with islands.
    assert 0.5 < (heights["water_level=600"] == 600.0).mean() < 0.99


@pytest.fixture(scope="module")
def decaying(tmp_path_factory):
    """Three dates of land whose coherence decays in 40 days, with air and motion, and their ground."""
    folder = tmp_path_factory.mktemp("decaying")
    size = "lines=240,samples=2000,motion=linear,atmosphere=3"
    text = f"simulated:clean,{size},coherence=0.9,decay_days=40,water_coherence=0"
    return fetch(folder, text, *NAMES), [
        fetch_ground(folder / str(k), text, NAMES[0], name) for k, name in enumerate(NAMES[1:])
    ]


@pytest.mark.slow
def test_coherence_decays_with_days_and_the_phase_follows_the_truth(decaying):
    dates, grounds = decaying
    for date, place, days in zip(dates[1:], grounds, (12.0, 60.0), strict=True):
        found = compare(dates[0], date, place)
        land = found.height > 245.0
        expected = 0.9 * math.exp(-days / 40.0) / 1.01
        assert found.coherence[land].mean() == pytest.approx(math.hypot(expected, 0.1), abs=0.04)
        if days < 20:
            assert np.abs(np.angle(np.exp(1j * found.phase_error[land]).mean())) < 0.01
            assert found.phase_error[land].std() < 0.2


@pytest.mark.slow
def test_phases_of_three_dates_close(decaying):
    dates, grounds = decaying
    line, sample = np.mgrid[: dates[0].burst.lines, : dates[0].burst.samples].astype(float)
    images = [dates[0].pixels]
    for date, place in zip(dates[1:], grounds, strict=True):
        d_line, d_sample, path, *_ = offsets(dates[0], date, place)
        there = line + d_line, sample + d_sample
        base = sinc(date.pixels * np.exp(-1j * date.carrier(line, sample)), *there)
        turned = np.exp(1j * (date.carrier(*there) + 4.0 * math.pi / date.burst.wavelength_m * path))
        images.append(base * turned)
    pairs = [multilooked(images[i] * images[j].conj()) for i, j in ((0, 1), (1, 2), (0, 2))]
    closure = np.angle(pairs[0] * pairs[1] * pairs[2].conj())[6:-6, 8:-8]
    # The means of 80 looks close up to the decorrelation.
    assert abs(np.angle(np.exp(1j * closure).mean())) < 0.02
