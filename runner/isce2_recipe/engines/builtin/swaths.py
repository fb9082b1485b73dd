"""Bursts of a swath, read from SAFE folders and orbit files, joined and selected like ISCE2."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from isce2_recipe.engines.builtin.config import Box, SensorConfig, TopsConfig
from isce2_recipe.errors import InputError
from isce2_recipe.sar.annotation import BurstGeometry, read_annotation
from isce2_recipe.sar.focused import FocusedImage
from isce2_recipe.sar.orbit import COVER_MARGIN_S, Orbit, read_orbit
from isce2_recipe.sentinel1.archive import SlcArchive
from isce2_recipe.types import Bounds

# Lowest and highest ground in the bounding box of a burst, metres (from ISCE2).
HEIGHT_RANGE_M = (-500.0, 9000.0)
# Two bursts show the same ground if their middles are closer along track than this fraction of a burst.
_SAME_GROUND = 0.2


@dataclass(frozen=True, slots=True)
class Burst:
    """A burst and the location of its samples.

    The size in ``geometry`` is that of the swath's first burst, as in ISCE2. ``tiff`` is GDAL's name of the
    measurement, in which the burst begins at ``first_line``.
    """

    geometry: BurstGeometry
    tiff: str
    first_line: int


@dataclass(frozen=True, slots=True)
class SwathBursts:
    """The bursts of one swath and date in order of time, and their orbit."""

    number: int
    bursts: tuple[Burst, ...]
    orbit: Orbit
    orbit_source: str
    facility: str
    software: str
    version: str

    def polynomial(self, index: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Return the orbit polynomial for the duration of a burst, see `Orbit.polynomial`."""
        burst = self.bursts[index].geometry
        start, stop = self.orbit.seconds(burst.start), self.orbit.seconds(burst.stop)
        return self.orbit.polynomial(start, stop)


@dataclass(frozen=True, slots=True)
class SwathPair:
    """One swath of both dates, and the bursts that they have in common."""

    reference: SwathBursts
    secondary: SwathBursts
    first: int
    """Index of the first common burst in the reference."""
    offset: int
    """Index in the secondary minus index in the reference of the same burst."""
    count: int

    @property
    def number(self) -> int:
        """Return the number of the swath, 1, 2 or 3."""
        return self.reference.number

    def indices(self) -> range:
        """Return the indices of the common bursts in the reference."""
        return range(self.first, self.first + self.count)


def read_pairs(config: TopsConfig) -> list[SwathPair]:
    """Read the swaths to process, each with its common bursts.

    A swath that is missing in one date or has no common burst is skipped, as in ISCE2.

    Raises
    ------
    InputError
        If a file is missing or wrong, or no swath is left.
    """
    pairs = []
    missing: list[InputError] = []
    orbits: dict[Path, Orbit] = {}
    for number in config.swaths:
        try:
            reference = read_swath(config.reference, number, config.region_of_interest, orbits)
            secondary = read_swath(config.secondary, number, config.region_of_interest, orbits)
        except MissingSwathError as exc:
            missing.append(exc)
            continue
        pair = _match(reference, secondary)
        if pair.count > 0:
            pairs.append(pair)
    if pairs:
        return pairs
    if missing:
        raise missing[0]
    raise InputError(
        "reference and secondary have no burst in common", hint="choose bursts of the same track"
    )


class MissingSwathError(InputError):
    """A date does not contain a swath; it may contain others."""


def read_swath(
    sensor: SensorConfig, number: int, region: Box | None, orbits: dict[Path, Orbit]
) -> SwathBursts:
    """Read the bursts of one swath and date from all its SAFEs; ``orbits`` caches orbit files by path."""
    slices = [_read_slice(safe, sensor, number, region, orbits) for safe in sensor.safe]
    filled = sorted((s for s in slices if s.bursts), key=lambda s: s.bursts[0].geometry.start)
    if not filled:
        raise MissingSwathError(
            f"no burst of IW{number} of {sensor.safe[0]} lies in the region of interest",
            hint="widen 'region of interest' (south, north, west, east)",
        )
    return filled[0] if len(filled) == 1 else _join(filled)


