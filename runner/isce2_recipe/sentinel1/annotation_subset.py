"""Subset of a swath's annotation that contains only some of its bursts."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta

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
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%f"


def subset_product(parts: Sequence[tuple[BurstMetadata, int]], first_byte: int) -> Element:
    """Return the annotation of one swath with only the given bursts.

    Parameters
    ----------
    parts : sequence of (BurstMetadata, int)
        Consecutive bursts of one swath, each with its position in its own annotation's list.
    first_byte : int
        Byte offset of the first burst's samples in the new measurement.

    Returns
    -------
    Element
        New ``product`` root. Burst list, line numbers, first and last times and geolocation grid are those of
        the given bursts; Doppler, FM-rate and other lists of the SLC are complete.
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
        for point in metadata.product.iterfind(
            "geolocationGrid/geolocationGridPointList/geolocationGridPoint"
        ):
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
