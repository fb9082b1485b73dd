"""Unpacking of the archive of an ALOS scene."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from isce2_recipe.archives import open_archive
from isce2_recipe.copying import Copying, link


def unpack(
    archive: Path, folder: Path, progress: Callable[[float, str], None] = lambda _fraction, _text: None
) -> Path:
    """Unpack an archive so that all files are directly in one folder; return the folder.

    Parameters
    ----------
    archive : Path
        Archive from ASF, or a folder with its files, which are linked then.
    folder : Path
        Output folder; it is created.
    progress : callable
        ``progress(fraction, text)``.

    Raises
    ------
    InputError
        If the file is not an archive, is truncated or damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if archive.is_dir():
        for path in sorted(path for path in archive.iterdir() if path.is_file()):
            link(path, folder / path.name)
        return folder
    with open_archive(archive) as opened:
        copying = Copying(sum(opened.sizes.values()), progress)
        for member in opened.sizes:
            name = _plain(member)
            with opened.open(member) as source, (folder / name).open("wb") as target:
                copying.copy(source, target, f"unpacking {name}")
    return folder


def _plain(name: str) -> str:
    """Return the file name of a member without folders, so that it stays inside the output folder."""
    return PurePosixPath(name.replace("\\", "/")).name
