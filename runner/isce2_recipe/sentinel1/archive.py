"""Complete SLCs, as an archive or a SAFE folder: files, unpacking, and the bursts that two have in common."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

from isce2_recipe.archives import inside, open_archive
from isce2_recipe.copying import Copying, link
from isce2_recipe.errors import InputError
from isce2_recipe.quantities import format_bytes
from isce2_recipe.sar.annotation import BurstGeometry, SwathLayout, read_annotation, read_layout
from isce2_recipe.sar.burst_grid import burst_number
from isce2_recipe.sentinel1.measurement import check_measurement
from isce2_recipe.types import BurstName, SlcName

_DEPTHS = ("*", "*/*", "*/*/*")
_MOST_BYTES = 200_000_000  # of an annotation file or a manifest; ESA's have a few million


class SlcArchive:
    """Access to the files of an SLC by their names relative to its SAFE folder.

    Raise InputError if the path is not an SLC, or an incomplete archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._members: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        if path.is_dir():
            inner = sorted(path.glob("*.SAFE"))
            self._root = path if (path / "manifest.safe").is_file() or not inner else inner[0]
            # Files of a SAFE are at most three levels deep; its folders may be links.
            found = (file for depth in _DEPTHS for file in self._root.glob(depth) if file.is_file())
            self._members = {str(file.relative_to(self._root)): str(file) for file in found}
        else:
            with open_archive(path) as archive:
                for name, size in archive.sizes.items():
                    _, _, below = name.partition(".SAFE/")
                    if below:
                        self._members[below] = name
                        self._sizes[below] = size
        if "manifest.safe" not in self._members:
            raise InputError(f"{path} contains no SAFE folder with a manifest.safe", hint="download it again")

    def names(self, pattern: str) -> list[str]:
        """Return the names that match a pattern, sorted."""
        return sorted(name for name in self._members if fnmatch.fnmatch(name, pattern))

    def gdal_name(self, name: str) -> str:
        """Return the name with which GDAL opens a file."""
        member = self._members[name]
        if self.path.is_dir():
            return member
        driver = "vsizip" if self.path.suffix.lower() == ".zip" else "vsitar"
        return f"/{driver}/{self.path}/{member}"

    def size(self, name: str) -> int:
        """Return the size of a file in bytes."""
        return Path(self._members[name]).stat().st_size if self.path.is_dir() else self._sizes[name]

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        if self.size(name) > _MOST_BYTES:
            raise InputError(
                f"{self.path}/{name} has {format_bytes(self.size(name))}, which no metadata file has",
                hint="download the SLC again",
            )
        if self.path.is_dir():
            return Path(self._members[name]).read_bytes()
        with open_archive(self.path) as archive, archive.open(self._members[name]) as file:
            return file.read(_MOST_BYTES)

    def layout(self, swath: int, polarization: str) -> SwathLayout | None:
        """Return the layout of a swath's image; None if the SLC has no annotation of it."""
        found = self.names(f"annotation/{_image(swath, polarization)}.xml")
        return read_layout(self.read(found[0]), f"{self.path}/{found[0]}") if found else None

    def extract(self, names: Sequence[str], folder: Path, progress: Callable[[float, str], None]) -> None:
        """Link (from a SAFE folder) or unpack (from an archive) files into a folder."""
        for name in names:
            (folder / inside(name)).parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_dir():
            for name in names:
                link(Path(self._members[name]), folder / name)
            return
        with open_archive(self.path) as archive:
            copying = Copying(sum(self._sizes[name] for name in names), progress)
            for name in sorted(names, key=list(self._members).index):
                with archive.open(self._members[name]) as source, (folder / name).open("wb") as target:
                    copying.copy(source, target, f"unpacking {PurePosixPath(name).name}")


def _image(swath: int, polarization: str) -> str:
    """Return the pattern of the names of an image's files, without folder and ending."""
    return f"s1?-iw{swath}-slc-{polarization.lower()}-*"


