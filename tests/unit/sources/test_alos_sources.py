"""ALOS scenes from the network (a real server on this machine) and from a folder."""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest

from isce2_recipe.errors import InputError, SourceError
from isce2_recipe.sources import open_source
from isce2_recipe.sources.asf import AsfSource
from isce2_recipe.sources.base import AlosRecord
from isce2_recipe.sources.catalog import read_catalog, write_catalog
from isce2_recipe.sources.directory import DirectorySource
from isce2_recipe.types import AlosName
from support import asf_server
from support.files import zipped

LOG = logging.getLogger("test")
NAME, OTHER = (AlosName.parse(text) for text in ("ALPSRP156121200", "ALPSRP162831200"))
PATH = f"/L1.0/A3/{NAME}-L1.0.zip"
ARCHIVE = zipped(bytes(5000))


def silent(fraction: float, text: str) -> None:
    pass


def item(name: AlosName, host: str, archive: bytes) -> dict[str, Any]:
    """The catalogue's item of a scene, shaped like the real ones."""
    attributes = {
        "ASCENDING_DESCENDING": "ASCENDING",
        "BEAM_MODE_TYPE": "FBS",
        "BYTES": str(len(archive)),
        "CENTER_LAT": "60.2",
        "CENTER_LON": "-152.4",
        "CENTER_FRAME_ID": "1200",
        "FRAME_NUMBER": "1200",
        "GROUP_ID": str(name),
        "MD5SUM": hashlib.md5(archive, usedforsecurity=False).hexdigest(),
        "OFF_NADIR_ANGLE": "34.3",
        "PATH_NUMBER": "267",
        "POLARIZATION": "HH",
        "PROCESSING_TYPE": "L1.0",
        "PROCESSING_LEVEL": "L0",
        "FARADAY_ROTATION": "0.4",
        "INSAR_STACK_ID": "1",
        "INSAR_BASELINE": "300.0",
    }
    ring = [(60.1, -152.8), (60.2, -152.1), (60.5, -152.2), (60.4, -152.9), (60.1, -152.8)]
    points = [{"Latitude": lat, "Longitude": lon} for lat, lon in ring]
    times = {"BeginningDateTime": "2008-12-29T08:16:33.000Z", "EndingDateTime": "2008-12-29T08:16:40.000Z"}
    return {
        "meta": {"concept-id": "G2-ASF", "native-id": f"{name}-L1.0", "provider-id": "ASF"},
        "umm": {
            "GranuleUR": f"{name}-L1.0",
            "TemporalExtent": {"RangeDateTime": times},
            "OrbitCalculatedSpatialDomains": [{"OrbitNumber": name.orbit}],
            "AdditionalAttributes": [
                *({"Name": key, "Values": [value]} for key, value in attributes.items()),
                {"Name": "DOPPLER", "Values": []},
            ],
            "SpatialExtent": {
                "HorizontalSpatialDomain": {"Geometry": {"GPolygons": [{"Boundary": {"Points": points}}]}}
            },
            "CollectionReference": {"ShortName": "ALOS_PSR_L1.0", "Version": "1"},
            "RelatedUrls": [{"URL": f"{host}{PATH}", "Type": "GET DATA"}],
            "DataGranule": {
                "Identifiers": [{"Identifier": str(name), "IdentifierType": "ProducerGranuleId"}],
                "ArchiveAndDistributionInformation": [
                    {"Name": "Not provided", "Size": 1.0, "SizeUnit": "MB"}
                ],
            },
            "Platforms": [{"ShortName": "ALOS", "Instruments": [{"ShortName": "PALSAR"}]}],
        },
    }


@pytest.fixture
def server():
    with asf_server.running() as state:
        state.items.append(item(NAME, "https://datapool.example", ARCHIVE))
        state.protected[PATH] = ARCHIVE
        yield state


@pytest.fixture
def source(server):
    return AsfSource(server.environment(ISCE2_RECIPE_ASF_ALOS_URL=server.url))


