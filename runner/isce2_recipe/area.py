"""The area of a search: a box, a shape in well-known text, a file with vectors, or burst IDs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.types import Bounds, longitude_near

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Ring = Sequence[tuple[float, float]]

_HINT = (
    "give a box as WEST,SOUTH,EAST,NORTH in degrees, a shape such as POLYGON ((...)), the path of a GeoJSON, "
    "KML, KMZ or Shapefile, or burst IDs such as 136231_IW2"
)
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_BOX = re.compile(rf"\s*{_NUMBER}(?:[\s,]+{_NUMBER})+\s*")
_WKT = re.compile(r"\s*(?:MULTI)?(?:POINT|LINESTRING|POLYGON)\b", re.IGNORECASE)
_MOST_VERTICES = 100_000
_KM_PER_DEG = 111.2


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the Earth, in degrees."""

    # Its shape as well-known text. Longitudes are continuous: they may be beyond 180 degrees.
    wkt: str

    @classmethod
    def of(cls, shape: BaseGeometry) -> Area:
        """Return the area of a shape in degrees.

        Raise ParameterError if the shape is empty, or if its coordinates are not degrees.
        """
        import shapely

        if shape.is_empty or not shape.bounds:
            raise ParameterError("the area is empty", hint=_HINT)
        if shapely.get_num_coordinates(shape) > _MOST_VERTICES:
            raise ParameterError(
                f"the area has more than {_MOST_VERTICES} vertices",
                hint="give a simpler shape, such as a box",
            )
        west, south, east, north = shape.bounds
        if not (abs(west) <= 360 and abs(east) <= 360 and abs(south) <= 90 and abs(north) <= 90):
            raise ParameterError(
                f"the area reaches from {west:g} to {east:g} E and from {south:g} to {north:g} N, "
                "which are not degrees",
                hint="give longitudes from -180 to 180 and latitudes from -90 to 90, longitude first",
            )
        shape = shapely.force_2d(shape)
        flat = shape.area == 0.0
        if east - west > 180:
            shape = shapely.transform(shape, _eastward)
        # What reaches from -180 to 180 is nothing but a line then.
        if shape.bounds[2] - shape.bounds[0] > 180 or (shape.area == 0.0 and not flat):
            raise ParameterError("the area reaches around more than half of the globe", hint=_HINT)
        return cls(shapely.to_wkt(shapely.make_valid(shape), rounding_precision=9))

    @property
    def shape(self) -> BaseGeometry:
        """The shape as a geometry."""
        import shapely

        return shapely.from_wkt(self.wkt)

    @property
    def bounds(self) -> Bounds:
        """The box around it, degrees."""
        return Bounds(*self.shape.bounds)

    @property
    def square_km(self) -> float:
        """Return its size on the ground, from the box around each of its parts."""
        parts = [Bounds(*part.bounds) for part in getattr(self.shape, "geoms", [self.shape])]
        return sum(
            (box.east - box.west)
            * (box.north - box.south)
            * _KM_PER_DEG**2
            * math.cos(math.radians(0.5 * (box.south + box.north)))
            for box in parts
        )

    def meets(self, ring: Ring) -> bool:
        """Return whether it shares ground with a polygon (longitude, latitude)."""
        return bool(self.shape.intersects(self._polygon(ring)))

    def covered_by(self, rings: Iterable[Ring]) -> float:
        """Return the share of its ground, 0 to 1, that some polygons cover together."""
        import shapely

        # A margin of a millimetre gives points and lines an extent.
        shape = self.shape.buffer(1e-8)
        union = shapely.union_all([self._polygon(ring) for ring in rings])
        return float(shape.intersection(union).area / shape.area)

    def _polygon(self, ring: Ring) -> BaseGeometry:
        import shapely

        box = self.shape.bounds
        middle = 0.5 * (box[0] + box[2])
        first = longitude_near(ring[0][0], middle)
        return shapely.make_valid(
            shapely.Polygon([(longitude_near(longitude, first), latitude) for longitude, latitude in ring])
        )

    def hulls(self) -> list[str]:
        """Return convex polygons around it as well-known text, each between -180 and 180 degrees.

        They are a kilometre larger, because searches simplify shapes.
        """
        import shapely

        hull = self.shape.convex_hull.buffer(0.01, join_style="mitre", cap_style="square")
        found = []
        for turn in (-360.0, 0.0, 360.0):
            part = shapely.box(turn - 180.0, -90.0, turn + 180.0, 90.0).intersection(hull)
            if part.area > 0.0:
                moved = shapely.transform(part, lambda places, turn=turn: places - (turn, 0.0))
                found.append(shapely.to_wkt(shapely.geometry.polygon.orient(moved), rounding_precision=7))
        return found


