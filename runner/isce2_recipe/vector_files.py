"""Reads the shapes of GeoJSON, KML, KMZ and Shapefiles as geometries in degrees.

The files may come from strangers. GDAL (pyogrio, geopandas) is not used, because it chooses a format by the
content of a file: a file named ``area.json`` may then refer to other files and addresses, which GDAL opens.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from isce2_recipe.errors import InputError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_LARGEST_BYTES = 20_000_000
_DEGREES = ("CRS84", "4326")
# Codes of authorities and well-known text. GDAL would take any other text as the path or address of a file.
_SYSTEM = re.compile(r"(?:urn:ogc:def:crs:[A-Za-z]+:[\w.]*|[A-Za-z]+):\w+|\s*[A-Za-z_]+\s*\[.*", re.DOTALL)
_HINT = "give a GeoJSON, KML, KMZ or Shapefile in degrees (EPSG:4326); GIS programs export these"


def vector_file(text: str) -> str | None:
    """Return the name of a vector file as it is, and None for any other text."""
    return text if isinstance(text, str) and Path(text).suffix.lower() in _READERS else None


def read_shapes(path: Path) -> list[BaseGeometry]:
    """Return the shapes of a vector file, longitude first, in degrees.

    Raise InputError if the file cannot be read, is too large or damaged, has no shapes, or mixes coordinate
    systems.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise InputError(
            f"{path} has the ending '{path.suffix}', which is no known vector format", hint=_HINT
        )
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise InputError(
                f"{path} is larger than {_LARGEST_BYTES // 10**6} MB", hint="give a simpler shape"
            )
        shapes = [shape for shape in read(path) if not shape.is_empty]
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror or exc}", hint=_HINT) from exc
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error, RecursionError) as exc:
        raise InputError(f"{path} is damaged, or is no vector file of its kind: {exc}", hint=_HINT) from exc
    if not shapes:
        raise InputError(f"{path} has no shapes", hint=_HINT)
    return shapes


def _geojson(path: Path) -> Iterator[BaseGeometry]:
    import shapely.geometry

    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(f"{path} is not GeoJSON: it is no text in UTF-8", hint=_HINT) from None
    except ValueError as exc:
        raise InputError(f"{path} is not GeoJSON: it cannot be read as JSON, {exc}", hint=_HINT) from exc
    features = _features(content)
    if not all(isinstance(part, dict) and "type" in part for part in (content, *features)):
        raise InputError(
            f"{path} is not GeoJSON: it must be a Feature, a FeatureCollection or a geometry", hint=_HINT
        )
    systems = {_system(part) for part in (content, *features)} - {""}
    if len(systems) > 1:
        raise InputError(
            f"{path} mixes the coordinate systems {', '.join(sorted(systems))}",
            hint="save it in one, in degrees (EPSG:4326)",
        )
    system = next(iter(systems), "")
    for feature in features:
        geometry = feature.get("geometry") if feature["type"] == "Feature" else feature
        if geometry is not None:
            yield _in_degrees(shapely.geometry.shape(geometry), system, path)


def _features(content: Any) -> list[Any]:
    """Return the features of a GeoJSON, or what it has instead of features."""
    whole = isinstance(content, dict) and content.get("type") == "FeatureCollection"
    found = content.get("features") if whole else content
    return found if whole and isinstance(found, list) else [found]


def _system(part: Mapping[str, Any]) -> str:
    """Return the name of the coordinate system that a part of a GeoJSON states; empty if it states none."""
    crs = part.get("crs")
    return "" if crs is None else str(crs["properties"]["name"])


def _in_degrees(shape: BaseGeometry, system: str, path: Path) -> BaseGeometry:
    """Return a shape, transformed from a coordinate system that is not in degrees."""
    import shapely

    shape = shapely.force_2d(shape)
    if not system or system.endswith(_DEGREES):
        return shape
    from rasterio.crs import CRS
    from rasterio.errors import CRSError
    from rasterio.warp import transform

    try:
        if not _SYSTEM.fullmatch(system):
            raise CRSError("neither a code nor well-known text")
        source = CRS.from_user_input(system)
    except CRSError as exc:
        raise InputError(f"{path} has the unknown coordinate system '{system[:80]}'", hint=_HINT) from exc

    def turned(places: Any) -> Any:
        import numpy as np

        longitudes, latitudes = transform(source, CRS.from_epsg(4326), *places.T.tolist())
        return np.column_stack([longitudes, latitudes])

    return shapely.transform(shape, turned)


