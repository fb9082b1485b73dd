"""Annotation and manifest of a SAFE folder that contains only some bursts of another one."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from lxml import etree

from isce2_recipe.errors import InputError
from isce2_recipe.sentinel1.metadata import BurstMetadata, Element

# Lists of timed entries that apply to a whole SLC: kept complete; lists of several SLCs are joined.
_TIMED_LISTS = (
    "generalAnnotation/orbitList",
    "generalAnnotation/attitudeList",
    "generalAnnotation/azimuthFmRateList",
    "generalAnnotation/terrainHeightList",
    "dopplerCentroid/dcEstimateList",
    "antennaPattern/antennaPatternList",
)
_SAFE = "{http://www.esa.int/safe/sentinel-1.0}"
_GML = "{http://www.opengis.net/gml}"
_POINTS = "geolocationGrid/geolocationGridPointList/geolocationGridPoint"
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%f"


def subset_product(parts: Sequence[tuple[BurstMetadata, int]], first_byte: int) -> Element:
    """Return the annotation of one swath with only the given bursts, as a new ``product`` root.

    Burst list, line numbers, first and last times and geolocation grid are those of the given bursts;
    Doppler, FM-rate and other lists of the SLC are complete.

    Parameters
    ----------
    parts : sequence of (BurstMetadata, int)
        Consecutive bursts of one swath, each with its position in its own annotation's list.
    first_byte : int
        Byte offset of the first burst's samples in the new measurement.
    """
    first = parts[0][0]
    lines = int(first.number("swathTiming/linesPerBurst"))
    samples = int(first.number("swathTiming/samplesPerBurst"))
    _check_alike(parts, lines, samples)
    product = deepcopy(first.product)
    bursts = [metadata.bursts[index] for metadata, index in parts]
    _replace_bursts(product, bursts, first_byte, lines * samples * 4)
    _set_extent(product, lines * len(parts))
    for metadata, _ in parts[1:]:
        _join_lists(product, metadata.product)
    _replace_grid(product, parts, lines)
    return product


def shift_lines(root: Element, lines: int) -> Element:
    """Return a copy of calibration or noise annotation with ``lines`` subtracted from its line numbers."""
    shifted = deepcopy(root)
    for tag in ("line", "firstAzimuthLine", "lastAzimuthLine"):
        for element in shifted.iter(tag):
            element.text = " ".join(str(int(text) - lines) for text in (element.text or "").split())
    return shifted


def set_times(root: Element, start: str, stop: str) -> None:
    """Set the times of the first and last line in the header of an annotation file."""
    for tag, text in (("adsHeader/startTime", start), ("adsHeader/stopTime", stop)):
        _set(root, tag, text)


def _check_alike(parts: Sequence[tuple[BurstMetadata, int]], lines: int, samples: int) -> None:
    for metadata, _ in parts[1:]:
        other = (
            int(metadata.number("swathTiming/linesPerBurst")),
            int(metadata.number("swathTiming/samplesPerBurst")),
        )
        if other != (lines, samples):
            raise InputError(
                f"the bursts of {metadata.path} have {other[0]} lines x {other[1]} samples, but their "
                f"neighbours have {lines} x {samples}; ISCE2 cannot join them",
                hint="process them in separate runs",
            )


def _set(root: Element, path: str, text: str) -> None:
    element = root.find(path)
    if element is not None:
        element.text = text


def _replace_bursts(product: Element, bursts: Sequence[Element], first_byte: int, burst_bytes: int) -> None:
    burst_list = product.find("swathTiming/burstList")
    for burst in list(burst_list):
        burst_list.remove(burst)
    for position, burst in enumerate(bursts):
        copied = deepcopy(burst)
        _set(copied, "byteOffset", str(first_byte + position * burst_bytes))
        burst_list.append(copied)
    burst_list.set("count", str(len(bursts)))


def _set_extent(product: Element, lines: int) -> None:
    """Set number of lines, and first and last time of the image."""
    bursts = product.findall("swathTiming/burstList/burst")
    per_burst = lines // len(bursts)
    interval_s = float(product.findtext("imageAnnotation/imageInformation/azimuthTimeInterval"))
    start = bursts[0].findtext("azimuthTime")
    last = datetime.strptime(bursts[-1].findtext("azimuthTime"), _TIME_FORMAT).replace(tzinfo=UTC)
    stop = (last + timedelta(seconds=(per_burst - 1) * interval_s)).strftime(_TIME_FORMAT)
    image = "imageAnnotation/imageInformation"
    _set(product, f"{image}/productFirstLineUtcTime", start)
    _set(product, f"{image}/productLastLineUtcTime", stop)
    _set(product, f"{image}/numberOfLines", str(lines))
    set_times(product, start, stop)


def _join_lists(product: Element, other: Element) -> None:
    for path in _TIMED_LISTS:
        mine, theirs = product.find(path), other.find(path)
        if mine is None or theirs is None:
            continue
        known = {_time_of(entry) for entry in mine}
        mine.extend(deepcopy(entry) for entry in theirs if _time_of(entry) not in known)
        mine[:] = sorted(mine, key=_time_of)
        mine.set("count", str(len(mine)))


def _time_of(entry: Element) -> str:
    return str(entry.findtext("azimuthTime") or entry.findtext("time") or "")


def _replace_grid(product: Element, parts: Sequence[tuple[BurstMetadata, int]], lines: int) -> None:
    """Keep the geolocation points of these bursts; the last row of a burst is the first of the next one."""
    grid = product.find("geolocationGrid/geolocationGridPointList")
    if grid is None:
        return
    points: dict[tuple[int, int], Element] = {}
    for position, (metadata, index) in enumerate(parts):
        for point in metadata.product.iterfind(_POINTS):
            line = int(point.findtext("line")) - index * lines
            if 0 <= line <= lines:
                copied = deepcopy(point)
                key = position * lines + line, int(point.findtext("pixel"))
                _set(copied, "line", str(key[0]))
                points.setdefault(key, copied)
    grid[:] = [points[key] for key in sorted(points)]
    grid.set("count", str(len(grid)))


def to_bytes(root: Element) -> bytes:
    """Return the XML file of a root element; equal elements give equal bytes."""
    etree.indent(root, space="  ")
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def subset_manifest(metadata: BurstMetadata, products: Sequence[Element], paths: Sequence[str]) -> bytes:
    """Return the SLC's manifest with the files, times and footprint of the subset.

    ``metadata`` is that of the first burst, ``products`` has the annotation of each swath, and ``paths`` are
    the files of the new folder, relative to it.
    """
    root = deepcopy(metadata.manifest)
    renamed = {_key(path): path for path in paths}
    gone = _keep_objects(root, renamed)
    _drop_references(root, gone)
    _set_period(root, products)
    _set_footprint(root, products)
    return to_bytes(root)


def _key(path: str) -> tuple[str, str, str, str]:
    """Return the parts of a name that do not change in a subset: folder, kind, swath and polarization."""
    pure = PurePosixPath(path)
    kind, _, rest = pure.stem.rpartition("s1") if "-s1" in pure.stem else ("", "", pure.stem)
    fields = rest.split("-")
    return str(pure.parent), kind, fields[1] if len(fields) > 1 else "", fields[3] if len(fields) > 3 else ""


def _keep_objects(root: Element, renamed: dict[tuple[str, str, str, str], str]) -> set[str]:
    """Remove the data objects of missing files; return their IDs."""
    gone = set()
    for data_object in list(root.iterfind("dataObjectSection/dataObject")):
        location = data_object.find("byteStream/fileLocation")
        path = "" if location is None else location.get("href", "").removeprefix("./")
        if _key(path) not in renamed:
            gone.add(data_object.get("ID"))
            data_object.getparent().remove(data_object)
            continue
        location.set("href", f"./{renamed[_key(path)]}")
        stream = data_object.find("byteStream")
        stream.attrib.pop("size", None)
        for checksum in stream.findall("checksum"):
            stream.remove(checksum)
    return gone


def _drop_references(root: Element, gone: set[str]) -> None:
    """Remove the owners of pointers to removed data objects: content units and metadata objects."""
    for pointer in list(root.iter("dataObjectPointer")):
        owner = pointer.getparent()
        if pointer.get("dataObjectID") in gone and owner is not None and owner.getparent() is not None:
            owner.getparent().remove(owner)


def _set_period(root: Element, products: Sequence[Element]) -> None:
    starts = [product.findtext("adsHeader/startTime") for product in products]
    stops = [product.findtext("adsHeader/stopTime") for product in products]
    for period in root.iter(f"{_SAFE}acquisitionPeriod"):
        for tag, text in (("startTime", min(starts)), ("stopTime", max(stops))):
            _set(period, f"{_SAFE}{tag}", text)


def _set_footprint(root: Element, products: Sequence[Element]) -> None:
    """Set the corners in ESA's order: last line near and far range, then first line far and near range."""
    corners = _corners(products)
    for coordinates in root.iter(f"{_GML}coordinates"):
        if corners:
            coordinates.text = " ".join(f"{lat:.6f},{lon:.6f}" for lat, lon in corners)


def _corners(products: Sequence[Element]) -> list[tuple[float, float]]:
    near, far = products[0], products[-1]
    last_line = [_point(near, -1, 0), _point(far, -1, -1)]
    first_line = [_point(far, 0, -1), _point(near, 0, 0)]
    return [corner for corner in (*last_line, *first_line) if corner is not None]


def _point(product: Element, row: int, column: int) -> tuple[float, float] | None:
    """Return latitude and longitude of a corner of a swath's geolocation grid."""
    points = product.findall(_POINTS)
    if not points:
        return None
    lines = sorted({int(point.findtext("line")) for point in points})
    on_line = [point for point in points if int(point.findtext("line")) == lines[row]]
    chosen = sorted(on_line, key=lambda point: int(point.findtext("pixel")))[column]
    return float(chosen.findtext("latitude")), float(chosen.findtext("longitude"))
