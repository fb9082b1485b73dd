"""A scene's archive, unpacked safely."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from isce2_recipe.errors import InputError

_CHUNK_BYTES = 1 << 22


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
            _link(path, folder / path.name)
        return folder
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [info for info in opened.infolist() if not info.is_dir()]
            total = sum(info.file_size for info in members) or 1
            done = 0
            for info in members:
                progress(done / total, f"unpacking {PurePosixPath(info.filename).name}")
                with opened.open(info) as source, (folder / _plain(info.filename)).open("wb") as target:
                    shutil.copyfileobj(source, target, _CHUNK_BYTES)
                done += info.file_size
    except (zipfile.BadZipFile, EOFError) as exc:
        raise InputError(f"{archive} is not a whole zip archive: {exc}", hint="download it again") from exc
    return folder


def _plain(name: str) -> str:
    """A member's own name: what folders it lies in does not matter, and it cannot lead out of ours."""
    return PurePosixPath(name.replace("\\", "/")).name


def _link(path: Path, target: Path) -> None:
    try:
        target.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, target)
