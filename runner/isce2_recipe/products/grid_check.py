"""Checks of a map grid before anything is computed: by its parameters alone, and against the scene."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from isce2_recipe.errors import InputError, ParameterError, RecipeToolError
from isce2_recipe.products.grid import METRES_A_DEGREE, MapGrid
from isce2_recipe.products.grid_choice import GridChoice, grid_of, grid_values, known_epsg, map_grid
from isce2_recipe.quantities import format_bytes
from isce2_recipe.types import Bounds, Looks, PreflightCheck, longitude_near

# Edges of pixels on the ground, metres. Sentinel-1's resolution is never finer than 2 m.
_LEAST_M, _MOST_M = 1.0, 10_000.0
_MOST_PIXELS = 1_000_000_000
# Distance from the area for which a projection is made at which it is of no use, degrees.
_FAR_DEG = 40.0

Place = tuple[float, float]


class GridProblem(NamedTuple):
    """A fault of a grid's parameters: the key at fault, what is wrong, and what to do."""

    key: str
    message: str
    hint: str


def check_grid(inputs: Mapping[str, Any]) -> None:
    """Check the inputs ``grid``, ``grid_like`` and, if it is known, ``looks`` of an action before a run.

    Raises
    ------
    ParameterError
        With everything that is wrong.
    """
    pixel_m = like = None
    with suppress(LookupError):
        pixel_m = Looks.parse(inputs["looks"]).pixel_m
    with suppress(LookupError):
        like = inputs["grid_like"]
    problems = grid_problems(inputs.get("grid") or {}, like, pixel_m)
    if not problems:
        return
    hint = "; ".join(dict.fromkeys(problem.hint for problem in problems))
    lines = "".join(f"\n  - {problem.message}" for problem in problems)
    several = f"the map grid has {len(problems)} problems:{lines}"
    raise ParameterError(problems[0].message if len(problems) == 1 else several, hint=hint)


def grid_problems(
    values: Mapping[str, Any], like: Path | None = None, pixel_m: float | None = None
) -> list[GridProblem]:
    """Return what is wrong with the values of a grid, whatever the scene.

    Parameters
    ----------
    pixel_m : float, optional
        Default size of pixels on the ground.
    """
    found = _problem_of("bounds", lambda: grid_values(values))
    found = found or (_edges(*values["bounds"]) if values.get("bounds") is not None else [])
    found = found or _problem_of("bounds", lambda: GridChoice.of(values, like))
    if found:
        return found
    choice = GridChoice.of(values, like)
    found = [*_projection(choice), *_pixel(choice)]
    if like is not None:
        found += _problem_of("like", lambda: _check_pixel(grid_of(like)))
    elif choice.bounds is not None and not found:
        box = choice.bounds
        if choice.crs != "utm":
            found += _problem_of(
                "crs", lambda: _check_area(known_epsg(choice.crs), box, "the box of the map")
            )
        default = pixel_m or choice.pixel
        if default is not None and not found:
            found += _problem_of("pixel", lambda: _check_size(map_grid(choice, default, box)))
    return found


def _problem_of(key: str, check: Callable[[], object]) -> list[GridProblem]:
    try:
        check()
    except RecipeToolError as exc:
        return [GridProblem(key, exc.message, exc.hint or "")]
    return []


def _edges(west: float, south: float, east: float, north: float) -> list[GridProblem]:
    """Check the numbers of a box; whether it crosses the antimeridian is for `GridChoice` to decide."""
    text = f"the box of the map ({west:g} {south:g} {east:g} {north:g})"
    hint = "give west, south, east and north in degrees, whatever the projection"
    if not all(map(math.isfinite, (west, south, east, north))):
        return [GridProblem("bounds", f"{text} has an edge that is not a number", hint)]
    if max(abs(south), abs(north)) > 90 or max(abs(west), abs(east)) > 360:
        metres = max(map(abs, (west, south, east, north))) > 1000
        swapped = max(abs(west), abs(east)) <= 90 and max(abs(south), abs(north)) <= 180
        hint += "; these seem to be metres" if metres else ""
        hint += "; latitudes and longitudes seem to be exchanged" if swapped else ""
        return [GridProblem("bounds", f"{text} is not on the Earth", hint)]
    if south >= north:
        wrong = "is empty" if south == north else "is turned around: its south is north of its north"
        return [GridProblem("bounds", f"{text} {wrong}", hint)]
    if west == east:
        return [GridProblem("bounds", f"{text} is empty", hint)]
    if (east - west) % 360.0 > 180.0 or abs(east - west) > 360.0:
        wrong = "is turned around: its east is west of its west, or it is wider than half of the Earth"
        return [GridProblem("bounds", f"{text} {wrong}", hint)]
    return []


