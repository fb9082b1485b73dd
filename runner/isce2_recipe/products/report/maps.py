"""Maps as SVG: pictures with coordinates, colour bar, scale bar and north arrow; the place on the globe."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isce2_recipe.markup import render
from isce2_recipe.products.colours import Picture, nice_step, nice_ticks, number_text
from isce2_recipe.products.reading import Grid
from isce2_recipe.products.report.views import View
from isce2_recipe.types import longitude_near

# Width of a map, SVG units. Large and small maps have text of the same size.
SMALL, LARGE = 560, 1120
_LEFT, _TOP, _BOTTOM, _BAR = 70.0, 10.0, 28.0, 108.0
_TALLEST = 640.0
_TICKS = 5
# Columns of the values that the page can read, and rows and columns of the table of places.
_READ_COLUMNS, _PLACES = 400, 9


@dataclass(frozen=True, slots=True)
class MapFrame:
    """The size of a map's picture in SVG units, and the labels of its edges.

    ``longitudes`` and ``latitudes`` are labels on the lower and the left edge: position from 0 to 1, and
    degrees as text. ``kilometres`` is the width on the ground, ``convergence_deg`` the angle of the map's
    north, clockwise from true north.
    """

    width: float
    height: float
    longitudes: tuple[tuple[float, str], ...]
    latitudes: tuple[tuple[float, str], ...]
    kilometres: float
    convergence_deg: float


def map_frame(grid: Grid, size: int) -> MapFrame:
    """Return the frame of a product's maps of a width."""
    west, south, east, north = grid.bounds
    width = size - _LEFT - _BAR
    height = width * (north - south) / (east - west)
    if height > _TALLEST:
        width, height = width * _TALLEST / height, _TALLEST
    line = np.linspace(0.0, 1.0, 65)
    longitudes, _ = _degrees(grid, west + line * (east - west), np.full(65, south))
    _, latitudes = _degrees(grid, np.full(65, west), north + line * (south - north))
    return MapFrame(
        width,
        height,
        _places(line, longitudes, "EW", max(2, int(width / 110))),
        _places(line[::-1], latitudes[::-1], "NS", max(2, int(height / 80))),
        grid.ground_m[0] * grid.cols / 1000.0,
        _convergence(grid, (west + east) / 2, (south + north) / 2),
    )


def corners(grid: Grid) -> list[tuple[float, float]]:
    """Return the longitude and latitude of a product's corners, clockwise from the upper left.

    The longitudes are continuous: those across the antimeridian are beyond 180 degrees.
    """
    west, south, east, north = grid.bounds
    found = _degrees(grid, np.array([west, east, east, west]), np.array([north, north, south, south]))
    return [(float(x), float(y)) for x, y in zip(*found, strict=True)]


def _degrees(grid: Grid, x: Any, y: Any) -> tuple[Any, Any]:
    from rasterio.warp import transform

    longitudes, latitudes = map(np.array, transform(grid.crs, "EPSG:4326", list(x), list(y)))
    return longitude_near(longitudes, float(longitudes[0])), latitudes


def _convergence(grid: Grid, x: float, y: float) -> float:
    """Return the angle of the map's vertical, clockwise from true north, degrees."""
    longitudes, latitudes = _degrees(grid, [x, x], [y, y + 12.0 * grid.pixel_m])
    east = (longitudes[1] - longitudes[0]) * math.cos(math.radians(latitudes[0]))
    return math.degrees(math.atan2(east, latitudes[1] - latitudes[0]))


def _places(line: Any, degrees: Any, letters: str, count: int) -> tuple[tuple[float, str], ...]:
    ticks = nice_ticks(float(degrees.min()), float(degrees.max()), min(count, _TICKS))
    return tuple(
        (float(np.interp(value, degrees, line)), degree_text(value, text, letters)) for value, text in ticks
    )


