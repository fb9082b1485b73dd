"""Searches: the bursts of an area on every pass of the satellites that were flying."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.area import Area
from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S
from isce2_recipe.sar.burst_grid import CYCLE_ORBITS, LAST_BURST, ORBIT_S, burst_number, burst_slot
from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
from isce2_recipe.sar.nominal_track import nominal_position
from isce2_recipe.sentinel1.burst_ids import BurstId
from isce2_recipe.sources.burst_query import BurstQuery
from isce2_recipe.sources.simulated import ground
from isce2_recipe.sources.simulated.acquisition import SLICE_BURSTS, Slice
from isce2_recipe.sources.simulated.geometry import burst_footprint
from isce2_recipe.sources.simulated.noise import hash_integer
from isce2_recipe.sources.simulated.orbits import Sentinel1Pass, passes_of
from isce2_recipe.sources.simulated.swaths import RANGE_SPACING_M, SWATHS
from isce2_recipe.sources.simulated.world import Landscape
from isce2_recipe.types import BurstName

Float = NDArray[np.float64]

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_STEP_S = 4.0
# Slant ranges of IW on the nominal orbit, with a margin for terrain and the distance between places.
_NEAR_M, _FAR_M, _MARGIN_M = 770e3, 990e3, 25e3
# Distance of the places at which tracks are sought; a burst is about 20 km by 85 km.
_PLACES_DEG = 0.15


def search(query: BurstQuery, terrain: Landscape) -> list[BurstName]:
    """Return the names of all bursts that match a query.

    The area is compared with whole bursts, also if the source crops them.

    Raise InputError if there are more than the query's limit.
    """
    wanted = list(query.bursts) or sorted(_bursts_over(query.area, terrain) if query.area else [])
    stop = min(query.stop, datetime.now(UTC))
    found: list[tuple[Sentinel1Pass, list[BurstId]]] = []
    for track, bursts in _by_track(wanted).items():
        kept = [each for each in bursts if query.has_track(each.track, each.direction)]
        # The pass may begin up to an orbit before its bursts.
        first = query.start - timedelta(seconds=2 * ORBIT_S)
        found += [(flight, kept) for flight in passes_of(track, first, stop) if kept]
    query.check_count(sum(len(bursts) for _, bursts in found))
    names = (_name(flight, burst, query.polarization) for flight, bursts in found for burst in bursts)
    return [name for name, start in names if query.start <= start < stop]


def _by_track(bursts: list[BurstId]) -> dict[int, list[BurstId]]:
    """Return bursts by the track of the SLC that holds them."""
    groups: dict[int, list[BurstId]] = {}
    for each in bursts:
        groups.setdefault(_track(each), []).append(each)
    return groups


def _track(burst: BurstId) -> int:
    """Return the track of the SLC that holds a burst, which is that of the SLC's first burst."""
    return burst_slot(max(burst.number // SLICE_BURSTS * SLICE_BURSTS, 1), 1).relative_orbit


def _name(flight: Sentinel1Pass, burst: BurstId, polarization: str) -> tuple[BurstName, datetime]:
    """Return the name of a burst on a pass, and the time of its first line."""
    slc = _slice(flight, burst, "0000", polarization)
    start = slc.start(burst.number, SWATHS[burst.swath])
    product = (flight.platform, flight.absolute_orbit, slc.number, polarization[0])
    suffix = f"{hash_integer('product', *product, bits=16):04X}"
    whole = start.replace(microsecond=0)
    return BurstName(whole, burst.number, burst.swath, polarization, suffix), start


def _slice(flight: Sentinel1Pass, burst: BurstId, suffix: str, polarization: str) -> Slice:
    number = burst.number // SLICE_BURSTS
    return Slice(flight, number, suffix, polarization[0] == "H", tuple(SWATHS.values()))


def _bursts_over(area: Area, terrain: Landscape) -> Iterator[BurstId]:
    """Yield the bursts that share ground with an area, unless the area is water."""
    places = _places(area)
    if all(_is_water(*place, terrain) for place in places):
        return
    for burst in {each for place in places for each in _candidates(*place)}:
        flight = Sentinel1Pass("S1A", 1, _track(burst), _EPOCH)
        slc = _slice(flight, burst, "0000", "VV")
        if area.meets(burst_footprint(slc, burst.number, SWATHS[burst.swath], terrain)):
            yield burst


def _places(area: Area) -> list[tuple[float, float]]:
    """Return places (longitude, latitude; degrees) in and around an area, at most `_PLACES_DEG` apart."""
    import shapely

    west, south, east, north = area.bounds
    shape = area.shape
    inside = shape.representative_point()
    east_deg = _PLACES_DEG / max(math.cos(math.radians(0.5 * (south + north))), 0.1)
    x, y = np.meshgrid(
        np.arange(west, east + east_deg, east_deg), np.arange(south, north + _PLACES_DEG, _PLACES_DEG)
    )
    near = shapely.dwithin(shape, shapely.points(x.ravel(), y.ravel()), _PLACES_DEG)
    places = np.column_stack([x.ravel(), np.clip(y.ravel(), -90.0, 90.0)])[near]
    return [(inside.x, inside.y), *map(tuple, places.tolist())]


def _is_water(longitude: float, latitude: float, terrain: Landscape) -> bool:
    normal = ground.normal_vector(math.radians(latitude), math.radians(longitude))
    return bool(ground.dry_height(ground.new_cache(), normal, terrain) < terrain.water_level_m)


@cache
def _nominal() -> tuple[Float, Any]:
    """Return the times of one orbit (s), and a tree of the nominal positions of all tracks at these times."""
    from scipy.spatial import cKDTree

    times = np.arange(-0.25 * ORBIT_S, 0.75 * ORBIT_S, _STEP_S)
    tracks = [nominal_position(track, times) for track in range(1, CYCLE_ORBITS + 1)]
    return times, cKDTree(np.concatenate(tracks))


def _candidates(longitude: float, latitude: float) -> Iterator[BurstId]:
    """Yield bursts that may contain a place: those at its zero-Doppler times to the right of all tracks."""
    times, tree = _nominal()
    place = np.array(geodetic_to_ecef(math.radians(latitude), math.radians(longitude), 0.0))
    found = np.array(tree.query_ball_point(place, _FAR_M), dtype=int)
    if not found.size:
        return
    distances = np.linalg.norm(tree.data[found] - place, axis=1)
    tracks, steps = np.divmod(found, times.size)
    passes = 2 * tracks + (steps >= times.size // 2)  # ascending and descending
    for one in np.unique(passes):
        there = np.flatnonzero(passes == one)
        nearest = there[np.argmin(distances[there])]
        at, slant_range = found[nearest], float(distances[nearest])
        ahead = tree.data[min(at + 1, tree.n - 1)] - tree.data[max(at - 1, 0)]
        right = float((place - tree.data[at]) @ np.cross(ahead, tree.data[at])) > 0.0
        if not right or slant_range < _NEAR_M:
            continue
        number = burst_number(int(tracks[nearest]) + 1, float(times[steps[nearest]]))
        for swath, mode in SWATHS.items():
            near_m = 0.5 * SPEED_OF_LIGHT_M_S * mode.slant_range_time_s
            if near_m - _MARGIN_M < slant_range < near_m + mode.samples * RANGE_SPACING_M + _MARGIN_M:
                numbers = range(max(number - 2, 1), min(number + 2, LAST_BURST) + 1)
                yield from (BurstId(each, swath) for each in numbers)