def _eastward(places: Any) -> Any:
    """Return coordinates with western longitudes continued beyond 180 degrees."""
    turned = places.copy()
    turned[turned[:, 0] < 0.0, 0] += 360.0
    return turned


def burst_id_words(text: str) -> list[str]:
    """Return the words of an area that consists of burst IDs; an empty list if it does not."""
    words = text.replace(",", " ").split()
    return words if words and all(re.search(r"_IW\d", word, re.IGNORECASE) for word in words) else []


def parse_area(text: str) -> Area:
    """Return the area that a text describes: a box, or a shape in well-known text.

    Raise ParameterError if the text is neither.
    """
    import shapely

    if _BOX.fullmatch(text):
        return _box([float(word) for word in text.replace(",", " ").split()], text)
    if not _WKT.match(text):
        raise ParameterError(f"'{text}' is not an area", hint=_HINT)
    try:
        return Area.of(shapely.from_wkt(text))
    except shapely.errors.ShapelyError as exc:
        raise ParameterError(f"the area is not well-known text: {exc}", hint=_HINT) from exc


def _box(numbers: list[float], text: str) -> Area:
    import shapely

    if len(numbers) != 4:
        raise ParameterError(f"a box has four numbers, instead got {len(numbers)}: '{text}'", hint=_HINT)
    west, south, east, north = numbers
    if south > north:
        raise ParameterError(
            f"the box '{text}' has its south ({south:g}) north of its north ({north:g})",
            hint="the order is WEST,SOUTH,EAST,NORTH",
        )
    if not (abs(south) <= 90 and abs(north) <= 90):
        raise ParameterError(
            f"the box '{text}' has latitudes beyond 90 degrees", hint="the order is WEST,SOUTH,EAST,NORTH"
        )
    if not (abs(west) <= 360 and abs(east) <= 360):
        raise ParameterError(
            f"the box '{text}' has longitudes beyond 360 degrees",
            hint="give degrees, longitudes from -180 to 180, in the order WEST,SOUTH,EAST,NORTH",
        )
    box = Bounds.of(west, south, east, north)
    if east - west > 180 or box.east > 360:
        raise ParameterError(
            f"the box '{text}' reaches around more than half of the globe, from {west:g} to {east:g} E",
            hint=_HINT,
        )
    if box.east < box.west:
        raise ParameterError(
            f"the box '{text}' has its west ({west:g}) east of its east ({east:g})",
            hint="the order is WEST,SOUTH,EAST,NORTH; across 180 degrees the east may be the smaller number",
        )
    return Area.of(shapely.box(*box) if box.east > box.west and north > south else shapely.Point(west, south))


def read_area(path: Path) -> Area:
    """Return the area of all shapes in a GeoJSON, KML, KMZ or Shapefile.

    Raise InputError if it cannot be read, has no shapes, or mixes coordinate systems.
    """
    import shapely

    from isce2_recipe.vector_files import read_shapes

    try:
        return Area.of(shapely.union_all([shapely.make_valid(shape) for shape in read_shapes(path)]))
    except (ParameterError, shapely.errors.ShapelyError) as exc:
        message, hint = getattr(exc, "message", str(exc)), getattr(exc, "hint", None)
        raise InputError(f"{path}: {message}", hint=hint or _HINT) from exc
