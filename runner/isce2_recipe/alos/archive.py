"""Unpacking of the archive of an ALOS scene."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from isce2_recipe.copying import Copying, link
from isce2_recipe.errors import InputError


def unpack(archive: Path, folder: Path, progress: Callable[[float, str], None]) -> Path:
    """Unpack an archive so that all files are directly in one folder; return the folder.

    Parameters
    ----------
    archive : Path
        Zip archive from ASF, or a folder with its files, which are linked then.
    folder : Path
        Output folder; it is created.
    progress : callable
        ``progress(fraction, text)``.

    Raises
    ------
    InputError
        If the file is not a zip archive, is truncated or damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if archive.is_dir():
        for path in sorted(path for path in archive.iterdir() if path.is_file()):
            link(path, folder / path.name)
        return folder
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [info for info in opened.infolist() if not info.is_dir()]
            copying = Copying(sum(info.file_size for info in members), progress)
            for info in members:
                name = _plain(info.filename)
                with opened.open(info) as source, (folder / name).open("wb") as target:
                    copying.copy(source, target, f"unpacking {name}")
    except (zipfile.BadZipFile, EOFError) as exc:
        raise InputError(f"{archive} is not a complete zip archive: {exc}", hint="download it again") from exc
    return folder


def _plain(name: str) -> str:
    """Return the file name of a member without folders, so that it stays inside the output folder."""
    return PurePosixPath(name.replace("\\", "/")).name