class TestNetwork:
    def test_a_scene_is_found_by_its_name(self, source, server):
        (record,) = source.find_alos([NAME], LOG)
        assert (record.name, record.direction) == (str(NAME), "ASCENDING")
        assert record.start == datetime(2008, 12, 29, 8, 16, 33, tzinfo=UTC)
        assert record.bounds.west == -152.9
        assert record.url == f"{server.url}{PATH}"

    def test_an_unknown_scene_is_named_with_the_search_page(self, source):
        with pytest.raises(SourceError, match=str(OTHER)) as caught:
            source.find_alos([NAME, OTHER], LOG)
        assert "search.asf.alaska.edu" in str(caught.value)

    def test_an_archive_is_fetched_and_its_checksum_compared(self, source, tmp_path):
        (record,) = source.find_alos([NAME], LOG)
        path = source.fetch_alos(record, tmp_path, LOG, silent)
        assert path == tmp_path / f"{NAME}-L1.0.zip"
        assert path.read_bytes() == ARCHIVE

    def test_a_damaged_archive_is_deleted(self, source, server, tmp_path):
        (record,) = source.find_alos([NAME], LOG)
        server.protected[PATH] = ARCHIVE[:-1] + b"x"
        with pytest.raises(SourceError, match="checksum"):
            source.fetch_alos(record, tmp_path, LOG, silent)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("fault", [503, "reset", "truncate"])
    def test_temporary_faults_are_retried(self, source, server, tmp_path, fault):
        server.faults[PATH] = [fault]
        (record,) = source.find_alos([NAME], LOG)
        assert source.fetch_alos(record, tmp_path, LOG, silent).read_bytes() == ARCHIVE

    def test_a_login_page_is_refused(self, source, server, tmp_path):
        server.faults[PATH] = ["html"]
        (record,) = source.find_alos([NAME], LOG)
        with pytest.raises(SourceError, match="web page"):
            source.fetch_alos(record, tmp_path, LOG, silent)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Return the archive and the record of a small scene."""
    source = open_source("simulated:clean,lines=256,samples=1200")
    (record,) = source.find_alos([NAME], LOG)
    return source.fetch_alos(record, tmp_path_factory.mktemp("alos"), LOG, silent), record


class TestFolder:
    @pytest.mark.parametrize(
        "form", ["zip", "folder", "zip at the top", "folder of another name", "loose files"]
    )
    def test_archives_and_folders_are_found(self, simulated, tmp_path, form):
        archive, expected = simulated
        (tmp_path / "alos").mkdir()
        if form.startswith("zip"):
            folder = tmp_path if form.endswith("top") else tmp_path / "alos"
            (folder / archive.name).hardlink_to(archive)
        else:
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(tmp_path / "alos")
        if form in ("another name", "loose files"):
            [unpacked] = (tmp_path / "alos").iterdir()
            unpacked = unpacked.rename(tmp_path / "alos" / "of 2009")
            for path in unpacked.iterdir() if form == "loose files" else ():
                path.rename(tmp_path / "alos" / path.name)
        source = DirectorySource(tmp_path)
        (record,) = source.find_alos([NAME], LOG)
        assert record.start == expected.start
        assert record.direction == expected.direction
        for ours, theirs in zip(record.footprint, expected.footprint, strict=True):
            # Headers hold the last pulse's time in whole milliseconds: 7 m.
            assert ours == pytest.approx(theirs, abs=2e-4)
        assert source.fetch_alos(record, tmp_path, LOG, silent).exists()

    def test_a_missing_scene_is_named_with_its_folder(self, tmp_path):
        with pytest.raises(InputError, match=rf"lacks alos/{NAME}-L1.0.zip") as caught:
            DirectorySource(tmp_path).find_alos([NAME], LOG)
        assert "put it there" in str(caught.value)

    def test_a_file_that_is_not_an_archive_is_refused(self, tmp_path):
        (tmp_path / "alos").mkdir()
        (tmp_path / "alos" / f"{NAME}-L1.0.zip").write_bytes(ARCHIVE[:-9])
        with pytest.raises(InputError, match="not a complete zip archive"):
            DirectorySource(tmp_path).find_alos([NAME], LOG)


def test_records_can_be_written_and_read(simulated, tmp_path):
    _, record = simulated
    path = write_catalog([record], tmp_path / "scenes.json")
    assert read_catalog(path, AlosRecord) == {str(NAME): record}


@pytest.mark.parametrize("text", ["{", "[1]", json.dumps([{"name": "x"}])])
def test_other_files_are_refused_as_catalogues(tmp_path, text):
    (tmp_path / "scenes.json").write_text(text)
    with pytest.raises(InputError, match="not a catalogue"):
        read_catalog(tmp_path / "scenes.json", AlosRecord)
