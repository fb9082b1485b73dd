"""Tests of water masks on the map and in radar geometry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from isce2_recipe.engines.builtin import isceimage, water_mask
from isce2_recipe.errors import EngineFailed, InputError
from isce2_recipe.types import Looks
from support import isce_raster

LOOKS = Looks(range=5, azimuth=2)
LINES, SAMPLES = 40, 60


def write_tif(path: Path, values: np.ndarray, transform: Affine) -> Path:
    path.parent.mkdir(exist_ok=True)
    profile = {"height": values.shape[0], "width": values.shape[1], "dtype": values.dtype}
    with rasterio.open(
        path, "w", "GTiff", count=1, crs="EPSG:4326", transform=transform, **profile
    ) as dataset:
        dataset.write(values, 1)
    return path


def lake(longitude, latitude):
    return np.hypot(longitude - 5.0, latitude - 27.0) < 0.02


def tile(folder: Path, west: float, cols: int) -> Path:
    """Write a tile of 0.1 degrees height around 27 N with 1 on water."""
    step = 0.001
    row, col = np.mgrid[:100, :cols]
    water = lake(west + (col + 0.5) * step, 27.05 - (row + 0.5) * step)
    return write_tif(folder / f"{west}.tif", water.astype("u1"), Affine(step, 0, west, 0, -step, 27.05))


def dem(folder: Path) -> Path:
    heights = np.zeros((90, 120), "f4")
    return write_tif(folder / "dem.tif", heights, Affine(0.0008, 0, 4.95, 0, -0.0008, 27.04))


def test_tiles_are_resampled_to_the_dems_grid(tmp_path):
    tiles = [tile(tmp_path / "t", 4.94, 60), tile(tmp_path / "t", 5.0, 60)]
    water_mask.on_dem_grid(tiles, dem(tmp_path), tmp_path / "water_mask.tif")
    with (
        rasterio.open(tmp_path / "water_mask.tif") as dataset,
        rasterio.open(tmp_path / "dem.tif") as terrain,
    ):
        assert dataset.transform == terrain.transform
        assert dataset.dtypes == ("uint8",)
        found = dataset.read(1)
    row, col = np.mgrid[:90, :120]
    distance = np.hypot(4.95 + (col + 0.5) * 0.0008 - 5.0, 27.04 - (row + 0.5) * 0.0008 - 27.0)
    # Closer to the shore than half a diagonal of the tiles' pixels, the nearest pixel may be land or water.
    clear = np.abs(distance - 0.02) > 0.00071
    assert np.array_equal(found[clear], (distance >= 0.02)[clear])
    assert set(np.unique(found)) == {0, 1}
    assert found[50, 62] == 0
    assert found[5, 5] == 1


@pytest.mark.parametrize("north", [0, 25, -5])
def test_pixels_on_the_edge_of_two_tiles_have_a_value(north, tmp_path):
    # ASF's tiles have edges on whole arc seconds, where terrain has the centres of its pixels.
    second = 1 / 3600
    tiles = [
        write_tif(tmp_path / f"{top}.tif", np.ones((18000, 10), "u1"), Affine(second, 0, -2, 0, -second, top))
        for top in (north + 5, north)
    ]
    edges = Affine(second, 0, -2 + 0.5 * second, 0, -second, north + 1080.5 / 3600)
    dem = write_tif(tmp_path / "dem.tif", np.zeros((1441, 8), "f4"), edges)
    water_mask.on_dem_grid(tiles, dem, tmp_path / "water_mask.tif")
    with rasterio.open(tmp_path / "water_mask.tif") as dataset:
        assert not dataset.read(1).any()


def test_a_missing_tile_is_named(tmp_path):
    with pytest.raises(InputError, match="tiles do not cover the DEM") as caught:
        water_mask.on_dem_grid([tile(tmp_path / "t", 5.0, 60)], dem(tmp_path), tmp_path / "water_mask.tif")
    assert caught.value.hint == "available tiles: 5.0.tif"
    assert not (tmp_path / "water_mask.tif").exists()


def radar_folder(folder: Path) -> tuple[Path, Path]:
    """Write a work folder with virtual geometry, and a mask whose west is water."""
    merged = folder / "isce" / "merged"
    merged.mkdir(parents=True)
    line, sample = np.mgrid[: LINES * LOOKS.azimuth + 1, : SAMPLES * LOOKS.range + 3].astype("f8")
    for name, values in (("lat", 27 - 1e-4 * line), ("lon", 5 + 1e-4 * sample + 2e-5 * line)):
        values[-20:, -40:] = 0
        full = merged / f"{name}.burst"
        isce_raster.write(isce_raster.header_for_array(full, values), values)
        isceimage.append_suffix(full, "vrt").rename(merged / f"{name}.rdr.full.vrt")
    size, angle = np.random.default_rng(1).random((2, LINES, SAMPLES)) + 0.1
    pixels = (size * np.exp(1j * angle)).astype("c8")
    image = isce_raster.header_for_array(merged / "filt_topophase.flat", pixels, image_type="cpx")
    isce_raster.write(image, pixels, folder / "isce")
    mask = (np.arange(500) >= 150)[None].repeat(200, axis=0).astype("u1")
    transform = Affine(1e-4, 0, 5 - 0.5e-4, 0, -1e-4, 27 + 0.5e-4)
    return folder / "isce", write_tif(folder / "mask.tif", mask, transform)


def test_mask_is_resampled_to_radar_geometry(tmp_path):
    folder, mask = radar_folder(tmp_path)
    land = np.concatenate(list(water_mask.land_in_radar_geometry(folder, mask, LOOKS)))
    line = np.arange(LINES)[:, None] * LOOKS.azimuth + (LOOKS.azimuth - 1) / 2
    sample = np.arange(SAMPLES)[None] * LOOKS.range + (LOOKS.range - 1) / 2
    expected = np.floor(sample + 0.2 * line + 0.5) >= 150
    assert land.shape == (LINES, SAMPLES)
    assert np.array_equal(land[:-10, :-8], expected[:-10, :-8])
    assert not land[-8:, -6:].any()


def interferogram(folder: Path) -> Path:
    return folder / "merged/filt_topophase.flat"


def test_interferogram_is_masked_and_restored(tmp_path):
    folder, mask = radar_folder(tmp_path)
    path = interferogram(folder)
    before = path.read_bytes()
    land = np.concatenate(list(water_mask.land_in_radar_geometry(folder, mask, LOOKS)))
    fraction = water_mask.mask_interferogram(folder, mask, LOOKS)
    assert fraction == pytest.approx(land.mean())
    original = np.frombuffer(before, "c8").reshape(LINES, SAMPLES)
    assert np.array_equal(isce_raster.read(path, 1), original * land)
    assert water_mask.unmask_interferogram(folder)
    assert path.read_bytes() == before
    assert not water_mask.unmask_interferogram(folder)
    assert path.read_bytes() == before


def test_masking_again_keeps_the_first_original(tmp_path):
    folder, mask = radar_folder(tmp_path)
    path = interferogram(folder)
    before = path.read_bytes()
    water_mask.mask_interferogram(folder, mask, LOOKS)
    masked = path.read_bytes()
    water_mask.mask_interferogram(folder, mask, LOOKS)
    assert path.read_bytes() == masked
    water_mask.unmask_interferogram(folder)
    assert path.read_bytes() == before


def test_a_new_interferogram_replaces_the_saved_original(tmp_path):
    folder, mask = radar_folder(tmp_path)
    path = interferogram(folder)
    water_mask.mask_interferogram(folder, mask, LOOKS)
    np.full((LINES, SAMPLES), 0.5j, "c8").tofile(path)
    new = path.read_bytes()
    water_mask.mask_interferogram(folder, mask, LOOKS)
    water_mask.unmask_interferogram(folder)
    assert path.read_bytes() == new


def test_wrong_looks_are_refused(tmp_path):
    folder, mask = radar_folder(tmp_path)
    with pytest.raises(InputError, match=r"has \(40, 60\) pixels, but .* with 3x2 looks has"):
        water_mask.mask_interferogram(folder, mask, Looks(range=3, azimuth=2))


def test_an_image_without_land_is_refused_and_left_as_it_was(tmp_path):
    folder, mask = radar_folder(tmp_path)
    before = interferogram(folder).read_bytes()
    with rasterio.open(mask, "r+") as dataset:
        dataset.write(np.zeros(dataset.shape, "u1"), 1)
    with pytest.raises(InputError, match="no land to unwrap: all 2400 pixels") as caught:
        water_mask.mask_interferogram(folder, mask, LOOKS)
    assert "without apply_water_mask" in caught.value.hint
    assert interferogram(folder).read_bytes() == before
    assert not water_mask.unmask_interferogram(folder)


def test_an_empty_interferogram_is_a_failure_of_the_engine(tmp_path):
    folder, mask = radar_folder(tmp_path)
    np.zeros((LINES, SAMPLES), "c8").tofile(interferogram(folder))
    with pytest.raises(EngineFailed, match="has no data: all its pixels are zero"):
        water_mask.mask_interferogram(folder, mask, LOOKS)


def test_unwrapped_files_are_completed(tmp_path):
    folder, mask = radar_folder(tmp_path)
    original = isce_raster.read(interferogram(folder), 1)
    land = np.concatenate(list(water_mask.land_in_radar_geometry(folder, mask, LOOKS)))
    water_mask.mask_interferogram(folder, mask, LOOKS)
    # What an unwrapper returns: any phase and label on water, labels in any order, and a corner of its own.
    labels = np.where(land, 7, 3).astype("u1")
    labels[20:, :] = np.where(land[20:], 4, 9)
    labels[land & (np.arange(LINES)[:, None] < 5)] = 0
    labels[39, 59] = 200
    solution = np.stack([np.abs(original * land), np.full(land.shape, 5)]).astype("f4")
    files = {"filt_topophase.unw": solution, "filt_topophase.unw.conncomp": labels}
    for name, array in files.items():
        header = isce_raster.header_for_array(folder / "merged" / name, array, scheme="BIL")
        isce_raster.write(header, array, folder)
    water_mask.unmask_interferogram(folder)
    amplitude, phase = isce_raster.read(folder / "merged/filt_topophase.unw")
    found = isce_raster.read(folder / "merged/filt_topophase.unw.conncomp", 1)
    assert np.allclose(amplitude, np.abs(original))
    assert np.array_equal(np.isnan(phase), ~land)
    largest, second = (4, 7) if (labels == 4).sum() > (labels == 7).sum() else (7, 4)
    assert set(found[labels == largest]) == {1}
    assert set(found[labels == second]) == {2}
    assert set(found[(labels != 4) & (labels != 7)]) == {0}
