"""The archive of a product, whose bytes depend on its files only."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from isce2_recipe.copying import Copying

# The earliest time that a zip file can hold, so that the time of writing does not change the archive.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_COMPRESSED_ALREADY = {".tif", ".png", ".kmz"}


def write_zip(folder: Path, progress: Callable[[float, str], None]) -> Path:
    """Write ``FOLDER.zip`` next to the folder, with one root folder of the same name, files in order of path.

    HyP3's clients expect that the archive unpacks into a folder with its name. ``progress`` is called with
    the share of the bytes that is written and the name of the current file.
    """
    path = folder.with_name(f"{folder.name}.zip")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    copying = Copying(sum(file.stat().st_size for file in files), progress)
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            member = entry(f"{folder.name}/{file.relative_to(folder).as_posix()}")
            member.file_size = file.stat().st_size
            with file.open("rb") as source, archive.open(member, "w") as target:
                copying.copy(source, target, f"archive, {file.name}")
    return path


def entry(name: str) -> zipfile.ZipInfo:
    """Return a member of an archive, without the time of writing."""
    member = zipfile.ZipInfo(name, _EPOCH)
    member.external_attr = 0o100644 << 16
    stored = Path(name).suffix in _COMPRESSED_ALREADY
    member.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    return member
