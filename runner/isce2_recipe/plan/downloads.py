"""What a step would download, as far as a plan can tell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from isce2_recipe.actions.base import Action

Download = tuple[str, int | None]
"""What, and its bytes where they are known."""

_SUFFIXES = {"bursts": (".tiff", ".xml"), "slc": (".zip",), "alos": ("-L1.0.zip",)}
_WORDS = {
    "bursts": "bursts",
    "slc": "SLCs",
    "alos": "scenes",
    "orbits": "an orbit file of each pass",
    "aux_cal": "calibration files, where data of version 002.36 are among the granules",
    "dem": "terrain tiles",
    "geoid": "the geoid around the scene",
    "water_mask": "water mask tiles",
}


def downloads(action: Action, inputs: Mapping[str, Any]) -> list[Download]:
    """Files that an action would fetch, their sizes as the catalogue among its inputs has them."""
    if action.takes is None or not action.name.partition(".")[2].startswith("fetch"):
        return []
    sizes = _sizes(inputs.get("catalog"))
    return [found for kind, names in action.takes(inputs).items() for found in _of_kind(kind, names, sizes)]


def _of_kind(kind: str, names: Any, sizes: Mapping[str, int | None]) -> Iterator[Download]:
    if not names:
        yield _WORDS.get(kind, kind), None
    suffixes = _SUFFIXES.get(kind, ("",))
    for name in names:
        yield f"{name}{suffixes[0]}", sizes.get(name)
        for suffix in suffixes[1:]:
            yield f"{name}{suffix}", None


def _sizes(catalog: object) -> dict[str, int | None]:
    """Bytes by granule name; none where the catalogue is not there yet."""
    try:
        entries = json.loads(catalog.read_bytes()) if isinstance(catalog, Path) else []
        return {entry["name"]: entry["bytes"] for entry in entries}
    except (OSError, ValueError, LookupError, TypeError):
        return {}
