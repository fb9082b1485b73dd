"""Checks that the facts of a granule can be true, before anything is fetched with them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from isce2_recipe.sources.base import BurstRecord, GranuleRecord, Sentinel1Record

_FIRST = datetime(2006, 1, 1, tzinfo=UTC)  # ALOS was launched on 2006-01-24
_LONGEST = timedelta(minutes=10)
_NAME_TOLERANCE = timedelta(minutes=1)
_TIME = re.compile(r"_(\d{8}T\d{6})_")
# ALOS and Sentinel-1 show at most a few degrees; far from the poles, where degrees of longitude are short.
_LARGEST_DEG = 30.0
_TRACKS = 175


def faults(record: GranuleRecord) -> list[str]:
    """Return what cannot be true in a record; an empty list if it is plausible."""
    return [*_footprint(record), *_times(record), *_numbers(record)]


def _footprint(record: GranuleRecord) -> Iterator[str]:
    for longitude, latitude in record.footprint:
        if not (math.isfinite(latitude) and abs(latitude) <= 90.0):
            yield f"its footprint has the latitude {latitude:g}"
            return
        if not (math.isfinite(longitude) and abs(longitude) <= 360.0):
            yield f"its footprint has the longitude {longitude:g}"
            return
    if len(set(record.footprint)) < 3:
        yield f"its footprint has {len(set(record.footprint))} corners"
        return
    box = record.bounds
    if not 0.0 < box.north - box.south <= _LARGEST_DEG or box.east <= box.west:
        yield f"its footprint covers {box.describe()}"


def _times(record: GranuleRecord) -> Iterator[str]:
    start, stop = (f"{time:%Y-%m-%dT%H:%M:%S}" for time in (record.start, record.stop))
    if not timedelta(0) < record.stop - record.start <= _LONGEST:
        yield f"it begins at {start} and ends at {stop}"
    named = _TIME.search(record.name)
    expected = datetime.fromisoformat(named[1]).replace(tzinfo=UTC) if named else None
    if record.start < _FIRST or (expected and abs(record.start - expected) > _NAME_TOLERANCE):
        yield f"it begins at {start}"


def _numbers(record: GranuleRecord) -> Iterator[str]:
    if record.direction not in ("ASCENDING", "DESCENDING"):
        yield f"its direction is '{record.direction}'"
    if record.bytes is not None and record.bytes <= 0:
        yield f"its size is {record.bytes} bytes"
    if isinstance(record, Sentinel1Record):
        if record.platform not in ("S1A", "S1B", "S1C", "S1D"):
            yield f"its satellite is '{record.platform}'"
        if record.absolute_orbit < 1:
            yield f"its orbit is {record.absolute_orbit}"
        if not 1 <= record.relative_orbit <= _TRACKS:
            yield f"its track is {record.relative_orbit}"
    if isinstance(record, BurstRecord) and record.index < 0:
        yield f"its number in the SLC is {record.index}"
