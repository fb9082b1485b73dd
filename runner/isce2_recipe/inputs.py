"""What went into a run: every file that a source delivered, by name, size and checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file as it came.

    Attributes
    ----------
    kind : str
        ``burst``, ``slc``, ``scene``, ``orbit``, ``dem``, ``water mask`` or ``product``.
    of : str
        The granule or product that it belongs to; its own name where it stands for itself.
    name : str
        With the folders below the granule's own, where there are such.
    size : int
        Bytes.
    sha256 : str
        Of its content, hexadecimal.
    """

    kind: str
    of: str
    name: str
    size: int
    sha256: str


def sha256(path: Path) -> str:
    """Of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_files(kind: str, paths: Iterable[Path], of: str = "") -> list[InputFile]:
    """The files at some paths, those of folders in order of their names.

    Parameters
    ----------
    of : str
        What they belong to; by default each to itself.
    """
    found = []
    for path in paths:
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            name = file.relative_to(path.parent).as_posix()
            found.append(InputFile(kind, of or path.name, name, file.stat().st_size, sha256(file)))
    return found


def write_inputs(path: Path, files: Iterable[InputFile]) -> Path:
    """Write them down for later steps."""
    path.write_text(json.dumps([asdict(file) for file in files], indent=1) + "\n", encoding="utf-8")
    return path


def read_inputs(paths: Iterable[Path]) -> list[InputFile]:
    """What `write_inputs` wrote, from some files."""
    return [InputFile(**entry) for path in paths for entry in json.loads(path.read_text(encoding="utf-8"))]
