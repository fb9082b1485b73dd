"""A scene's archive, unpacked safely."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from isce2_recipe.copying import Copying, link
from isce2_recipe.errors import InputError


def unpack(archive: Path, folder: Path, progress: Callable[[float, str], None]) -> Path:
    """The folder of a scene's files, all directly in it.

    Parameters
    ----------
    archive : Path
        A zip archive as ASF delivers it, or a folder that already is one unpacked; then its files are linked.
    folder : Path
        Where to; created.
    progress : callable
        ``progress(fraction, text)``.

    Raises
    ------
    InputError
        If the archive is none, is cut off or damaged.
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
        raise InputError(f"{archive} is not a whole zip archive: {exc}", hint="download it again") from exc
    return folder


def _plain(name: str) -> str:
    """A member's own name: what folders it lies in does not matter, and it cannot lead out of ours."""
    return PurePosixPath(name.replace("\\", "/")).name
