"""Names of the tiles of services."""

from __future__ import annotations

import math

from isce2_recipe.types import Bounds

WATER_MASK_TILE_DEG = 5


def water_mask_tiles(bounds: Bounds) -> list[str]:
    """Return the file names of ASF's water mask tiles that touch a box; they name the lower left corners."""
    step = WATER_MASK_TILE_DEG
    souths = range(_floor(bounds.south), _floor_below(bounds.north) + 1, step)
    wests = range(_floor(bounds.west), _floor_below(bounds.east) + 1, step)
    return [f"{_latitude(south)}{_longitude(west)}.tif" for south in souths for west in wests]


def _floor(degrees: float) -> int:
    return math.floor(degrees / WATER_MASK_TILE_DEG) * WATER_MASK_TILE_DEG


def _floor_below(degrees: float) -> int:
    """Return the same for an upper edge; an edge on a tile's border does not touch the next tile."""
    return (math.ceil(degrees / WATER_MASK_TILE_DEG) - 1) * WATER_MASK_TILE_DEG


def _latitude(degrees: int) -> str:
    return f"{'n' if degrees >= 0 else 's'}{abs(degrees):02d}"


def _longitude(degrees: int) -> str:
    degrees = (degrees + 180) % 360 - 180
    return f"{'e' if degrees >= 0 else 'w'}{abs(degrees):03d}"
