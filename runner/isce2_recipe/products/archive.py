"""A product's archive: the same files always give the same bytes."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

# The earliest time a zip file can hold; a product's archive tells its content, not when it was made.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_COMPRESSED_ALREADY = {".tif", ".png", ".kmz"}
_CHUNK_BYTES = 1 << 20


def write_zip(folder: Path) -> Path:
    """``FOLDER.zip`` beside the folder, with one root folder of the same name, files in order of path.

    HyP3's clients expect that the archive unpacks into a folder named like itself.
    """
    path = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = entry(f"{folder.name}/{file.relative_to(folder).as_posix()}")
            member.file_size = file.stat().st_size
            with file.open("rb") as source, archive.open(member, "w") as target:
                shutil.copyfileobj(source, target, _CHUNK_BYTES)
    return path


def entry(name: str) -> zipfile.ZipInfo:
    """A member of an archive that does not tell when it was made."""
    member = zipfile.ZipInfo(name, _EPOCH)
    member.external_attr = 0o100644 << 16
    stored = Path(name).suffix in _COMPRESSED_ALREADY
    member.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    return member
