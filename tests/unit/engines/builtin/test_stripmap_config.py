"""Tests of reading stripmapApp.xml with the rules of ISCE2, and of the checks before focusing."""

from __future__ import annotations

import logging
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from isce2_recipe.alos.scene import unpack
from isce2_recipe.engines.builtin import BuiltinEngine
from isce2_recipe.engines.builtin.isceimage import GeoGrid, IsceImage, write_sidecars
from isce2_recipe.engines.builtin.stripmap.config import StripmapConfig, read_config
from isce2_recipe.engines.builtin.stripmap.job import StripmapJob
from isce2_recipe.errors import InputError
from isce2_recipe.sources import open_source
from isce2_recipe.types import AlosName

NAMES = {"reference": "ALPSRP156121200", "secondary": "ALPSRP162831200"}
NEEDED = '<property name="sensor name">ALOS</property><property name="demFilename">dem.wgs84</property>'


def sensor(date: str, more: str = "", images: str | None = None) -> str:
    name = NAMES[date]
    files = images or f"{name}/IMG-HH-{name}-H1.0__A"
    leaders = files.replace("IMG-HH", "LED")
    return (
        f'<component name="{date}"><property name="imagefile">{files}</property>'
        f'<property name="LEADER FILE">{leaders}</property>{more}</component>'
    )


def application(folder: Path, properties: str = "", needed: str = NEEDED, **sensors: str) -> Path:
    path = folder / "stripmapApp.xml"
    parts = "".join(sensors.get(date) or sensor(date) for date in NAMES)
    path.write_text(
        f'<stripmapApp><component name="insar">{needed}{parts}{properties}</component></stripmapApp>'
    )
    return path


def read(folder: Path, properties: str = "", **more: str) -> StripmapConfig:
    return read_config(application(folder, properties, **more), folder)


def prop(name: str, value: object) -> str:
    return f'<property name="{name}">{value}</property>'


