"""Records of ALOS scenes on disk, so that steps after the search need no search."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from isce2_recipe.errors import InputError
from isce2_recipe.sources.base import AlosRecord


def write_alos_catalog(records: Iterable[AlosRecord], path: Path) -> Path:
    """The file, written: a JSON list, the same records always giving the same bytes."""
    entries = [
        {**asdict(record), "start": record.start.isoformat(), "stop": record.stop.isoformat()}
        for record in records
    ]
    path.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    return path


def read_alos_catalog(path: Path) -> dict[str, AlosRecord]:
    """Records by scene name, in the file's order.

    Raises
    ------
    InputError
        If the file is missing or is not a catalogue.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {entry["name"]: _record(entry) for entry in entries}
    except OSError as exc:
        raise InputError(f"scene catalogue {path} cannot be read: {exc.strerror}") from exc
    except (ValueError, TypeError, KeyError) as exc:
        raise InputError(f"{path} is not a scene catalogue: {exc}", hint="run the search again") from exc


def _record(entry: dict[str, Any]) -> AlosRecord:
    times = {key: datetime.fromisoformat(entry[key]) for key in ("start", "stop")}
    ring = tuple((float(lon), float(lat)) for lon, lat in entry["footprint"])
    return AlosRecord(**{**entry, **times, "footprint": ring})
