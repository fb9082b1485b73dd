"""Archives of granules and calibration files: zip, and tar with or without compression."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from isce2_recipe.errors import InputError

_TARS = (".tar", ".tar.gz", ".tgz")
ENDINGS = (".zip", *_TARS)
"""Endings of the names of archives, in lower case."""

# RuntimeError is raised for encrypted members, NotImplementedError for unknown compression.
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Archive:
    """An open archive.

    Attributes
    ----------
    sizes : mapping
        Sizes of the files in bytes, by name, in the order of the archive. Folders and links are left out.
    open : callable
        Opens a file by its name.
    """

    sizes: Mapping[str, int]
    open: Callable[[str], IO[bytes]]


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive to read it.

    Raises
    ------
    InputError
        If the file cannot be read or is not a complete archive, also while its files are read.
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
                    entries = [entry for entry in zipped.infolist() if not entry.is_dir()]
                    yield Archive({entry.filename: entry.file_size for entry in entries}, zipped.open)
            else:
                with tarfile.open(fileobj=stream) as tarred:
                    files = {entry.name: entry for entry in tarred if entry.isfile()}
                    sizes = {name: entry.size for name, entry in files.items()}
                    yield Archive(sizes, lambda name: tarred.extractfile(files[name]) or _missing(name))
        except _DAMAGE as exc:
            raise InputError(
                f"{path} is not a complete {kind} archive: {exc}", hint="download it again"
            ) from exc


def _missing(name: str) -> IO[bytes]:
    raise tarfile.ReadError(f"{name} cannot be extracted")


def inside(name: str) -> str:
    """Return the name of a file in an archive.

    Raises
    ------
    InputError
        If it would leave the folder into which the archive is unpacked.
    """
    if ".." in PurePosixPath(name.replace("\\", "/")).parts or name.startswith("/"):
        raise InputError(f"the archive contains a file with the unsafe name '{name}'")
    return name