def _read_slice(
    safe: Path, sensor: SensorConfig, number: int, region: Box | None, orbits: dict[Path, Orbit]
) -> SwathBursts:
    if not safe.exists():
        raise InputError(f"{safe} does not exist", hint="check 'safe' in the application's XML")
    archive = SlcArchive(safe)
    pattern = f"s1?-iw{number}-slc-{sensor.polarization}*"
    annotations = archive.names(f"annotation/{pattern}.xml")
    if not annotations:
        raise MissingSwathError(
            f"{safe} has no annotation of IW{number} {sensor.polarization.upper()} ({pattern}.xml)",
            hint="check 'swaths', 'polarization' and 'safe'",
        )
    annotation = archive.read(annotations[0])
    geometries = read_annotation(annotation, f"{safe}/{annotations[0]}")
    if not geometries:
        raise MissingSwathError(
            f"{safe}/{annotations[0]} lists no bursts", hint="choose other swaths, or another SLC"
        )
    tiffs = archive.names(f"measurement/{pattern}.tiff")
    if not tiffs:
        raise InputError(
            f"{safe} has no measurement of IW{number} {sensor.polarization.upper()} ({pattern}.tiff)",
            hint="download the product again",
        )
    orbit, source = _orbit(sensor, geometries, annotation, orbits)
    tiff = archive.gdal_name(tiffs[0])
    bursts = tuple(Burst(g, tiff, g.index * g.lines) for g in geometries)
    if region is not None:
        bursts = tuple(b for b in bursts if _overlaps(bounding_box(b.geometry, orbit), region))
    return SwathBursts(number, bursts, orbit, source, *_processing(archive.read("manifest.safe"), safe))


def _processing(manifest: bytes, safe: Path) -> tuple[str, str, str]:
    """Return facility, software and version from a manifest; empty strings if they are missing."""
    space = "{http://www.esa.int/safe/sentinel-1.0}"
    try:
        facility = ET.fromstring(manifest).find(f".//{space}processing/{space}facility")
    except ET.ParseError as exc:
        raise InputError(
            f"{safe}/manifest.safe is not well-formed XML: {exc}", hint="download the product again"
        ) from exc
    software = None if facility is None else facility.find(f"{space}software")
    if facility is None or software is None:
        return "", "", ""
    place = f"{facility.get('site', '')}, {facility.get('country', '')}"
    return place, software.get("name", ""), software.get("version", "")


def _join(slices: list[SwathBursts]) -> SwathBursts:
    """Join the slices of one pass; a burst in two slices counts once, a gap is an error."""
    versions = {s.version for s in slices}
    if len(versions) > 1:
        raise InputError(
            f"IW{slices[0].number}: SAFEs of different processor versions ({', '.join(sorted(versions))}) "
            "cannot be joined"
        )
    first = slices[0].bursts[0].geometry
    following = slices[0].bursts[1] if len(slices[0].bursts) > 1 else slices[1].bursts[0]
    interval = following.geometry.sensing_start - first.sensing_start
    if interval <= timedelta(0):
        raise InputError(f"IW{slices[0].number}: the same burst is given twice ({slices[0].bursts[0].tiff})")
    bursts: list[Burst] = []
    for piece in slices:
        position = round((piece.bursts[0].geometry.sensing_start - first.sensing_start) / interval)
        if position > len(bursts):
            raise InputError(
                f"IW{piece.number}: there is a gap before {piece.bursts[0].tiff}",
                hint="bursts and SAFEs of one date must follow each other without a gap",
            )
        bursts.extend(piece.bursts[len(bursts) - position :])
    lines, samples = bursts[0].geometry.lines, bursts[0].geometry.samples
    same = tuple(replace(b, geometry=replace(b.geometry, lines=lines, samples=samples)) for b in bursts)
    return replace(slices[0], bursts=same, orbit=max((s.orbit for s in slices), key=lambda o: o.time_s[-1]))


def _orbit(
    sensor: SensorConfig, bursts: list[BurstGeometry], annotation: bytes, orbits: dict[Path, Orbit]
) -> tuple[Orbit, str]:
    start, stop = bursts[0].start, bursts[-1].stop
    if sensor.orbit_file is None and sensor.orbit_directory is None:
        return _annotation_orbit(annotation), "Annotation"
    path = sensor.orbit_file or find_orbit_file(
        sensor.orbit_directory or Path(), bursts[0].platform, start, stop
    )
    if path not in orbits:
        orbits[path] = read_orbit(path, start, stop)
    orbit = orbits[path]
    if not orbit.covers(orbit.seconds(start), orbit.seconds(stop)):
        raise InputError(
            f"orbit file {path} ({orbit.describe_span()}) does not cover {start:%Y-%m-%dT%H:%M:%S} to "
            f"{stop:%Y-%m-%dT%H:%M:%S} with a margin of {COVER_MARGIN_S:.0f} s",
            hint="give the orbit file of the acquisition's day and satellite",
        )
    return orbit, path.name


