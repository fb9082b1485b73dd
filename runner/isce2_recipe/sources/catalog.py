"""Files with the records of granules, so that only one step has to search the catalogue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from isce2_recipe.errors import InputError
from isce2_recipe.sources.base import AlosRecord, BurstRecord, GranuleRecord, SlcRecord

_Record = TypeVar("_Record", bound=GranuleRecord)
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
    """Return records by granule name, in the order of the file.

    Parameters
    ----------
    path : Path
        File that `write_catalog` wrote.
    kind : type
        Class that the records must have; `GranuleRecord` for any.

    Raises
    ------
    InputError
        If the file is missing, or if it is not such a catalogue.
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
