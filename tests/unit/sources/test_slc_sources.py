"""SLCs from the network (a real server on this machine), from a folder and from the simulator."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import rasterio

from isce2_recipe.errors import InputError, ParameterError, SourceError
from isce2_recipe.sentinel1.archive import unpack_slc
from isce2_recipe.sources import open_source
from isce2_recipe.sources.asf import AsfSource
from isce2_recipe.sources.base import BurstRecord, GranuleRecord, SlcRecord
from isce2_recipe.sources.catalog import read_catalog, write_catalog
from isce2_recipe.sources.directory import DirectorySource
from isce2_recipe.types import BurstName, SlcName
from support import asf_server
from support.burst_granules import SHARED_DATA
from support.files import zipped

LOG = logging.getLogger("test")
NAME = SlcName.parse("S1A_IW_SLC__1SDV_20200604T022251_20200604T022318_032861_03CE65_7C85")
OTHER = SlcName.parse("S1A_IW_SLC__1SDV_20200616T022252_20200616T022319_033036_03D3A3_5D11")
PATH = f"/SLC/SA/{NAME}.zip"
ARCHIVE = zipped(bytes(5000))
EMPTY_SWATHS = SHARED_DATA / "reports" / "empty-swaths"
PLACE = {"crs": "EPSG:4326", "transform": rasterio.Affine(1, 0, 0, 0, -1, 10)}


def silent(fraction: float, text: str) -> None:
    pass


def item(host: str) -> dict[str, Any]:
    """The catalogue's item of an SLC, shaped like the real ones."""
    attributes = {
        "ASCENDING_DESCENDING": "DESCENDING",
        "ASF_PLATFORM": "Sentinel-1A",
        "BEAM_MODE": "IW",
        "BYTES": str(len(ARCHIVE)),
        "CENTER_LAT": "27.9",
        "CENTER_LON": "53.4",
        "FRAME_NUMBER": "498",
        "GROUP_ID": "S1A_IWDV_0498_0505_032861_064",
        "MD5SUM": hashlib.md5(ARCHIVE, usedforsecurity=False).hexdigest(),
        "PATH_NUMBER": "64",
        "POLARIZATION": "VV+VH",
        "PROCESSING_TYPE": "SLC",
    }
    ring = [(27.0, 52.5), (27.4, 55.1), (29.1, 54.7), (28.6, 52.0), (27.0, 52.5)]
    points = [{"Latitude": lat, "Longitude": lon} for lat, lon in ring]
    times = {"BeginningDateTime": "2020-06-04T02:22:51.000Z", "EndingDateTime": "2020-06-04T02:23:18.000Z"}
    return {
        "meta": {"concept-id": "G3-ASF", "native-id": f"{NAME}-SLC", "provider-id": "ASF"},
        "umm": {
            "GranuleUR": f"{NAME}-SLC",
            "TemporalExtent": {"RangeDateTime": times},
            "OrbitCalculatedSpatialDomains": [{"OrbitNumber": 32861}],
            "AdditionalAttributes": [{"Name": key, "Values": [value]} for key, value in attributes.items()],
            "SpatialExtent": {
                "HorizontalSpatialDomain": {"Geometry": {"GPolygons": [{"Boundary": {"Points": points}}]}}
            },
            "CollectionReference": {"ShortName": "SENTINEL-1A_SLC", "Version": "1"},
            "RelatedUrls": [{"URL": f"{host}{PATH}", "Type": "GET DATA"}],
            "DataGranule": {
                "Identifiers": [{"Identifier": str(NAME), "IdentifierType": "ProducerGranuleId"}],
                "ProductionDateTime": "2020-06-04T02:22:51.000Z",
            },
            "Platforms": [{"ShortName": "SENTINEL-1A", "Instruments": [{"ShortName": "C-SAR"}]}],
        },
    }


