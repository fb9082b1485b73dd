"""A folder as a source."""

from __future__ import annotations

import logging
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.warp

from isce2_recipe.errors import InputError
from isce2_recipe.sources.demgrid import DemGrid
from isce2_recipe.sources.directory import DirectorySource
from isce2_recipe.sources.names import water_mask_tiles
from isce2_recipe.types import Bounds, BurstName, SlcName
from support.burst_granules import REAL_SAFE, SHARED_DATA, Slc, real_metadata, write_granule

LOG = logging.getLogger("test")
START = datetime(2020, 6, 4, 2, 23, 12, tzinfo=UTC)
POEORB = "S1A_OPER_AUX_POEORB_OPOD_20210314T184202_V20200603T225942_20200605T005942.EOF"
RESORB = "S1A_OPER_AUX_RESORB_OPOD_20200604T055104_V20200604T013000_20200604T044732.EOF"
BOX = Bounds(53.4005, 27.4005, 53.41, 27.41)
NAME = BurstName.parse("S1_136231_IW2_20200604T022312_VV_7C85-BURST")


def silent(fraction: float, text: str) -> None:
    pass


@pytest.fixture
def source(tmp_path):
    for folder in ("bursts", "orbits", "dem", "water_mask"):
        (tmp_path / "source" / folder).mkdir(parents=True)
    return DirectorySource(tmp_path / "source")


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def terrain(
    path: Path, bounds: Bounds, *, epsg: int = 4326, pixel: float = 1 / 1800, slope: float = 10.0
) -> None:
    """Write heights that increase by ``slope`` metres per degree to the east."""
    columns, rows = round((bounds.east - bounds.west) / pixel), round((bounds.north - bounds.south) / pixel)
    heights = np.tile((bounds.west + (np.arange(columns) + 0.5) * pixel) * slope, (rows, 1)).astype(
        np.float32
    )
    transform = rasterio.Affine(pixel, 0, bounds.west, 0, -pixel, bounds.north)
    shape = {"height": rows, "width": columns, "count": 1, "dtype": "float32"}
    with rasterio.open(
        path, "w", driver="GTiff", crs=f"EPSG:{epsg}", transform=transform, **shape
    ) as dataset:
        dataset.write(heights, 1)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist") as caught:
        DirectorySource(tmp_path / "nowhere")
    assert "directory:DIR" in caught.value.hint


def test_missing_granules_are_listed_with_their_download_page(source):
    (source.root / "bursts" / f"{NAME}.tiff").touch()
    with pytest.raises(InputError, match=rf"lacks bursts/{NAME}\.xml") as caught:
        source.find_bursts([NAME], LOG)
    assert "https://search.asf.alaska.edu" in caught.value.hint


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real SAFE folder lies outside the repository")
def test_records_are_made_from_the_annotation(source, out):
    name = BurstName.parse("S1_136231_IW2_20200511T135125_VV_7768-BURST")
    real_metadata(source.root / "bursts" / f"{name}.xml")
    (source.root / "bursts" / f"{name}.tiff").write_bytes(b"II*\0")
    [record] = source.find_bursts([name], LOG)
    assert (record.slc, record.index, record.absolute_orbit, record.relative_orbit) == (
        REAL_SAFE,
        3,
        32518,
        71,
    )
    assert (record.direction, record.platform) == ("DESCENDING", "S1A")
    assert record.start == datetime(2020, 5, 11, 13, 51, 25, 875277, tzinfo=UTC)
    assert (record.stop - record.start).total_seconds() == pytest.approx(1508 * 2.0555563e-3, abs=1e-5)
    files = source.fetch_burst(record, out, LOG, silent)
    assert files.tiff.stat().st_ino == (source.root / "bursts" / f"{name}.tiff").stat().st_ino
    assert files.metadata.parent == out


