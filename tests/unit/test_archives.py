"""Archives of strangers: encrypted, damaged, or very much larger when unpacked."""

from __future__ import annotations

import io
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from isce2_recipe.alos import scene as alos
from isce2_recipe.archives import inside, open_archive
from isce2_recipe.errors import InputError
from isce2_recipe.sentinel1 import aux_cal
from isce2_recipe.sentinel1.archive import SlcArchive
from isce2_recipe.sources.directory_files import find

SAFE = "S1A_IW_SLC__1SDV_20200604T022251_20200604T022318_032861_03CE65_7C85.SAFE"
CALIBRATION = "S1A_AUX_CAL_V20190228T092500_G20210104T141310.SAFE"
MEMBERS = (f"{SAFE}/manifest.safe", f"{CALIBRATION}/manifest.safe", "IMG-HH-ALPSRP.1__A", "S1A.EOF")


def _zip(path: Path, content: bytes = b"text", size: int = 1) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name in MEMBERS:
            with made.open(name, "w") as file:
                for _ in range(size):
                    file.write(content)


def _tar(path: Path, content: bytes = b"text", size: int = 1) -> None:
    with tarfile.open(path, "w:gz") as made:
        for name in MEMBERS:
            entry = tarfile.TarInfo(name)
            entry.size = size * len(content)
            made.addfile(entry, io.BytesIO(content * size))


def _encrypted(path: Path) -> None:
    _zip(path)
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(magic)
        while place >= 0:
            data[place + offset] |= 1
            place = data.find(magic, place + 4)
    path.write_bytes(data)


def _unpack_slc(path: Path, folder: Path) -> None:
    SlcArchive(path).extract(["manifest.safe"], folder, lambda *_: None)


def _unpack_calibration(path: Path, folder: Path) -> None:
    assert aux_cal.unpack(path, "S1A", folder)


def _unpack_alos(path: Path, folder: Path) -> None:
    alos.unpack(path, folder, lambda *_: None)


READERS = [_unpack_slc, _unpack_calibration, _unpack_alos]


@pytest.mark.parametrize("read", READERS)
def test_encrypted_archives_are_refused(tmp_path: Path, read: Callable[[Path, Path], None]) -> None:
    _encrypted(tmp_path / "a.zip")
    with pytest.raises(InputError, match=r"a\.zip is not a complete zip archive: .*encrypted"):
        read(tmp_path / "a.zip", tmp_path)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("ending", [".zip", ".SAFE.TGZ"])
def test_archives_with_far_too_much_in_them_are_refused(
    tmp_path: Path, ending: str, read: Callable[[Path, Path], None]
) -> None:
    (_zip if ending == ".zip" else _tar)(tmp_path / f"a{ending}", bytes(1 << 20), 12)
    with pytest.raises(InputError, match="which no granule and no product has"):
        read(tmp_path / f"a{ending}", tmp_path / "out")
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_encrypted_members_of_a_folder_are_refused(tmp_path: Path) -> None:
    _encrypted(tmp_path / "a.zip")
    found = find(tmp_path, "orbits", "S1A.EOF")
    assert found is not None
    with pytest.raises(InputError, match="encrypted"):
        found.take(tmp_path, "copy")
    assert not (tmp_path / "copy").exists()


def test_members_without_a_name_are_left_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr(zipfile.ZipInfo(""), "nothing")
        made.writestr("folder/", "")
        made.writestr("folder/a", "text")
    with open_archive(tmp_path / "a.zip") as archive:
        assert archive.sizes == {"folder/a": 4}


@pytest.mark.parametrize("make", [_zip, _tar])
def test_damage_anywhere_is_one_error(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / ("a.zip" if make is _zip else "a.tgz")
    make(path)
    whole, draw = path.read_bytes(), random.Random(1)
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(draw.choice((1, 1, 3))):
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data[: draw.choice((len(data), draw.randrange(len(data))))])
        try:
            with open_archive(path) as archive:
                for name in archive.sizes:
                    inside(name)
                    archive.open(name).read(1000)
        except InputError:
            refused += 1
    assert 0 < refused < 300
