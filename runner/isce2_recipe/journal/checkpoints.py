"""Copies of files that later steps of a shared folder may overwrite, so that a crash costs one step only."""

from __future__ import annotations

import fcntl
import shutil
from contextlib import suppress
from pathlib import Path

from isce2_recipe.files import replace_when_complete
from isce2_recipe.journal.files import FOLDER, FileEntry, Manifest, file_digest
from isce2_recipe.paths import CHECKPOINTS

LARGEST = 64 << 20
"""Size of the largest file that is copied where the file system cannot share blocks, bytes."""

_FICLONE = 0x40049409  # linux/fs.h


def keep(workdir: Path, files: Manifest) -> None:
    """Copy files that are small or can share blocks; the fingerprint of its content is the name of a copy."""
    store = workdir / CHECKPOINTS
    store.mkdir(parents=True, exist_ok=True)
    for name, entry in files.items():
        if entry.digest == FOLDER or ":" in entry.digest or (store / entry.digest).exists():
            continue
        _copy(workdir / name, store / entry.digest, entry.size)


def _copy(source: Path, target: Path, size: int) -> None:
    """Make a complete copy, or none where it would cost too much."""
    # A checkpoint only saves time: without it more steps run again. A large file is not written at all.
    with suppress(OSError), replace_when_complete(target, many_writers=True) as partial:
        if not _clone(source, partial) and size <= LARGEST:
            shutil.copyfile(source, partial)
        shutil.copymode(source, partial)


def _clone(source: Path, target: Path) -> bool:
    """Make a copy that shares the blocks of its source; return whether the file system could do so."""
    try:
        with source.open("rb") as original, target.open("wb") as copy:
            fcntl.ioctl(copy.fileno(), _FICLONE, original.fileno())
    except OSError:
        with suppress(OSError):
            target.unlink()
        return False
    return True


def _stored(workdir: Path, entry: FileEntry) -> Path:
    return workdir / CHECKPOINTS / entry.digest


def restore(workdir: Path, name: str, entry: FileEntry) -> bool:
    """Restore a file as its entry describes it; return whether that was possible."""
    path = workdir / name
    remove(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if entry.digest == FOLDER:
        path.mkdir(exist_ok=True)
        return True
    if entry.digest.startswith("link:"):
        path.symlink_to(entry.digest.split(":")[1])
        return True
    stored = _stored(workdir, entry)
    if not stored.exists() or file_digest(stored) != entry.digest:
        with suppress(OSError):
            stored.unlink()
        return False
    if not _clone(stored, path):
        shutil.copyfile(stored, path)
    shutil.copymode(stored, path)
    return True


def remove(path: Path) -> None:
    """Delete a file, link or folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def delete_unneeded(workdir: Path, needed: set[str]) -> None:
    """Delete copies of contents that are not needed."""
    store = workdir / CHECKPOINTS
    if not store.is_dir():
        return
    for file in store.iterdir():
        if file.name not in needed:
            with suppress(OSError):
                file.unlink()
