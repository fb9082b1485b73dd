"""Landscape and water masks of boxes that cross, touch or nearly reach 180 degrees, from every source."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio

from isce2_recipe.actions import preflight
from isce2_recipe.actions.base import Budget, Context
from isce2_recipe.engines.builtin import BuiltinEngine, dem_raster, water_mask
from isce2_recipe.engines.isce2 import Installation, Isce2Engine
from isce2_recipe.errors import InputError
from isce2_recipe.sources import open_source
from isce2_recipe.sources.asf import AsfSource
from isce2_recipe.sources.asf.dem import missing_terrain
from isce2_recipe.sources.base import AlosRecord, Needs
from isce2_recipe.sources.catalog import write_catalog
from isce2_recipe.sources.directory import DirectorySource
from isce2_recipe.sources.names import water_mask_tiles
from isce2_recipe.types import Bounds, longitude_near

LOG = logging.getLogger("test")
ACROSS = Bounds(179.996, -16.52, 180.004, -16.515)
# The margin of the terrain and of the interpolation reaches across the line.
NEAR_EAST = Bounds(179.98, -16.52, 179.9985, -16.515)
NEAR_WEST = Bounds(-180.001, -16.52, -179.98, -16.515)
BOXES = [ACROSS, NEAR_EAST, NEAR_WEST, Bounds(-180.004, -16.52, -179.996, -16.515)]
START = datetime(2010, 1, 1, tzinfo=UTC)
SLOPE = 40.0  # metres a degree of longitude from the line


def silent(fraction: float, text: str) -> None:
    pass


def heights(longitude: np.ndarray) -> np.ndarray:
    return 100.0 + SLOPE * longitude_near(longitude - 180.0, 0.0)


def write_terrain(
    path: Path, west: float, *, epsg: int = 4326, size: int = 360, pixel: float = 1 / 360
) -> Path:
    """Write terrain that is continuous across 180 degrees, one degree of latitude from 17 to 16 south."""
    longitude = west + (np.arange(size) + 0.5) * pixel
    rows = round(1 / pixel)
    values = np.tile(heights(longitude), (rows, 1)).astype(np.float32)
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "width": size, "height": rows}
    transform = rasterio.Affine(pixel, 0, west, 0, -pixel, -16.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", crs="EPSG:4326", transform=transform, **profile) as dataset:
        dataset.write(values, 1)
    return path


def check(path: Path, box: Bounds, *, above: float = 0.0, within: float) -> None:
    """Check that a DEM covers a box, in the box's longitudes, with the heights of `heights`."""
    dem_raster.check(path, box)
    with rasterio.open(path) as dataset:
        values = dataset.read(1)
        longitude = dataset.transform.c + (np.arange(dataset.width) + 0.5) * dataset.transform.a
    np.testing.assert_allclose(values, np.tile(heights(longitude) + above, (len(values), 1)), atol=within)


@pytest.fixture
def folder(tmp_path) -> DirectorySource:
    for name in ("bursts", "orbits", "dem", "water_mask"):
        (tmp_path / "source" / name).mkdir(parents=True)
    return DirectorySource(tmp_path / "source")


@pytest.mark.parametrize("box", BOXES)
def test_terrain_of_a_folder_lies_on_either_side(folder, tmp_path, box):
    write_terrain(folder.root / "dem" / "east.tif", 179.0)
    write_terrain(folder.root / "dem" / "west.tif", -180.0)
    check(folder.fetch_dem(box, tmp_path, LOG, silent), box, within=0.1)
    [terrain] = (one for one in folder.examine(Needs((), (), box), LOG) if one.name == "terrain")
    assert terrain.state == "ok"


@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("box", BOXES)
def test_terrain_above_a_geoid_of_the_globe(folder, tmp_path, box, shift):
    """The edges of the outermost pixels, or their centres, are at 180 degrees."""
    for side, west in (("east", 179.0), ("west", -180.0)):
        write_terrain(folder.root / "dem" / "EGM2008" / f"{side}.tif", west)
    west = -180.0 - shift / 24
    undulation = np.tile(heights(west + (np.arange(8640) + 0.5) / 24) / 10, (4320, 1)).astype(np.float32)
    (folder.root / "geoid").mkdir()
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "width": 8640, "height": 4320}
    transform = rasterio.Affine(1 / 24, 0, west, 0, -1 / 24, 90)
    with rasterio.open(
        folder.root / "geoid" / "EGM2008.tif", "w", crs="EPSG:4326", transform=transform, **profile
    ) as dataset:
        dataset.write(undulation, 1)
    path = folder.fetch_dem(box, tmp_path, LOG, silent)
    with rasterio.open(path) as dataset:
        values = dataset.read(1)
        longitude = dataset.transform.c + (np.arange(dataset.width) + 0.5) * dataset.transform.a
    np.testing.assert_allclose(values, np.tile(1.1 * heights(longitude), (len(values), 1)), atol=0.1)