def test_the_parent_and_the_track_are_those_that_the_files_state(source):
    """The times in the manifests of version 002.36 are not those in the names of the SLCs."""
    slc = Slc(name="S1C_IW_SLC__1SSV_20200604T022251_20200604T022318_001641_03CE65_7C85")
    name = BurstName.parse("S1_136231_IW2_20200604T022309_VV_7C85-BURST")
    _, xml = write_granule(source.root / "bursts", name, slc)
    [record] = source.find_bursts([name], LOG)
    assert (record.slc, record.relative_orbit) == (slc.name, 70)  # no other statement
    text = xml.read_text().replace("vv-a-b-", "vv-20200604t022252-20200604t022319-")
    track = '<safe:relativeOrbitNumber type="start">64</safe:relativeOrbitNumber><safe:acquisitionPeriod>'
    xml.write_text(text.replace("<safe:acquisitionPeriod>", track))
    [record] = source.find_bursts([name], LOG)
    parent = SlcName.parse("S1C_IW_SLC__1SSV_20200604T022252_20200604T022319_001641_03CE65_7C85")
    assert (record.slc, record.relative_orbit) == (str(parent), 64)
    for shift in (0, 1):  # a name that differs from the manifest by a second
        wanted = parent._replace(start=parent.start - timedelta(seconds=shift))
        assert source.burst_at(wanted, 2, "VV", record.index, LOG) == name
    with pytest.raises(InputError, match="lacks burst 0 of IW2 VV"):
        source.burst_at(parent._replace(absolute_orbit=1642), 2, "VV", record.index, LOG)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (">53.0<", ">-19778<", "its footprint has the longitude -19778"),
        (">27.0<", ">nan<", "its footprint has the latitude nan"),
        (">27.0<", ">north<", "could not convert string to float: 'north'"),
        ("<pass>Descending<", "<pass>Down<", "its direction is 'DOWN'"),
        ("<azimuthTime>2020", "<azimuthTime>soon", "Invalid isoformat string"),
    ],
)
def test_wrong_facts_in_metadata_are_named(source, old, new, words):
    name = BurstName.parse("S1_136231_IW2_20200604T022309_VV_7C85-BURST")
    _, xml = write_granule(source.root / "bursts", name)
    xml.write_text(xml.read_text().replace(old, new))
    with pytest.raises(InputError, match=f"the files of {name} have wrong facts: .*{words}"):
        source.find_bursts([name], LOG)


class TestOrbits:
    def fetch(self, source, out, start=START):
        return source.fetch_orbit("S1A", start, start + timedelta(seconds=3), out, LOG)

    def test_the_precise_orbit_is_preferred(self, source, out):
        for name in (RESORB, POEORB):
            (source.root / "orbits" / name).write_text(name)
        assert self.fetch(source, out).read_text() == POEORB

    def test_the_restituted_orbit_is_the_second_choice(self, source, out):
        (source.root / "orbits" / RESORB).write_text(RESORB)
        assert self.fetch(source, out).read_text() == RESORB

    @pytest.mark.parametrize(
        "name",
        [POEORB.replace("S1A", "S1B"), RESORB.replace("V20200604T013000", "V20200604T022230"), "notes.EOF"],
    )
    def test_an_orbit_that_does_not_cover_the_burst_is_refused(self, source, out, name):
        (source.root / "orbits" / name).touch()
        with pytest.raises(InputError, match="covers S1A from 2020-06-04T02:23:12") as caught:
            self.fetch(source, out)
        assert name in caught.value.message
        assert "https://s1-orbits.asf.alaska.edu/scene/S1A_IW_SLC__1SDV_20200604T022312" in caught.value.hint


