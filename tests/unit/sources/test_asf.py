"""The network source against a real server on this machine."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio

from isce2_recipe.errors import InputError, NoConnection, ParameterError, SourceError
from isce2_recipe.sources.asf import AsfSource
from isce2_recipe.sources.asf.credentials import find_credentials
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.types import Bounds, BurstName
from support import asf_server
from support.burst_granules import Slc, write_granule
from support.cmr import burst_item

LOG = logging.getLogger("test")
FIRST = BurstName.parse("S1_136231_IW2_20200604T022309_VV_7C85-BURST")
SECOND = BurstName.parse("S1_136232_IW2_20200604T022312_VV_7C85-BURST")
TIFF = "/S1A_IW_SLC__1SSV_20200604T022251_20200604T022318_032861_03CE65_7C85/IW2/VV/1.tiff"
XML = TIFF.replace(".tiff", ".xml")


def silent(fraction: float, text: str) -> None:
    pass


@pytest.fixture
def server():
    with asf_server.running() as state:
        yield state


@pytest.fixture
def stocked(server, tmp_path):
    """Return the server with one of two bursts."""
    slc = Slc()
    tiff, xml = write_granule(tmp_path / "made", SECOND, slc)
    server.protected |= {TIFF: tiff.read_bytes(), XML: xml.read_bytes()}
    server.names[TIFF] = f"{SECOND}.tiff"
    server.items = [burst_item(name, slc, index, server.url) for index, name in enumerate((FIRST, SECOND))]
    return server


def polygons(umm):
    return umm["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]["GPolygons"]


def corner(key, value):
    return lambda umm: polygons(umm)[0]["Boundary"]["Points"][1].update({key: value})


def attribute(name, value):
    def change(umm):
        entries = umm["AdditionalAttributes"]
        umm["AdditionalAttributes"] = [
            {**entry, "Values": [value]} if entry["Name"] == name else entry
            for entry in entries
            if entry["Name"] != name or value is not None
        ]

    return change


def swap_times(umm):
    times = umm["TemporalExtent"]["RangeDateTime"]
    times |= dict(zip(times, reversed(times.values()), strict=True))


def fetch(server, folder: Path, **environment: str):
    source = AsfSource(server.environment(**environment))
    [record] = source.find_bursts([SECOND], LOG)
    folder.mkdir(exist_ok=True)
    return source.fetch_burst(record, folder, LOG, silent)


class TestSearch:
    def test_records_come_in_the_order_of_the_names(self, stocked):
        records = AsfSource(stocked.environment()).find_bursts([SECOND, FIRST], LOG)
        assert [record.name for record in records] == [str(SECOND), str(FIRST)]
        record = records[0]
        assert (record.index, record.absolute_orbit, record.relative_orbit) == (1, 32861, 64)
        assert record.slc == "S1A_IW_SLC__1SSV_20200604T022251_20200604T022318_032861_03CE65_7C85"
        assert (record.platform, record.direction) == ("S1A", "DESCENDING")
        assert record.start == datetime(2020, 6, 4, 2, 23, 12, 258273, tzinfo=UTC)
        assert record.stop - record.start == timedelta(seconds=3.12)
        assert record.bounds == Bounds(53.9, 27.0, 54.0, 27.2)
        assert record.url == stocked.url + TIFF

    def test_unknown_names_are_listed(self, stocked):
        other = BurstName.parse("S1_136233_IW2_20200604T022315_VV_FFFF-BURST")
        with pytest.raises(SourceError, match=f"does not have {other}") as caught:
            AsfSource(stocked.environment()).find_bursts([FIRST, other], LOG)
        assert "https://search.asf.alaska.edu" in caught.value.hint

    def test_a_catalogue_with_a_temporary_fault_is_asked_again(self, stocked):
        stocked.faults["/search/granules.umm_json"] = [503, "reset"]
        assert AsfSource(stocked.environment()).find_bursts([FIRST], LOG)

    @pytest.mark.parametrize("fault", ["drip", "slow"])
    def test_a_catalogue_that_drips_bytes_is_interrupted(self, stocked, fault):
        stocked.faults["/search/granules.umm_json"] = [fault]
        stocked.patience_s = 600.0
        assert AsfSource(stocked.environment(ISCE2_RECIPE_ASF_TIMEOUT_S="0.5")).find_bursts([FIRST], LOG)

    def test_the_last_attempt_ends_with_a_message(self, stocked):
        stocked.faults["/search/granules.umm_json"] = [500] * 20
        with pytest.raises(SourceError, match=r"answered 500 \(tried 2 times\)") as caught:
            AsfSource(stocked.environment(ISCE2_RECIPE_ASF_ATTEMPTS="2")).find_bursts([FIRST], LOG)
        assert f"could not ask the catalogue at {stocked.url}" in caught.value.message

    def test_an_unreadable_answer_is_reported(self, stocked):
        stocked.faults["/search/granules.umm_json"] = ["html"] * 20
        with pytest.raises(SourceError, match=f"the answer of the catalogue at {stocked.url} cannot be read"):
            AsfSource(stocked.environment()).find_bursts([FIRST], LOG)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (corner("Latitude", -19778.0), "its footprint has the latitude -19778"),
            (corner("Latitude", float("nan")), "its footprint has the latitude nan"),
            (corner("Longitude", 5e9), "its footprint has the longitude 5e"),
            (lambda umm: polygons(umm).clear(), "cannot be read|has the wrong form"),
            (lambda umm: polygons(umm)[0]["Boundary"]["Points"].clear(), "corners|has the wrong form"),
            (attribute("AZIMUTH_TIME", "1970-01-01T00:00:00.0"), "it begins at 1970-01-01T00:00:00"),
            (attribute("AZIMUTH_TIME", "yesterday"), "Invalid isoformat string"),
            (attribute("ASCENDING_DESCENDING", "SIDEWAYS"), "its direction is 'SIDEWAYS'"),
            (attribute("PATH_NUMBER", "276"), "its track is 276"),
            (attribute("BURST_INDEX", "-1"), "its number in the SLC is -1"),
            (attribute("AZIMUTH_TIME", None), "has the wrong form .KeyError"),
            (swap_times, "and ends at 2020-06-04"),
            (lambda umm: umm.pop("InputGranules"), "has the wrong form .KeyError: 'InputGranules'"),
            (lambda umm: umm.update(InputGranules=["S9A_x"]), "its satellite is 'S9A'"),
        ],
    )
    def test_wrong_facts_are_those_of_the_catalogue(self, stocked, change, words):
        change(stocked.items[0]["umm"])
        with pytest.raises(SourceError, match=words) as caught:
            AsfSource(stocked.environment()).find_bursts([FIRST], LOG)
        assert stocked.url in caught.value.message and caught.value.exit_code == 3
        if "cannot be read" not in caught.value.message:
            assert f"has wrong facts about {FIRST}: " in caught.value.message

    def test_a_mirror_answers_at_once(self, stocked):
        environment = stocked.environment(
            ISCE2_RECIPE_ASF_CMR_URL=f"http://127.0.0.1:9 {stocked.url}", ISCE2_RECIPE_ASF_RETRY_WAIT_S="60"
        )
        assert AsfSource(environment).find_bursts([FIRST], LOG)


class TestBursts:
    def test_a_burst_is_fetched_through_the_login(self, stocked, tmp_path):
        files = fetch(stocked, tmp_path / "in")
        assert files.tiff.read_bytes() == stocked.protected[TIFF]
        assert files.metadata.read_bytes() == stocked.protected[XML]
        assert [path.name for path in sorted((tmp_path / "in").iterdir())] == [
            f"{SECOND}.tiff",
            f"{SECOND}.xml",
        ]
        assert stocked.count("/oauth/authorize") == 1

    def test_only_the_login_host_receives_credentials(self, stocked, tmp_path):
        fetch(stocked, tmp_path / "in")
        shown = {path.partition("?")[0] for path, headers in stocked.requests if "Authorization" in headers}
        assert shown == {"/oauth/authorize"}

    def test_a_token_is_a_login(self, stocked, tmp_path):
        fetch(
            stocked,
            tmp_path / "in",
            EARTHDATA_TOKEN=asf_server.TOKEN,
            EARTHDATA_USERNAME="",
            EARTHDATA_PASSWORD="",
        )
        assert stocked.count("/oauth/authorize") == 1

    def test_netrc_is_a_login_and_does_not_change(self, stocked, tmp_path):
        netrc = tmp_path / ".netrc"
        netrc.write_text(f'machine 127.0.0.1 login {asf_server.USER} password "{asf_server.PASSWORD}"\n')
        before = netrc.stat().st_mtime_ns
        fetch(stocked, tmp_path / "in", EARTHDATA_USERNAME="", EARTHDATA_PASSWORD="", HOME=str(tmp_path))
        assert netrc.stat().st_mtime_ns == before

    def test_it_waits_for_the_extractor(self, stocked, tmp_path):
        stocked.pending[TIFF] = 5
        fetch(stocked, tmp_path / "in")
        assert stocked.count(TIFF) == 6

    def test_the_wait_for_the_extractor_is_limited(self, stocked, tmp_path):
        stocked.pending[TIFF] = 10**6
        with pytest.raises(SourceError, match=r"was not ready within 0\.2 s"):
            fetch(stocked, tmp_path / "in", ISCE2_RECIPE_ASF_EXTRACTION_TIMEOUT_S="0.2")

    def test_a_broken_download_is_resumed(self, stocked, tmp_path):
        stocked.protected[TIFF] += bytes(3_000_000)
        stocked.faults[TIFF] = ["truncate"]
        files = fetch(stocked, tmp_path / "in")
        assert files.tiff.read_bytes() == stocked.protected[TIFF]
        ranges = [
            headers.get("Range") for path, headers in stocked.requests if path.startswith(f"/presigned{TIFF}")
        ]
        assert ranges[0] is None
        assert int(ranges[1].removeprefix("bytes=").rstrip("-")) > 0

    @pytest.mark.parametrize("fault", [429, 500, 503, "reset", "truncate", "wrong name"])
    def test_temporary_faults_are_retried(self, stocked, tmp_path, fault):
        stocked.faults[TIFF] = [fault, fault]
        assert fetch(stocked, tmp_path / "in").tiff.read_bytes() == stocked.protected[TIFF]

    def test_lasting_faults_are_reported_and_leave_no_file(self, stocked, tmp_path):
        stocked.faults[TIFF] = ["wrong name"] * 9
        with pytest.raises(SourceError, match=r"the server sent neighbour-BURST\.tiff .*tried 3 times"):
            fetch(stocked, tmp_path / "in")
        assert [path.name for path in (tmp_path / "in").iterdir()] == [f"{SECOND}.xml"]

    def test_a_burst_that_is_too_small_is_refused(self, stocked, tmp_path):
        stocked.items[1] = burst_item(SECOND, Slc(), 1, stocked.url, bytes_=10**6)
        with pytest.raises(SourceError, match="bytes, expected at least 1000000"):
            fetch(stocked, tmp_path / "in")

    def test_a_login_page_is_refused(self, stocked, tmp_path):
        stocked.faults[TIFF] = ["html"] * 9
        with pytest.raises(SourceError, match="a web page instead of a file"):
            fetch(stocked, tmp_path / "in")

    def test_a_missing_file_is_not_retried(self, stocked, tmp_path):
        del stocked.protected[TIFF]
        with pytest.raises(SourceError, match=r"1\.tiff does not exist \(404\)"):
            fetch(stocked, tmp_path / "in")


class TestLogin:
    def test_a_wrong_password(self, stocked, tmp_path):
        with pytest.raises(SourceError, match="refuses user 'reader'") as caught:
            fetch(stocked, tmp_path / "in", EARTHDATA_PASSWORD="wrong")
        assert "EARTHDATA_PASSWORD" in caught.value.message
        assert "wrong" not in str(caught.value)

    def test_an_expired_token(self, stocked, tmp_path):
        with pytest.raises(
            SourceError, match="refuses the token in EARTHDATA_TOKEN: it is wrong or has expired"
        ):
            fetch(stocked, tmp_path / "in", EARTHDATA_TOKEN="old")

    def test_a_licence_not_accepted(self, stocked, tmp_path):
        stocked.eula_accepted = False
        with pytest.raises(SourceError, match="EULA acceptance required") as caught:
            fetch(stocked, tmp_path / "in")
        assert "https://urs.example/accept_eulas?eula_id=sentinel" in caught.value.hint

    def test_no_credentials(self, stocked, tmp_path):
        with pytest.raises(SourceError, match="no Earthdata credentials") as caught:
            fetch(stocked, tmp_path / "in", EARTHDATA_USERNAME="", EARTHDATA_PASSWORD="", HOME=str(tmp_path))
        assert "EARTHDATA_TOKEN" in caught.value.hint

    def test_incomplete_credentials(self):
        with pytest.raises(InputError, match="EARTHDATA_PASSWORD is missing"):
            find_credentials({"EARTHDATA_USERNAME": "me"}, "https://urs.earthdata.nasa.gov")

    def test_a_token_has_priority(self):
        found = find_credentials(
            {"EARTHDATA_TOKEN": " t ", "EARTHDATA_USERNAME": "me"}, "https://urs.earthdata.nasa.gov"
        )
        assert found.token == "t" and found.origin == "EARTHDATA_TOKEN"
        assert "t" not in repr(found).replace("token", "").replace("Credentials", "").replace("EARTHDATA", "")

    def test_a_netrc_with_a_byte_order_mark_and_other_letters(self, tmp_path):
        text = "machine urs.earthdata.nasa.gov login jürgen password schlüssel\n"
        (tmp_path / ".netrc").write_text(text, encoding="utf-8-sig")
        found = find_credentials({"HOME": str(tmp_path)}, "https://urs.earthdata.nasa.gov")
        assert (found.user, found.password) == ("jürgen", "schlüssel")

    def test_a_broken_netrc(self, tmp_path):
        (tmp_path / ".netrc").write_text("machine a login b nonsense c\n")
        with pytest.raises(InputError, match=r"\.netrc cannot be read"):
            find_credentials({"HOME": str(tmp_path)}, "https://urs.earthdata.nasa.gov")


class TestOrbits:
    NAME = "S1A_OPER_AUX_POEORB_OPOD_20210314T184202_V20200603T225942_20200605T005942.EOF"
    START = datetime(2020, 6, 4, 2, 23, 12, tzinfo=UTC)

    def fetch(self, server, folder):
        source = AsfSource(server.environment())
        return source.fetch_orbit("S1A", self.START, self.START + timedelta(seconds=3), folder, LOG)

    def test_the_file_has_the_name_that_the_service_sends(self, server, tmp_path):
        server.files[f"/{self.NAME}"] = b"<Earth_Explorer_File/>"
        path = self.fetch(server, tmp_path)
        assert path.name == self.NAME and path.read_bytes() == b"<Earth_Explorer_File/>"
        assert [path.name for path in tmp_path.iterdir()] == [self.NAME]
        asked = [path for path, _ in server.requests if path.startswith("/scene/")]
        assert asked == ["/scene/S1A_IW_SLC__1SDV_20200604T022312_20200604T022315_000000_000000_0000"]

    def test_the_orbit_service_is_asked_again(self, server, tmp_path):
        server.files[f"/{self.NAME}"] = b"<Earth_Explorer_File/>"
        server.faults["/scene"] = [503, "reset"]
        assert self.fetch(server, tmp_path).exists()

    def test_a_missing_orbit_is_reported_with_a_hint(self, server, tmp_path):
        with pytest.raises(SourceError, match="no orbit file for S1A at 2020-06-04T02:23:12") as caught:
            self.fetch(server, tmp_path)
        assert "20 days" in caught.value.hint


class TestTerrain:
    """Write a tile with known heights, and a geoid 10 m below the ellipsoid."""

    BOUNDS = Bounds(53.401, 27.402, 53.412, 27.409)

    def stock(self, server, tmp_path):
        rows, columns = np.mgrid[0:3600, 0:3600]
        heights = (rows * 0.5 + columns * 0.25).astype(np.float32)
        pixel = 1 / 3600
        tile = "Copernicus_DSM_COG_10_N27_00_E053_00_DEM"
        affine = rasterio.Affine(pixel, 0, 53 - pixel / 2, 0, -pixel, 28 + pixel / 2)
        server.files[f"/dem30/{tile}/{tile}.tif"] = tiff_bytes(tmp_path / "t.tif", heights, affine)
        geoid = np.full((360, 720), -10, dtype=np.float32)
        server.files["/geoid.tif"] = tiff_bytes(
            tmp_path / "g.tif", geoid, rasterio.Affine(0.5, 0, -180, 0, -0.5, 90)
        )

    def test_heights_above_the_ellipsoid_on_whole_arc_seconds(self, server, tmp_path):
        self.stock(server, tmp_path)
        path = AsfSource(server.environment()).fetch_dem(self.BOUNDS, tmp_path, LOG, silent)
        with rasterio.open(path) as dataset:
            assert dataset.crs.to_epsg() == 4326 and dataset.dtypes == ("float32",)
            centre_arcsec = (dataset.transform.c * 3600 + 0.5, dataset.transform.f * 3600 - 0.5)
            assert centre_arcsec == pytest.approx([round(value) for value in centre_arcsec], abs=1e-6)
            row, column = dataset.index(53.41 + 1e-9, 27.405)
            longitude, latitude = dataset.xy(row, column)
            expected = (28 - latitude) * 3600 * 0.5 + (longitude - 53) * 3600 * 0.25 - 10
            assert dataset.read(1)[row, column] == pytest.approx(expected, abs=0.01)
            assert Bounds(*dataset.bounds).contains(self.BOUNDS)

    def test_sea_next_to_the_outermost_tile_has_the_height_of_the_geoid(self, server, tmp_path):
        """Copernicus has no tile of the Gulf of Mexico at 27 degrees north, 96 degrees west."""
        tile = "Copernicus_DSM_COG_10_N27_00_W097_00_DEM"
        self.stock(server, tmp_path)
        heights = np.full((3600, 3600), 5, np.float32)
        affine = rasterio.Affine(1 / 3600, 0, -97 - 0.5 / 3600, 0, -1 / 3600, 28 + 0.5 / 3600)
        server.files[f"/dem30/{tile}/{tile}.tif"] = tiff_bytes(tmp_path / "t.tif", heights, affine)
        box = Bounds(-96.01, 27.4, -95.99, 27.41)
        with rasterio.open(AsfSource(server.environment()).fetch_dem(box, tmp_path, LOG, silent)) as dataset:
            assert dataset.read(1)[:, :30] == pytest.approx(-5)
            assert dataset.read(1)[:, -30:] == pytest.approx(-10)

    def test_open_sea_has_no_terrain(self, server, tmp_path):
        self.stock(server, tmp_path)
        with pytest.raises(SourceError, match="no Copernicus terrain"):
            AsfSource(server.environment()).fetch_dem(
                Bounds(-30.5, -45.5, -30.4, -45.4), tmp_path, LOG, silent
            )


def test_without_a_network_the_catalogue_is_asked_only_three_times():
    environment = {"ISCE2_RECIPE_ASF_CMR_URL": "http://127.0.0.1:9", "ISCE2_RECIPE_ASF_RETRY_WAIT_S": "0.01"}
    with pytest.raises(NoConnection, match=r"\(tried 3 times\)") as caught:
        AsfSource(environment).find_bursts([FIRST], LOG)
    assert caught.value.exit_code == 3
    assert "--source directory:DIR" in str(caught.value.hint)


def tiff_bytes(path: Path, values, transform) -> bytes:
    shape = {"height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype}
    profile = {"driver": "GTiff", "crs": "EPSG:4326", "tiled": True, "compress": "deflate"}
    with rasterio.open(path, "w", transform=transform, **profile, **shape) as dataset:
        dataset.write(values, 1)
        dataset.update_tags(AREA_OR_POINT="Point")
    return path.read_bytes()


def test_water_mask_tiles_are_named_and_fetched(server, tmp_path):
    tile = tiff_bytes(tmp_path / "w.tif", np.ones((2, 2), np.uint8), rasterio.Affine(2.5, 0, 50, 0, -2.5, 30))
    server.files |= {"/water/n25e050.tif": tile, "/water/n25e055.tif": tile}
    source = AsfSource(server.environment())
    paths = source.fetch_water_mask(Bounds(54.9, 27.0, 55.1, 27.4), tmp_path, LOG, silent)
    assert [path.name for path in paths] == ["n25e050.tif", "n25e055.tif"]
    assert all(path.read_bytes() == tile for path in paths)


def test_settings_come_from_the_environment():
    settings = Settings.from_environment(
        {"ISCE2_RECIPE_ASF_CMR_URL": "https://x/", "ISCE2_RECIPE_ASF_ATTEMPTS": "2"}
    )
    assert (settings.cmr_url, settings.attempts) == ("https://x", 2)
    with pytest.raises(ParameterError, match="ISCE2_RECIPE_ASF_TIMEOUT_S must be a positive number"):
        Settings.from_environment({"ISCE2_RECIPE_ASF_TIMEOUT_S": "soon"})


def test_heavy_clients_are_imported_only_when_used():
    import subprocess
    import sys

    code = (
        "import sys, isce2_recipe.sources.asf, isce2_recipe.sources.directory;"
        "import isce2_recipe.actions.sentinel1;"
        "heavy = ('asf_search', 'requests', 'rasterio', 'numpy', 'lxml', 'dem_stitcher');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
