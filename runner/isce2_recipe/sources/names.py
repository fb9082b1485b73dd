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
    """Return the file names of ASF's water mask tiles that touch a box."""
    return [water_mask_tile(*corner) for corner in water_mask_corners(bounds)]


def water_mask_corners(bounds: Bounds) -> list[tuple[int, int]]:
    """Return the south and west, in degrees, of the water mask tiles that touch a box."""
    souths, wests = _starts(bounds.south, bounds.north), _starts(bounds.west, bounds.east)
    return [(south, (west + 180) % 360 - 180) for south in souths for west in wests]


def _starts(low: float, high: float) -> range:
    """Return where tiles begin; an upper edge on a tile's border does not touch the next tile."""
    step = WATER_MASK_TILE_DEG
    return range(math.floor(low / step) * step, math.ceil(high / step) * step, step)


def water_mask_tile(south: int, west: int) -> str:
    """Return the name of the tile with a lower left corner, such as ``n25e050.tif``."""
    return f"{'ns'[south < 0]}{abs(south):02d}{'ew'[west < 0]}{abs(west):03d}.tif"
