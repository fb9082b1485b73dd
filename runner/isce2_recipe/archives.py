"""Archives of granules and calibration files: zip, and tar with or without compression."""

from __future__ import annotations

import errno
import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from isce2_recipe.errors import InputError
from isce2_recipe.quantities import format_bytes

_TARS = (".tar", ".tar.gz", ".tgz")
ENDINGS = (".zip", *_TARS)
"""Endings of the names of archives, in lower case."""

# RuntimeError is raised for encrypted members, NotImplementedError for unknown compression.
_DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, RuntimeError, ValueError,
    struct.error, OverflowError, lzma.LZMAError,
)  # fmt: skip

_MOST_TIMES = 100
"""Largest ratio of the size of the files to that of the archive; granules and products have less than 10."""

_ALWAYS_ALLOWED = 10_000_000  # bytes of files in an archive of any size


@dataclass(frozen=True, slots=True)
class Archive:
    """An open archive."""

    # Sizes of the files in bytes, by name, in the order of the archive. Folders and links are left out.
    sizes: Mapping[str, int]
    open: Callable[[str], IO[bytes]]  # opens a file by its name


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive to read it.

    Raise InputError if the file cannot be read or is not a complete archive, also while its files are read.
    """
    kind = "tar" if path.name.lower().endswith(_TARS) else "zip"
    try:
        stream = path.open("rb")
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror}") from exc
    with stream:
        try:
            if kind == "zip":
                with zipfile.ZipFile(stream) as zipped:
                    named = (entry for entry in zipped.infolist() if entry.filename)
                    found = ((one.filename, one.file_size) for one in named if not one.is_dir())
                    listed = _sizes(path, found)
                    yield Archive(listed, zipped.open)
            else:
                with tarfile.open(fileobj=stream) as tarred:
                    listed = _sizes(path, ((entry.name, entry.size) for entry in tarred if entry.isfile()))
                    yield Archive(listed, lambda name: tarred.extractfile(name) or _missing(name))
        except (*_DAMAGE, OSError) as exc:
            # An offset before the beginning of the file is EINVAL; other errors are of the disk.
            if isinstance(exc, OSError) and exc.errno not in (None, errno.EINVAL):
                raise
            raise InputError(
                f"{path} is not a complete {kind} archive: {exc}", hint="download it again"
            ) from exc


def _sizes(path: Path, files: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the sizes of files in an archive; refuse an archive that is small and has very much in it."""
    most = _ALWAYS_ALLOWED + _MOST_TIMES * path.stat().st_size
    found, total = {}, 0
    for name, size in files:
        found[name] = size
        total += size
        if total > most:
            raise InputError(
                f"{path} has {format_bytes(path.stat().st_size)}, but the files in it more than "
                f"{format_bytes(most)}, which no granule and no product has",
                hint="do not unpack it; download it again from a source that you trust",
            )
    return found


def _missing(name: str) -> IO[bytes]:
    raise tarfile.ReadError(f"{name} cannot be extracted")


def inside(name: str) -> str:
    """Return the name of a file in an archive.

    Raise InputError if it would leave the folder into which the archive is unpacked.
    """
    if ".." in PurePosixPath(name.replace("\\", "/")).parts or name.startswith("/"):
        raise InputError(f"the archive contains a file with the unsafe name '{name}'")
    return name