@pytest.fixture
def server():
    with asf_server.running() as state:
        state.items.append(item("https://datapool.example"))
        state.protected[PATH] = ARCHIVE
        yield state


@pytest.fixture
def source(server):
    return AsfSource(server.environment(ISCE2_RECIPE_ASF_SLC_URL=server.url))


class TestNetwork:
    def test_an_slc_is_found_by_its_name(self, source, server):
        (record,) = source.find_slcs([NAME], LOG)
        assert (record.name, record.platform, record.relative_orbit) == (str(NAME), "S1A", 64)
        assert (record.absolute_orbit, record.direction) == (32861, "DESCENDING")
        assert record.start == datetime(2020, 6, 4, 2, 22, 51, tzinfo=UTC)
        assert record.bounds.west == 52.0
        assert record.url == f"{server.url}{PATH}"

    def test_an_unknown_slc_is_named_with_the_search_page(self, source):
        with pytest.raises(SourceError, match=str(OTHER)) as caught:
            source.find_slcs([NAME, OTHER], LOG)
        assert "search.asf.alaska.edu" in str(caught.value)

    def test_an_archive_is_fetched_and_its_checksum_compared(self, source, server, tmp_path):
        (record,) = source.find_slcs([NAME], LOG)
        path = source.fetch_slc(record, "VV", [2], tmp_path, LOG, silent)
        assert path.read_bytes() == ARCHIVE
        path.unlink()
        server.protected[PATH] = ARCHIVE[:-1] + b"x"
        with pytest.raises(SourceError, match="checksum"):
            source.fetch_slc(record, "VV", [2], tmp_path, LOG, silent)
        assert list(tmp_path.iterdir()) == []


def test_a_catalogue_has_one_kind_of_granule(tmp_path):
    ring = ((52.0, 27.0), (55.0, 27.0), (55.0, 29.0), (52.0, 27.0))
    start = datetime(2020, 6, 4, 2, 22, 51, 123456, tzinfo=UTC)
    record = SlcRecord(
        name=str(NAME),
        platform="S1A",
        absolute_orbit=32861,
        relative_orbit=64,
        direction="DESCENDING",
        start=start,
        stop=start + timedelta(seconds=27),
        footprint=ring,
    )
    path = write_catalog([record], tmp_path / "slcs.json")
    assert read_catalog(path, SlcRecord) == read_catalog(path, GranuleRecord) == {str(NAME): record}
    with pytest.raises(InputError, match=f"is not a catalogue of bursts: {NAME} is not one"):
        read_catalog(path, BurstRecord)


@pytest.fixture(scope="module")
def simulated():
    return open_source("simulated:clean,lines=100,samples=600,bursts=2")


@pytest.fixture(scope="module")
def safe(simulated, tmp_path_factory):
    (record,) = simulated.find_slcs([NAME], LOG)
    return simulated.fetch_slc(record, "VV", [1, 2, 3], tmp_path_factory.mktemp("safe"), LOG, silent)


