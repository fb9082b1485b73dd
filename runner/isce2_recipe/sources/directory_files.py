"""Files in a folder, however people keep them: as they are, in folders of their own, or in zip archives."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from isce2_recipe.copying import link
from isce2_recipe.errors import InputError


@dataclass(frozen=True, slots=True)
class Found:
    """A file, or one within an archive.

    Attributes
    ----------
    path : Path
        The file or the archive.
    member : str
        Path within the archive; empty for a file of its own.
    """

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.member).name if self.member else self.path.name

    @property
    def dataset(self) -> str:
        """What GDAL opens it by."""
        return f"/vsizip/{self.path}/{self.member}" if self.member else str(self.path)

    def take(self, folder: Path, name: str | None = None) -> Path:
        """The file in ``folder``: a hard link, or between file systems and out of archives a copy.

        Raises
        ------
        InputError
            If the archive is damaged.
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
                zipfile.ZipFile(self.path) as archive,
                archive.open(self.member) as source,
                target.open("wb") as copy,
            ):
                shutil.copyfileobj(source, copy)
        except (zipfile.BadZipFile, EOFError) as exc:
            target.unlink(missing_ok=True)
            raise InputError(f"{self.path} is damaged: {exc}", hint="download it again") from exc
        return target


def files(root: Path, kind: str) -> list[Found]:
    """All files of a kind: below ``root/kind`` and in ``root`` itself, then those in archives of both.

    Hidden files and empty archives count for nothing.
    """
    plain = [path for place in (root / kind, root) for path in _below(place, deep=place != root)]
    archives = [path for path in plain if path.suffix.lower() == ".zip"]
    return [
        *(Found(path) for path in plain),
        *(Found(path, member) for path in archives for member in _members(path)),
    ]


def candidates(root: Path, wanted: Mapping[str, Sequence[str]] | None) -> list[Path]:
    """Files that may hold what is wanted: names by kind, no names meaning all of a kind, None everything.

    A file counts by its own name, by that of a folder it lies in, and as an archive by what is in it.
    """
    if wanted is None:
        return sorted(_below(root, deep=True))
    found = {
        path
        for kind, names in wanted.items()
        for place in (root / kind, root)
        for path in _below(place, deep=place != root)
        if not names or _holds(path, place, tuple(name.lower() for name in names))
    }
    return sorted(found)


def _holds(path: Path, place: Path, names: tuple[str, ...]) -> bool:
    inside = _members(path) if path.suffix.lower() == ".zip" else []
    parts = [*path.relative_to(place).parts, *(PurePosixPath(member).name for member in inside)]
    return any(part.lower().startswith(names) for part in parts)


def find(root: Path, kind: str, *names: str) -> Found | None:
    """The first file with one of some names, capital or small letters alike."""
    listing = files(root, kind)
    for name in names:
        for found in listing:
            if found.name.lower() == name.lower():
                return found
    return None


def find_granule(root: Path, kind: str, *names: str) -> Path | None:
    """An archive or a folder with one of some names, below ``root/kind`` or in ``root`` itself."""
    wanted = {name.lower() for name in names}
    found = [path for path in everything(root, kind) if path.name.lower() in wanted]
    return min(found, key=lambda path: len(path.parts), default=None)


def everything(root: Path, kind: str) -> list[Path]:
    """Files and folders of a kind: below ``root/kind``, then in ``root`` itself."""
    return [*sorted((root / kind).rglob("*")), *sorted(root.glob("*"))]


def _below(folder: Path, *, deep: bool) -> Iterator[Path]:
    if folder.is_dir():
        for path in sorted(folder.rglob("*") if deep else folder.glob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield path


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    except (zipfile.BadZipFile, OSError):
        return []
    return sorted(name for name in names if not PurePosixPath(name).name.startswith("."))