def test_defaults_equal_those_of_isce2(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert (config.range_looks, config.azimuth_looks, config.posting_m) == (None, None, 30)
    assert (config.filter_strength, config.do_unwrap, config.unwrapper) == (0.5, True, "grass")
    assert not (config.do_split_spectrum or config.do_dispersive)
    assert config.dispersive.least_coherence == 0.5
    assert (config.region_of_interest, config.height_range_m, config.geocode_list) == (None, None, None)
    assert (config.reference.output, config.secondary.resampling) == ("reference", "")
    assert config.reference.images == (tmp_path / NAMES["reference"] / "IMG-HH-ALPSRP156121200-H1.0__A",)


def test_frames_are_joined_and_names_are_compared_without_case_and_spaces(tmp_path: Path) -> None:
    frames = sensor("reference", prop("output", "older"), "['a/IMG-HH-1', 'b/IMG-HH-2']")
    more = prop("Region Of Interest", [1, 2, 3, 4]) + prop("RANGE looks", 4) + prop("heightrange", "-10, 900")
    config = read(tmp_path, more, reference=frames)
    assert [path.name for path in config.reference.images] == ["IMG-HH-1", "IMG-HH-2"]
    assert [path.name for path in config.reference.leaders] == ["LED-1", "LED-2"]
    assert config.reference.output == "older"
    assert config.region_of_interest == (1, 2, 3, 4)
    assert (config.range_looks, config.height_range_m) == (4, (-10, 900))


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        (
            prop("do denseoffsets", True),
            "'do denseoffsets' is True, which the builtin engine does not support",
        ),
        (prop("do rubbersheetingRange", True), "'do rubbersheetingRange' is True"),
        (prop("do rubbersheetingAzimuth", "yes"), "'do rubbersheetingAzimuth' is yes"),
        (prop("do unwrap 2 stage", True), "it has no second stage of unwrapping"),
        (prop("geoPosting", 0.001), "'geoPosting' is 0.001"),
        (prop("pickle dump directory", "STATE"), "its state is always in PICKLE"),
        (prop("do dispersive", True), "'do dispersive' needs 'do split spectrum' and 'do unwrap'"),
        (prop("range lookz", 4), "property 'range lookz' is unknown to stripmapApp"),
        (prop("range looks", 0), "property 'range looks' must be at least 1"),
        (prop("height range", "5"), "a list of 2 numbers"),
        (prop("reference sensor name", "ALOS2"), "the sensor of the reference is ALOS2"),
    ],
)
def test_what_it_lacks_is_refused_by_name(tmp_path: Path, properties: str, words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        read(tmp_path, properties)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"needed": prop("sensor name", "ALOS")}, "'demFilename' is missing"),
        ({"needed": prop("demFilename", "d")}, "the sensor of the reference is missing"),
        (
            {"needed": prop("demFilename", "d") + prop("sensor name", "ERS")},
            "is ERS, which the builtin engine",
        ),
        (
            {"secondary": '<component name="secondary"/>'},
            "'IMAGEFILE' is missing in the component 'secondary'",
        ),
        ({"reference": sensor("reference", prop("RESAMPLE_FLAG", "both"))}, "'RESAMPLE_FLAG' must be one of"),
        (
            {"reference": sensor("reference", prop("leaderfile", "['a', 'b']"))},
            "has 1 IMAGEFILE, but 2 LEADERFILE",
        ),
        ({"reference": sensor("reference", prop("output", "./"))}, "is './', which is no name of a file"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, change: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        read(tmp_path, **change)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two small scenes and a level DEM."""
    folder = tmp_path_factory.mktemp("alos")
    source = open_source("simulated:clean,lines=256,samples=1200")
    log = logging.getLogger("test")
    for record in source.find_alos([AlosName.parse(name) for name in NAMES.values()], log):
        archive = source.fetch_alos(record, folder, log, lambda fraction, text: None)
        unpack(archive, folder / record.name)
        box = record.bounds
    grid = GeoGrid(box.west - 0.2, box.north + 0.2, 0.01, -0.01)
    rows, cols = (
        round((high - low + 0.4) * 100) for low, high in ((box.south, box.north), (box.west, box.east))
    )
    dem = IsceImage(folder / "dem.wgs84", rows, cols, image_type="dem", grid=grid, reference="WGS84")
    np.full((rows, cols), 300.0, np.float32).tofile(dem.path)
    write_sidecars(dem, folder)
    return folder


@pytest.fixture
def folder(scenes: Path, tmp_path: Path) -> Path:
    shutil.copytree(scenes, tmp_path, dirs_exist_ok=True)
    return tmp_path


def run(folder: Path, start: str | None = None, end: str | None = "cropslc") -> None:
    BuiltinEngine().run(
        "stripmapApp", Path("stripmapApp.xml"), folder=folder, start=start, end=end,
        log=logging.getLogger("test"), progress=lambda fraction, text: None, cpus=2,
    )  # fmt: skip


def opened(folder: Path) -> StripmapJob:
    config = read_config(folder / "stripmapApp.xml", folder)
    return StripmapJob(folder, config, logging.getLogger("test"), lambda fraction, text: None, 1)


UNWRAPPER = prop("unwrapper name", "snaphu")


def test_steps_run_in_separate_calls_and_a_region_is_cut_out(folder: Path) -> None:
    application(folder, UNWRAPPER)
    run(folder, end="preprocess")
    run(folder, start="cropraw")
    whole = opened(folder).image("reference")
    assert (whole.lines, whole.samples, whole.path.parent.name) == (256, 336, "reference_slc")
    assert whole.path.stat().st_size == 8 * whole.lines * whole.samples
    frame = ET.parse(folder / "reference_slc.xml").getroot().find("component")
    stated = {entry.get("name"): entry.findtext("value") for entry in frame.iter("property")}
    assert (stated["number_of_lines"], stated["prf"]) == ("256", "2159.827")
    assert stated["sensing_start"] == f"{whole.start:%Y-%m-%dT%H:%M:%S.%f}"
    assert len(frame.findall("component[@name='orbit']/component/component")) == 28
    full = np.fromfile(whole.path, np.complex64).reshape(-1, whole.samples)
    # The middle of the footprint.
    scene = opened(folder).scenes["reference"][0]
    lon, lat = np.mean(scene.footprint[:4], axis=0)
    box = [float(v) for v in (lat - 2e-4, lat + 2e-4, lon - 5e-4, lon + 5e-4)]
    application(folder, UNWRAPPER + prop("regionOfInterest", box) + prop("height range", [290, 310]))
    run(folder)
    cut = opened(folder).image("reference")
    assert cut.path == folder / "reference_slc_crop" / "reference.slc"
    assert 0 < cut.lines < 100
    assert 0 < cut.samples < 100
    line = round((cut.start_s - whole.start_s) * whole.prf_hz)
    sample = round((cut.near_range_m - whole.near_range_m) / whole.range_spacing_m)
    data = np.fromfile(cut.path, np.complex64).reshape(cut.lines, cut.samples)
    # Other columns are focused together, so that the last digits differ.
    expected = full[line : line + cut.lines, sample : sample + cut.samples]
    np.testing.assert_allclose(data, expected, atol=0.02 * float(np.abs(full).max()))


def test_the_same_run_gives_the_same_bytes(folder: Path) -> None:
    application(folder, UNWRAPPER)
    run(folder)
    first = opened(folder).image("secondary").path.read_bytes()
    run(folder)
    assert opened(folder).image("secondary").path.read_bytes() == first


def _edit(path: Path, offset: int, text: bytes) -> None:
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(text)


def test_scenes_of_one_and_two_polarizations_have_one_sampling(folder: Path) -> None:
    name = NAMES["secondary"]
    leader = folder / name / f"LED-{name}-H1.0__A"
    _edit(leader, 720 + 710, b"      16.0000000")
    _edit(leader, 17688 + 64, b"  14")
    application(folder, UNWRAPPER)
    run(folder)
    reference, secondary = (opened(folder).image(date) for date in ("reference", "secondary"))
    assert reference.range_spacing_m == secondary.range_spacing_m
    assert reference.bandwidth_hz == secondary.bandwidth_hz == 14e6
    assert secondary.samples == 2 * (1200 - 432)
    application(folder, UNWRAPPER, reference=sensor("reference", prop("RESAMPLE_FLAG", "single2dual")))
    run(folder)
    assert opened(folder).image("reference").samples == 168
    assert opened(folder).image("secondary").sampling_hz == pytest.approx(16e6)
    for flag, words in (("dual2single", "but ALPSRP156121200 is FBS"), ("single2dual", None)):
        application(folder, UNWRAPPER, reference=sensor("reference", prop("RESAMPLE_FLAG", flag)))
        if words:
            with pytest.raises(InputError, match=words):
                run(folder, end="preprocess")


def test_bad_scenes_are_refused_before_focusing(folder: Path) -> None:
    leader = folder / NAMES["secondary"] / f"LED-{NAMES['secondary']}-H1.0__A"
    image = folder / NAMES["secondary"] / f"IMG-HH-{NAMES['secondary']}-H1.0__A"
    kept = leader.read_bytes()
    application(folder, UNWRAPPER)
    for offset, text, words in (
        (720 + 1094, b"1.1", r"is of level 1\.1 \(focused\), not 1\.0"),
        (720 + 424, b"2", "is of a polarimetric scene"),
        (720 + 396, b"ALOS2 ", "is from ALOS2"),
        (720 + 1854, b"   3", "have different beams, 7 and 3"),
    ):
        _edit(leader, offset, text)
        with pytest.raises(InputError, match=words) as caught:
            run(folder, end="preprocess")
        assert caught.value.hint
        leader.write_bytes(kept)
    (folder / "dem.wgs84").rename(folder / "hidden")
    with pytest.raises(InputError, match=r"dem\.wgs84 does not exist"):
        run(folder, end="preprocess")
    (folder / "hidden").rename(folder / "dem.wgs84")
    with image.open("r+b") as stream:
        stream.truncate(image.stat().st_size - 1000)
    with pytest.raises(InputError, match="truncated or damaged at pulse 256"):
        run(folder, end="preprocess")


def test_a_region_elsewhere_is_refused(folder: Path) -> None:
    application(folder, UNWRAPPER + prop("regionOfInterest", [10, 11, 12, 13]))
    with pytest.raises(
        InputError, match=r"the region of interest shows no (lines|samples) of ALPSRP156121200"
    ):
        run(folder, end="cropraw")