def find_orbit_file(folder: Path, platform: str, start: datetime, stop: datetime) -> Path:
    """Return the orbit file whose name covers an acquisition, selected like ISCE2.

    Precise orbits are preferred to restituted ones, then the file whose middle is nearest.

    Raises
    ------
    InputError
        If there is no such file.
    """
    middle = start + (stop - start) / 2
    for kind in ("POEORB", "RESORB"):
        found = []
        for path in sorted(folder.glob(f"{platform}_OPER_AUX_{kind}_OPOD*")):
            fields = path.name.split("_")
            try:
                first, last = (
                    datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
                    for text in (fields[-2][1:16], fields[-1][:15])
                )
            except (ValueError, IndexError):
                continue
            if first <= start and last >= stop:
                found.append((abs(middle - (first + (last - first) / 2)), path))
        if found:
            return min(found)[1]
    raise InputError(
        f"{folder} has no orbit file of {platform} that covers {start:%Y-%m-%dT%H:%M:%S} to "
        f"{stop:%Y-%m-%dT%H:%M:%S}",
        hint=f"put {platform}_OPER_AUX_POEORB_OPOD_..._V<start>_<stop>.EOF there",
    )


def _annotation_orbit(text: bytes) -> Orbit:
    vectors = ET.fromstring(text).findall("generalAnnotation/orbitList/orbit")
    if len(vectors) < 4:
        raise InputError("the annotation has fewer than four state vectors", hint="provide an orbit file")
    times = [datetime.fromisoformat(v.findtext("time", "")).replace(tzinfo=UTC) for v in vectors]
    epoch = times[0].replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = np.array([(t - epoch) / timedelta(seconds=1) for t in times])
    position, velocity = (
        np.array([[float(v.findtext(f"{kind}/{axis}", "nan")) for axis in "xyz"] for v in vectors])
        for kind in ("position", "velocity")
    )
    return Orbit(epoch, seconds, position, velocity)


def bounding_box(
    burst: BurstGeometry | FocusedImage,
    orbit: Orbit,
    stop: datetime | None = None,
    far_range_m: float | None = None,
) -> tuple[float, float, float, float]:
    """Return south, north, west, east (degrees) of the ground of an image, or of a swath up to ``stop``.

    West and east are those of `Bounds.around`, so they may need to be turned to the longitudes of a map.
    """
    from isce2_recipe.sar.zero_doppler import rdr2geo

    first, last = orbit.seconds(burst.start), orbit.seconds(stop or burst.stop)
    poly = orbit.polynomial(first, last)
    points = [
        rdr2geo(poly, t, slant_range, np.full((1, 1), height, np.float32), 0.0, 0.0, 1.0, 1.0)[:2]
        for height in HEIGHT_RANGE_M
        for t in (first, last)
        for slant_range in (burst.near_range_m, far_range_m or burst.far_range_m)
    ]
    degrees = np.degrees(np.array(points))
    west, south, east, north = Bounds.around((float(lon), float(lat)) for lat, lon in degrees)
    return south, north, west, east


def _overlaps(a: Box, b: Box) -> bool:
    (south, north, west, east), (low, high, left, right) = a, b
    return Bounds(west, south, east, north).overlap(Bounds(left, low, right, high)) is not None


def _match(reference: SwathBursts, secondary: SwathBursts) -> SwathPair:
    offset = _burst_offset(reference, secondary)
    first = max(0, -offset)
    last = min(len(reference.bursts), len(secondary.bursts) - offset)
    return SwathPair(reference, secondary, first, offset, max(0, last - first))


def _burst_offset(one: SwathBursts, other: SwathBursts) -> int:
    """Return the index in ``other`` minus the index in ``one`` of the same burst."""
    if len(other.bursts) < len(one.bursts):
        return -_burst_offset(other, one)
    middles = np.array([other.orbit.at(other.orbit.seconds(b.geometry.middle))[0] for b in other.bursts])
    count = len(one.bursts)
    for part in (0.5, 0.25, 0.75, 0.0, 1.0):
        index = min(int(count * part), count - 1)
        burst = one.bursts[index].geometry
        position, velocity = one.orbit.at(one.orbit.seconds(burst.middle))
        speed = float(np.linalg.norm(velocity))
        along = np.abs((middles - position) @ velocity) / speed
        nearest = int(np.argmin(along))
        if along[nearest] < _SAME_GROUND * speed * burst.azimuth_interval_s * burst.lines:
            return nearest - index
    raise InputError(
        f"IW{one.number}: no burst of the secondary shows the ground of the reference",
        hint="reference and secondary must be of the same track and place",
    )


def lines_between(later: datetime, earlier: datetime, interval_s: float) -> int:
    """Return the difference of two times in lines, rounded to an integer."""
    return math.floor((later - earlier) / timedelta(seconds=1) / interval_s + 0.5)
