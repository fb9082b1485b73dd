"""Tests of unwrapping in tiles: cutting an image, and joining phases and components."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isce2_recipe.engines.builtin import filtering, isceimage, unwrapping
from isce2_recipe.engines.builtin.unwrap_tiles import (
    StoredTile,
    Tile,
    assemble,
    compute_stitching,
    cut_into_tiles,
    store_tile,
)
from isce2_recipe.types import Looks
from support import isce_raster

LINES, SAMPLES = 300, 340
TWO_PI = 2 * np.pi


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(400, 300_000))
def test_tiles_cover_the_image_once_and_are_no_larger_than_asked(lines, samples, largest):
    covered = np.zeros((lines, samples), np.uint8)
    for tile in cut_into_tiles((lines, samples), largest):
        assert len(tile.lines) * len(tile.samples) <= largest
        assert set(tile.own_lines) <= set(tile.lines)
        assert set(tile.own_samples) <= set(tile.samples)
        own = np.s_[
            tile.own_lines.start : tile.own_lines.stop, tile.own_samples.start : tile.own_samples.stop
        ]
        covered[own] += 1
    assert (covered == 1).all()


def surface(lines: int = LINES, samples: int = SAMPLES) -> np.ndarray:
    """Return the phase of a ramp and a lobe, about seven cycles in total, radians."""
    line, sample = np.mgrid[:lines, :samples]
    return 0.05 * line - 0.03 * sample + 25 * np.exp(-((line - 140) ** 2 + (sample - 180) ** 2) / 5000)


def stored_tiles(folder: Path, phase: np.ndarray, labels: np.ndarray, wrong: np.ndarray) -> list[StoredTile]:
    """Return tiles of a solution with errors of ``wrong[tile, label]`` cycles."""
    stored = []
    for number, tile in enumerate(cut_into_tiles(phase.shape, 12_000)):
        part = np.s_[tile.lines.start : tile.lines.stop, tile.samples.start : tile.samples.stop]
        # Each tile has its own numbering of the components.
        names = np.concatenate([[0], 1 + (np.arange(labels.max()) + number) % labels.max()]).astype(np.uint8)
        off = TWO_PI * wrong[number][labels[part]]
        stored.append(
            store_tile(tile, folder / str(number), (phase[part] + off).astype("f4"), names[labels[part]])
        )
    return stored


def join(stored: list[StoredTile], most: int = 20) -> tuple[np.ndarray, np.ndarray, int]:
    stitching = compute_stitching(stored, most)
    phase, labels = assemble(stored, stitching)(range(max(each.tile.own_lines.stop for each in stored)))
    return phase, labels, stitching.contradictions


def test_cycles_of_tiles_and_components_are_corrected(tmp_path):
    labels = np.ones((LINES, SAMPLES), np.uint8)
    labels[:, 100:110] = 0
    labels[:, 110:] = 2
    wrong = np.random.default_rng(1).integers(-5, 6, (len(cut_into_tiles(labels.shape, 12_000)), 3))
    wrong[:, 0] = wrong[:, 1]
    phase, found, contradictions = join(stored_tiles(tmp_path, surface(), labels, wrong))
    assert contradictions == 0
    for label, largest in ((1, 2), (2, 1)):
        assert set(found[labels == label]) == {largest}
        cycles = (phase - surface())[labels == label] / TWO_PI
        assert np.abs(cycles - np.round(cycles[0])).max() < 1e-5
    assert not found[labels == 0].any()


def test_first_tile_is_not_shifted_and_unlabelled_pixels_follow_the_nearest_component(tmp_path):
    labels = np.ones((LINES, SAMPLES), np.uint8)
    labels[150:170, 50:90] = 0
    wrong = np.zeros((len(cut_into_tiles(labels.shape, 12_000)), 2), int)
    wrong[1:] = np.random.default_rng(2).integers(-5, 6, (len(wrong) - 1, 1))
    phase, _, _ = join(stored_tiles(tmp_path, surface(), labels, wrong))
    assert np.abs(phase - surface()).max() < 1e-4


def test_a_minority_of_wrong_pixels_has_no_effect(tmp_path):
    rng = np.random.default_rng(3)
    labels = np.ones((LINES, SAMPLES), np.uint8)
    tiles = cut_into_tiles(labels.shape, 12_000)
    wrong = rng.integers(-5, 6, (len(tiles), 2))
    stored = stored_tiles(tmp_path, surface(), labels, wrong)
    for each in stored:
        phase = np.fromfile(each.path.with_suffix(".phase"), "f4")
        phase[rng.random(phase.size) < 0.2] += np.float32(TWO_PI)
        phase[rng.random(phase.size) < 0.2] = np.nan
        phase.tofile(each.path.with_suffix(".phase"))
    phase, found, contradictions = join(stored)
    assert contradictions == 0
    assert set(found.ravel()) == {1}
    off = np.round((phase - surface())[np.isfinite(phase)] / TWO_PI)
    assert set(off - off[0]) <= {-1.0, 0.0, 1.0}
    assert 0.15 < 1 - np.mean(off == np.median(off)) < 0.25


def test_only_the_largest_components_are_numbered(tmp_path):
    labels = np.zeros((LINES, SAMPLES), np.uint8)
    for number, width in enumerate((30, 60, 20, 50), 1):
        labels[20:280, 80 * number - 60 : 80 * number - 60 + width] = number
    wrong = np.zeros((len(cut_into_tiles(labels.shape, 12_000)), 5), int)
    _, found, _ = join(stored_tiles(tmp_path, surface(), labels, wrong), most=3)
    assert [set(found[labels == number]) for number in (1, 2, 3, 4)] == [{3}, {1}, {0}, {2}]


def test_tiles_without_data_are_skipped(tmp_path):
    labels = np.ones((LINES, SAMPLES), np.uint8)
    phase = surface()
    phase[:, 90:250] = np.nan
    labels[:, 90:250] = 0
    wrong = np.zeros((len(cut_into_tiles(labels.shape, 12_000)), 2), int)
    found, names, _ = join(stored_tiles(tmp_path, phase, labels, wrong))
    assert np.array_equal(np.isnan(found), np.isnan(phase))
    assert set(names[:, :90].ravel()) | set(names[:, 250:].ravel()) == {1, 2}


def test_components_stay_separate_if_pixels_disagree_equally(tmp_path):
    tiles = [
        Tile(range(40), range(start, stop), range(40), range(own, end))
        for start, stop, own, end in ((0, 60, 0, 50), (40, 100, 50, 100))
    ]
    one, two = np.ones((40, 60), np.uint8), np.ones((40, 60), np.uint8)
    two[20:] = 2
    level, step = np.zeros((40, 60), np.float32), np.zeros((40, 60), np.float32)
    step[20:] = TWO_PI
    first = store_tile(tiles[0], tmp_path / "0", level, one)
    phase, found, _ = join([first, store_tile(tiles[1], tmp_path / "1", step, two)])
    assert set(found.ravel()) == {1}
    assert not phase.any()
    _, found, _ = join([first, store_tile(tiles[1], tmp_path / "2", step, one)])
    assert found[5, 5] != found[5, 90]


def test_contradicting_offsets_are_counted(tmp_path):
    shape = 200, 200
    tiles = cut_into_tiles(shape, 12_000)
    assert len(tiles) == 6
    stored = []
    for number, tile in enumerate(tiles):
        phase = np.zeros((len(tile.lines), len(tile.samples)), np.float32)
        if number == 4:
            # The part that the middle tile shares with the one above it.
            phase[: tiles[1].lines.stop - tile.lines.start] = TWO_PI
        stored.append(store_tile(tile, tmp_path / str(number), phase, np.ones(phase.shape, np.uint8)))
    _, found, contradictions = join(stored)
    assert contradictions == 2
    assert set(found.ravel()) == {1}


def scene(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Write a filtered interferogram with noise, a lake, a river and an edge; return phase and land mask."""
    rng = np.random.default_rng(5)
    line, sample = np.mgrid[:LINES, :SAMPLES]
    noise = rng.standard_normal((2, LINES, SAMPLES))
    water = ((line - 90) / 40) ** 2 + ((sample - 110) / 35) ** 2 < 1
    water |= np.abs(sample - 270 - 0.1 * line) < 8
    image = np.where(water, 0, np.exp(1j * surface())) + (noise[0] + 1j * noise[1]) * np.where(water, 1, 0.15)
    image[:, :8] = 0
    image[270:, :150] = 0
    pixels = (50 * image).astype("c8")
    (folder / "merged").mkdir(parents=True)
    header = isce_raster.header_for_array(folder / "merged/topophase.flat", pixels, image_type="cpx")
    isce_raster.write(header, pixels, folder)
    filtering.filter_interferogram(folder, 0.5)
    return surface(), (np.abs(pixels) > 0) & ~water


