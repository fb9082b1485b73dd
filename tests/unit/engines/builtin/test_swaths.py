"""Tests of finding, joining and matching bursts with the annotation of a real SAFE."""

import shutil
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from isce2_recipe.engines.builtin.config import SensorConfig
from isce2_recipe.engines.builtin.swaths import (
    MissingSwathError,
    SwathBursts,
    _join,
    _match,
    bounding_box,
    find_orbit_file,
    read_swath,
)
from isce2_recipe.errors import InputError

SHARED = Path(__file__).resolve().parents[5] / "shared" / "data"
real_data = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real files of ../shared/data")


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    with zipfile.ZipFile(next(SHARED.glob("S1A_IW_SLC*.zip"))) as archive:
        wanted = [n for n in archive.namelist() if "iw2-slc-vv" in n and "calibration" not in n]
        archive.extractall(folder, [*wanted, *(n for n in archive.namelist() if n.endswith("manifest.safe"))])
    return next(folder.glob("safe/*.SAFE"))


def sensor(*safes: Path, orbit_directory: Path | None = None) -> SensorConfig:
    return SensorConfig(safes, "reference", orbit_directory, None, "vv")


@real_data
def test_bursts_of_a_real_safe_are_read(safe: Path) -> None:
    swath = read_swath(sensor(safe), 2, None, {})
    assert len(swath.bursts) == 9
    assert swath.orbit_source == "Annotation"
    assert (swath.software, swath.version) == ("Sentinel-1 IPF", "003.20")
    assert [burst.first_line for burst in swath.bursts] == [1509 * k for k in range(9)]
    assert swath.bursts[0].tiff.endswith(".tiff")


@real_data
def test_a_zipped_safe_gives_the_same_bursts(safe: Path, tmp_path: Path) -> None:
    zipped = shutil.make_archive(str(tmp_path / safe.stem), "zip", safe.parent, safe.name)
    one = read_swath(sensor(safe), 2, None, {})
    other = read_swath(sensor(Path(zipped)), 2, None, {})
    assert [b.geometry for b in other.bursts] == [b.geometry for b in one.bursts]
    assert other.bursts[0].tiff.startswith(f"/vsizip/{zipped}/")
    assert other.version == one.version


@real_data
def test_bounding_box_contains_the_tie_points(safe: Path) -> None:
    """Compare with the first and last geolocation points of the annotation."""
    swath = read_swath(sensor(safe), 2, None, {})
    south, north, west, east = bounding_box(swath.bursts[-1].geometry, swath.orbit)
    assert south < 37.50566 < north
    assert west < -117.59651 < east
    assert north - south < 1.0 and east - west < 1.5


@real_data
def test_region_of_interest_selects_overlapping_bursts(safe: Path) -> None:
    whole = read_swath(sensor(safe), 2, None, {})
    box = bounding_box(whole.bursts[4].geometry, whole.orbit)
    middle = (box[0] + box[1]) / 2
    region = (middle - 0.01, middle + 0.01, box[2], box[3])
    some = read_swath(sensor(safe), 2, region, {})
    indices = [burst.geometry.index for burst in some.bursts]
    assert 4 in indices and len(indices) < 9
    assert indices == list(range(indices[0], indices[-1] + 1))
    with pytest.raises(MissingSwathError, match="region of interest"):
        read_swath(sensor(safe), 2, (0.0, 1.0, 0.0, 1.0), {})


def pieces(swath: SwathBursts, *parts: slice) -> list[SwathBursts]:
    return [replace(swath, bursts=swath.bursts[part]) for part in parts]


@real_data
def test_slices_are_joined_and_repeated_bursts_count_once(safe: Path) -> None:
    swath = read_swath(sensor(safe), 2, None, {})
    joined = _join(pieces(swath, slice(0, 3), slice(2, 5), slice(5, 9)))
    assert joined.bursts == swath.bursts
    single = _join(pieces(swath, slice(0, 1), slice(1, 2), slice(2, 3)))
    assert single.bursts == swath.bursts[:3]


@real_data
def test_slices_that_cannot_be_joined_are_refused(safe: Path) -> None:
    swath = read_swath(sensor(safe), 2, None, {})
    with pytest.raises(InputError, match="there is a gap before"):
        _join(pieces(swath, slice(0, 2), slice(3, 5)))
    one, other = pieces(swath, slice(0, 2), slice(2, 4))
    with pytest.raises(InputError, match=r"different processor versions \(003\.20, 003\.40\)"):
        _join([one, replace(other, version="003.40")])
    one, other = pieces(swath, slice(0, 1), slice(0, 1))
    with pytest.raises(InputError, match="the same burst is given twice"):
        _join([one, other])


