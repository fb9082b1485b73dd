"""Files of the directory source: in its folder, in folders below it, or in zip archives."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from isce2_recipe.archives import open_archive
from isce2_recipe.copying import link
from isce2_recipe.errors import InputError


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file in a folder or in an archive."""

    path: Path
    member: str = ""  # path within the archive; empty for a file in a folder

    @property
    def name(self) -> str:
        """The name of the file, without folders."""
        return PurePosixPath(self.member).name if self.member else self.path.name

    @property
    def dataset(self) -> str:
        """The name with which GDAL opens the file."""
        return f"/vsizip/{self.path}/{self.member}" if self.member else str(self.path)

    def take(self, folder: Path, name: str | None = None) -> Path:
        """Put the file into ``folder``, as a hard link or, between file systems and from archives, as a copy.

        Raise InputError if the archive is damaged.
        """
        target = folder / (name or self.name)
        if self.member:
            target.unlink(missing_ok=True)
            return self._extract(target)
        link(self.path, target)
        return target

    def _extract(self, target: Path) -> Path:
        try:
            with (
                open_archive(self.path) as archive,
                archive.open(self.member) as source,
                target.open("wb") as copy,
            ):
                shutil.copyfileobj(source, copy)
        except InputError:
            target.unlink(missing_ok=True)
            raise
        return target


def files(root: Path, kind: str) -> list[FoundFile]:
    """Return all files of a kind: below ``root/kind``, in ``root``, then those in the archives of both.

    Hidden files and empty archives are ignored.
    """
    plain = [path for place in (root / kind, root) for path in _below(place, deep=place != root)]
    archives = [path for path in plain if path.suffix.lower() == ".zip"]
    return [
        *(FoundFile(path) for path in plain),
        *(FoundFile(path, member) for path in archives for member in members(path)),
    ]


def candidates(root: Path, wanted: Mapping[str, Sequence[str]] | None) -> list[Path]:
    """Return the files that may contain what is wanted, sorted.

    A file matches by its name, by the name of a folder that it is in, or, if it is an archive, by the names
    of its members. An empty list of names means all of that kind, None means all files.
    """
    if wanted is None:
        return sorted(_below(root, deep=True))
    found = {
        path
        for kind, names in wanted.items()
        for place in (root / kind, root)
        for path in _below(place, deep=place != root)
        if not names or _matches(path, place, tuple(name.lower() for name in names))
    }
    return sorted(found)


def _matches(path: Path, place: Path, names: tuple[str, ...]) -> bool:
    inside = members(path) if path.suffix.lower() == ".zip" else []
    parts = [*path.relative_to(place).parts, *(PurePosixPath(member).name for member in inside)]
    return any(part.lower().startswith(names) for part in parts)


def find(root: Path, kind: str, *names: str) -> FoundFile | None:
    """Return the first file that has one of the names, regardless of case."""
    listing = files(root, kind)
    for name in names:
        for found in listing:
            if found.name.lower() == name.lower():
                return found
    return None


def find_granule(root: Path, kind: str, *names: str) -> Path | None:
    """Return the archive or folder that has one of the names, below ``root/kind`` or in ``root``."""
    wanted = {name.lower() for name in names}
    found = [path for path in everything(root, kind) if path.name.lower() in wanted]
    return min(found, key=lambda path: len(path.parts), default=None)


def everything(root: Path, kind: str) -> list[Path]:
    """Return files and folders of a kind: those below ``root/kind``, then those in ``root``."""
    return [*sorted((root / kind).rglob("*")), *sorted(root.glob("*"))]


def _below(folder: Path, *, deep: bool) -> Iterator[Path]:
    if folder.is_dir():
        for path in sorted(folder.rglob("*") if deep else folder.glob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield path


def members(path: Path) -> list[str]:
    """Return the names of the files in a zip archive, sorted; none if it is damaged."""
    try:
        with open_archive(path) as archive:
            names = list(archive.sizes)
    except InputError:
        return []
    return sorted(name for name in names if not PurePosixPath(name).name.startswith("."))
