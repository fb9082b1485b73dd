"""Folders that several tests read: the first test that needs one makes it, for all xdist workers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock


@dataclass(frozen=True)
class Shared:
    """The folder of one test session that all its worker processes have in common."""

    root: Path

    def folder(self, name: str, make: Callable[[Path], object]) -> Path:
        """Return the folder of that name; call ``make`` with the empty folder if no test has made it yet."""
        folder, mark = self.root / name, self.root / f"{name}.made"
        with FileLock(self.root / f"{name}.lock"):
            if not mark.exists():
                shutil.rmtree(folder, ignore_errors=True)  # what a failed attempt left
                folder.mkdir()
                make(folder)
                mark.touch()
        return folder


def copy_folder(source: Path, target: Path) -> Path:
    """Copy a folder for a test that changes it; times of modification stay, so that nothing looks edited."""
    return Path(shutil.copytree(source, target, symlinks=True))
