"""Reader of ASF's burst metadata XML, which has the manifest and all annotation of the burst's SLC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lxml import etree

from isce2_recipe.errors import InputError
from isce2_recipe.sar.annotation import relative_orbit
from isce2_recipe.types import BurstName

REFETCH = "delete it and fetch it again"
_SAFE = "{http://www.esa.int/safe/sentinel-1.0}"
# Root elements of the annotation files of a SAFE folder.
KINDS = ("product", "calibration", "noise", "rfi")

# Times of the first and the last line in the name of an SLC's measurement.
_IMAGE_TIMES = re.compile(r"measurement/s1.-iw\d-slc-[vh]{2}-(\d{8}t\d{6})-(\d{8}t\d{6})-")

# Largest difference between the times of a burst in its name and its annotation; bursts repeat every 2.758 s.
_TIME_TOLERANCE_S = 2.0

Element = Any  # lxml.etree._Element


@dataclass(frozen=True, slots=True)
class BurstMetadata:
    """The metadata of one burst's swath and polarization."""

    path: Path
    manifest: Element  # root of the SLC's ``manifest.safe``
    # Roots of ``product`` and, if present, ``calibration``, ``noise`` and ``rfi``, as in the files of the
    # SAFE. They list *all* bursts of the swath.
    annotation: dict[str, Element]
    polarizations: tuple[str, ...]

    @property
    def product(self) -> Element:
        """Return the root of the product annotation."""
        return self.annotation["product"]

    @property
    def ipf_version(self) -> str:
        """Return the version of ESA's processor, such as ``003.31``; empty if the manifest has none."""
        for software in self.manifest.iter(f"{_SAFE}software"):
            if "IPF" in software.get("name", ""):
                return str(software.get("version", ""))
        return ""

    def text(self, path: str) -> str:
        """Return the text of an element of the product annotation.

        Raise InputError if the element is missing or empty.
        """
        found = self.product.findtext(path)
        if found is None or not found.strip():
            raise InputError(f"burst metadata {self.path}: the annotation has no {path}", hint=REFETCH)
        return str(found).strip()

    def number(self, path: str) -> float:
        """Return the number in an element of the product annotation; see `text` for errors."""
        text = self.text(path)
        try:
            return float(text)
        except ValueError:
            raise InputError(
                f"burst metadata {self.path}: {path} is '{text}', which is not a number", hint=REFETCH
            ) from None

    @property
    def bursts(self) -> list[Element]:
        """Return the ``burst`` elements of the swath, in order."""
        return list(self.product.iterfind("swathTiming/burstList/burst"))

    def burst_time(self, index: int) -> datetime:
        """Return the time (UTC) of the first line of the burst at a position in the list."""
        text = self.bursts[index].findtext("azimuthTime") or ""
        return datetime.fromisoformat(text).replace(tzinfo=UTC)