def test_one_side_alone_does_not_cover_a_scene_across(folder, tmp_path):
    write_terrain(folder.root / "dem" / "east.tif", 179.0)
    with pytest.raises(InputError, match=r"no heights at 180 to -179\.996 E"):
        folder.fetch_dem(ACROSS, tmp_path, LOG, silent)
    [terrain] = (one for one in folder.examine(Needs((), (), ACROSS), LOG) if one.name == "terrain")
    assert terrain.state == "wrong"
    assert "179.996 to -179.996 E" in terrain.detail


def test_terrain_of_a_folder_across_the_line(folder, tmp_path):
    """One file reaches beyond 180 degrees, as those of GDAL tools may."""
    write_terrain(folder.root / "dem" / "across.tif", 179.5)
    for number, box in enumerate(BOXES):
        (tmp_path / str(number)).mkdir()
        check(folder.fetch_dem(box, tmp_path / str(number), LOG, silent), box, within=0.1)
    [terrain] = (one for one in folder.examine(Needs((), (), NEAR_WEST), LOG) if one.name == "terrain")
    assert terrain.state == "ok"


def test_terrain_of_a_folder_in_utm(folder, tmp_path):
    from rasterio.warp import Resampling, calculate_default_transform, reproject

    degrees = write_terrain(tmp_path / "degrees.tif", 179.5)
    with rasterio.open(degrees) as source:
        place = calculate_default_transform(
            source.crs, "EPSG:32760", source.width, source.height, *source.bounds
        )
        transform, width, height = place
        values = np.full((height, width), np.nan, np.float32)
        reproject(
            rasterio.band(source, 1), values, dst_transform=transform, dst_crs="EPSG:32760",
            dst_nodata=np.nan, resampling=Resampling.bilinear,
        )  # fmt: skip
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "width": width, "height": height}
    with rasterio.open(
        folder.root / "dem" / "utm.tif", "w", crs="EPSG:32760", transform=transform, nodata=np.nan, **profile
    ) as dataset:
        dataset.write(values, 1)
    check(folder.fetch_dem(ACROSS, tmp_path, LOG, silent), ACROSS, within=0.1)
    [terrain] = (one for one in folder.examine(Needs((), (), ACROSS), LOG) if one.name == "terrain")
    assert terrain.state == "ok"


def stocked(server, tmp_path: Path, sides: tuple[str, ...], south: int = 17) -> AsfSource:
    """Return the network source with terrain on some sides, and a geoid that rises to the east."""
    for side in sides:
        name = f"Copernicus_DSM_COG_10_S{south}_00_{side}_00_DEM"
        west = {"E179": 179.0, "W180": -180.0}[side] - 0.5 / 3600
        path = write_terrain(tmp_path / f"{name}.tif", west, size=3600, pixel=1 / 3600)
        with rasterio.open(path, "r+") as dataset:
            dataset.transform = rasterio.Affine(1 / 3600, 0, west, 0, -1 / 3600, 1 - south + 0.5 / 3600)
            dataset.update_tags(AREA_OR_POINT="Point")
        server.files[f"/dem30/{name}/{name}.tif"] = path.read_bytes()
    longitude = -180.0 + (np.arange(720) + 0.5) * 0.5
    geoid = np.tile(heights(longitude) / 10, (360, 1)).astype(np.float32)
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "width": 720, "height": 360}
    transform = rasterio.Affine(0.5, 0, -180, 0, -0.5, 90)
    with rasterio.open(
        tmp_path / "geoid.tif", "w", crs="EPSG:4326", transform=transform, **profile
    ) as dataset:
        dataset.write(geoid, 1)
    server.files["/geoid.tif"] = (tmp_path / "geoid.tif").read_bytes()
    return AsfSource(server.environment())


@pytest.mark.parametrize("box", BOXES)
def test_terrain_of_the_network(server, tmp_path, box):
    source = stocked(server, tmp_path, ("E179", "W180"))
    path = source.fetch_dem(box, tmp_path, LOG, silent)
    dem_raster.check(path, box)
    with rasterio.open(path) as dataset:
        values = dataset.read(1)
        longitude = dataset.transform.c + (np.arange(dataset.width) + 0.5) * dataset.transform.a
    np.testing.assert_allclose(values, np.tile(1.1 * heights(longitude), (len(values), 1)), atol=0.03)


