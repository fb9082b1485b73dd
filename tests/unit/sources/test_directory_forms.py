"""A folder as a source, with archives, nested folders, and terrain above a geoid."""

from __future__ import annotations

import io
import logging
import shutil
import tarfile
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio

from isce2_recipe.errors import InputError
from isce2_recipe.sentinel1 import aux_cal
from isce2_recipe.sources.asf import AsfSource
from isce2_recipe.sources.base import Needs
from isce2_recipe.sources.directory import DirectorySource
from isce2_recipe.types import Bounds, BurstName, SlcName
from support import asf_server
from support.burst_granules import Slc, write_granule

LOG = logging.getLogger("test")
NAME = BurstName.parse("S1_136231_IW2_20200604T022309_VV_7C85-BURST")
START = datetime(2020, 6, 4, 2, 23, 12, tzinfo=UTC)
STOP = START + timedelta(seconds=3)
POEORB = "S1A_OPER_AUX_POEORB_OPOD_20210314T184202_V20200603T225942_20200605T005942.EOF"
BOX = Bounds(53.4005, 27.4005, 53.41, 27.41)
AROUND = Bounds(53.3, 27.3, 53.5, 27.5)
EGM2008 = (
    'COMPD_CS["WGS 84 + EGM2008 height",GEOGCS["WGS 84",'
    'DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4326"]],'
    'VERT_CS["EGM2008 height",VERT_DATUM["EGM2008 geoid",2005],UNIT["metre",1],AUTHORITY["EPSG","3855"]]]'
)


def silent(fraction: float, text: str) -> None:
    pass


@pytest.fixture
def root(tmp_path):
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def raster(path: Path, value: float, *, crs: str = "EPSG:4326", tags: dict[str, str] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixel = 1 / 1800
    side = round((AROUND.east - AROUND.west) / pixel)
    transform = rasterio.Affine(pixel, 0, AROUND.west, 0, -pixel, AROUND.north)
    shape = {"height": side, "width": side, "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", driver="GTiff", crs=crs, transform=transform, **shape) as dataset:
        dataset.write(np.full((side, side), value, np.float32), 1)
        dataset.update_tags(**(tags or {}))
    return path


def zipped(path: Path, *files: Path, inside: str = "some/folder/") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, inside + file.name)


def height(root: Path, out: Path) -> float:
    path = DirectorySource(root).fetch_dem(BOX, out, LOG, silent)
    with rasterio.open(path) as dataset:
        values = dataset.read(1)
    assert values.std() == pytest.approx(0, abs=1e-3)
    return float(values.mean())


class TestBursts:
    @pytest.mark.parametrize("form", ["deep", "flat", "tif", "zip", "flat zip"])
    def test_bursts_are_found_in_any_form(self, root, out, tmp_path, form):
        tiff, xml = write_granule(tmp_path / "made", NAME, Slc())
        content = tiff.read_bytes()
        if form == "deep":
            (root / "bursts" / "june").mkdir(parents=True)
            for path in (tiff, xml):
                path.rename(root / "bursts" / "june" / path.name)
        elif form == "flat":
            for path in (tiff, xml):
                path.rename(root / path.name)
        elif form == "tif":
            (root / "bursts").mkdir()
            tiff.rename(root / "bursts" / f"{NAME}.tif")
            xml.rename(root / "bursts" / xml.name)
        else:
            zipped(root / ("bursts" if form == "zip" else "") / f"{NAME}.zip", tiff, xml)
        source = DirectorySource(root)
        [record] = source.find_bursts([NAME], LOG)
        files = source.fetch_burst(record, out, LOG, silent)
        assert (files.tiff.name, files.metadata.name) == (f"{NAME}.tiff", f"{NAME}.xml")
        assert files.tiff.read_bytes() == content

    def test_a_damaged_archive_is_named(self, root, out, tmp_path):
        tiff, xml = write_granule(tmp_path / "made", NAME, Slc())
        zipped(root / "bursts" / "both.zip", tiff, xml)
        source = DirectorySource(root)
        [record] = source.find_bursts([NAME], LOG)
        path = root / "bursts" / "both.zip"
        content = bytearray(path.read_bytes())
        place = content.index(b"II*\0")
        content[place + 10] ^= 0xFF
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"both\.zip is not a complete zip"):
            source.fetch_burst(record, out, LOG, silent)


