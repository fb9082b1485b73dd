"""Layers compared with the known ground from which they are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.warp import transform as to_other_crs

from isce2_recipe.errors import InputError
from isce2_recipe.products.blocks import _stored, layer_sources, write_layers
from isce2_recipe.products.grid import MapGrid, utm_grid
from isce2_recipe.products.layers import DEM, UNWRAPPED, WATER_MASK, by_name, layers_of
from isce2_recipe.products.rasters import publish, scratch_raster
from support.isce_folder import STEP, Ground, product, write_geotiff, write_isce

NAME = "P"
LAYERS = layers_of("bursts")


def made(tmp_path: Path, ground: Ground, *, water_masked: bool = False) -> dict[str, Path]:
    ground.write(tmp_path)
    return product(tmp_path, NAME, water_masked=water_masked).layers


def read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values with NaN for no data, and longitude and latitude of the pixels' centres."""
    with rasterio.open(path) as dataset:
        values = dataset.read(1).astype(float)
        if dataset.nodata is not None:
            values[values == dataset.nodata] = np.nan
        rows, cols = np.indices(values.shape)
        a, _, west, _, e, north = dataset.transform[:6]
        lon, lat = to_other_crs(
            dataset.crs,
            "EPSG:4326",
            (west + a * (cols.ravel() + 0.5)).tolist(),
            (north + e * (rows.ravel() + 0.5)).tolist(),
        )
    return values, np.reshape(lon, values.shape), np.reshape(lat, values.shape)


def inner(ground: Ground, lon: np.ndarray, lat: np.ndarray, margin: float = 4.0) -> np.ndarray:
    """Return the pixels whose averaging windows are completely inside the data."""
    edge = (ground.ring + margin) * STEP
    west, north = ground.first
    east, south = west + STEP * (ground.cols - 1), north - STEP * (ground.rows - 1)
    return (lon > west + edge) & (lon < east - edge) & (lat < north - edge) & (lat > south + edge)


def test_layers_lie_where_the_ground_is(tmp_path, ground):
    """Amplitude steps by one a pixel eastward and two southward, height by one: any shift shows."""
    paths = made(tmp_path, ground)
    for name, truth in (("amp", ground.amplitude), ("dem", ground.height)):
        values, lon, lat = read(paths[name])
        error = (values - truth(lon, lat))[inner(ground, lon, lat)]
        assert error.size > 1000
        # A linear field survives a mean; 0.03 is a metre on the ground, ISCE2's half pixel would be 1.5.
        assert np.abs(error.mean()) < 0.02
        assert np.abs(error).max() < 0.03


def test_a_point_keeps_its_place(tmp_path, ground):
    """A bright 3x3 target's centre of mass stays within three metres, a thirtieth of a pixel."""
    row, col = 70, 90
    ground.layers["amplitude"][:] = 1.0
    ground.layers["amplitude"][row - 1 : row + 2, col - 1 : col + 2] = 1000.0
    values, lon, lat = read(made(tmp_path, ground)["amp"])
    weight = np.where(values > 20, values - 1, 0)
    at = [float((weight * place).sum() / weight.sum()) for place in (lon, lat)]
    truth = (ground.first[0] + col * STEP, ground.first[1] - row * STEP)
    assert at == pytest.approx(truth, abs=3.0 / 111_000)


def test_wrapped_phase_is_averaged_as_a_vector(tmp_path, ground):
    values, lon, lat = read(made(tmp_path, ground)["wrapped_phase"])
    error = np.angle(np.exp(1j * (values - ground.phase(lon, lat))))[inner(ground, lon, lat)]
    assert np.nanmax(values) > 3.1
    assert np.nanmin(values) < -3.1
    assert np.abs(error).max() < 0.02


def test_unwrapped_phase_never_mixes_cycles(tmp_path, ground):
    """There are no values between the two sides of a jump of one cycle."""
    ground.layers["phase"][:, 90:] += 2 * np.pi
    paths = made(tmp_path, ground)
    values, lon, lat = read(paths["unw_phase"])
    cycles = (values - ground.phase(lon, lat)) / (2 * np.pi)
    cycles = cycles[inner(ground, lon, lat)]
    assert np.abs(cycles - np.round(cycles)).max() < 0.01
    assert set(np.round(cycles)) == {0.0, 1.0}


