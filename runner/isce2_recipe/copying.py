"""Files brought into a folder: linked, or copied with a word on how far that is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_CHUNK_BYTES = 1 << 20


@dataclass
class Copying:
    """Several files that are copied one after another.

    Attributes
    ----------
    total_bytes : int
        Of all files together.
    progress : callable
        ``progress(fraction, text)``, called every megabyte.
    done_bytes : int
        Copied so far.
    """

    total_bytes: int
    progress: Callable[[float, str], None]
    done_bytes: int = 0

    def copy(self, source: IO[bytes], target: IO[bytes], text: str) -> None:
        """Copy one of the files; ``text`` says which."""
        while chunk := source.read(_CHUNK_BYTES):
            target.write(chunk)
            self.count(len(chunk), text)

    def count(self, copied_bytes: int, text: str) -> None:
        """Take note of bytes that were copied elsewhere, sent to a server for example."""
        self.done_bytes += copied_bytes
        self.progress(self.done_bytes / self.total_bytes, text)


def link(path: Path, target: Path) -> None:
    """Put the file where ``target`` is: a hard link, or between file systems a copy."""
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, target)
