"""Maps as SVG: a picture with coordinates, colour bar, scale bar and north arrow."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from isce2_recipe.products.colours import Picture, Scale, css, nice_step, nice_ticks, number_text
from isce2_recipe.products.reading import Grid
from isce2_recipe.products.report.views import View
from isce2_recipe.types import longitude_near

# Width of a map, SVG units. Large and small maps have text of the same size.
SMALL, LARGE = 560, 1120
_LEFT, _TOP, _BOTTOM, _BAR = 70.0, 10.0, 28.0, 108.0
_TALLEST = 640.0
_TICKS = 5


@dataclass(frozen=True, slots=True)
class MapFrame:
    """The size of a map's picture and the labels of its edges.

    Attributes
    ----------
    width, height : float
        Size of the picture, SVG units.
    longitudes, latitudes : tuple of (float, str)
        Labels on the lower and the left edge: position from 0 to 1, and degrees as text.
    kilometres : float
        Width of the picture on the ground.
    convergence_deg : float
        Angle of the map's north, clockwise from true north.
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
    """Return a longitude or latitude as text, for example ``12.5° E``.

    Parameters
    ----------
    value : float
        Degrees; a longitude may be beyond 180.
    text : str
        The same as text, from which the number of decimals is taken.
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
    view: View, frame: MapFrame, size: int, line: tuple[float, float, float, float] | None = None
) -> str:
    """Return a map as SVG; the style sheet of the page sets the colours of its lines and text.

    Parameters
    ----------
    line : tuple, optional
        Ends ``x0, y0, x1, y1`` of a profile to draw, each from 0 to 1 from the upper left.
    """
    height = _TOP + frame.height + _BOTTOM
    data = base64.b64encode(png(view.picture)).decode()
    name = f"{view.name}-{size}"
    parts = [
        f'<svg class="map" viewBox="0 0 {size} {height:.0f}" role="img" aria-labelledby="{name}-t">',
        f'<title id="{name}-t">{escape(view.alternative)}</title>',
        f'<rect class="sheet" x="{_LEFT}" y="{_TOP}" width="{frame.width:.1f}" height="{frame.height:.1f}"/>',
        f'<image x="{_LEFT}" y="{_TOP}" width="{frame.width:.1f}" height="{frame.height:.1f}" '
        f'preserveAspectRatio="none" href="data:image/png;base64,{data}"/>',
        f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{frame.width:.1f}" height="{frame.height:.1f}"/>',
        *_coordinates(frame),
        _north(frame),
        _scale_bar(frame),
    ]
    if line is not None:
        parts.append(_profile_line(frame, line))
    x = _LEFT + frame.width + 22
    parts.append(_bar(view.scale, x, frame.height, name) if view.scale else _legend(view, x))
    return "".join(parts) + "</svg>"


def _coordinates(frame: MapFrame) -> list[str]:
    bottom = _TOP + frame.height
    parts = []
    for place, text in frame.longitudes:
        x = _LEFT + place * frame.width
        parts.append(f'<path class="tick" d="M{x:.1f} {bottom:.1f}v5"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 19:.1f}" text-anchor="middle">{text}</text>')
    for place, text in frame.latitudes:
        y = _TOP + place * frame.height
        parts.append(f'<path class="tick" d="M{_LEFT} {y:.1f}h-5"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    return parts


def _north(frame: MapFrame) -> str:
    x, y = _LEFT + frame.width - 20, _TOP + 26
    return (
        f'<g class="over" transform="translate({x:.1f} {y:.1f}) rotate({-frame.convergence_deg:.2f})">'
        '<path class="halo" d="M0-17 6 8 0 4-6 8z"/><path class="ink" d="M0-17 6 8 0 4-6 8z"/>'
        '<text class="halo" y="20" text-anchor="middle">N</text>'
        '<text class="ink" y="20" text-anchor="middle">N</text></g>'
    )


def _scale_bar(frame: MapFrame) -> str:
    length_km = nice_step(frame.kilometres, 5)
    width = length_km / frame.kilometres * frame.width
    x, y = _LEFT + 12, _TOP + frame.height - 12
    text = f"{length_km:g} km"
    path = f"M{x:.1f} {y - 6:.1f}v6h{width:.1f}v-6"
    return (
        f'<g class="over"><path class="halo line" d="{path}"/><path class="ink line" d="{path}"/>'
        f'<text class="halo" x="{x + width / 2:.1f}" y="{y - 6:.1f}" text-anchor="middle">{text}</text>'
        f'<text class="ink" x="{x + width / 2:.1f}" y="{y - 6:.1f}" text-anchor="middle">{text}</text></g>'
    )


def _profile_line(frame: MapFrame, line: tuple[float, float, float, float]) -> str:
    x0, y0, x1, y1 = (
        (_LEFT, _TOP)[number % 2] + value * (frame.width, frame.height)[number % 2]
        for number, value in enumerate(line)
    )
    path = f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}"
    marks = "".join(
        f'<text class="{kind}" x="{x:.1f}" y="{y - 7:.1f}" text-anchor="{anchor}">{letter}</text>'
        for x, y, letter, anchor in ((x0, y0, "A", "start"), (x1, y1, "B", "end"))
        for kind in ("halo", "ink")
    )
    return (
        f'<g class="over"><path class="halo line" d="{path}"/>'
        f'<path class="ink line" stroke-dasharray="6 4" d="{path}"/>{marks}</g>'
    )


def _bar(scale: Scale, x: float, height: float, name: str) -> str:
    """Return a colour bar with its ticks and unit."""
    top, length = _TOP + 18, max(60.0, height - 18)
    count = len(scale.colours) - 1
    stops = "".join(
        f'<stop offset="{number / count:.4f}" stop-color="{css(colour)}"/>'
        for number, colour in enumerate(scale.colours)
    )
    parts = [
        f'<defs><linearGradient id="{name}-g" x1="0" y1="1" x2="0" y2="0">{stops}</linearGradient></defs>',
        f'<text x="{x}" y="{top - 7}">{escape(scale.unit)}</text>',
        f'<rect class="frame" style="fill:url(#{name}-g)" x="{x}" y="{top}" width="15" '
        f'height="{length:.1f}"/>',
    ]
    for value, text in scale.ticks:
        y = top + length * (1 - (value - scale.low) / ((scale.high - scale.low) or 1.0))
        parts.append(f'<path class="tick" d="M{x + 15} {y:.1f}h5"/>')
        parts.append(f'<text x="{x + 24}" y="{min(max(y + 4, top + 9), top + length):.1f}">{text}</text>')
    return "".join(parts)


def _legend(view: View, x: float) -> str:
    parts = []
    for number, (colour, text) in enumerate(view.legend):
        y = _TOP + 2 + 36 * number
        first, _, rest = text.partition(", ")
        parts.append(
            f'<rect class="frame" style="fill:{css(colour)}" x="{x - 10}" y="{y}" width="13" height="13"/>'
        )
        parts.append(f'<text class="small" x="{x + 9}" y="{y + 11}">{escape(first)}</text>')
        if rest:
            parts.append(f'<text class="small" x="{x + 9}" y="{y + 25}">{escape(rest)}</text>')
    return "".join(parts)
