"""Files of a simulated ALOS scene, read field by field as readers of the format do."""

from __future__ import annotations

import hashlib
import struct
import zipfile
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from isce2_recipe.alos import ceos
from isce2_recipe.sar.orbit import Orbit
from isce2_recipe.sources.simulated.alos.scenes import find_scene, write_scene
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.types import AlosName

NAME = AlosName.parse("ALPSRP156121200")
OPTIONS = SimulationOptions.parse("clean,lines=512,samples=1500")
FOLDER = "ALPSRP156121200-L1.0"


def silent(fraction, text):
    pass


@pytest.fixture(scope="module")
def scene():
    return find_scene(NAME, OPTIONS)


@pytest.fixture(scope="module")
def archive(scene, tmp_path_factory):
    return write_scene(scene, OPTIONS, tmp_path_factory.mktemp("alos"), silent)


@pytest.fixture(scope="module")
def members(archive):
    with zipfile.ZipFile(archive) as opened:
        return {name.split("/")[1].split("-ALPSRP")[0]: opened.read(name) for name in opened.namelist()}


def text(data, offset, width):
    return data[offset : offset + width].decode("ascii").strip()


def number(data, offset, width):
    return float(text(data, offset, width))


def integer(data, offset):
    return struct.unpack_from(">i", data, offset)[0]


def test_archive_has_asfs_layout(archive):
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        assert opened.testzip() is None
    ending = "ALPSRP156121200-H1.0__A"
    assert archive.name == f"{FOLDER}.zip"
    assert names == [f"{FOLDER}/{kind}-{ending}" for kind in ("IMG-HH", "LED", "TRL", "VOL")] + [
        f"{FOLDER}/workreport"
    ]


def test_same_name_gives_the_same_bytes_with_any_number_of_threads(scene, archive, tmp_path):
    again = write_scene(scene, OPTIONS, tmp_path, silent, cpus=1)
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (archive, again)}
    assert len(digests) == 1


def test_leader_has_the_records_and_lengths_that_readers_expect(members):
    led = members["LED"]
    assert len(led) == 30900
    starts = (0, 720, 4816, 9496, 17688)
    lengths = (720, 4096, 4680, 8192, 13212)
    assert [integer(led, start + 8) for start in starts] == list(lengths)
    assert [integer(led, start) for start in starts] == [1, 2, 3, 4, 5]
    for offset, length in ((180, 4096), (204, 4680), (216, 8192), (336, 13212)):
        assert (number(led, offset, 6), number(led, offset + 6, 6)) == (1, length)


def test_leader_has_pulse_and_position(members, scene):
    dss = members["LED"][720:4816]
    assert text(dss, 52, 16) == "1200"
    assert datetime.strptime(text(dss, 68, 32) + "000", "%Y%m%d%H%M%S%f") == pytest.approx(
        (scene.start + (scene.stop - scene.start) / 2).replace(tzinfo=None), abs=timedelta(milliseconds=1)
    )
    assert (number(dss, 116, 16), number(dss, 132, 16)) == pytest.approx(scene.centre, abs=1e-6)
    assert (number(dss, 180, 16), number(dss, 196, 16)) == (6378.137, 6356.7523141)
    assert text(dss, 396, 16) == "ALOS"
    assert dss[412 + 13 : 412 + 14] != b"2"
    assert text(dss, 444, 8) == "15612"
    assert 36.0 < number(dss, 484, 8) < 41.0
    assert number(dss, 500, 16) == pytest.approx(299792458.0 / 1.27e9, abs=1e-7)
    assert (number(dss, 710, 16), number(dss, 742, 16), number(dss, 934, 16)) == (32.0, 27.0, 2159827.0)
    assert text(dss, 1046, 16) != "ERSDAC"
    assert text(dss, 1062, 8).startswith("ALOS")
    assert text(dss, 1094, 16) == "1.0"
    assert number(dss, 1854, 4) == 7
    assert number(members["LED"][17688:], 64, 4) == 28


def test_leader_has_28_state_vectors_of_one_orbit(members, scene):
    ppd = members["LED"][4816:9496]
    assert [number(ppd, 140 + 4 * k, 4) for k in range(4)] == [28, 2008, 12, 29]
    assert number(ppd, 156, 4) == 364
    assert (number(ppd, 182, 22), text(ppd, 204, 64)) == (60.0, "ECR")
    first = datetime(2008, 12, 29, tzinfo=UTC) + timedelta(seconds=number(ppd, 160, 22))
    values = np.array([[number(ppd, 386 + 132 * i + 22 * k, 22) for k in range(6)] for i in range(28)])
    orbit = Orbit(first, np.arange(28) * 60.0, values[:, :3], values[:, 3:])
    assert orbit.covers(orbit.seconds(scene.start), orbit.seconds(scene.stop), margin_s=600.0)
    position, velocity = orbit.at(orbit.seconds(scene.start))
    expected = scene.flight.states(scene.start_s)
    assert position == pytest.approx(expected[0][0], abs=1e-3)
    assert velocity == pytest.approx(expected[1][0], abs=1e-5)