def unpack_slc(
    path: Path,
    name: SlcName,
    polarization: str,
    swaths: Sequence[int],
    folder: Path,
    progress: Callable[[float, str], None],
) -> tuple[Path, str]:
    """Write ``NAME.SAFE`` in ``folder`` with the manifest and the files of the requested swaths.

    Return the folder, and a sentence about swaths without a burst, which are left out as in ISCE2. Raise
    InputError if no swath has a burst in the polarization, a measurement is missing or incomplete, or the
    archive is damaged.
    """
    archive = SlcArchive(path)
    layouts = {swath: archive.layout(swath, polarization) for swath in swaths}
    used = {swath: layout for swath, layout in layouts.items() if layout is not None and layout.bursts}
    requested, left_out = _list(swaths), _list(swath for swath in swaths if swath not in used)
    if not used:
        raise InputError(
            f"{path.name} has no burst of {requested} in {polarization}, only of {_contents(archive)}",
            hint="choose swaths and a polarization that the SLC contains, or download it again",
        )
    images = {swath: _measurement(archive, swath, polarization, layout) for swath, layout in used.items()}
    calibration = [f"annotation/calibration/*-{_image(swath, polarization)}.xml" for swath in used]
    patterns = [*calibration, *(f"annotation/{_image(swath, polarization)}.xml" for swath in used)]
    wanted = ["manifest.safe", *(found for pattern in patterns for found in archive.names(pattern))]
    safe = folder / f"{name}.SAFE"
    archive.extract([*wanted, *images.values()], safe, progress)
    for swath, layout in used.items():
        check_measurement(safe / images[swath], layout.bursts * layout.lines, layout.samples)
    note = f"{path.name} has no burst of {left_out} in {polarization}, which is left out."
    return safe, note if left_out else ""


def _measurement(archive: SlcArchive, swath: int, polarization: str, layout: SwathLayout) -> str:
    """Return the name of a swath's measurement, which must not be empty."""
    found = archive.names(f"measurement/{_image(swath, polarization)}.tiff")
    if not found:
        raise InputError(
            f"{archive.path.name} has no measurement of IW{swath} {polarization}, although its annotation "
            f"lists {layout.bursts} burst(s)",
            hint="download it again",
        )
    if archive.size(found[0]) == 0:
        raise InputError(
            f"measurement {archive.path}/{found[0]} is empty: it has 0 bytes, about {layout.bytes} are "
            "expected",
            hint="download the SLC again",
        )
    return found[0]


def check_slc(path: Path, polarization: str, swaths: Iterable[int]) -> None:
    """Check the measurements of the swaths that have bursts, without unpacking an archive.

    Raise InputError if one is missing or incomplete, or the SLC cannot be read.
    """
    archive = SlcArchive(path)
    for swath in swaths:
        layout = archive.layout(swath, polarization)
        if layout is None or not layout.bursts:
            continue
        name = _measurement(archive, swath, polarization, layout)
        if path.is_dir():
            check_measurement(Path(archive.gdal_name(name)), layout.bursts * layout.lines, layout.samples)
        elif archive.size(name) < layout.bytes:
            raise InputError(
                f"measurement {path}/{name} is truncated: it has {archive.size(name)} bytes, at least "
                f"{layout.bytes} are expected",
                hint="download the SLC again",
            )


def _list(swaths: Iterable[int]) -> str:
    return ", ".join(f"IW{swath}" for swath in swaths)


def _contents(archive: SlcArchive) -> str:
    """Return the swaths and polarizations of the annotation with bursts as text."""
    fields = [PurePosixPath(name).name.split("-") for name in archive.names("annotation/s1?-iw?-slc-*.xml")]
    images = sorted((int(parts[1][2]), parts[3].upper()) for parts in fields if parts[1][2].isdigit())
    layouts = {f"IW{swath} {pol}": archive.layout(swath, pol) for swath, pol in images}
    return ", ".join(name for name, layout in layouts.items() if layout and layout.bursts) or "nothing"


def common_bursts(
    reference: Path, secondary: Path
) -> tuple[tuple[BurstGeometry, ...], tuple[BurstGeometry, ...]]:
    """Return the bursts of two SAFE folders that show the same ground, in the same order of swath and time.

    Raise InputError if there are none.
    """
    first, second = (
        {(burst.swath, number_of(burst)): burst for burst in _bursts_of(safe)}
        for safe in (reference, secondary)
    )
    shared = sorted(first.keys() & second.keys(), key=lambda key: (key[0], first[key].start))
    if not shared:
        raise InputError(
            f"{reference.name} and {secondary.name} have no burst in common",
            hint="use scenes of the same place",
        )
    return tuple(first[key] for key in shared), tuple(second[key] for key in shared)


def _bursts_of(safe: Path) -> list[BurstGeometry]:
    files = sorted(safe.glob("annotation/*.xml"))
    if not files:
        raise InputError(f"no annotation in {safe}", hint="download it again")
    return [burst for file in files for burst in read_annotation(file)]


def number_of(burst: BurstGeometry) -> int:
    """Return ESA's relative burst number; it is computed if the processor did not write it."""
    if burst.burst_id is not None:
        return burst.burst_id
    since_node = (burst.middle - burst.ascending_node).total_seconds()
    return burst_number(burst.relative_orbit, since_node)


def burst_name(burst: BurstGeometry) -> BurstName:
    """Return the name of a burst granule for the names of products; its suffix is not known."""
    return BurstName(
        burst.start.replace(microsecond=0), number_of(burst), burst.swath, burst.polarization, "0000"
    )