class TestTerrain:
    def test_any_grid_is_resampled_to_whole_arc_seconds(self, source, out):
        terrain(source.root / "dem" / "coarse.tif", BOX.buffered(0.02))
        with rasterio.open(source.fetch_dem(BOX, out, LOG, silent)) as dataset:
            assert Bounds(*dataset.bounds).contains(BOX)
            assert dataset.transform.a == pytest.approx(1 / 3600)
            centre_arcsec = dataset.transform.c * 3600 + 0.5
            assert centre_arcsec == pytest.approx(round(centre_arcsec), abs=1e-6)
            heights = dataset.read(1)
            longitudes = dataset.transform.c + (np.arange(dataset.width) + 0.5) / 3600
        np.testing.assert_allclose(heights, np.tile(longitudes * 10, (heights.shape[0], 1)), atol=1e-3)

    def test_several_files_are_merged(self, source, out):
        middle = 53.405
        terrain(source.root / "dem" / "east.tif", Bounds(middle - 0.005, 27.38, 53.43, 27.43))
        terrain(source.root / "dem" / "west.tif", Bounds(53.38, 27.38, middle + 0.005, 27.43))
        with rasterio.open(source.fetch_dem(BOX, out, LOG, silent)) as dataset:
            assert np.isfinite(dataset.read(1)).all()

    def test_projected_terrain_is_accepted(self, source, out):
        pixel_m = 30.0
        rows = columns = 200
        [east], [north] = rasterio.warp.transform("EPSG:4326", "EPSG:32640", [BOX.west], [BOX.south])
        transform = rasterio.Affine(pixel_m, 0, east - 2000, 0, -pixel_m, north + 4000)
        shape = {"height": rows, "width": columns, "count": 1, "dtype": "int16"}
        with rasterio.open(
            source.root / "dem" / "utm.tif",
            "w",
            driver="GTiff",
            crs="EPSG:32640",
            transform=transform,
            **shape,
        ) as dataset:
            dataset.write(np.full((rows, columns), 77, np.int16), 1)
        with rasterio.open(source.fetch_dem(BOX, out, LOG, silent)) as dataset:
            assert (dataset.read(1) == 77).all()

    def test_an_area_that_is_not_covered_is_named(self, source, out):
        terrain(source.root / "dem" / "west.tif", Bounds(53.38, 27.38, 53.405, 27.43))
        with pytest.raises(
            InputError, match=r"does not cover the scene .* no heights at 53\.40\d+ to 53\.41\d* E"
        ) as caught:
            source.fetch_dem(BOX, out, LOG, silent)
        assert "ellipsoid" in caught.value.hint

    def test_missing_terrain_and_other_files_are_reported(self, source, out):
        with pytest.raises(InputError, match="has no GeoTIFF"):
            source.fetch_dem(BOX, out, LOG, silent)
        (source.root / "dem" / "broken.tif").write_text("nothing")
        with pytest.raises(InputError, match=r"broken\.tif cannot be read"):
            source.fetch_dem(BOX, out, LOG, silent)


def test_water_mask_tiles_are_linked_or_named(source, out):
    (source.root / "water_mask" / "n25e050.tif").write_bytes(b"tile")
    assert [path.name for path in source.fetch_water_mask(BOX, out, LOG, silent)] == ["n25e050.tif"]
    with pytest.raises(InputError, match=r"lacks n25e055\.tif") as caught:
        source.fetch_water_mask(Bounds(54.9, 27, 55.1, 27.5), out, LOG, silent)
    assert "https://asf-dem-west.s3.amazonaws.com/WATER_MASK/TILES/n25e055.tif" in caught.value.hint


def _names(source, wanted):
    return [str(path.relative_to(source.root)) for path in source.contents(wanted)]


def test_the_contents_for_a_step_are_the_files_that_may_contain_its_inputs(source):
    for name in ("a", "b"):
        (source.root / "bursts" / f"{name}.tiff").write_text(name)
    (source.root / "dem" / "deep").mkdir()
    (source.root / "dem" / "deep" / "terrain.tif").touch()
    (source.root / "A.xml").touch()
    (source.root / "slc" / "x.SAFE").mkdir(parents=True)
    (source.root / "slc" / "x.SAFE" / "manifest.safe").touch()
    for archive, member in (("other.zip", "c.tiff"), ("batch.zip", "download/b.tiff")):
        with zipfile.ZipFile(source.root / "bursts" / archive, "w") as file:
            file.writestr(member, "inside")
    assert _names(source, {"bursts": ["a"]}) == ["A.xml", "bursts/a.tiff"]
    assert _names(source, {"bursts": ["b"]}) == ["bursts/b.tiff", "bursts/batch.zip"]
    assert _names(source, {"dem": ()}) == ["A.xml", "dem/deep/terrain.tif"]
    assert _names(source, {"slc": ["x"], "dem": ["nothing"]}) == ["slc/x.SAFE/manifest.safe"]
    assert _names(source, {}) == []
    assert len(_names(source, None)) == 7


@pytest.mark.parametrize(
    ("bounds", "names"),
    [
        (Bounds(53.1, 27.3, 54.1, 27.8), ["n25e050.tif"]),
        (Bounds(-0.5, -0.5, 0.5, 0.5), ["s05w005.tif", "s05e000.tif", "n00w005.tif", "n00e000.tif"]),
        (Bounds(-120.0, 35.0, -115.0, 40.0), ["n35w120.tif"]),
        (Bounds(5.0, 0.0, 10.0, 5.1), ["n00e005.tif", "n05e005.tif"]),
    ],
)
def test_tile_names(bounds, names):
    assert water_mask_tiles(bounds) == names


def test_the_grid_encloses_the_box_tightly():
    grid = DemGrid.covering(Bounds(53.0, 27.0, 53.5, 27.25))
    assert (grid.columns, grid.rows) == (1801, 901)
    assert grid.bounds.west == pytest.approx(53.0 - 0.5 / 3600, abs=1e-12)