@pytest.mark.parametrize("form", ["zip", "deep", "flat"])
def test_orbits_are_found_in_any_form(root, out, tmp_path, form):
    (tmp_path / POEORB).write_text("orbit")
    if form == "zip":
        zipped(root / "orbits" / f"{POEORB}.zip", tmp_path / POEORB, inside="")
    else:
        place = root / "orbits" / "S1A" if form == "deep" else root
        place.mkdir(parents=True, exist_ok=True)
        (tmp_path / POEORB).rename(place / POEORB)
    path = DirectorySource(root).fetch_orbit("S1A", START, STOP, out, LOG)
    assert path == out / POEORB and path.read_text() == "orbit"


class TestTerrain:
    def test_terrain_without_a_datum_is_above_the_ellipsoid(self, root, out):
        raster(root / "dem" / "any.tif", 100.0)
        assert height(root, out) == pytest.approx(100.0, abs=1e-3)

    @pytest.mark.parametrize("form", ["crs", "tag", "folder", "copernicus"])
    def test_a_geoid_that_is_stated_is_added(self, root, out, form):
        names = {
            "folder": "dem/EGM2008/any.tif",
            "copernicus": "dem/Copernicus_DSM_COG_10_N27_00_E053_00_DEM.tif",
        }
        raster(
            root / names.get(form, "dem/any.tif"),
            100.0,
            crs=EGM2008 if form == "crs" else "EPSG:4326",
            tags={"VERTICAL_DATUM": "EGM2008 geoid"} if form == "tag" else None,
        )
        raster(root / "geoid" / "us_nga_egm08_25.tif", -30.0)
        assert height(root, out) == pytest.approx(70.0, abs=1e-3)

    def test_terrain_that_names_the_ellipsoid_is_not_changed(self, root, out):
        name = "Copernicus_DSM_COG_10_N27_00_E053_00_DEM.tif"
        raster(root / "dem" / "ellipsoid" / name, 100.0)
        assert height(root, out) == pytest.approx(100.0, abs=1e-3)

    @staticmethod
    def gap(root, value=-28.0, water=1):
        """Terrain of ``value`` metres without data in the middle rows, and a mask with water there."""
        path = raster(root / "dem" / "a.tif", value)
        with rasterio.open(path, "r+") as dataset:
            dataset.nodata = -9999.0
            heights = dataset.read(1)
            rows = slice(heights.shape[0] * 9 // 20, heights.shape[0] * 11 // 20)
            heights[rows] = -9999.0
            dataset.write(heights, 1)
        mask = raster(root / "water_mask" / "n25e050.tif", 0.0)
        with rasterio.open(mask, "r+") as dataset:
            there = np.zeros(dataset.shape, np.float32)
            there[rows] = water
            dataset.write(there, 1)

    def test_sea_without_terrain_has_the_height_of_the_geoid(self, root, out):
        self.gap(root)
        with pytest.raises(InputError, match="there are no heights at") as caught:
            height(root, out)
        assert "sea needs none if geoid/ has the geoid" in caught.value.hint
        raster(root / "geoid" / "us_nga_egm08_25.tif", -30.0)
        path = DirectorySource(root).fetch_dem(BOX.buffered(0.04), out, LOG, silent)
        with rasterio.open(path) as dataset:
            heights = dataset.read(1)
        assert set(np.unique(heights.round())) == {-30.0, -28.0}
        assert np.mean(heights.round() == -30.0) == pytest.approx(0.02 / 0.09, abs=0.02)

    @pytest.mark.parametrize(
        ("value", "water"), [(-28.0, 0), (300.0, 1), (-430.0, 1)], ids=["land", "lake", "deep lake"]
    )
    def test_other_gaps_are_refused(self, root, out, value, water):
        self.gap(root, value, water)
        raster(root / "geoid" / "us_nga_egm08_25.tif", -30.0)
        with pytest.raises(InputError, match="there are no heights at"):
            DirectorySource(root).fetch_dem(BOX.buffered(0.04), out, LOG, silent)

    def test_sea_beyond_the_terrain_is_no_problem_with_a_geoid(self, root, out):
        self.gap(root)
        needs = Needs((), (), AROUND.buffered(0.1))
        terrain = next(one for one in DirectorySource(root).examine(needs, LOG) if one.name == "terrain")
        assert terrain.state == "wrong"
        raster(root / "geoid" / "egm96.tif", -30.0)
        terrain = next(one for one in DirectorySource(root).examine(needs, LOG) if one.name == "terrain")
        assert terrain.state == "ok" and "sea beyond has the geoid's height" in terrain.detail

    def test_a_missing_geoid_is_reported(self, root, out):
        raster(root / "dem" / "any.tif", 100.0, tags={"VERTICAL_DATUM": "EGM96"})
        raster(root / "geoid" / "egm2008.tif", -30.0)
        with pytest.raises(InputError, match="above the geoid EGM96, which is missing") as caught:
            height(root, out)
        assert str(root / "geoid" / "EGM96.tif") in caught.value.hint

    def test_another_datum_is_refused(self, root, out):
        raster(
            root / "dem" / "any.tif",
            100.0,
            crs=EGM2008.replace("EGM2008 height", "NAVD88").replace("3855", "5703"),
        )
        with pytest.raises(InputError, match="are above 'NAVD88 height'"):
            height(root, out)

    def test_archives_are_read_in_place(self, root, out, tmp_path):
        zipped(root / "dem" / "tiles.zip", raster(tmp_path / "tile.tif", 100.0))
        assert height(root, out) == pytest.approx(100.0, abs=1e-3)


def bundle(platform: str = "S1A") -> bytes:
    """Write an archive like the published ones, with nested folders and one calibration for each day."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for day in ("20140406", "20160901"):
            name = f"{platform}_AUX_CAL_V{day}T133000_G20210104T140000.SAFE"
            base = f"{platform}/AUX_CAL/{day[:4]}/{day[4:6]}/{day[6:]}/{name}"
            archive.writestr(f"{base}/data/{platform.lower()}-aux-cal.xml", f"<auxiliaryCalibration>{day}")
            archive.writestr(f"{base}/manifest.safe", "<manifest/>")
        archive.writestr(f"../../{platform}_AUX_CAL_evil.SAFE/x", "no")
    return content.getvalue()


class TestAuxCal:
    NAMES = tuple(f"S1A_AUX_CAL_V{day}T133000_G20210104T140000.SAFE" for day in ("20140406", "20160901"))

    def test_calibration_from_the_network_is_unpacked(self, out):
        with asf_server.running() as server:
            server.files["/aux_cal/S1A_AUX_CAL_20241128.zip"] = bundle()
            made = AsfSource(server.environment()).fetch_aux_cal("S1A", out, LOG)
        assert [path.name for path in made] == [*self.NAMES]
        assert sorted(path.name for path in out.iterdir()) == [*self.NAMES]
        assert (made[0] / "data" / "s1a-aux-cal.xml").read_text() == "<auxiliaryCalibration>20140406"
        assert not list(out.parent.rglob("*evil*"))

    @pytest.mark.parametrize(
        "form", ["zip", "folder", "zip at the top", "folder at the top", "one by one", "mixed"]
    )
    def test_calibration_from_a_folder_is_copied(self, root, out, tmp_path, form):
        (root / "aux_cal").mkdir()
        (root / "aux_cal" / "b.zip").write_bytes(bundle())
        if not form.startswith("zip"):
            aux_cal.unpack(root / "aux_cal" / "b.zip", "S1A", root / "aux_cal" / "deep")
            (root / "aux_cal" / "b.zip").unlink()
        folders = sorted((root / "aux_cal" / "deep").glob("*"))
        if form in ("one by one", "mixed"):  # as ESA offers them
            for folder in folders[form == "mixed" :]:
                with tarfile.open(root / "aux_cal" / f"{folder.name}.TGZ", "w:gz") as archive:
                    archive.add(folder, folder.name)
                shutil.rmtree(folder)
        if form.endswith("top"):
            for path in [*(root / "aux_cal").glob("*.zip"), *(root / "aux_cal").glob("deep/*")]:
                path.rename(root / path.name)
        made = DirectorySource(root).fetch_aux_cal("S1A", out, LOG)
        assert [path.name for path in made] == [*self.NAMES]
        assert (made[1] / "data" / "s1a-aux-cal.xml").read_text() == "<auxiliaryCalibration>20160901"

    def test_a_damaged_archive_is_named_unless_it_is_something_else(self, root, out):
        (root / "aux_cal").mkdir()
        (root / "other.zip").write_bytes(b"PK")
        (root / "aux_cal" / f"{self.NAMES[0]}.TGZ").write_bytes(b"")
        with pytest.raises(InputError, match=r"SAFE\.TGZ is not a complete tar archive"):
            DirectorySource(root).fetch_aux_cal("S1A", out, LOG)

    @pytest.mark.parametrize(
        ("date", "expected"), [("20141017", "20140908"), ("20140905", "20140406"), ("20160101", "20150722")]
    )
    def test_the_calibration_that_is_valid_on_the_date_is_selected(self, date, expected):
        validity = ("20140406", "20140908", "20150722", "20240101")
        names = [
            f"S1A_AUX_CAL_V{day}T000000_G{year}0626T100201.SAFE" for day in validity for year in (2019, 2023)
        ]
        # ISCE2 itself would take this one, which was generated last.
        names.append("S1A_AUX_CAL_V20140406T000000_G20240626T100201.SAFE")
        slc = SlcName.parse(f"S1A_IW_SLC__1SSV_{date}T151607_{date}T151631_002871_0033F3_3B42")
        best = "G20240626" if expected == "20140406" else "G20230626"
        folders = [Path(name) for name in [*names, "S1A_AUX_CAL_evil.SAFE"]]
        assert aux_cal.select(folders, slc).name == f"S1A_AUX_CAL_V{expected}T000000_{best}T100201.SAFE"
        others = [Path(names[-2]), Path(names[0].replace("S1A", "S1B"))]
        with pytest.raises(InputError, match=f"the time of {slc} .found: {names[-2]}"):
            aux_cal.select(others, slc)

    def test_missing_calibration_is_reported(self, root, out):
        with pytest.raises(InputError, match="lacks S1B_AUX_CAL") as caught:
            DirectorySource(root).fetch_aux_cal("S1B", out, LOG)
        assert "S1B_AUX_CAL_20241128.zip" in caught.value.hint

    @pytest.mark.parametrize(("version", "needed"), [("002.36", True), ("002.91", False), ("003.20", False)])
    def test_only_one_version_needs_calibration(self, tmp_path, version, needed):
        line = f'<safe:software name="Sentinel-1 IPF" version="{version}"/>'
        (tmp_path / "manifest.safe").write_text(line)
        assert aux_cal.needed(tmp_path) is needed


def test_all_missing_inputs_are_reported_together(root):
    (root / "orbits").mkdir()
    findings = DirectorySource(root).examine(Needs(("x",), (("S1A", START, STOP),), BOX), LOG)
    assert [(one.name, one.state) for one in findings] == [
        ("orbit of S1A 2020-06-04", "wrong"),
        ("terrain", "wrong"),
        ("water mask", "wrong"),
    ]
    assert all("put" in one.remedy for one in findings)


def test_complete_inputs_pass(root):
    (root / POEORB).touch()
    (root / "n25e050.tif").touch()
    raster(root / "dem" / "any.tif", 100.0)
    findings = DirectorySource(root).examine(Needs(("x",), (("S1A", START, STOP),), BOX), LOG)
    assert [one.state for one in findings] == ["ok"] * 3