def _kml(path: Path) -> Iterator[BaseGeometry]:
    yield from _kml_shapes(path.read_bytes())


def _kmz(path: Path) -> Iterator[BaseGeometry]:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            entry = next(each for each in archive.infolist() if each.filename.lower().endswith(".kml"))
            with archive.open(entry) as stream:
                content = stream.read(_LARGEST_BYTES + 1)
    except (zipfile.BadZipFile, StopIteration) as exc:
        raise InputError(f"{path} is no archive with a KML file", hint=_HINT) from exc
    if len(content) > _LARGEST_BYTES:
        raise InputError(
            f"{path} has more than {_LARGEST_BYTES // 10**6} MB of KML", hint="give a simpler shape"
        )
    yield from _kml_shapes(content)


def _kml_shapes(content: bytes) -> Iterator[BaseGeometry]:
    import shapely
    from lxml import etree

    try:
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as exc:
        raise ValueError(str(exc)) from exc
    for element in root.iter("{*}Polygon", "{*}LineString", "{*}Point"):
        kind = etree.QName(element).localname
        # The first ring of a polygon is its outer boundary, the others are holes.
        rings = [
            [tuple(float(value) for value in word.split(",")[:2]) for word in (one.text or "").split()]
            for one in element.iter("{*}coordinates")
        ] or [[]]
        if kind == "Point":
            yield shapely.Point(rings[0][0])
        elif kind == "Polygon":
            yield shapely.Polygon(rings[0], rings[1:])
        else:
            yield shapely.LineString(rings[0])


# Shape types of ESRI's format description (July 1998); with Z and M they are 10 and 20 larger.
_POINT, _LINE, _POLYGON, _MULTIPOINT = 1, 3, 5, 8


def _shapefile(path: Path) -> Iterator[BaseGeometry]:
    import shapely

    content = path.read_bytes()
    (code,) = struct.unpack(">i", content[:4])
    if code != 9994:
        raise ValueError("it does not begin as a Shapefile does")
    prj = path.with_suffix(".prj")
    system = prj.read_text(encoding="utf-8", errors="replace") if prj.is_file() else ""
    system = "" if system.lstrip().upper().startswith("GEOGCS") and "WGS" in system.upper() else system
    at = 100
    while at < len(content):
        (words,) = struct.unpack(">i", content[at + 4 : at + 8])
        record = content[at + 8 : at + 8 + 2 * words]
        at += 8 + 2 * max(words, 0)
        kind = struct.unpack("<i", record[:4])[0] % 10
        if kind == _POINT:
            yield _in_degrees(shapely.Point(struct.unpack("<2d", record[4:20])), system, path)
        elif kind == _MULTIPOINT:
            yield _in_degrees(shapely.MultiPoint(_places(record, 40)), system, path)
        elif kind == _LINE:
            yield from (_in_degrees(shapely.LineString(part), system, path) for part in _parts(record))
        elif kind == _POLYGON:  # rings in any order: what lies in an even number of them is a hole
            rings = [shapely.Polygon(part) for part in _parts(record)]
            whole = (
                reduce(shapely.symmetric_difference, map(shapely.make_valid, rings))
                if rings[1:]
                else rings[0]
            )
            yield _in_degrees(whole, system, path)


def _parts(record: bytes) -> Iterator[list[tuple[float, float]]]:
    """Yield the rings of a polygon or the parts of a line."""
    parts, _ = struct.unpack("<2i", record[36:44])
    starts = [*struct.unpack(f"<{parts}i", record[44 : 44 + 4 * parts]), None]
    places = _places(record, 44 + 4 * parts)
    yield from (places[first:last] for first, last in pairwise(starts))


def _places(record: bytes, at: int) -> list[tuple[float, float]]:
    (count,) = struct.unpack("<i", record[40:44] if at > 40 else record[36:40])
    values = struct.unpack(f"<{2 * count}d", record[at : at + 16 * count])
    return list(zip(values[::2], values[1::2], strict=True))


_READERS: Mapping[str, Callable[[Path], Iterator[BaseGeometry]]] = MappingProxyType(
    {".geojson": _geojson, ".json": _geojson, ".kml": _kml, ".kmz": _kmz, ".shp": _shapefile}
)
