"""The input files of a run, with name, size and checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from isce2_recipe.files import write_json


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that a source delivered."""

    kind: str  # ``burst``, ``slc``, ``scene``, ``orbit``, ``dem``, ``water mask`` or ``product``
    of: str  # the granule or product to which it belongs; its own name if it belongs to none
    name: str  # its name, with its folders inside the folder of the granule
    size: int  # size in bytes
    sha256: str  # checksum of the content, hexadecimal


def sha256(path: Path) -> str:
    """Return the SHA-256 checksum of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_files(kind: str, paths: Iterable[Path], of: str = "") -> list[InputFile]:
    """Describe the files at some paths, and those in folders in the order of their names.

    Parameters
    ----------
    kind : str
        Kind of all the files, as in `InputFile`.
    paths : iterable of Path
        Files and folders.
    of : str
        The granule or product to which they belong; by default each path is its own.
    """
    found = []
    for path in paths:
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            name = file.relative_to(path.parent).as_posix()
            found.append(InputFile(kind, of or path.name, name, file.stat().st_size, sha256(file)))
    return found


def write_inputs(path: Path, files: Iterable[InputFile]) -> Path:
    """Write descriptions of files into a file, for later steps."""
    write_json(path, [asdict(file) for file in files])
    return path


def read_inputs(paths: Iterable[Path]) -> list[InputFile]:
    """Read the descriptions that `write_inputs` wrote into some files."""
    return [InputFile(**entry) for path in paths for entry in json.loads(path.read_text(encoding="utf-8"))]