@pytest.mark.parametrize("unwrapper", ["snaphu_mcf", pytest.param("snaphu", marks=pytest.mark.slow)])
def test_tiles_agree_with_one_piece_and_with_the_truth(tmp_path, unwrapper):
    found = {}
    for name, largest in (("one_piece", LINES * SAMPLES), ("tiled", 20_000)):
        truth, land = scene(tmp_path / name)
        unwrapping.unwrap(
            tmp_path / name, Looks(20, 4), unwrapper, max_untiled_pixels=largest, max_tile_pixels=largest
        )
        unwrapped = tmp_path / name / "merged/filt_topophase.unw"
        found[name] = (
            isce_raster.read(unwrapped, 2),
            isce_raster.read(isceimage.append_suffix(unwrapped, "conncomp"), 1),
        )
        assert not list((tmp_path / name / "merged").glob(".*"))
    for phase, _ in found.values():
        assert set(np.rint((phase - truth)[land] / TWO_PI)) == {0}
    (whole_phase, whole_labels), (phase, labels) = found["one_piece"], found["tiled"]
    assert np.abs(phase - whole_phase)[land].max() < 1e-4
    # The land on both sides of the river is one component, because the filter closes gaps of the river.
    assert np.mean((labels == 1) == (whole_labels == 1)) > 0.995
    assert np.mean(labels[land] == 1) > 0.98


