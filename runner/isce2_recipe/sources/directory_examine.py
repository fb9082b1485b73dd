"""Checks that a folder has the inputs of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path

from isce2_recipe.errors import InputError
from isce2_recipe.sources.directory_files import FoundFile
from isce2_recipe.sources.directory_terrain import coverage
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
    if not around.contains(wanted):
        raise InputError(
            f"the terrain in {root / 'dem'} does not cover the scene "
            f"({wanted.describe()}): it covers {around.describe()}",
            hint="add GeoTIFFs with heights above the WGS84 ellipsoid there, for example Copernicus "
            "GLO-30 made ellipsoidal with dem_stitcher",
        )
    return f"{len(boxes)} file(s)"