def degree_text(value: float, text: str, letters: str) -> str:
    """Return a longitude or latitude as text, for example ``12.5° E``; a longitude may be beyond 180 degrees.

    ``text`` is the number of degrees with the decimals to show.
    """
    if abs(value) > 180.0:
        value = longitude_near(value, 0.0)
        text = number_text(value, len(text.partition(".")[2]))
    letter = letters[value < 0] if value and abs(value) != 180.0 else ""
    return f"{text.lstrip(chr(0x2212))}°{f' {letter}' if letter else ''}"


def png(picture: Picture) -> bytes:
    """Return a picture as a PNG file; equal pictures give equal bytes."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=7)
    return file.getvalue()


def map_svg(
    view: View,
    frame: MapFrame,
    size: int,
    line: tuple[float, float, float, float] | None = None,
    *,
    heading_deg: float | None = None,
    shared: tuple[MapFrame, int] | None = None,
) -> str:
    """Return a map as SVG; the style sheet of the page sets the colours of its lines and text.

    Parameters
    ----------
    line : tuple, optional
        Ends ``x0, y0, x1, y1`` of a profile to draw, each from 0 to 1 from the upper left.
    heading_deg : float, optional
        Direction of flight, clockwise from north, to be drawn with the direction of the radar.
    shared : (MapFrame, int), optional
        Frame and width of another map of the view on the same page, whose picture is used again.
    """
    edges = {"left": _LEFT, "top": _TOP, "margin": _BOTTOM}
    values = {"view": view, "frame": frame, "size": size, "line": line, "shared": None, "picture": ""}
    values["values"] = None if shared else _levels(view)
    if shared is None:
        values["picture"] = _encoded(view.picture)
    else:
        values["shared"] = {
            "name": f"{view.name}-{shared[1]}-i",
            "frame": shared[0],
            "left": _LEFT,
            "top": _TOP,
        }
    arrows = [] if heading_deg is None else _arrows(heading_deg - frame.convergence_deg)
    return render("report/map.svg", bar_km=nice_step(frame.kilometres, 5), arrows=arrows, **edges, **values)


def _encoded(picture: Any) -> str:
    return base64.b64encode(png(picture)).decode()


def _levels(view: View) -> dict[str, Any] | None:
    """Return the values of a view in 255 levels as a grey picture, 0 for no data; None where it has none."""
    if view.values is None or view.scale is None:
        return None
    step = max(1, -(-view.values.shape[1] // _READ_COLUMNS))
    values = view.values[step // 2 :: step, step // 2 :: step]
    seen = np.isfinite(values)
    if not seen.any():
        return None
    low, high = float(values[seen].min()), float(values[seen].max())
    levels = np.zeros(values.shape, np.uint8)
    levels[seen] = np.round(1.0 + 254.0 * (values[seen] - low) / ((high - low) or 1.0))
    return {"low": low, "high": high, "png": _encoded(levels)}


def place_table(grid: Grid) -> list[list[tuple[float, float]]]:
    """Return longitudes and latitudes from the upper left to the lower right, rows first, degrees."""
    west, south, east, north = grid.bounds
    across, down = np.linspace(west, east, _PLACES), np.linspace(north, south, _PLACES)
    x, y = (each.ravel() for each in np.meshgrid(across, down))
    longitudes, latitudes = _degrees(grid, x, y)
    found = [(round(float(a), 5), round(float(b), 5)) for a, b in zip(longitudes, latitudes, strict=True)]
    return [found[start : start + _PLACES] for start in range(0, len(found), _PLACES)]


def _arrows(flight_deg: float) -> list[tuple[float, str, float, float]]:
    """Return the arrows of flight and radar: angle, name, and place of the name around the middle."""
    return [
        (angle, word, 48 * math.sin(math.radians(angle)), 4 - 34 * math.cos(math.radians(angle)))
        for angle, word in ((flight_deg, "flight"), (flight_deg + 90.0, "radar"))
    ]


def locator_svg(places: Sequence[tuple[float, float]]) -> str:
    """Return a world map as SVG, with a cross at the middle of places (longitude and latitude in degrees)."""
    longitude = longitude_near(sum(x for x, _ in places) / len(places), 0.0)
    latitude = sum(y for _, y in places) / len(places)
    return render("report/locator.svg", longitude=longitude, latitude=latitude)
