"""Real answers of NASA's catalogue and real files of ESA and JAXA, which are outside the repository."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
import yaml

from isce2_recipe.errors import InputError, SourceError
from isce2_recipe.sources.asf import AsfSource, granules
from isce2_recipe.sources.directory import DirectorySource
from isce2_recipe.types import AlosName, BurstName, SlcName
from support import asf_server
from support.burst_granules import REAL_SAFE, SHARED_DATA, real_metadata

LOG = logging.getLogger("test")
ORBITS = sorted(SHARED_DATA.glob("*.EOF"))
pytestmark = pytest.mark.skipif(
    not SHARED_DATA.is_dir(), reason=f"the real answers lie outside the repository, in {SHARED_DATA}"
)


@pytest.fixture
def server():
    with asf_server.running() as state:
        yield state


@cache
def load(name: str) -> list[dict[str, Any]]:
    """Answers of a file, each with what asf_search makes of it in ``properties``."""
    found = yaml.load((SHARED_DATA / name).read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return found if isinstance(found, list) else [found]


def source(server: asf_server.AsfServer, real: list[dict[str, Any]]) -> AsfSource:
    """The network source, with the catalogue's answers served here and the hosts they name kept."""
    server.items = [json.loads(json.dumps({"meta": each["meta"], "umm": each["umm"]})) for each in real]
    kept = {"ISCE2_RECIPE_ASF_BURST_URL": ""}
    return AsfSource(server.environment() | kept)


@pytest.mark.parametrize(("name", "count"), [("SLC_BURST.yml", 1), ("SLC_BURST_stack.yml", 166)])
def test_bursts(server, name, count):
    real = load(name)
    assert len(real) == count
    names = [BurstName.parse(each["properties"]["sceneName"]) for each in real]
    records = source(server, real).find_bursts(names, LOG)
    assert [record.name for record in records] == [str(each) for each in names]
    for record, each in zip(records, real, strict=True):
        expected, burst = each["properties"], each["properties"]["burst"]
        assert record.url == expected["url"]
        assert record.slc == expected["url"].split("/")[3]
        assert (record.bytes, record.absolute_orbit) == (expected["bytes"], expected["orbit"])
        assert (record.index, record.relative_orbit) == (burst["burstIndex"], expected["pathNumber"])
        assert (record.direction, record.platform[2]) == (
            expected["flightDirection"],
            expected["platform"][-1],
        )
        assert record.start == datetime.fromisoformat(burst["azimuthTime"] + "+00:00")
        assert record.start <= record.stop < record.start + timedelta(seconds=3.3)
        assert list(map(list, record.footprint)) == each["geometry"]["coordinates"][0]


def test_a_burst_by_its_place_in_its_slc(server):
    """Releases of hyp3-isce2 before 0.4 requested bursts in this way."""
    real = load("SLC_BURST_stack.yml")
    network = source(server, real)
    for each in real[::40]:
        properties = each["properties"]
        slc = SlcName.parse(properties["url"].split("/")[3])
        place = (properties["burst"]["burstIndex"], slc, int(properties["burst"]["subswath"][2]))
        number, _, swath = place
        assert str(network.burst_at(slc, swath, "VV", number, LOG)) == properties["sceneName"]
        with pytest.raises(SourceError, match=rf"does not have burst {number + 1} of IW{swath} VV of {slc}"):
            network.burst_at(slc, swath, "VV", number + 1, LOG)