def _projection(choice: GridChoice) -> list[GridProblem]:
    return [] if choice.crs == "utm" else _problem_of("crs", lambda: known_epsg(choice.crs))


def _pixel(choice: GridChoice) -> list[GridProblem]:
    """Check the size of pixels, in the unit of the projection if that is known."""
    pixel = choice.pixel
    if pixel is None or _projection(choice):
        return []
    name = "UTM" if choice.crs == "utm" else choice.crs
    unit, metres = ("metres", 1.0) if choice.crs == "utm" else _unit(known_epsg(choice.crs))
    if math.isfinite(pixel) and _LEAST_M <= pixel * metres <= _MOST_M:
        return []
    message = (
        f"pixels of {pixel:g} {unit} are not possible: "
        f"on the ground they must be from {_LEAST_M:g} m to {_MOST_M / 1000:g} km"
    )
    hint = f"give the edge of a pixel in the unit of {name}, {unit}"
    if unit == "degrees" and _LEAST_M <= pixel <= _MOST_M:
        hint += f"; {pixel:g} m are about {pixel / METRES_A_DEGREE:.2g} degrees"
    elif unit != "degrees" and _LEAST_M <= pixel * METRES_A_DEGREE <= _MOST_M:
        hint += f"; {pixel:g} degrees are about {pixel * METRES_A_DEGREE:.0f} m"
    return [GridProblem("pixel", message, hint)]


def _check_pixel(grid: MapGrid) -> None:
    if not _LEAST_M <= grid.ground_pixel_m <= _MOST_M:
        raise InputError(
            f"the grid has {grid.pixel_text} in {grid.crs}: "
            f"on the ground they must be from {_LEAST_M:g} m to {_MOST_M / 1000:g} km",
            hint="take another raster's grid",
        )


def _unit(epsg: int) -> tuple[str, float]:
    """Return the unit of a reference system, and its length on the ground in metres."""
    from rasterio.crs import CRS

    crs = CRS.from_epsg(epsg)
    if crs.is_geographic:
        return "degrees", METRES_A_DEGREE
    name, factor = crs.linear_units_factor
    return "metres" if factor == 1.0 else str(name), factor


def _check_area(epsg: int, box: Bounds, what: str) -> str:
    """Return a warning if a box in degrees lies outside the area of a projection, else an empty text.

    Raises
    ------
    InputError
        If it lies far outside.
    """
    from rasterio.crs import CRS

    wkt = CRS.from_epsg(epsg).to_wkt(version="WKT2_2019")
    areas = [[float(number) for number in text.split(",")] for text in re.findall(r"BBOX\[([^\]]+)\]", wkt)]
    if not areas:
        return ""
    far = min(_distance(Bounds(west, south, east, north), box) for south, west, north, east in areas)
    if far == 0.0:
        return ""
    south, west, north, east = areas[0]
    name = wkt.split('"')[1]
    text = (
        f"{what} ({box.describe()}) lies {far:.0f} degrees outside the area of EPSG:{epsg} ({name}), "
        f"which is {Bounds(west, south, east, north).describe()}"
    )
    if far > _FAR_DEG:
        raise InputError(text, hint="use utm, for the zone of the place, or a projection that is made for it")
    return text


def _distance(area: Bounds, box: Bounds) -> float:
    """Return how far the middle of a box is outside an area, degrees. Both may cross the antimeridian."""
    longitude, latitude = (box.west + box.east) / 2, (box.south + box.north) / 2
    width = (area.east - area.west) % 360.0 or 360.0
    beyond = (longitude - area.west) % 360.0
    across = 0.0 if beyond <= width else min(beyond - width, 360.0 - beyond)
    return max(across, area.south - latitude, latitude - area.north, 0.0)


def _check_size(grid: MapGrid) -> None:
    pixels = grid.rows * grid.cols
    if pixels > _MOST_PIXELS:
        raise InputError(
            f"the map would have {size_text(grid)}: more than {_MOST_PIXELS:,} pixels are not possible",
            hint="use a smaller box (west, south, east, north) or larger pixels",
        )
    if min(grid.rows, grid.cols) < 2:
        raise InputError(
            f"the map would have only {size_text(grid)}",
            hint="use a larger box (west, south, east, north) or smaller pixels",
        )