@pytest.mark.slow  # compiles the simulator
class TestSimulated:
    def test_every_burst_is_the_granule_of_its_number(self, simulated, safe, tmp_path):
        from isce2_recipe.sentinel1.archive import burst_name, common_bursts

        bursts, _ = common_bursts(safe, safe)
        assert [burst.swath for burst in bursts] == [1, 1, 2, 2, 3, 3]
        for burst in bursts:
            name = BurstName.parse(str(burst_name(burst)).replace("0000-BURST", "7C85-BURST"))
            (record,) = simulated.find_bursts([name], LOG)
            assert record.start == burst.start
            files = simulated.fetch_burst(record, tmp_path, LOG, silent)
            (tiff,) = safe.glob(f"measurement/*iw{burst.swath}*")
            whole = pixels(tiff)
            part = whole[burst.index * burst.lines : (burst.index + 1) * burst.lines]
            assert np.array_equal(part, pixels(files.tiff))
            assert len(whole) == 2 * burst.lines

    def test_annotation_has_the_byte_offsets_of_the_samples(self, safe):
        for path in safe.glob("annotation/*.xml"):
            offsets = list(map(int, re.findall(r"<byteOffset>(\d+)<", path.read_text())))
            tiff = (safe / "measurement" / f"{path.stem}.tiff").read_bytes()
            assert len(tiff) - offsets[0] == 2 * 100 * 600 * 4
            assert offsets[1] - offsets[0] == 100 * 600 * 4

    def test_the_number_of_bursts_follows_from_the_name(self):
        (record,) = open_source("simulated:clean,lines=64,samples=256").find_slcs([NAME], LOG)
        assert (record.stop - record.start).total_seconds() == pytest.approx(8 * 2.758 + 1.9, abs=0.3)

    def test_a_track_not_flown_then_is_refused(self, simulated):
        wrong = SlcName.parse(str(NAME).replace("032861", "032862"))
        with pytest.raises(ParameterError, match="did not fly track 65"):
            simulated.find_slcs([wrong], LOG)

    def test_a_folder_gives_the_same_record(self, simulated, safe, tmp_path):
        (tmp_path / "slc").mkdir()
        shutil.copytree(safe, tmp_path / "slc" / f"{NAME}.SAFE")
        folder = DirectorySource(tmp_path)
        (record,), (known,) = folder.find_slcs([NAME], LOG), simulated.find_slcs([NAME], LOG)
        assert (record.start, record.stop) == (known.start, known.stop)
        assert (record.absolute_orbit, record.direction) == (known.absolute_orbit, known.direction)
        assert abs(record.bounds.north - known.bounds.north) < 0.02
        assert folder.fetch_slc(record, "VV", [2], tmp_path, LOG, silent).name == f"{NAME}.SAFE"

    def test_a_folder_without_the_slc_names_the_download(self, tmp_path):
        with pytest.raises(InputError, match=rf"lacks slc/{NAME}\.zip") as caught:
            DirectorySource(tmp_path).find_slcs([NAME], LOG)
        assert "download it" in caught.value.hint


def pixels(path) -> np.ndarray:
    import warnings

    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path) as dataset:
            return dataset.read(1)


@pytest.mark.skipif(not EMPTY_SWATHS.is_dir(), reason="real SAFE folders lie outside the repository")
def test_real_slcs_with_empty_swaths_are_found_and_fetched(tmp_path):
    names = [SlcName.parse(path.stem) for path in sorted(EMPTY_SWATHS.glob("*.SAFE"))]
    shutil.copytree(EMPTY_SWATHS, tmp_path / "slc", copy_function=shutil.copyfile)
    for annotation in tmp_path.glob("slc/*/annotation/*-iw3-*.xml"):
        folder = annotation.parents[1] / "measurement"
        folder.parent.chmod(0o755)
        folder.mkdir()
        shape = {"height": 1519, "width": 24229, "count": 1, "dtype": "complex_int16", "SPARSE_OK": True}
        with rasterio.open(folder / f"{annotation.stem}.tiff", "w", driver="GTiff", **shape, **PLACE):
            pass
    source = DirectorySource(tmp_path)
    records = source.find_slcs(names, LOG)
    assert [(record.relative_orbit, record.start.year) for record in records] == [(174, 2018), (174, 2019)]
    found = source.fetch_slc(records[0], "VV", [1, 2, 3], tmp_path, LOG, silent)
    safe, note = unpack_slc(found, names[0], "VV", [1, 2, 3], tmp_path, silent)
    assert [path.name[:7] for path in safe.glob("measurement/*")] == ["s1b-iw3"]
    assert note == f"{names[0]}.SAFE has no burst of IW1, IW2 in VV, which is left out."
    with pytest.raises(InputError, match="no burst of IW1 in VV, only of IW3 VV"):
        unpack_slc(found, names[0], "VV", [1], tmp_path, silent)
