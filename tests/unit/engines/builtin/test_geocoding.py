"""Tests of geocoding with a circular orbit, for which radar coordinates have a closed form."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq

from isce2_recipe.engines.builtin import geocoding, isceimage
from isce2_recipe.engines.builtin.geocoding import RadarGrid
from isce2_recipe.engines.builtin.isceimage import GeoGrid, IsceImage
from isce2_recipe.errors import InputError
from isce2_recipe.sar.ellipsoid import WGS84_A_M, WGS84_E2
from isce2_recipe.sar.orbit import Orbit
from isce2_recipe.types import Bounds, Looks
from support import isce_raster

RADIUS_M = 7_070_000.0
RATE = 7_500.0 / RADIUS_M
LINES, SAMPLES = 120, 160
LOOKS = Looks(range=10, azimuth=2)
ARC_SECOND = 1 / 3600


def orbit() -> Orbit:
    """Return a circular orbit along the meridian of longitude zero, northwards, over the equator at 100 s."""
    time = np.arange(0.0, 210.0, 10.0)
    angle = RATE * (time - 100.0)
    position = RADIUS_M * np.stack([np.cos(angle), 0 * angle, np.sin(angle)], axis=1)
    velocity = RADIUS_M * RATE * np.stack([-np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
    return Orbit(datetime(2020, 6, 4, tzinfo=UTC), time, position, velocity)


def radar() -> RadarGrid:
    return RadarGrid.multilooked(
        orbit(),
        LOOKS,
        start_s=99.5,
        azimuth_interval_s=2e-3,
        near_range_m=850_000.0,
        range_spacing_m=2.33,
    )


def radar_position(latitude: float, longitude: float, height: float) -> tuple[float, float]:
    """Return line and sample of a point, by root finding on the circle."""
    lat, lon = np.radians([latitude, longitude])
    normal = WGS84_A_M / np.sqrt(1 - WGS84_E2 * np.sin(lat) ** 2)
    x, y = (normal + height) * np.cos(lat) * np.array([np.cos(lon), np.sin(lon)])
    z = (normal * (1 - WGS84_E2) + height) * np.sin(lat)

    def along(time: float) -> float:
        angle = RATE * (time - 100.0)
        return -np.sin(angle) * x + np.cos(angle) * z

    time = brentq(along, 90.0, 110.0, xtol=1e-12)
    angle = RATE * (time - 100.0)
    distance = np.linalg.norm([x - RADIUS_M * np.cos(angle), y, z - RADIUS_M * np.sin(angle)])
    # The position of a pixel is the middle of its looks.
    line = (time - 99.5) / 2e-3 - (LOOKS.azimuth - 1) / 2
    sample = (distance - 850_000.0) / 2.33 - (LOOKS.range - 1) / 2
    return line / LOOKS.azimuth, sample / LOOKS.range


def ground_position(line: float, sample: float) -> tuple[float, float]:
    """Return latitude and longitude (degrees) of a radar pixel at height zero, east of the track."""
    latitude, longitude = 0.0, 4.0
    for _ in range(30):
        here = radar_position(latitude, longitude, 0.0)
        down = radar_position(latitude + 1e-3, longitude, 0.0)
        right = radar_position(latitude, longitude + 1e-3, 0.0)
        slope = np.array([[down[0] - here[0], right[0] - here[0]], [down[1] - here[1], right[1] - here[1]]])
        step = np.linalg.solve(slope / 1e-3, [line - here[0], sample - here[1]])
        latitude, longitude = latitude + step[0], longitude + step[1]
    return float(latitude), float(longitude)


def write_dem(folder: Path, hills: bool) -> IsceImage:
    latitude, longitude = ground_position(LINES / 2, SAMPLES / 2)
    rows, cols = 240, 320
    grid = GeoGrid(
        round((longitude - cols / 2 * ARC_SECOND) * 3600) / 3600,
        round((latitude + rows / 2 * ARC_SECOND) * 3600) / 3600,
        ARC_SECOND,
        -ARC_SECOND,
    )
    row, col = np.mgrid[:rows, :cols]
    heights = (400 + 300 * np.sin(row / 40) * np.cos(col / 50)) * hills
    image = isce_raster.header_for_array(
        folder / "dem", heights.astype("f4"), image_type="dem", grid=grid, reference="WGS84"
    )
    isce_raster.write(image, heights.astype("f4"))
    return image


def write_radar(folder: Path, name: str, array: np.ndarray, kind: str, scheme="BIP") -> Path:
    path = folder / "merged" / name
    path.parent.mkdir(exist_ok=True)
    isce_raster.write(
        isce_raster.header_for_array(path, array, image_type=kind, scheme=scheme), array, folder
    )
    return path


def run(
    folder: Path, files: list[Path], dem: IsceImage, bounds: Bounds | None = None
) -> geocoding.GeocodeGrid:
    grid = dem.grid
    whole = Bounds(
        grid.first_longitude,
        grid.first_latitude + dem.lines * grid.delta_latitude,
        grid.first_longitude + dem.samples * grid.delta_longitude,
        grid.first_latitude,
    )
    target = geocoding.geocode_grid(dem, bounds or whole)
    geocoding.geocode(
        files, radar(), target, dem, dem_crop=folder / "merged/dem.crop", folder=folder, workers=2
    )
    return target


@pytest.mark.parametrize("hills", [False, True])
def test_nodes_get_the_nearest_pixel(tmp_path, hills):
    line, sample = np.mgrid[:LINES, :SAMPLES].astype("f4")
    numbers = write_radar(tmp_path, "numbers", np.stack([line, sample]), "unw", "BIL")
    dem = write_dem(tmp_path, hills)
    grid = run(tmp_path, [numbers], dem)
    geocoded = isce_raster.read(tmp_path / "merged/numbers.geo")
    heights = isce_raster.read(dem.path, 1)
    assert isceimage.read_header(tmp_path / "merged/numbers.geo").grid == grid.nodes
    found = 0
    for row, col in [(120, 160), (100, 150), (140, 190), (90, 160), (125, 131)]:
        latitude = grid.nodes.first_latitude + row * grid.nodes.delta_latitude
        longitude = grid.nodes.first_longitude + col * grid.nodes.delta_longitude
        here = radar_position(latitude, longitude, heights[grid.row + row, grid.col + col])
        if 2 < here[0] < LINES - 3 and 2 < here[1] < SAMPLES - 3:
            assert tuple(geocoded[:, row, col]) == (round(here[0]), round(here[1]))
            found += 1
    assert found >= 3


def test_a_point_is_geocoded_to_its_position(tmp_path):
    dem = write_dem(tmp_path, hills=True)
    heights = isce_raster.read(dem.path, 1)
    row, col = 118, 163
    latitude = dem.grid.first_latitude + row * dem.grid.delta_latitude
    longitude = dem.grid.first_longitude + col * dem.grid.delta_longitude
    here = radar_position(latitude, longitude, float(heights[row, col]))
    line, sample = np.mgrid[:LINES, :SAMPLES]
    blob = np.exp(-((line - here[0]) ** 2 + (sample - here[1]) ** 2) / 8).astype("c8")
    path = write_radar(tmp_path, "blob", blob, "cpx")
    grid = run(tmp_path, [path], dem)
    power = np.abs(isce_raster.read(isceimage.append_suffix(path, "geo"), 1)) ** 2
    rows, cols = np.mgrid[: grid.rows, : grid.cols]
    peak = np.unravel_index(power.argmax(), power.shape)
    assert (peak[0] + grid.row, peak[1] + grid.col) == (row, col)
    assert power.max() == pytest.approx(1, abs=5e-3)
    near = (np.abs(rows - peak[0]) < 8) & (np.abs(cols - peak[1]) < 8)
    centre = [(index * power)[near].sum() / power[near].sum() for index in (rows + grid.row, cols + grid.col)]
    # Slopes of the terrain shift the centroid of the blob slightly.
    assert np.abs(np.array(centre) - [row, col]).max() < 0.1


def test_interpolation_of_complex_images_preserves_the_phase(tmp_path):
    line, sample = np.mgrid[:LINES, :SAMPLES]
    fringes = np.exp(2j * np.pi * (line / 40 + sample / 25)).astype("c8")
    path = write_radar(tmp_path, "fringes", fringes, "cpx")
    dem = write_dem(tmp_path, hills=False)
    grid = run(tmp_path, [path], dem)
    geocoded = isce_raster.read(isceimage.append_suffix(path, "geo"), 1)
    inside = np.argwhere(np.abs(geocoded) > 0)[::997]
    assert len(inside) > 5
    for row, col in inside:
        latitude = grid.nodes.first_latitude + row * grid.nodes.delta_latitude
        longitude = grid.nodes.first_longitude + col * grid.nodes.delta_longitude
        here = radar_position(latitude, longitude, 0.0)
        expected = np.exp(2j * np.pi * (here[0] / 40 + here[1] / 25))
        # The tolerance covers the ripple of the short kernel and its table with steps of 1/8192 pixel.
        assert np.angle(geocoded[row, col] * np.conj(expected)) == pytest.approx(0, abs=2e-3)


def test_geocoding_to_part_of_the_dem_and_writing_its_heights(tmp_path):
    dem = write_dem(tmp_path, hills=True)
    labels = write_radar(tmp_path, "labels", np.full((LINES, SAMPLES), 7, "u1"), "")
    grid = dem.grid
    bounds = Bounds(
        grid.first_longitude + 100.4 * ARC_SECOND,
        grid.first_latitude - 150.6 * ARC_SECOND,
        grid.first_longitude + 200.5 * ARC_SECOND,
        grid.first_latitude - 80.3 * ARC_SECOND,
    )
    target = run(tmp_path, [labels], dem, bounds)
    assert (target.row, target.col, target.rows, target.cols) == (80, 100, 71, 101)
    crop = isce_raster.read(tmp_path / "merged/dem.crop", 1)
    assert crop.dtype == np.int16
    assert np.array_equal(crop, np.trunc(isce_raster.read(dem.path, 1))[80:151, 100:201])
    geocoded = isce_raster.read(isceimage.append_suffix(labels, "geo"), 1)
    assert geocoded.dtype == np.uint8
    assert set(np.unique(geocoded)) <= {0, 7}


def test_nodes_outside_the_dem_are_zero(tmp_path):
    dem = write_dem(tmp_path, hills=False)
    labels = write_radar(tmp_path, "labels", np.full((LINES, SAMPLES), 7, "u1"), "")
    grid = dem.grid
    bounds = Bounds(
        grid.first_longitude + 100 * ARC_SECOND,
        grid.first_latitude - 150 * ARC_SECOND,
        grid.first_longitude + 200 * ARC_SECOND,
        grid.first_latitude + 10 * ARC_SECOND,
    )
    target = run(tmp_path, [labels], dem, bounds)
    geocoded = isce_raster.read(isceimage.append_suffix(labels, "geo"), 1)
    assert target.row == -10
    assert not geocoded[:10].any()
    elsewhere = Bounds(grid.first_longitude + 5, -1.0, grid.first_longitude + 6, 1.0)
    with pytest.raises(InputError, match="does not cover the scene"):
        geocoding.geocode_grid(dem, elsewhere)


def test_a_dem_without_map_coordinates_is_refused(tmp_path):
    heights = np.zeros((3, 3), "f4")
    image = isce_raster.header_for_array(tmp_path / "dem", heights)
    with pytest.raises(InputError, match="has no latitude and longitude"):
        geocoding.geocode_grid(image, Bounds(0, 0, 1, 1))


def test_no_data_of_the_dem_gives_zero(tmp_path):
    dem = write_dem(tmp_path, hills=False)
    heights = isceimage.open_array(dem, "r+")[0]
    heights[100:140] = -32768
    labels = write_radar(tmp_path, "labels", np.full((LINES, SAMPLES), 7, "u1"), "")
    run(tmp_path, [labels], dem)
    assert not isce_raster.read(isceimage.append_suffix(labels, "geo"), 1)[100:140].any()
