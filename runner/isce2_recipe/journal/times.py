"""How long steps took on this machine, for the plans of later runs. Nothing else depends on these times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from isce2_recipe.files import write_json
from isce2_recipe.paths import cache_folder

_MOST = 2000
"""Number of steps in the file; those that ran last stay."""


def _file() -> Path:
    return cache_folder() / "times.json"


def known() -> dict[str, float]:
    """Return seconds by step, of all recipes that ran on this machine; empty without a readable record."""
    try:
        found = json.loads(_file().read_bytes())
        return {str(name): float(seconds) for name, seconds in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def keep(times: Mapping[str, float]) -> None:
    """Record how long steps took."""
    if not times or len(times) > _MOST // 10:
        return
    found = {name: seconds for name, seconds in known().items() if name not in times} | dict(times)
    with suppress(OSError):  # the record only informs
        path = _file()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, dict([*found.items()][-_MOST:]), indent=None, many_writers=True)
