"""How long steps took on this machine, for plans of runs still to come. Nothing else depends on it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from isce2_recipe.paths import cache_folder

_MOST = 2000
"""Steps that are remembered; those that ran last stay."""


def _file() -> Path:
    return cache_folder() / "times.json"


def known() -> dict[str, float]:
    """Seconds by step, of all recipes that ran here; nothing where there is no record of it."""
    try:
        found = json.loads(_file().read_bytes())
        return {str(name): float(seconds) for name, seconds in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def keep(times: Mapping[str, float]) -> None:
    """Note how long steps took."""
    if not times or len(times) > _MOST // 10:
        return
    found = {name: seconds for name, seconds in known().items() if name not in times} | dict(times)
    with suppress(OSError):
        path = _file()
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(dict([*found.items()][-_MOST:])), encoding="utf-8")
        partial.replace(path)