def test_unwrapped_phase_does_not_depend_on_the_wrapped(tmp_path, ground):
    """ISCE2 geocodes the wrapped phase by a sinc, which leaves noise along the edge of the data."""
    ground.write(tmp_path)
    noise = np.exp(2j * np.pi * np.random.default_rng(1).random((1, ground.rows, ground.cols)))
    filtered = np.where(ground.inside, noise, 0).astype("c8")
    write_isce(tmp_path / "isce" / "merged" / "filt_topophase.flat.geo", filtered, ground.first)
    made = product(tmp_path, NAME)
    values, lon, lat = read(made.layers["unw_phase"])
    assert np.nanmax(np.abs(values - ground.phase(lon, lat))) < 0.3  # an edge pixel's mean is off centre


def test_no_data_does_not_affect_neighbours(tmp_path, ground):
    ground.layers["coherence"][60:90, 60:90] = 0.0  # decorrelated, yet data
    values, lon, lat = read(made(tmp_path, ground)["corr"])
    near_edge = ~inner(ground, lon, lat) & np.isfinite(values)
    assert near_edge.any()
    assert values[near_edge] == pytest.approx(0.9, abs=1e-6)


def test_valid_area_is_the_area_of_the_data(tmp_path, ground):
    values, _, _ = read(made(tmp_path, ground)["unw_phase"])
    metres = STEP * 111_195.0
    expected = ground.inside.sum() * metres**2 * np.cos(np.radians(27.5))
    assert np.isfinite(values).sum() * 80.0**2 == pytest.approx(expected, rel=0.01)


def test_labels_stay_labels(tmp_path, ground):
    ground.layers["component"][:, 70:] = 7
    ground.layers["component"][:, 100:] = 3
    path = made(tmp_path, ground)["conncomp"]
    with rasterio.open(path) as dataset:
        assert dataset.dtypes == ("uint8",)
        assert set(np.unique(dataset.read(1))) == {0, 1, 3, 7}


def test_look_vectors_follow_hyp3(tmp_path, ground):
    ground.layers["azimuth"][:, ::2] = -257.5 + 360.0  # the same direction, counted the other way round
    paths = made(tmp_path, ground)
    theta, _, _ = read(paths["lv_theta"])
    phi, _, _ = read(paths["lv_phi"])
    assert theta[np.isfinite(theta)] == pytest.approx(np.radians(51.0), abs=1e-6)
    assert phi[np.isfinite(phi)] == pytest.approx(np.radians(-167.5), abs=1e-6)


def test_masked_water_has_no_unwrapped_phase(tmp_path, ground):
    ground.layers["land"][:, :90] = 0
    paths = made(tmp_path, ground, water_masked=True)
    phase, lon, _ = read(paths["unw_phase"])
    wrapped, _, _ = read(paths["wrapped_phase"])
    mask, _, _ = read(paths["water_mask"])
    assert not np.isfinite(phase[mask == 0]).any()
    assert np.isfinite(phase).any()
    assert np.isfinite(wrapped[(mask == 0) & (lon > 53.51)]).any()
    with rasterio.open(paths["water_mask"]) as dataset:
        assert dataset.dtypes == ("uint8",)
        assert dataset.nodata is None
    with rasterio.open(paths["conncomp"]) as dataset:
        labels, observed = dataset.read(1), dataset.read_masks(1) > 0
    assert set(np.unique(labels[mask == 1])) == {0, 1} and not labels[mask == 0].any()
    assert observed[(mask == 0) & np.isfinite(wrapped)].all()


def test_unmasked_water_keeps_its_phase(tmp_path, ground):
    ground.layers["land"][:, :90] = 0
    paths = made(tmp_path, ground)
    phase, _, _ = read(paths["unw_phase"])
    mask, _, _ = read(paths["water_mask"])
    assert np.isfinite(phase[mask == 0]).any()


def test_dem_that_is_too_small_leaves_no_data(tmp_path, ground):
    ground.write(tmp_path)
    small = np.full((20, 180), 5.0, "f4")
    write_geotiff(tmp_path / "dem.tif", small, 53.5 - STEP / 2, 27.5 + STEP / 2)
    values, _, _ = read(product(tmp_path, NAME).layers["dem"])
    assert set(values[np.isfinite(values)]) == {5.0}
    assert np.isnan(values).any()


def test_every_layer_is_a_tiled_compressed_cog_on_one_grid(tmp_path, ground):
    paths = made(tmp_path, ground)
    grids = set()
    for layer in LAYERS:
        with rasterio.open(paths[layer.name]) as dataset:
            assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert dataset.compression.value == "DEFLATE"
            assert dataset.units == (layer.unit or None,)
            assert dataset.tags()["ENGINE"] == "isce2 2.6.5"
            grids.add((dataset.crs.to_epsg(), tuple(dataset.transform), dataset.shape))
    (grid,) = grids
    assert grid[0] == 32639
    assert grid[1][2] % 80 == 0
    assert grid[1][5] % 80 == 0


