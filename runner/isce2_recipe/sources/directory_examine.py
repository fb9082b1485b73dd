"""Checks that a folder has the inputs of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path

from isce2_recipe.errors import InputError
from isce2_recipe.sources.directory_files import FoundFile
from isce2_recipe.sources.directory_terrain import coverage, geoids, uncovered
from isce2_recipe.types import Bounds, PreflightCheck


def examine(
    root: Path,
    orbits: Mapping[str, Callable[[], FoundFile]],
    water_mask: Callable[[], list[FoundFile]],
    terrain: Bounds,
) -> list[PreflightCheck]:
    """Return the results of all checks."""
    checks: dict[str, Callable[[], str]] = {
        **{name: lambda find=find: find().name for name, find in orbits.items()},  # type: ignore[misc]
        "terrain": lambda: _terrain(root, terrain),
        "water mask": lambda: ", ".join(tile.name for tile in water_mask()),
    }
    return [_found(name, check) for name, check in checks.items()]


def _found(name: str, check: Callable[[], str]) -> PreflightCheck:
    try:
        return PreflightCheck(name, "ok", check())
    except InputError as exc:
        return PreflightCheck(name, "wrong", exc.message, exc.hint or "")


def _terrain(root: Path, wanted: Bounds) -> str:
    """Check that the box around all files contains the wanted box; gaps between files are found later."""
    boxes = coverage(root)
    # A file of the whole globe reaches the wanted box from either side.
    turned = (
        box._replace(west=box.west + turn, east=box.east + turn) for box in boxes for turn in (-360, 0, 360)
    )
    near = [box for box in turned if box.west <= wanted.east and box.east >= wanted.west]
    around = reduce(Bounds.union, near or boxes)
    if around.contains(wanted):
        return f"{len(boxes)} file(s)"
    if near and geoids(root):
        return f"{len(boxes)} file(s), which cover {around.describe()}; sea beyond has the geoid's height"
    raise uncovered(root, wanted, f"it covers {around.describe()}")
