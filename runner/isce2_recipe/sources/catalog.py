"""Files with the records of granules, so that only one step has to search the catalogue, and their checks."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from isce2_recipe.errors import InputError
from isce2_recipe.sources.base import AlosRecord, BurstRecord, GranuleRecord, Sentinel1Record, SlcRecord

_Record = TypeVar("_Record", bound=GranuleRecord)
_FIRST = datetime(2006, 1, 1, tzinfo=UTC)  # ALOS was launched on 2006-01-24
_LONGEST = timedelta(minutes=10)
_NAME_TOLERANCE = timedelta(minutes=1)
_TIME = re.compile(r"_(\d{8}T\d{6})_")
# ALOS and Sentinel-1 show at most a few degrees; far from the poles, where degrees of longitude are short.
_LARGEST_DEG = 30.0
_TRACKS = 175
_KINDS: dict[str, type[GranuleRecord]] = {"burst": BurstRecord, "SLC": SlcRecord, "ALOS scene": AlosRecord}


def write_catalog(records: Sequence[GranuleRecord], path: Path) -> Path:
    """Write records as a JSON list. The same records always give the same bytes."""
    names = {kind: name for name, kind in _KINDS.items()}
    entries = [
        {
            "kind": names[type(record)],
            **asdict(record),
            "start": record.start.isoformat(),
            "stop": record.stop.isoformat(),
        }
        for record in records
    ]
    path.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    return path


def read_catalog(path: Path, kind: type[_Record]) -> dict[str, _Record]:
    """Return records of a class by granule name, in the order of the file.

    Raise InputError if the file is missing, or if it is not a catalogue of such granules.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        records = [_record(**entry) for entry in entries]
    except OSError as exc:
        raise InputError(f"catalogue {path} cannot be read: {exc.strerror}") from exc
    except (ValueError, TypeError, KeyError) as exc:
        raise InputError(f"{path} is not a catalogue of granules", hint="run the search again") from exc
    wrong = next((record for record in records if not isinstance(record, kind)), None)
    if wrong is not None:
        names = [name for name, each in _KINDS.items() if issubclass(each, kind)]
        raise InputError(
            f"{path} is not a catalogue of {'s or '.join(names)}s: {wrong.name} is not one",
            hint="run the search again",
        )
    return {record.name: record for record in records if isinstance(record, kind)}


def _record(kind: str, start: str, stop: str, footprint: list[list[float]], **rest: Any) -> GranuleRecord:
    return _KINDS[kind](
        start=datetime.fromisoformat(start),
        stop=datetime.fromisoformat(stop),
        footprint=tuple((float(longitude), float(latitude)) for longitude, latitude in footprint),
        **rest,
    )


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
