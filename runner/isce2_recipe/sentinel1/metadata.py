"""ASF's burst metadata XML: the manifest and every annotation of the SLC a burst was cut from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lxml import etree

from isce2_recipe.errors import InputError
from isce2_recipe.types import BurstName

REFETCH = "delete it and fetch it again"
_SAFE = "{http://www.esa.int/safe/sentinel-1.0}"
# The files of a SAFE folder's annotation, by their root elements.
KINDS = ("product", "calibration", "noise", "rfi")

# Bursts follow each other every 2.758 s; a burst that is further off is another one.
_TIME_TOLERANCE_S = 2.0

Element = Any  # lxml.etree._Element


@dataclass(frozen=True, slots=True)
class BurstMetadata:
    """What belongs to one burst's swath and polarization.

    Attributes
    ----------
    path : Path
        Where it was read from.
    manifest : Element
        Root of the SLC's ``manifest.safe``.
    annotation : dict of str to Element
        ``product`` and, where there are any, ``calibration``, ``noise`` and ``rfi``: roots as in the SAFE's
        own files, listing *all* bursts of the swath.
    polarizations : tuple of str
        All that the SLC has.
    """

    path: Path
    manifest: Element
    annotation: dict[str, Element]
    polarizations: tuple[str, ...]

    @property
    def product(self) -> Element:
        """The annotation proper."""
        return self.annotation["product"]

    @property
    def ipf_version(self) -> str:
        """Version of ESA's processor, such as ``003.31``; empty where the manifest has none."""
        for software in self.manifest.iter(f"{_SAFE}software"):
            if "IPF" in software.get("name", ""):
                return str(software.get("version", ""))
        return ""

    def text(self, path: str) -> str:
        """The text of an element of the annotation.

        Raises
        ------
        InputError
            If there is no such element.
        """
        found = self.product.findtext(path)
        if found is None or not found.strip():
            raise InputError(f"burst metadata {self.path}: the annotation has no {path}", hint=REFETCH)
        return str(found).strip()

    def number(self, path: str) -> float:
        """The number in an element of the annotation; errors as `text`."""
        text = self.text(path)
        try:
            return float(text)
        except ValueError:
            raise InputError(
                f"burst metadata {self.path}: {path} is '{text}', which is not a number", hint=REFETCH
            ) from None

    @property
    def bursts(self) -> list[Element]:
        """The ``burst`` elements of the swath, in order."""
        return list(self.product.iterfind("swathTiming/burstList/burst"))

    def burst_time(self, index: int) -> datetime:
        """UTC of the first line of the burst at a position in the list."""
        text = self.bursts[index].findtext("azimuthTime") or ""
        return datetime.fromisoformat(text).replace(tzinfo=UTC)


def read_metadata(path: Path, name: BurstName) -> BurstMetadata:
    """The parts of a metadata file that belong to a burst's swath and polarization.

    Raises
    ------
    InputError
        If the file is missing, is not well-formed, is something else or lacks the swath.
    """
    root = _parse(path)
    if root.tag != "burst":
        raise InputError(
            f"{path} is not burst metadata: its root element is <{etree.QName(root).localname}>, not <burst>",
            hint=REFETCH,
        )
    manifest = root.find("manifest/*")
    if manifest is None:
        raise InputError(f"burst metadata {path} has no manifest", hint=REFETCH)
    annotation = {
        kind: root_of
        for kind in KINDS
        if (root_of := _part(root, kind, f"IW{name.swath}", name.polarization)) is not None
    }
    if "product" not in annotation:
        wanted = f"IW{name.swath} {name.polarization}"
        raise InputError(
            f"burst metadata {path} holds no annotation of {wanted}, only of {_held(root)}",
            hint=f"give the metadata of {name}",
        )
    polarizations = {part.findtext("polarisation") or "" for part in root.iterfind("metadata/product")}
    return BurstMetadata(path, manifest, annotation, tuple(sorted(polarizations)))