PROGRAM = """
import resource, sys
from pathlib import Path
import numpy as np
from isce2_recipe.engines.builtin import filtering, isceimage, unwrapping
from isce2_recipe.types import Looks

folder, lines, samples = Path(sys.argv[1]), int(sys.argv[2]), 1200
(folder / "merged").mkdir()
image = isceimage.IsceImage(folder / "merged/topophase.flat", lines, samples, data_type="CFLOAT")
with image.path.open("wb") as stream:
    for line in range(lines):
        row = 3 * np.exp(1j * (0.02 * line + 0.01 * np.arange(samples)))
        isceimage.append_lines(stream, image, row[None, None])
isceimage.write_sidecars(image, folder)
filtering.filter_interferogram(folder, 0.5)
if sys.argv[3] == "unwrap":
    unwrapping.unwrap(folder, Looks(20, 4), max_untiled_pixels=50_000, max_tile_pixels=50_000)
own = next(line.split()[1] for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))
print(int(own), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs the peak memory that Linux reports")
@pytest.mark.slow
@pytest.mark.parametrize("step", ["filter", "unwrap"])
def test_memory_does_not_grow_with_the_image(tmp_path, step):
    peaks = []
    few, many = (500, 6000) if step == "filter" else (300, 1200)
    for lines in (few, many):
        folder = tmp_path / str(lines)
        folder.mkdir()
        command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(folder), str(lines), step]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        peaks.append([int(word) for word in output.splitlines()[-1].split()])
    for before, after in zip(*peaks, strict=True):
        # Arrays of the image's size would take 105 MB more in the filter (16 bytes a pixel) and 390 MB more
        # in SNAPHU (365 bytes a pixel). Memory that threads keep varies by about 10 MB.
        assert after < before + 40 * 1024