@real_data
def test_common_bursts_are_matched(safe: Path) -> None:
    """Check subsets of the bursts on both sides."""
    swath = read_swath(sensor(safe), 2, None, {})
    for mine, theirs, expected in (
        (slice(0, 9), slice(0, 9), (0, 0, 9)),
        (slice(0, 5), slice(2, 9), (2, -2, 3)),
        (slice(3, 9), slice(0, 5), (0, 3, 2)),
        (slice(4, 5), slice(0, 9), (0, 4, 1)),
        (slice(0, 9), slice(8, 9), (8, -8, 1)),
    ):
        one, other = pieces(swath, mine, theirs)
        pair = _match(one, other)
        assert (pair.first, pair.offset, pair.count) == expected
        for index in pair.indices():
            assert one.bursts[index] == other.bursts[index + pair.offset]


@real_data
def test_dates_without_common_ground_are_refused(safe: Path) -> None:
    swath = read_swath(sensor(safe), 2, None, {})
    one, other = pieces(swath, slice(0, 2), slice(6, 9))
    with pytest.raises(InputError, match="no burst of the secondary shows the ground"):
        _match(one, other)


@real_data
def test_missing_and_damaged_files_are_named(safe: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.SAFE does not exist"):
        read_swath(sensor(tmp_path / "none.SAFE"), 2, None, {})
    with pytest.raises(MissingSwathError, match="no annotation of IW1 VV"):
        read_swath(sensor(safe), 1, None, {})
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InputError, match="not a complete zip archive"):
        read_swath(sensor(broken), 2, None, {})
    copy = tmp_path / safe.name
    shutil.copytree(safe, copy)
    next((copy / "measurement").iterdir()).unlink()
    with pytest.raises(InputError, match="no measurement of IW2 VV"):
        read_swath(sensor(copy), 2, None, {})
    (copy / "manifest.safe").write_text("<broken")
    (copy / "measurement" / "s1a-iw2-slc-vv-x.tiff").touch()
    with pytest.raises(InputError, match=r"manifest\.safe is not well-formed"):
        read_swath(sensor(copy), 2, None, {})


START = datetime(2023, 8, 23, 14, 0, 0, tzinfo=UTC)


def test_orbit_files_are_selected_by_their_names(tmp_path: Path) -> None:
    def name(kind: str, first: str, last: str, platform: str = "S1A") -> Path:
        path = tmp_path / f"{platform}_OPER_AUX_{kind}_OPOD_20230823T162050_V{first}_{last}.EOF"
        path.touch()
        return path

    stop = START + timedelta(seconds=3)
    with pytest.raises(InputError, match="no orbit file of S1A that covers 2023-08-23T14:00:00"):
        find_orbit_file(tmp_path, "S1A", START, stop)
    name("POEORB", "20230822T225942", "20230824T005942", "S1B")
    name("RESORB", "20230823T100000", "20230823T120000")
    restituted = name("RESORB", "20230823T123139", "20230823T154909")
    assert find_orbit_file(tmp_path, "S1A", START, stop) == restituted
    nearer = name("RESORB", "20230823T124000", "20230823T153000")
    assert find_orbit_file(tmp_path, "S1A", START, stop) == nearer
    precise = name("POEORB", "20230822T225942", "20230824T005942")
    assert find_orbit_file(tmp_path, "S1A", START, stop) == precise


@real_data
def test_an_orbit_file_without_the_vectors_is_refused(safe: Path, tmp_path: Path) -> None:
    """Check files whose names cover the acquisition but whose vectors do not."""
    real = next(SHARED.glob("*V20230823T123139*.EOF"))
    misnamed = tmp_path / "S1A_OPER_AUX_POEORB_OPOD_20200531T120000_V20200510T225942_20200512T005942.EOF"
    shutil.copy(real, misnamed)
    with pytest.raises(InputError, match=f"{misnamed.name} holds no NOMINAL state vector near 2020-05-11"):
        read_swath(sensor(safe, orbit_directory=tmp_path), 2, None, {})
    text = real.read_text()
    # The vectors cover 20 s before and after the scene; 60 s are needed.
    lines = []
    for k in range(-1, 5):
        when = f"2020-05-11T13:51:{17 + 10 * k:02d}.000000" if k < 4 else "2020-05-11T13:51:57.000000"
        lines.append(
            f"<OSV><UTC>UTC={when}</UTC><X>1</X><Y>2</Y><Z>3</Z><VX>4</VX><VY>5</VY><VZ>6</VZ></OSV>"
        )
    start = text.index("<List_of_OSVs")
    misnamed.write_text(
        f"{text[:start]}<List_of_OSVs>{''.join(lines)}</List_of_OSVs></Data_Block></Earth_Explorer_File>"
    )
    with pytest.raises(InputError, match=r"does not cover 2020-05-11T13:51:17 to .* with a margin of 60 s"):
        read_swath(sensor(safe, orbit_directory=tmp_path), 2, None, {})
