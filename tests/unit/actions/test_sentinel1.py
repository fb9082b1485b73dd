"""The Sentinel-1 actions, run on a folder of granules."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from isce2_recipe.actions import sentinel1
from isce2_recipe.actions.base import Context
from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.sources.base import BurstRecord, passes
from isce2_recipe.sources.catalog import read_catalog
from isce2_recipe.sources.directory import DirectorySource
from isce2_recipe.types import BurstName
from support.burst_granules import Slc, write_granule

NEWER = Slc(
    name="S1A_IW_SLC__1SSV_20200616T022252_20200616T022319_033036_03D3A3_5D11",
    first_line="2020-06-16T02:23:10.400000",
)
A, A2 = "S1_136231_IW2_20200604T022309_VV_7C85-BURST", "S1_136232_IW2_20200604T022312_VV_7C85-BURST"
B, B2 = "S1_136231_IW2_20200616T022310_VV_5D11-BURST", "S1_136232_IW2_20200616T022313_VV_5D11-BURST"


@pytest.fixture
def context(tmp_path):
    for name, slc in ((A, Slc()), (A2, Slc()), (B, NEWER), (B2, NEWER)):
        write_granule(tmp_path / "source" / "bursts", BurstName.parse(name), slc)
    (tmp_path / "source" / "orbits").mkdir()
    out = tmp_path / "out"
    out.mkdir()

    return Context(
        workdir=tmp_path,
        out=out,
        source=DirectorySource(tmp_path / "source"),
        engine=None,
        log=logging.getLogger("test"),
        progress=lambda fraction, text: None,
        cpus=1,
    )


def orbit_file(folder: Path, platform: str, day: str, start: str, stop: str, *, seconds: int = 200) -> Path:
    """Write an orbit file whose vectors begin 100 s before the bursts of a day and cover ``seconds``."""
    from datetime import datetime

    begin = datetime.fromisoformat(f"{day}T02:23:10") - timedelta(seconds=100)
    vectors = "".join(
        f"<OSV><UTC>UTC={(begin + timedelta(seconds=k)).isoformat()}.000000</UTC><X>7e6</X><Y>{k}</Y><Z>0</Z>"
        "<VX>0</VX><VY>1</VY><VZ>7600</VZ><Quality>NOMINAL</Quality></OSV>"
        for k in range(0, seconds + 1, 10)
    )
    path = folder / f"{platform}_OPER_AUX_POEORB_OPOD_20210314T184202_V{start}_{stop}.EOF"
    path.write_text(
        "<Earth_Explorer_File><Data_Block><List_of_OSVs>"
        + vectors
        + "</List_of_OSVs></Data_Block></Earth_Explorer_File>"
    )
    return path


def find(context: Context, reference=(A, A2), secondary=(B, B2)) -> sentinel1.BurstScenes:
    return sentinel1.find_bursts.function(context, reference=list(reference), secondary=list(secondary))


def test_check_pair_returns_the_inputs_of_later_steps(context):
    pair = sentinel1.check_pair.function(context, reference=[A2, A], secondary=[B, B2])
    assert pair == sentinel1.BurstPair([A, A2], [B, B2], "VV", [2])
    with pytest.raises(ParameterError, match="older"):
        sentinel1.check_pair.function(context, reference=[B], secondary=[A])


def test_found_bursts_are_in_the_catalogue(context):
    scenes = find(context)
    records = read_catalog(scenes.catalog, BurstRecord)
    assert list(records) == [A, A2, B, B2]
    assert all(isinstance(record, BurstRecord) for record in records.values())
    assert records[A2].index == 1 and records[A2].start.tzinfo is not None
    assert (scenes.relative_orbit, scenes.direction) == (64, "DESCENDING")
    west, south, east, north = scenes.bounds
    assert west < east and south < north
    assert scenes.reference_slc == ["S1A_IW_SLC__1SSV_20200604T022251_20200604T022318_032861_03CE65_7C85"]


def test_the_same_search_gives_the_same_bytes(context):
    first = find(context).catalog.read_bytes()
    assert find(context).catalog.read_bytes() == first


def test_safe_folders_have_the_bursts_of_one_pass(context):
    safes = sentinel1.fetch_safes.function(context, catalog=find(context).catalog, granules=[A, A2])
    assert len(safes.safes) == 2 and safes.ipf_version == "003.31"
    assert all(len(list(safe.glob("measurement/*.tiff"))) == 1 for safe in safes.safes)
    assert sorted(path.name for path in context.out.iterdir()) == sorted(
        ["bursts.json", "inputs.json", *(safe.name for safe in safes.safes)]
    )


def test_bursts_of_two_processor_versions_are_refused(context):
    write_granule(context.source.root / "bursts", BurstName.parse(A2), Slc(ipf="003.40"))
    with pytest.raises(InputError, match=r"different versions of ESA's processor: 003\.31, 003\.40"):
        sentinel1.fetch_safes.function(context, catalog=find(context).catalog, granules=[A, A2])


def test_bursts_of_two_passes_are_refused(context):
    other = Slc(name="S1A_IW_SLC__1SSV_20200604T022251_20200604T022318_032863_03CE66_7C85")
    write_granule(context.source.root / "bursts", BurstName.parse(A2), other)
    with pytest.raises(
        InputError, match=r"reference bursts are of several passes: S1A orbit 32861 at .*, S1A orbit 32863 at"
    ):
        find(context)


def test_a_pass_over_the_ascending_node_has_two_orbit_numbers(context):
    other = Slc(name="S1A_IW_SLC__1SSV_20200604T022251_20200604T022318_032862_03CE66_7C85")
    write_granule(context.source.root / "bursts", BurstName.parse(A2), other)
    scenes = find(context)
    assert scenes.relative_orbit == 64
    records = read_catalog(scenes.catalog, BurstRecord).values()
    assert [(platform, start.day) for platform, start, _ in passes(records)] == [("S1A", 4), ("S1A", 16)]


def test_bounds_across_the_antimeridian_are_continuous(context):
    path = context.source.root / "bursts" / f"{A}.xml"
    path.write_text(
        path.read_text().replace("<longitude>53.0<", "<longitude>-179.5<").replace(">52.1<", ">179.5<")
    )
    assert find(context, [A], [B]).reference_bounds == pytest.approx([179.5, 26.94, 180.5, 27.0])


def test_a_file_that_is_not_a_catalogue_is_refused(context, tmp_path):
    (tmp_path / "x.json").write_text("[{}]")
    with pytest.raises(InputError, match="is not a catalogue of granules"):
        sentinel1.fetch_orbits.function(context, catalog=tmp_path / "x.json")


def test_each_pass_has_one_orbit(context):
    folder = context.source.root / "orbits"
    orbit_file(folder, "S1A", "2020-06-04", "20200603T225942", "20200605T005942")
    orbit_file(folder, "S1A", "2020-06-16", "20200615T225942", "20200617T005942")
    orbits = sentinel1.fetch_orbits.function(context, catalog=find(context).catalog)
    assert [path.name[42:50] for path in orbits.files] == ["20200603", "20200615"]
    assert {path.parent for path in orbits.files} == {orbits.folder}


def test_an_orbit_whose_vectors_end_early_is_refused(context):
    orbit_file(
        context.source.root / "orbits", "S1A", "2020-06-04", "20200603T225942", "20200605T005942", seconds=140
    )
    with pytest.raises(InputError, match="does not cover S1A's bursts from 2020-06-04T02:23:09") as caught:
        sentinel1.fetch_orbits.function(context, catalog=find(context).catalog)
    assert "POEORB" in caught.value.hint


class Calibrated:
    """A source that records the satellites whose calibration is requested."""

    name = "calibrated"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def fetch_aux_cal(self, platform, folder, log):
        self.asked.append(platform)
        days = ("20140406", "20140908", "20150722")
        made = [folder / f"{platform}_AUX_CAL_V{day}T000000_G20190626T100201.SAFE" for day in days]
        for path in made:
            path.mkdir()
        return made


def test_calibration_is_fetched_for_the_satellites_whose_data_need_it(context, tmp_path):
    safes = []
    for platform, version in (("S1A", "002.36"), ("S1C", "003.90"), ("S1B", "002.72")):
        safe = tmp_path / f"{platform}_IW_SLC__1SSV_20141017T151607_20141017T151631_002871_0033F3_3B42.SAFE"
        safe.mkdir()
        (safe / "manifest.safe").write_text(f'<software name="Sentinel-1 IPF" version="{version}"/>')
        safes.append(safe)
    source = Calibrated()
    context = replace(context, source=source)
    assert sentinel1.fetch_aux_cal.function(context, safes=safes).folder == context.out / "aux_cal"
    assert source.asked == ["S1A"]
    kept = [path.name[:20] for path in (context.out / "aux_cal").iterdir()]
    assert kept == ["S1A_AUX_CAL_V2014090"]
    assert sentinel1.fetch_aux_cal.function(context, safes=safes[1:]).folder is None