def read_metadata(path: Path, name: BurstName) -> BurstMetadata:
    """Read the parts of a metadata file for a burst's swath and polarization.

    Raise InputError if the file is missing, is not well-formed, is not burst metadata or lacks the swath.
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
            f"burst metadata {path} contains no annotation of {wanted}, only of {_contents(root)}",
            hint=f"use the metadata of {name}",
        )
    polarizations = {part.findtext("polarisation") or "" for part in root.iterfind("metadata/product")}
    return BurstMetadata(path, manifest, annotation, tuple(sorted(polarizations)))


def find_index(metadata: BurstMetadata, name: BurstName, expected: int | None = None) -> int:
    """Return the zero-based position of a burst in its swath's list.

    The number of the burst is compared with the burst IDs that processors from version 3.40 on write; if
    there are none, its time is compared with those of the first lines, at the position of the catalogue
    (``expected``) first. Raise InputError if no burst of the list has that number or time.
    """
    bursts = metadata.bursts
    numbers = [burst.findtext("burstId") for burst in bursts]
    for index, number in enumerate(numbers):
        if number is not None and int(number) == name.relative_burst:
            return index
    # Names have times in whole seconds; truncation subtracts half a second on average.
    late_s = [(metadata.burst_time(index) - name.start).total_seconds() - 0.5 for index in range(len(bursts))]
    if expected is not None and 0 <= expected < len(bursts) and abs(late_s[expected]) < _TIME_TOLERANCE_S:
        return expected
    nearest = min(range(len(bursts)), key=lambda index: abs(late_s[index]), default=None)
    if nearest is not None and abs(late_s[nearest]) < _TIME_TOLERANCE_S:
        return nearest
    begins = ", ".join(f"{metadata.burst_time(index):%H:%M:%S.%f}" for index in range(len(bursts)))
    raise InputError(
        f"burst metadata {metadata.path}: none of the {len(bursts)} bursts of IW{name.swath} begins at "
        f"{name.start:%Y-%m-%dT%H:%M:%S}, the time of {name} (they begin at {begins or 'unknown times'})",
        hint="use the metadata of this burst",
    )


def footprint(metadata: BurstMetadata, index: int) -> tuple[tuple[float, float], ...]:
    """Return the closed polygon (longitude, latitude) around a burst, from the geolocation grid.

    Raise InputError if the annotation has no geolocation grid.
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
    """Return the name of the burst's SLC; the last four characters of both names are equal.

    Its times are those in the names of its measurements; the manifests of old processors have other times.
    """
    times = [found.groups() for found in map(_IMAGE_TIMES.search, _file_names(metadata.manifest)) if found]
    start, stop = min((first for first, _ in times), default=""), max((last for _, last in times), default="")
    if not times:
        period = metadata.manifest.find(f".//{_SAFE}acquisitionPeriod")
        if period is None:
            raise InputError(
                f"burst metadata {metadata.path}: the manifest has no acquisitionPeriod", hint=REFETCH
            )
        start, stop = (period.findtext(f"{_SAFE}{tag}") or "" for tag in ("startTime", "stopTime"))
    channels = ("D" if len(metadata.polarizations) > 1 else "S") + (
        "H" if name.polarization[0] == "H" else "V"
    )
    return product_name(metadata, f"1S{channels}", start, stop, name.suffix)


def _file_names(manifest: Element) -> Iterator[str]:
    return (location.get("href", "") for location in manifest.iter("fileLocation"))


def track(metadata: BurstMetadata) -> int:
    """Return the relative orbit that the manifest states, or the one that follows from the absolute orbit."""
    for number in metadata.manifest.iter(f"{_SAFE}relativeOrbitNumber"):
        if number.get("type") == "start" and (number.text or "").strip().isdigit():
            return int(number.text)
    platform = metadata.text("adsHeader/missionId")
    return relative_orbit(platform, int(metadata.number("adsHeader/absoluteOrbitNumber")))


def product_name(metadata: BurstMetadata, kind: str, start: str, stop: str, suffix: str) -> str:
    """Return ESA's name of an SLC with this class and polarization, ISO times and suffix."""
    orbit = int(metadata.number("adsHeader/absoluteOrbitNumber"))
    datatake = int(metadata.number("adsHeader/missionDataTakeId"))
    return (
        f"{metadata.text('adsHeader/missionId')}_IW_SLC__{kind}_{compact_time(start)}_{compact_time(stop)}_"
        f"{orbit:06d}_{datatake:06X}_{suffix}"
    )


def compact_time(time: str) -> str:
    """Return ``2020-06-04T02:23:12.933265`` in the form of names, ``20200604T022312``."""
    return time.partition(".")[0].replace("-", "").replace(":", "").upper()


def _parse(path: Path) -> Element:
    parser = etree.XMLParser(huge_tree=True, remove_blank_text=True, resolve_entities=False, no_network=True)
    try:
        return etree.parse(str(path), parser).getroot()
    except OSError as exc:
        raise InputError(f"burst metadata {path} cannot be read: {exc.strerror or exc}") from exc
    except etree.XMLSyntaxError as exc:
        raise InputError(f"burst metadata {path} is not well-formed XML: {exc}", hint=REFETCH) from exc


def _part(root: Element, kind: str, swath: str, polarization: str) -> Element | None:
    """Return the content of one annotation with the root element that it has in a SAFE folder."""
    for part in root.iterfind(f"metadata/{kind}"):
        if part.findtext("swath") == swath and part.findtext("polarisation") == polarization:
            content = part.find("content")
            if content is None:
                return None
            content.tag = kind
            content.attrib.clear()
            return content
    return None


def _contents(root: Element) -> str:
    found = [
        f"{part.findtext('swath')} {part.findtext('polarisation')}"
        for part in root.iterfind("metadata/product")
    ]
    return ", ".join(found) or "nothing"
