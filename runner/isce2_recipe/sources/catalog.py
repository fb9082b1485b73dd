"""Records of bursts and SLCs on disk, so that steps after the search need no search."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from isce2_recipe.errors import InputError
from isce2_recipe.sources.base import BurstRecord, SlcRecord

_Record = TypeVar("_Record", BurstRecord, SlcRecord)


def write_catalog(records: Iterable[BurstRecord | SlcRecord], path: Path) -> Path:
    """The file, written: a JSON list, the same records always giving the same bytes."""
    entries = [
        {**asdict(record), "start": record.start.isoformat(), "stop": record.stop.isoformat()}
        for record in records
    ]
    path.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    return path


def read_catalog(path: Path) -> dict[str, BurstRecord]:
    """Burst records by granule name, in the file's order.

    Raises
    ------
    InputError
        If the file is missing or is not a catalogue of bursts.
    """
    return _read(path, BurstRecord, "burst")


def read_slc_catalog(path: Path) -> dict[str, SlcRecord]:
    """SLC records by granule name, in the file's order.

    Raises
    ------
    InputError
        If the file is missing or is not a catalogue of SLCs.
    """
    return _read(path, SlcRecord, "SLC")


def read_granules(path: Path) -> dict[str, BurstRecord] | dict[str, SlcRecord]:
    """Records of whichever kind a catalogue holds; see `read_catalog`."""
    try:
        return read_catalog(path)
    except InputError:
        return read_slc_catalog(path)


def _read(path: Path, kind: type[_Record], word: str) -> dict[str, _Record]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {entry["name"]: kind(**_values(entry)) for entry in entries}
    except OSError as exc:
        raise InputError(f"{word} catalogue {path} cannot be read: {exc.strerror}") from exc
    except (ValueError, TypeError, KeyError) as exc:
        raise InputError(f"{path} is not a {word} catalogue: {exc}", hint="run the search again") from exc


def _values(entry: dict[str, Any]) -> dict[str, Any]:
    times = {key: datetime.fromisoformat(entry[key]) for key in ("start", "stop")}
    ring = tuple((float(lon), float(lat)) for lon, lat in entry["footprint"])
    return {**entry, **times, "footprint": ring}
