"""Files that are copied with a report of progress, or linked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_CHUNK_BYTES = 1 << 20


@dataclass
class Copying:
    """The progress of copying several files one after another."""

    total_bytes: int  # size of all files together
    progress: Callable[[float, str], None]  # ``progress(fraction, text)``, which is called for every megabyte
    done_bytes: int = 0  # number of bytes copied so far

    def copy(self, source: IO[bytes], target: IO[bytes], text: str) -> None:
        """Copy one of the files; ``text`` describes it in reports of progress."""
        while chunk := source.read(_CHUNK_BYTES):
            target.write(chunk)
            self.count(len(chunk), text)

    def count(self, copied_bytes: int, text: str) -> None:
        """Add bytes that were copied in another way, for example sent to a server."""
        self.done_bytes += copied_bytes
        self.progress(self.done_bytes / self.total_bytes, text)


def link(path: Path, target: Path) -> None:
    """Make the target a hard link to a file, or a copy on another file system."""
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, target)
