"""The choice of a product's map grid; by default it is the same for every pair of a stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.products.grid import MapGrid, aligned_grid, utm_epsg
from isce2_recipe.types import Bounds, longitude_near

_GEOGRAPHIC = "EPSG:4326"
# Default pixels in degrees: one arc second for 30 m, as in terrain models.
_METRES_AN_ARC_SECOND = 30.0
_EDGE_POINTS = 21
_SQUARE = 1e-6
# Places this close to 180 degrees on either side that are this far apart on a map are at its opposite ends.
_CLOSE_DEG, _FAR_M = 1e-6, 1e6
# Largest coordinate that is accepted on a map, metres.
_FARTHEST = 1e8


def _is_number(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**15
    return whole or isinstance(value, float)


def _is_box(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 4 and all(map(_is_number, value))


_KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "extent": (lambda value: value in ("common", "data"), "common or data"),
    "bounds": (_is_box, "four numbers: west, south, east and north"),
    "crs": (lambda value: isinstance(value, str), "utm or a text such as EPSG:4326"),
    "pixel": (_is_number, "a number"),
}


def grid_values(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the values of a grid that are given.

    Raises
    ------
    ParameterError
        If there is another key, or a value is of the wrong type.
    """
    given = {key: value for key, value in (values or {}).items() if value is not None}
    for key, value in given.items():
        if key not in _KINDS:
            raise ParameterError(f"a grid has no key '{key}'", hint=f"its keys are {', '.join(_KINDS)}")
        fits, wanted = _KINDS[key]
        if not fits(value):
            raise ParameterError(f"{key} of the grid must be {wanted}, instead got {str(value)[:80]!r}")
    return given


@dataclass(frozen=True, slots=True)
class GridChoice:
    """How the grid of a product is chosen.

    Attributes
    ----------
    extent : str
        ``common`` for all that the bursts can show on any date, so that all pairs of a stack have the same
        pixels; ``data`` for what this pair shows.
    bounds : Bounds or None
        Box in degrees, in place of ``extent``; across the antimeridian its eastern edge is beyond 180.
    crs : str
        ``utm`` for the zone of the north-west corner, or ``EPSG:`` with a code.
    pixel : float or None
        Edge length of a pixel in the unit of ``crs``; None for the resolution of the looks.
    like : Path or None
        Raster whose pixels are taken, in place of all other choices.
    """

    extent: str = "common"
    bounds: Bounds | None = None
    crs: str = "utm"
    pixel: float | None = None
    like: Path | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any] | None, like: Path | None = None) -> GridChoice:
        """Return the choice of a recipe's mapping with any of ``extent``, ``bounds``, ``crs`` and ``pixel``.

        Raises
        ------
        ParameterError
            If the edges of a box are in the wrong order, or the mapping has other keys or values.
        """
        given = grid_values(values)
        if "bounds" in given:
            box = given["bounds"] = Bounds.of(*given["bounds"])
            if box.west >= box.east or box.south >= box.north:
                raise ParameterError(
                    f"the box {box.west} {box.south} {box.east} {box.north} has its edges in the wrong order",
                    hint="give west, south, east and north, in this order",
                )
        return cls(**given, like=like)

    def changes(self) -> dict[str, Any]:
        """Return what differs from the default, as JSON; of another raster only the file's name."""
        box = self.bounds
        values = {
            "extent": self.extent,
            "bounds": None if box is None else [box.west, box.south, box.east, box.north],
            "crs": self.crs,
            "pixel": self.pixel,
            "like": None if self.like is None else self.like.name,
        }
        default = {"extent": "common", "crs": "utm"}
        return {key: value for key, value in values.items() if value != default.get(key)}


def map_grid(
    choice: GridChoice, pixel_m: float, data: Bounds, bursts: Sequence[tuple[int, int]] = ()
) -> MapGrid:
    """Return the grid of a choice.

    Parameters
    ----------
    pixel_m : float
        Default size of pixels on the ground.
    data : Bounds
        Area that the interferogram covers, degrees.
    bursts : sequence of (number, swath)
        ESA's numbers of the product's bursts; without any, ``common`` means ``data``.

    Raises
    ------
    InputError
        If the reference system is not known or cannot show the place, or the raster to be like has no such
        grid.
    """
    if choice.like is not None:
        return grid_of(choice.like)
    if choice.bounds is not None:
        places = _outline(choice.bounds)
    elif choice.extent == "common" and bursts:
        places = _common(bursts)
    else:
        places = _outline(data.on_globe())
    epsg = _epsg(choice.crs, places)
    return aligned_grid(epsg, choice.pixel or _default_pixel(epsg, pixel_m), _box(places, epsg))