def find_index(metadata: BurstMetadata, name: BurstName, expected: int | None = None) -> int:
    """The zero-based position of a burst in its swath's list.

    Parameters
    ----------
    metadata : BurstMetadata
    name : BurstName
        Its number is compared with the burst IDs that processors from version 3.40 on write, else
        its time with those of the first lines.
    expected : int, optional
        The catalogue's opinion, taken where the time agrees.

    Raises
    ------
    InputError
        If no burst of the list has that number or time.
    """
    bursts = metadata.bursts
    numbers = [burst.findtext("burstId") for burst in bursts]
    for index, number in enumerate(numbers):
        if number is not None and int(number) == name.relative_burst:
            return index
    # Names carry whole seconds; half a second is what truncation loses on average.
    late_s = [(metadata.burst_time(index) - name.start).total_seconds() - 0.5 for index in range(len(bursts))]
    if expected is not None and 0 <= expected < len(bursts) and abs(late_s[expected]) < _TIME_TOLERANCE_S:
        return expected
    nearest = min(range(len(bursts)), key=lambda index: abs(late_s[index]), default=None)
    if nearest is not None and abs(late_s[nearest]) < _TIME_TOLERANCE_S:
        return nearest
    begins = ", ".join(f"{metadata.burst_time(index):%H:%M:%S.%f}" for index in range(len(bursts)))
    raise InputError(
        f"burst metadata {metadata.path}: none of the {len(bursts)} bursts of IW{name.swath} begins at "
        f"{name.start:%Y-%m-%dT%H:%M:%S}, the time of {name} (they begin at {begins or 'no time at all'})",
        hint="give the metadata that belongs to the burst",
    )


def footprint(metadata: BurstMetadata, index: int) -> tuple[tuple[float, float], ...]:
    """Closed polygon (longitude, latitude) around a burst, from the geolocation grid.

    Raises
    ------
    InputError
        If the annotation has no geolocation grid.
    """
    rows: dict[int, list[tuple[int, tuple[float, float]]]] = {}
    for point in metadata.product.iterfind("geolocationGrid/geolocationGridPointList/geolocationGridPoint"):
        place = float(point.findtext("longitude")), float(point.findtext("latitude"))
        rows.setdefault(int(point.findtext("line")), []).append((int(point.findtext("pixel")), place))
    if not rows:
        raise InputError(f"burst metadata {metadata.path} has no geolocation grid", hint=REFETCH)
    lines = int(metadata.number("swathTiming/linesPerBurst"))
    first = max((line for line in rows if line <= index * lines), default=min(rows))
    last = min((line for line in rows if line >= (index + 1) * lines - 1), default=max(rows))
    ring = [place for _, place in sorted(rows[first])] + [place for _, place in sorted(rows[last])[::-1]]
    return (*ring, ring[0])


def slc_name(metadata: BurstMetadata, name: BurstName) -> str:
    """The name of the SLC a burst was cut from; a burst's last four characters are its SLC's."""
    period = metadata.manifest.find(f".//{_SAFE}acquisitionPeriod")
    if period is None:
        raise InputError(
            f"burst metadata {metadata.path}: the manifest has no acquisitionPeriod", hint=REFETCH
        )
    times = [
        (period.findtext(f"{_SAFE}{tag}") or "").partition(".")[0].replace("-", "").replace(":", "")
        for tag in ("startTime", "stopTime")
    ]
    channels = ("D" if len(metadata.polarizations) > 1 else "S") + (
        "H" if name.polarization[0] == "H" else "V"
    )
    orbit = int(metadata.number("adsHeader/absoluteOrbitNumber"))
    datatake = int(metadata.number("adsHeader/missionDataTakeId"))
    return (
        f"{metadata.text('adsHeader/missionId')}_IW_SLC__1S{channels}_{'_'.join(times)}_"
        f"{orbit:06d}_{datatake:06X}_{name.suffix}"
    )


def _parse(path: Path) -> Element:
    parser = etree.XMLParser(huge_tree=True, remove_blank_text=True, resolve_entities=False, no_network=True)
    try:
        return etree.parse(str(path), parser).getroot()
    except OSError as exc:
        raise InputError(f"burst metadata {path} cannot be read: {exc.strerror or exc}") from exc
    except etree.XMLSyntaxError as exc:
        raise InputError(f"burst metadata {path} is not well-formed XML: {exc}", hint=REFETCH) from exc


def _part(root: Element, kind: str, swath: str, polarization: str) -> Element | None:
    """The content of one annotation as the root element it has in a SAFE folder."""
    for part in root.iterfind(f"metadata/{kind}"):
        if part.findtext("swath") == swath and part.findtext("polarisation") == polarization:
            content = part.find("content")
            if content is None:
                return None
            content.tag = kind
            content.attrib.clear()
            return content
    return None


def _held(root: Element) -> str:
    held = [
        f"{part.findtext('swath')} {part.findtext('polarisation')}"
        for part in root.iterfind("metadata/product")
    ]
    return ", ".join(held) or "nothing"