def size_text(grid: MapGrid) -> str:
    """Return the size of a map in pixels and bytes, for example ``20 x 30 pixels, 18 kB in all layers``."""
    return f"{grid.cols} x {grid.rows} pixels, {format_bytes(map_bytes(grid))} in all layers"


def map_bytes(grid: MapGrid) -> int:
    """Return the size of a product's maps before compression, bytes."""
    import numpy as np

    from isce2_recipe.products.layers import layers_of, map_layers

    pixel_bytes = sum(np.dtype(layer.dtype).itemsize for layer in map_layers(layers_of("burst")))
    return grid.rows * grid.cols * pixel_bytes


def examine_grid(
    choice: GridChoice,
    pixel_m: float,
    footprints: Sequence[Sequence[Place]],
    bursts: Sequence[tuple[int, int]] = (),
    disk: float = math.inf,
) -> Iterable[PreflightCheck]:
    """Check a map grid against the footprints of the scene; yield the map's size.

    Parameters
    ----------
    choice, pixel_m, bursts
        As in `map_grid`.
    footprints : sequence of sequence of (longitude, latitude)
        Convex polygons, degrees.
    disk : float
        Free space, bytes.
    """
    scene = Bounds.around(place for footprint in footprints for place in footprint)
    try:
        grid = map_grid(choice, pixel_m, scene, bursts)
        _check_touches(choice, grid, footprints, scene)
        warning = "" if choice.crs == "utm" else _check_area(grid.epsg, scene, "the scene")
        _check_size(grid)
    except RecipeToolError as exc:
        yield PreflightCheck("map", "wrong", exc.message, exc.hint or "")
        return
    if warning:
        yield PreflightCheck("projection", "note", warning, "use utm, or a projection for the scene's place")
    if map_bytes(grid) > disk:
        detail = (
            f"the map has {size_text(grid)} before compression, {format_bytes(disk)} of the disk are free"
        )
        yield PreflightCheck("map", "wrong", detail, "use a smaller box or larger pixels, or free space")
        return
    yield PreflightCheck("map", "ok", f"{size_text(grid)}, {grid.pixel_text} in {grid.crs} ({grid.title})")


def _check_touches(
    choice: GridChoice, grid: MapGrid, footprints: Sequence[Sequence[Place]], scene: Bounds
) -> None:
    """Check that a map that does not follow from the scene shows a part of it."""
    if choice.like is not None:
        from rasterio.warp import transform, transform_bounds

        middle = (grid.bounds.west + grid.bounds.east) / 2
        degrees = _unit(grid.epsg)[0] == "degrees"
        places = [transform("EPSG:4326", grid.crs, *zip(*each, strict=True)) for each in footprints]
        shown = [
            [(longitude_near(x, middle) if degrees else x, y) for x, y in zip(*each, strict=True)]
            for each in places
        ]
        frame, box = grid.bounds, Bounds(*transform_bounds(grid.crs, "EPSG:4326", *grid.bounds))
        what, hint = f"the grid of {choice.like}", "take the grid of a product of the same place"
    elif choice.bounds is not None:
        frame = box = choice.bounds
        middle = (box.west + box.east) / 2
        shown = [[(longitude_near(x, middle), y) for x, y in each] for each in footprints]
        what, hint = "the box of the map", "give west, south, east and north of a place in the scene, degrees"
        west, south, east, north = box
        exchanged = Bounds(south, west, north, east), Bounds(east, west, north, south)
        if any(map(scene.meets, exchanged)):
            hint += "; the numbers seem to be in another order"
    else:
        return
    west, south, east, north = frame
    outline = [(west, south), (east, south), (east, north), (west, north)]
    if not any(_overlap(outline, each) for each in shown):
        raise InputError(
            f"{what} ({box.describe()}) does not touch the scene ({scene.describe()})", hint=hint
        )


def _overlap(one: Sequence[Place], other: Sequence[Place]) -> bool:
    """Return whether two convex polygons overlap: no side of either separates them."""
    for polygon in (one, other):
        for (x0, y0), (x1, y1) in pairwise([*polygon, polygon[0]]):
            if (x0, y0) == (x1, y1):
                continue
            sides = [[(x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) for x, y in each] for each in (one, other)]
            if max(sides[0]) <= min(sides[1]) or max(sides[1]) <= min(sides[0]):
                return False
    return True