def test_leader_has_22_attitudes_of_zero(members):
    att = members["LED"][9496:17688]
    assert number(att, 12, 4) == 22
    days = {number(att, 16 + 120 * i, 4) for i in range(22)}
    steps = np.diff([number(att, 20 + 120 * i, 8) for i in range(22)])
    assert days == {364}
    assert set(steps) == {1000.0}
    assert all(number(att, 16 + 120 * i + offset, 14) == 0.0 for i in range(22) for offset in (24, 38, 52))


def test_signal_file_describes_its_records(members, scene):
    img = members["IMG-HH"]
    assert integer(img, 8) == 720
    assert (number(img, 180, 6), number(img, 186, 6)) == (512, 412 + 3000)
    assert (number(img, 232, 4), number(img, 236, 8)) == (1, 512)
    assert (number(img, 276, 4), number(img, 280, 8), number(img, 288, 4)) == (412, 3000, 0)
    assert len(img) == 720 + scene.lines * (412 + 2 * scene.samples)


def test_every_pulse_has_its_header(members, scene):
    img = members["IMG-HH"]
    size = 412 + 2 * scene.samples
    headers = [img[720 + i * size : 720 + i * size + 412] for i in range(scene.lines)]
    assert [integer(h, 0) for h in headers] == list(range(2, scene.lines + 2))
    constant = {8: size, 24: 1500, 36: 2008, 40: 364, 56: 2159827, 68: 27000}
    constant[116] = round(scene.near_range_m)
    for offset, value in constant.items():
        assert {integer(h, offset) for h in headers} == {value}
    midnight = datetime(2008, 12, 29, tzinfo=UTC)
    seconds = np.array([integer(h, 44) for h in headers]) / 1000.0
    expected = (scene.start - midnight).total_seconds() + np.arange(scene.lines) / 2159.827
    assert seconds[0] == pytest.approx(expected[0], abs=1e-9)
    assert np.all((expected - seconds > -1e-6) & (expected - seconds < 1e-3))
    assert np.diff([integer(h, 284) for h in headers]).tolist() == [1] * (scene.lines - 1)


def test_samples_are_five_bits_around_their_bias(members, scene):
    img = np.frombuffer(members["IMG-HH"], dtype=np.uint8)[720:].reshape(scene.lines, -1)[:, 412:]
    assert (img.min(), img.max()) == (0, 31)
    i, q = img[:, ::2].astype(float), img[:, 1::2].astype(float)
    for channel in (i, q):
        assert channel.mean() == pytest.approx(15.5, abs=0.05)
        assert channel.std() == pytest.approx(5.0, abs=0.2)
    assert np.mean((i - 15.5) * (q - 15.5)) == pytest.approx(0.0, abs=0.2)
    # Few samples are clipped.
    assert np.mean((img == 0) | (img == 31)) < 0.01


def test_volume_directory_lists_three_files(members, scene):
    vol = members["VOL"]
    assert len(vol) == 5 * 360
    assert [integer(vol, 360 * k + 8) for k in range(5)] == [360] * 5
    assert [text(vol, 360 * k + 64, 4) for k in (1, 2, 3)] == ["SARL", "IMOP", "SART"]
    assert [number(vol, 360 * k + 100, 8) for k in (1, 2, 3)] == [5, scene.lines + 1, 1]
    assert len(members["TRL"]) == 720


def test_work_report_names_the_scene(members):
    assert 'Scs_SceneID="ALPSRP156121200"' in members["workreport"].decode()


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        ("A6", "ab", b"ab    "),
        ("I4", 28, b"  28"),
        ("F8.3", -1.5, b"  -1.500"),
        ("B4", 258, b"\x00\x00\x01\x02"),
    ],
)
def test_fields_are_justified(form, value, expected):
    assert ceos.encode(form, value) == expected
    back = ceos.decode(expected, 0, form)
    assert back == (value if form != "A6" else "ab")


@pytest.mark.parametrize(("form", "value"), [("I2", 100), ("A2", "abc"), ("F4.2", 123.4)])
def test_values_that_do_not_fit_are_refused(form, value):
    with pytest.raises(ValueError, match="does not fit"):
        ceos.encode(form, value)


def test_fields_stay_in_their_record():
    with pytest.raises(ValueError, match="exceeds its record"):
        ceos.record(20, (1, 2, 3, 4), [(18, "I4", 1)], sequence=1)


def test_blank_numbers_read_as_zero():
    assert ceos.decode(b"    ", 0, "I4") == 0