def _outline(box: Bounds) -> list[tuple[float, float]]:
    """Return points along the edges of a box, because the edges are curved on another map."""
    steps = [k / (_EDGE_POINTS - 1) for k in range(_EDGE_POINTS)]
    longitudes = [box.west + (box.east - box.west) * step for step in steps]
    latitudes = [box.south + (box.north - box.south) * step for step in steps]
    return [
        *((longitude, latitude) for longitude in longitudes for latitude in (box.south, box.north)),
        *((longitude, latitude) for latitude in latitudes for longitude in (box.west, box.east)),
    ]


def _common(bursts: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    from isce2_recipe.sar.nominal_track import burst_outline

    places = [
        (longitude, latitude)
        for number, swath in sorted(set(bursts))
        for longitude, latitude in burst_outline(number, swath).tolist()
    ]
    west = Bounds.around(places).west
    return [(longitude_near(longitude, west + 90.0), latitude) for longitude, latitude in places]


def _epsg(crs: str, places: list[tuple[float, float]]) -> int:
    if crs == "utm":
        longitudes, latitudes = zip(*places, strict=True)
        return utm_epsg(min(longitudes), max(latitudes))
    return known_epsg(crs)


def known_epsg(crs: str) -> int:
    """Return the code of a reference system that maps can have.

    Raises
    ------
    InputError
        If there is no such system.
    """
    from rasterio import Env
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        code = int(crs.upper().removeprefix("EPSG:"))
        with Env():  # PROJ's errors go to the log, not to the terminal
            found = CRS.from_epsg(code)
        known = found.is_projected or found.is_geographic
    except (ValueError, CRSError):
        known = False
    if not known:
        raise InputError(
            f"{crs} is not a known map projection",
            hint="give utm, or a code such as EPSG:3413 (https://epsg.io)",
        ) from None
    return code


def _default_pixel(epsg: int, pixel_m: float) -> float:
    unit_m = MapGrid(epsg, 1.0, 0.0, 0.0, 1, 1).ground_pixel_m
    return pixel_m / unit_m if unit_m < 1000.0 else pixel_m / _METRES_AN_ARC_SECOND / 3600.0


def _box(places: list[tuple[float, float]], epsg: int) -> Bounds:
    """Return the box around places, in the reference system's unit."""
    from rasterio._err import CPLE_BaseError
    from rasterio.warp import transform

    longitudes, latitudes = zip(*places, strict=True)
    try:
        xs, ys = transform(_GEOGRAPHIC, f"EPSG:{epsg}", longitudes, latitudes)
        reached = max(abs(value) for value in (*xs, *ys)) < _FARTHEST
    except CPLE_BaseError:
        reached = False
    if not reached:
        raise InputError(
            f"EPSG:{epsg} cannot show the whole scene",
            hint="choose a projection that is made for that part of the Earth",
        )
    if max(longitudes) > 180.0 and _is_cut_at_antimeridian(epsg, latitudes[0]):
        raise InputError(
            f"EPSG:{epsg} is cut at 180 degrees, where the scene lies",
            hint="choose utm, EPSG:4326, or a projection that is made for that part of the Earth",
        )
    return Bounds(min(xs), min(ys), max(xs), max(ys))


def _is_cut_at_antimeridian(epsg: int, latitude: float) -> bool:
    """Return whether a map has the places just west and just east of 180 degrees at its opposite ends."""
    from rasterio.warp import transform

    edges = [180.0 - _CLOSE_DEG, _CLOSE_DEG - 180.0]
    (west, east), _ = transform(_GEOGRAPHIC, f"EPSG:{epsg}", edges, [latitude] * 2)
    # Degrees differ by less than this number in any case.
    return bool(abs(east - west) > _FAR_M)


def grid_of(path: Path) -> MapGrid:
    """Return the grid of a raster.

    Raises
    ------
    InputError
        If it cannot be read, has no reference system with a code, or its pixels are not square and north-up.
    """
    from isce2_recipe.products.rasters import opened

    if not path.is_file():
        raise InputError(
            f"there is no raster {path}", hint="give a GeoTIFF, such as a layer of another product"
        )
    try:
        with opened(path) as dataset:
            width, skew_x, west, skew_y, height, north = dataset.transform[:6]
            crs, rows, cols = dataset.crs, dataset.height, dataset.width
    except InputError as exc:
        raise InputError(exc.message, hint="give a GeoTIFF, such as a layer of another product") from exc
    epsg = crs.to_epsg() if crs else None
    if skew_x or skew_y or width <= 0 or abs(width + height) > _SQUARE * width:
        raise InputError(
            f"the pixels of {path} are not square or not north-up", hint="take another raster's grid"
        )
    if epsg is None:
        lacks = "the projection of {} has no EPSG code" if crs else "{} has no projection"
        raise InputError(
            lacks.format(path),
            hint="reproject it to one that has: gdalwarp -t_srs EPSG:...",
        )
    return MapGrid(epsg, width, west, north, rows, cols)
