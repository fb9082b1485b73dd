"""Complete SLCs, as a zip archive or a SAFE folder, and unpacking of the files that processing needs."""

from __future__ import annotations

import fnmatch
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from isce2_recipe.copying import Copying, link
from isce2_recipe.errors import InputError
from isce2_recipe.types import SlcName

_DEPTHS = ("*", "*/*", "*/*/*")


class SlcArchive:
    """Access to the files of an SLC by their names relative to its SAFE folder.

    Raises
    ------
    InputError
        If the path is not an SLC, or an incomplete archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._members: dict[str, str] = {}
        if path.is_dir():
            inner = sorted(path.glob("*.SAFE"))
            self._root = path if (path / "manifest.safe").is_file() or not inner else inner[0]
            # Files of a SAFE are at most three levels deep; its folders may be links.
            found = (file for depth in _DEPTHS for file in self._root.glob(depth) if file.is_file())
            self._members = {str(file.relative_to(self._root)): str(file) for file in found}
        else:
            self._root = Path()
            with self._zip() as archive:
                for info in archive.infolist():
                    _, _, below = info.filename.partition(".SAFE/")
                    if below and not info.is_dir():
                        self._members[below] = info.filename
        if "manifest.safe" not in self._members:
            raise InputError(f"{path} contains no SAFE folder with a manifest.safe", hint="download it again")

    @contextmanager
    def _zip(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except OSError as exc:
            raise InputError(f"{self.path} cannot be read: {exc.strerror or exc}") from exc
        except (zipfile.BadZipFile, EOFError) as exc:
            raise InputError(
                f"{self.path} is not a complete zip archive: {exc}", hint="download it again"
            ) from exc

    def names(self, pattern: str) -> list[str]:
        """Return the names that match a pattern, sorted."""
        return sorted(name for name in self._members if fnmatch.fnmatch(name, pattern))

    def gdal_name(self, name: str) -> str:
        """Return the name with which GDAL opens a file."""
        member = self._members[name]
        return member if self.path.is_dir() else f"/vsizip/{self.path}/{member}"

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        if self.path.is_dir():
            return Path(self._members[name]).read_bytes()
        with self._zip() as archive:
            return archive.read(self._members[name])

    def extract(self, names: Sequence[str], folder: Path, progress: Callable[[float, str], None]) -> None:
        """Link (from a SAFE folder) or unpack (from an archive) files into a folder."""
        for name in names:
            (folder / _safe(name)).parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_dir():
            for name in names:
                link(Path(self._members[name]), folder / name)
            return
        with self._zip() as archive:
            sizes = [archive.getinfo(self._members[name]).file_size for name in names]
            copying = Copying(sum(sizes), progress)
            for name in names:
                with archive.open(self._members[name]) as source, (folder / name).open("wb") as target:
                    copying.copy(source, target, f"unpacking {PurePosixPath(name).name}")


def _safe(name: str) -> str:
    """Return the name of a member; raise an error if it would leave the output folder."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if ".." in parts or name.startswith("/"):
        raise InputError(f"the archive contains a file with the unsafe name '{name}'")
    return name


def unpack_slc(
    path: Path,
    name: SlcName,
    polarization: str,
    swaths: Sequence[int],
    folder: Path,
    progress: Callable[[float, str], None],
) -> Path:
    """Write ``NAME.SAFE`` in ``folder`` with the manifest and the files of the requested swaths.

    Raises
    ------
    InputError
        If a swath or the polarization is missing, or the archive is damaged.
    """
    archive = SlcArchive(path)
    wanted = ["manifest.safe"]
    for swath in swaths:
        image = f"s1?-iw{swath}-slc-{polarization.lower()}-*"
        for kind in (f"annotation/{image}.xml", f"measurement/{image}.tiff"):
            found = archive.names(kind)
            if not found:
                raise InputError(
                    f"{path.name} has no {kind.partition('/')[0]} of IW{swath} {polarization}, only of "
                    f"{_contents(archive) or 'nothing'}",
                    hint="choose swaths and a polarization that the SLC contains, or download it again",
                )
            wanted += found
        wanted += archive.names(f"annotation/calibration/*-{image}.xml")
    safe = folder / f"{name}.SAFE"
    archive.extract(wanted, safe, progress)
    return safe


def _contents(archive: SlcArchive) -> str:
    """Return the swaths and polarizations of the measurements as text."""
    fields = [PurePosixPath(name).name.split("-") for name in archive.names("measurement/*.tiff")]
    return ", ".join(sorted(f"{parts[1].upper()} {parts[3].upper()}" for parts in fields if len(parts) > 3))