def test_sea_on_one_side(server, tmp_path):
    """Copernicus has a tile of 48 to 47 degrees south on the western side only."""
    box = Bounds(179.996, -47.52, 180.004, -47.515)
    path = stocked(server, tmp_path, ("E179",), south=48).fetch_dem(box, tmp_path, LOG, silent)
    dem_raster.check(path, box)
    with rasterio.open(path) as dataset:
        values = dataset.read(1)
        longitude = dataset.transform.c + (np.arange(dataset.width) + 0.5) * dataset.transform.a
    expected = np.where(longitude < 180.0, 1.1, 0.1) * heights(longitude)
    inside = abs(longitude - 180.0) > 1e-3
    np.testing.assert_allclose(values[:, inside], np.tile(expected[inside], (len(values), 1)), atol=0.03)


def test_squares_without_terrain():
    assert missing_terrain(Bounds(179.9, -16.6, 180.1, -16.5)) == ([], True)
    assert missing_terrain(Bounds(179.9, -40.6, 180.1, -40.5)) == (["S41_E179", "S41_W180"], False)


@pytest.mark.parametrize("box", BOXES)
def test_simulated_terrain_and_water_are_continuous(tmp_path, box):
    source = open_source("simulated")
    path = source.fetch_dem(box, tmp_path, LOG, silent)
    dem_raster.check(path, box)
    with rasterio.open(path) as dataset:
        values, west = dataset.read(1), dataset.transform.c
    for number, half in enumerate(box.halves()):
        (tmp_path / str(number)).mkdir()
        with rasterio.open(source.fetch_dem(half, tmp_path / str(number), LOG, silent)) as dataset:
            part = dataset.read(1)
            first = round((longitude_near(dataset.transform.c, west + 0.01) - west) * 3600)
        skip = max(0, -first)
        same = values[:, max(0, first) : first + part.shape[1]]
        np.testing.assert_allclose(part[:, skip : skip + same.shape[1]], same, atol=1e-3)
    assert np.abs(np.diff(values, axis=1)).max() < 30.0
    tiles = source.fetch_water_mask(box, tmp_path, LOG, silent)
    assert [tile.name for tile in tiles] == water_mask_tiles(box)
    water_mask.on_dem_grid(tiles, path, tmp_path / "mask.tif")
    with rasterio.open(tmp_path / "mask.tif") as dataset:
        assert (dataset.transform.c, dataset.width) == (west, values.shape[1])


def test_names_of_water_mask_tiles():
    assert water_mask_tiles(Bounds(179.9, -16.6, 180.1, -16.5)) == ["s20e175.tif", "s20w180.tif"]
    assert water_mask_tiles(Bounds(-180.1, 4.9, -179.9, 5.1)) == [
        "n00e175.tif", "n00w180.tif", "n05e175.tif", "n05w180.tif",
    ]  # fmt: skip
    assert water_mask_tiles(Bounds(179.0, 60.0, 180.0, 61.0)) == ["n60e175.tif"]


def preflight_of(engine, folder: Path, west: float, width: float, latitude: float) -> str:
    """Return the line of a report about the antimeridian."""
    ring = [
        (west, latitude),
        (west + width, latitude),
        (west + width, latitude + 0.2),
        (west, latitude + 0.2),
    ]
    footprint = tuple((longitude_near(x, 0.0), y) for x, y in [*ring, ring[0]])
    record = AlosRecord(
        name="ALPSRP156121200", direction="ASCENDING", start=START, stop=START, footprint=footprint
    )
    context = Context(
        workdir=folder, out=folder, source=open_source("simulated"), engine=engine, log=LOG, progress=silent,
        cpus=1, budget=Budget,
    )  # fmt: skip
    done = preflight.check.function(context, catalog=write_catalog([record], folder / "catalog.json"))
    return done.report.read_text().splitlines()[1]


@pytest.mark.parametrize(
    ("west", "latitude", "isce2"),
    [
        (179.9, 0.0, False),
        (179.5, 0.0, True),  # its eastern edge is 44 km from the line
        (179.5, 70.0, False),  # 15 km
        (-179.9, 0.0, False),
        (-179.9, 55.0, False),  # 6 km
        (-179.5, -55.0, True),
        (53.0, 27.0, True),
    ],
)
def test_isce2_is_refused_where_its_longitudes_jump(tmp_path, west, latitude, isce2):
    width = 0.1
    crosses = west < 180.0 < west + width
    builtin = preflight_of(BuiltinEngine(), tmp_path, west, width, latitude)
    assert builtin == f"ok    antimeridian: {'crossed' if crosses else 'not crossed'}"
    engine = Isce2Engine(Installation(Path("applications"), None, "python3"), "2.6.5", {})
    if isce2:
        assert preflight_of(engine, tmp_path, west, width, latitude) == "ok    antimeridian: not crossed"
        return
    with pytest.raises(InputError, match="within 20 km of it, where ISCE2's longitudes jump") as caught:
        preflight_of(engine, tmp_path, west, width, latitude)
    assert "--engine builtin" in caught.value.hint
