"""PNG pictures with title, colour bar, scale bar and north arrow, for use without the page."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from isce2_recipe.products.colours import nice_step
from isce2_recipe.products.reading import Grid
from isce2_recipe.products.report.reduced import ReducedProduct
from isce2_recipe.products.report.views import View

_MARGIN, _HEAD, _BAR = 24, 64, 150
_INK, _PAPER, _SHEET = (24, 28, 33), (255, 255, 255), (238, 240, 242)


def write_quicklook(folder: Path, view: View, reduced: ReducedProduct) -> Path:
    """Write ``NAME_<view>.png`` into a folder and return its path."""
    from PIL import Image, ImageDraw

    product = reduced.product
    rows, cols = view.picture.shape[:2]
    sheet = Image.new("RGB", (cols + 2 * _MARGIN + _BAR, max(rows, 160) + _HEAD + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, 14), view.title, _INK, font=_font(24))
    draw.text((_MARGIN, 43), product.name, (90, 96, 104), font=_font(13))
    draw.rectangle((_MARGIN - 1, _HEAD - 1, _MARGIN + cols, _HEAD + rows), _SHEET, (120, 126, 134))
    picture = Image.fromarray(view.picture)
    sheet.paste(picture, (_MARGIN, _HEAD), picture)
    _scale_bar(draw, reduced.grid, rows, cols)
    left = _MARGIN + cols + 22
    if view.scale is not None:
        _colour_bar(sheet, draw, view, left, max(rows, 160))
    for number, (colour, text) in enumerate(view.legend):
        y = _HEAD + 24 * number
        draw.rectangle((left, y, left + 14, y + 14), colour, _INK)
        draw.text((left + 20, y - 1), text, _INK, font=_font(13))
    path = folder / f"{product.name}_{view.name}.png"
    file = io.BytesIO()
    sheet.save(file, "PNG", compress_level=7)
    path.write_bytes(file.getvalue())
    return path


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _scale_bar(draw: Any, grid: Grid, rows: int, cols: int) -> None:
    west, _, east, _ = grid.bounds
    kilometres = (east - west) / 1000.0
    length = nice_step(kilometres, 5)
    width = length / kilometres * cols
    x, y = _MARGIN + 12, _HEAD + rows - 12
    points = [(x, y - 7), (x, y), (x + width, y), (x + width, y - 7)]
    draw.line(points, _PAPER, 6)
    draw.line(points, _INK, 2)
    draw.text(
        (x + width / 2, y - 8), f"{length:g} km", _INK, _font(14), "mb", stroke_width=2, stroke_fill=_PAPER
    )
    north = (_MARGIN + cols - 22, _HEAD + 12)
    arrow = [
        (north[0], north[1]),
        (north[0] + 7, north[1] + 24),
        (north[0], north[1] + 19),
        (north[0] - 7, north[1] + 24),
    ]
    draw.polygon(arrow, _INK, _PAPER)
    draw.text((north[0], north[1] + 28), "N", _INK, _font(14), "mt", stroke_width=2, stroke_fill=_PAPER)


def _colour_bar(sheet: Any, draw: Any, view: View, left: int, height: int) -> None:
    from PIL import Image

    scale = view.scale
    if scale is None:
        return
    top, length = _HEAD + 22, max(80, height - 30)
    ramp = np.linspace(scale.high, scale.low, length)[:, None].repeat(18, axis=1)
    sheet.paste(Image.fromarray(scale.paint(ramp)[..., :3]), (left, top))
    draw.rectangle((left - 1, top - 1, left + 18, top + length), None, (120, 126, 134))
    draw.text((left, top - 6), scale.unit, _INK, _font(14), "ls")
    for value, text in scale.ticks:
        y = top + (length - 1) * (1 - (value - scale.low) / ((scale.high - scale.low) or 1.0))
        draw.line([(left + 18, y), (left + 23, y)], _INK, 1)
        draw.text(
            (left + 27, y), text.replace("\N{MINUS SIGN}", "-").replace("π", "pi"), _INK, _font(14), "lm"
        )