def test_overviews_never_mean_phases_or_labels(tmp_path):
    """Overviews of angles and labels have values of the pixels below; those of amounts have means."""
    grid = MapGrid(32639, 80.0, 400_000.0, 3_080_000.0, 1100, 1300)
    rng = np.random.default_rng(4)
    for layer in LAYERS:
        scratch, path = tmp_path / "plain.tif", tmp_path / f"{layer.name}.tif"
        values = rng.integers(1, 200, (grid.rows, grid.cols)).astype(layer.dtype)
        with scratch_raster(scratch, grid, layer, {}) as dataset:
            dataset.write(values, 1)
        publish(scratch, path, layer)
        with rasterio.open(path) as dataset:
            assert dataset.overviews(1) == [2, 4]
        with rasterio.open(path, overview_level=0) as dataset:
            small = dataset.read(1)
        below = values[:1100, :1300].reshape(550, 2, 650, 2).transpose(0, 2, 1, 3).reshape(550, 650, 4)
        assert small.shape == (550, 650)
        if layer.name in ("unw_phase", "wrapped_phase", "conncomp", "lv_phi", "water_mask"):
            assert (below == small[..., None]).any(axis=-1).all(), layer.name
        else:
            np.testing.assert_allclose(small, below.mean(axis=-1), rtol=1e-6)


def test_a_measured_zero_is_not_stored_as_no_data():
    layer = by_name()["unw_phase"]
    stored = _stored(np.array([[0.0, np.nan, 1.0]], np.float32), layer)
    assert stored[0, 1] == 0.0 == layer.nodata
    assert 0.0 < stored[0, 0] < 1e-30
    assert stored[0, 2] == 1.0


def test_a_label_of_zero_differs_from_no_data(tmp_path, ground):
    ground.layers["component"][40:60, 50:70] = 0
    path = made(tmp_path, ground)["conncomp"]
    with rasterio.open(path) as dataset:
        labels, mask = dataset.read(1), dataset.read_masks(1)
        assert dataset.nodata is None and dataset.dtypes == ("uint8",)
    with rasterio.open(path.with_name(path.name.replace("conncomp", "corr"))) as dataset:
        seen = dataset.read(1) != 0
    assert ((mask > 0) == seen).all()
    assert (seen & (labels == 0)).sum() > 20
    assert not labels[~seen].any()


def test_blocks_change_nothing(tmp_path, ground, monkeypatch):
    """Rows made in small blocks equal rows made at once."""
    ground.write(tmp_path)
    geotiffs = {DEM: tmp_path / "dem.tif", WATER_MASK: tmp_path / "water_mask.tif"}
    sources = layer_sources(tmp_path / "isce", "topsApp", geotiffs, LAYERS)
    whole = utm_grid(sources[UNWRAPPED].bounds, 80)
    written = []
    for name, pixels in (("a", 1 << 20), ("b", 700)):
        monkeypatch.setattr("isce2_recipe.products.grid.MapGrid.blocks.__defaults__", (pixels,))
        (tmp_path / name).mkdir()
        written.append(
            write_layers(
                LAYERS,
                sources,
                whole,
                tmp_path / name / NAME,
                mask_water=False,
                tags={},
                threads=1,
                progress=lambda *_: None,
            )
        )
    for layer in LAYERS:
        first, second = (read(paths[layer.name])[0] for paths in written)
        np.testing.assert_allclose(first, second, rtol=0, atol=2e-4)


def test_missing_layer_is_named(tmp_path, ground):
    ground.write(tmp_path)
    (tmp_path / "isce" / "merged" / "phsig.cor.geo.vrt").unlink()
    with pytest.raises(InputError, match=r"phsig\.cor\.geo"):
        product(tmp_path, NAME)


def test_layers_of_two_runs_are_refused(tmp_path, ground):
    ground.write(tmp_path)
    other = Ground(first=(53.6, 27.5))
    other.write(tmp_path / "other")
    for name in ("los.rdr.geo", "los.rdr.geo.vrt"):
        (tmp_path / "other" / "isce" / "merged" / name).replace(tmp_path / "isce" / "merged" / name)
    with pytest.raises(InputError, match=r"los\.rdr\.geo .* same grid"):
        product(tmp_path, NAME)
