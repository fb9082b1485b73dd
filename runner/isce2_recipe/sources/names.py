"""Addresses and file names of public services: orbits, tiles of the water mask, calibration files."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from isce2_recipe.types import Bounds

SEARCH_URL = "https://search.asf.alaska.edu"
WATER_MASK_URL = "https://asf-dem-west.s3.amazonaws.com/WATER_MASK/TILES"
AUX_CAL_URL = "https://d3g9emy65n853h.cloudfront.net/AUX_CAL"
ORBIT_URL = "https://s1-orbits.asf.alaska.edu/scene"
PRECISE, RESTITUTED = "AUX_POEORB", "AUX_RESORB"

_MARGIN = timedelta(seconds=60)  # before the first and after the last line
_TIME = "%Y%m%dT%H%M%S"
WATER_MASK_TILE_DEG = 5


def covers(name: str, platform: str, start: datetime, stop: datetime) -> bool:
    """Return whether a file covers ``start`` to ``stop`` of a satellite, and one minute before and after.

    ``S1A_OPER_AUX_POEORB_OPOD_20210314T184202_V20200603T225942_20200605T005942.EOF``
    """
    if not name.startswith(f"{platform}_OPER_AUX_"):
        return False
    first, _, last = name.partition(".")[0].rpartition("_V")[2].partition("_")
    try:
        begins, ends = (datetime.strptime(text, _TIME).replace(tzinfo=UTC) for text in (first, last))
    except ValueError:
        return False
    return begins <= start - _MARGIN and stop + _MARGIN <= ends


def scene_name(platform: str, start: datetime, stop: datetime) -> str:
    """Return a scene's name for a request; the service reads only its platform and times."""
    return f"{platform}_IW_SLC__1SDV_{start:{_TIME}}_{stop:{_TIME}}_000000_000000_0000"


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