def test_a_command_line_of_the_first_release(server, tmp_path):
    """From a user's shell to the catalogue and back: SLCs, swath and numbers become names."""
    real = load("SLC_BURST_stack.yml")
    source(server, real)
    older, newer = (each["properties"] for each in real[:6:5])
    words = [
        "++process",
        "insar_tops_burst",
        "--swath-number",
        "3",
        "--range-looks",
        "10",
        "--azimuth-looks",
        "2",
    ]
    for side, each in (("reference", older), ("secondary", newer)):
        words += [f"--{side}-scene", each["url"].split("/")[3]]
        words += [f"--{side}-burst-number", str(each["burst"]["burstIndex"])]
    done = subprocess.run(
        [sys.executable, "-m", "isce2_recipe", "translate", "--", *words],
        env={**os.environ, **server.environment()},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (
        f"isce2-recipe run insar_tops_burst --publish . --reference {older['sceneName']} "
        f"--secondary {newer['sceneName']} --looks 10x2 --name-style legacy\n"
    )


def test_an_alos_scene(server):
    [real] = load("Alos_response.yml")
    expected = real["properties"]
    [record] = source(server, [real]).find_alos([AlosName.parse(expected["sceneName"])], LOG)
    assert (record.bytes, record.md5, record.url) == (
        expected["bytes"],
        expected["md5sum"],
        expected["url"],
    )
    assert record.start == datetime(2008, 2, 24, 7, 13, 21, tzinfo=UTC)
    assert record.stop == datetime(2008, 2, 24, 7, 13, 29, tzinfo=UTC)
    assert record.direction == "ASCENDING"
    assert list(map(list, record.footprint)) == real["geometry"]["coordinates"][0]


def test_a_sentinel1_frame(server):
    """The answer is of another product of the same slice, which the catalogue describes alike."""
    [real] = load("S1_response.yml")
    expected = real["properties"]
    settings = source(server, [real]).settings
    [record] = granules.find(granules.SLC, [expected["sceneName"]], settings, LOG)
    assert (record.bytes, record.md5, record.url) == (
        expected["bytes"],
        expected["md5sum"],
        expected["url"],
    )
    assert (record.platform, record.absolute_orbit, record.relative_orbit) == ("S1B", 29520, 94)
    assert record.start == datetime(2021, 11, 10, 3, 20, 39, tzinfo=UTC)
    assert record.direction in ("ASCENDING", "DESCENDING")


def test_a_real_slc_in_a_folder(tmp_path):
    """The record, which is read from the annotation, agrees with the manifest."""
    (tmp_path / "slc" / "2020").mkdir(parents=True)
    (tmp_path / "slc" / "2020" / f"{REAL_SAFE}.zip").symlink_to(SHARED_DATA / f"{REAL_SAFE}.zip")
    [record] = DirectorySource(tmp_path).find_slcs([SlcName.parse(REAL_SAFE)], LOG)
    with zipfile.ZipFile(SHARED_DATA / f"{REAL_SAFE}.zip") as archive:
        [name] = [name for name in archive.namelist() if name.endswith("manifest.safe")]
        manifest = archive.read(name).decode()
    times = [re.search(rf"{word}Time>([^<\s]+)", manifest)[1] for word in ("start", "stop")]
    assert [record.start, record.stop] == [datetime.fromisoformat(f"{time}+00:00") for time in times]
    assert str(record.relative_orbit) == re.search(r"relativeOrbitNumber[^>]*>(\d+)", manifest)[1]
    corners = re.search(r"gml:coordinates>([^<\s][^<]+)", manifest)[1].split()
    assert [f"{latitude:.6f},{longitude:.6f}" for longitude, latitude in record.footprint[:-1]] == corners
    assert (record.platform, record.absolute_orbit, record.direction) == ("S1A", 32518, "DESCENDING")


def test_a_real_burst_in_a_folder_by_its_place(tmp_path):
    name = "S1_136231_IW2_20200511T135125_VV_7768-BURST"
    (tmp_path / "bursts").mkdir()
    real_metadata(tmp_path / "bursts" / f"{name}.xml")
    folder, slc = DirectorySource(tmp_path), SlcName.parse(REAL_SAFE)
    assert str(folder.burst_at(slc, 2, "VV", 3, LOG)) == name
    for swath, polarization, number in ((2, "VV", 4), (1, "VV", 3), (2, "VH", 3)):
        with pytest.raises(InputError, match=f"lacks burst {number} of IW{swath} {polarization}"):
            folder.burst_at(slc, swath, polarization, number, LOG)


def test_real_orbit_files_are_chosen_by_the_time_they_cover(tmp_path):
    from isce2_recipe.sar.orbit import read_orbit

    (tmp_path / "in" / "orbits").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    for path in ORBITS:
        (tmp_path / "in" / "orbits" / path.name).symlink_to(path)
    folder = DirectorySource(tmp_path / "in")
    for path, hour in zip(ORBITS, (13, 16), strict=True):
        start = datetime(2023, 8, 23, hour, 30, tzinfo=UTC)
        stop = start + timedelta(seconds=27)
        found = folder.fetch_orbit("S1A", start, stop, tmp_path / "out", LOG)
        assert found.name == path.name
        orbit = read_orbit(found, start, stop)
        assert orbit.covers(orbit.seconds(start), orbit.seconds(stop))
    with pytest.raises(InputError, match="covers S1A from 2023-08-23T20:00:00"):
        start = datetime(2023, 8, 23, 20, tzinfo=UTC)
        folder.fetch_orbit("S1A", start, start + timedelta(seconds=3), tmp_path / "out", LOG)
