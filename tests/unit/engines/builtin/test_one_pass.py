"""Tests of runs that write no raster of full resolution, compared with runs that do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from isce2_recipe.engines.builtin import water_mask
from isce2_recipe.engines.builtin.one_pass import visible_areas
from isce2_recipe.errors import InputError
from isce2_recipe.products.radar import radar_window, write_radar_layers
from isce2_recipe.sar.annotation import read_annotation
from support.looked import LOOKS, assert_same_looks
from support.tops_scene import Scene, run

LINES, SAMPLES = 400, 2400


@pytest.fixture(scope="module")
def looks(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(scene.application(tmp_path_factory.mktemp("looks")), looks_only=True)


def test_looks_are_those_of_a_run_at_full_resolution(looks: Path, merged: Path) -> None:
    assert_same_looks(looks, merged)


def test_no_step_writes_a_raster_of_full_resolution(looks: Path) -> None:
    """The largest file, the sublooks of a single burst, has two bytes a pixel; an SLC has eight."""
    sizes = {path: path.stat().st_size for path in looks.rglob("*") if path.is_file()}
    images = {path.name: size for path, size in sizes.items() if path.parent.name != "PICKLE"}
    assert max(images.values()) == images["burst_01.sublooks"] == 2 * LINES * SAMPLES
    nodes = sum(size for path, size in sizes.items() if path.parent.name == "PICKLE")
    assert nodes < 5 * LINES * SAMPLES, "geometry and offsets are at every second line and eighth sample"


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_layers_to_merge_bursts_are_the_same(looks: Path, merged: Path, scene: Scene, tmp_path: Path) -> None:
    [burst] = read_annotation(next(scene.reference[0].glob("annotation/*.xml")))
    made = []
    for name, folder in (("looks", looks), ("full", merged)):
        window = radar_window(folder, burst, LOOKS)
        files = write_radar_layers(folder, burst, LOOKS, window, tmp_path / name, {})
        layers = {}
        for file in files:
            with rasterio.open(file) as dataset:
                layers[file.name.removeprefix(f"{name}_")] = dataset.read()
        made.append((window, layers))
    (window, ours), (other, theirs) = made
    assert window == other
    assert ours.keys() == theirs.keys() >= {"sublooks_rdr.tif", "wrapped_phase_rdr.tif"}
    for name, values in ours.items():
        assert np.abs(values - theirs[name]).max() < 1e-4, name
    assert ours["sublooks_rdr.tif"].any()


def test_water_is_where_it_is_at_full_resolution(looks: Path, merged: Path, tmp_path: Path) -> None:
    lat, lon = (water_mask._coordinates(looks, LOOKS)[k] for k in (0, 1))
    with rasterio.open(lat) as north, rasterio.open(lon) as east:
        box = east.read(1).min(), north.read(1).max(), np.ptp(east.read(1)), np.ptp(north.read(1))
    values = (np.random.default_rng(3).random((200, 200)) > 0.5).astype("u1")
    transform = rasterio.transform.from_origin(box[0], box[1], box[2] / 200, box[3] / 200)
    mask = tmp_path / "mask.tif"
    with rasterio.open(mask, "w", "GTiff", 200, 200, 1, "EPSG:4326", transform, "uint8") as dataset:
        dataset.write(values, 1)
    ours, theirs = (
        np.concatenate(list(water_mask.land_in_radar_geometry(folder, mask, LOOKS)))
        for folder in (looks, merged)
    )
    assert 0.4 < ours.mean() < 0.6
    assert (ours != theirs).mean() < 1e-3


@pytest.mark.parametrize("step", ["fineresamp", "burstifg", "mergebursts"])
def test_steps_at_full_resolution_are_refused_afterwards(looks: Path, step: str) -> None:
    with pytest.raises(InputError, match=f"step '{step}' needs rasters of full resolution") as caught:
        run(looks, start=step)
    assert caught.value.hint == "start with --start=topo"


rectangles = st.tuples(*[st.integers(0, 9)] * 2, *[st.integers(1, 9)] * 2)


@given(st.lists(rectangles, max_size=6))
def test_visible_areas_make_the_mosaic(placed: list[tuple[int, int, int, int]]) -> None:
    mosaic, painted = np.full((2, 20, 20), -1)
    for number, (line, sample, lines, samples) in enumerate(placed):
        mosaic[line : line + lines, sample : sample + samples] = number
    for number, areas in enumerate(visible_areas(placed)):
        for line, sample, lines, samples in areas:
            part = painted[line : line + lines, sample : sample + samples]
            assert (part == -1).all(), "no pixel is visible twice"
            part[:] = number
    assert np.array_equal(mosaic, painted)
