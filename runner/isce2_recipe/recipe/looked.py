"""Which files this process looked at while it read recipes, whether they were there or not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from isce2_recipe.noop_cache import Signature, signature

PathT = TypeVar("PathT", str, Path)

_seen: dict[str, Signature] = {}


def look(path: PathT) -> PathT:
    """Note a path, as it is before it is read, and give it back."""
    if str(path) not in _seen:
        _seen[str(path)] = signature(str(path))
    return path


def seen() -> Mapping[str, Signature]:
    """All that was noted since this was last asked, as it was when it was first looked at."""
    found = dict(_seen)
    _seen.clear()
    return found
