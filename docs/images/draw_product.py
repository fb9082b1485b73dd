"""Draw a picture of a product: displacement over terrain, and below it wrapped phase and one more map.

The other map is the ionosphere where there is one, else the coherence.

python docs/images/draw_product.py PRODUCT_FOLDER PICTURE [WIDTH]

The ending of the picture's name gives its format: PNG, or WebP for a small file.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from isce2_recipe.products.reading import open_product
from isce2_recipe.products.report.reduced import ReducedProduct
from isce2_recipe.products.report.views import View, views

WIDTH, MARGIN, GAP, TITLE = 1200, 28, 32, 46
BAR_WIDTH, BAR_HEIGHT = 220, 12
INK, SOFT = (30, 35, 42), (96, 103, 112)
LAST = ("ionosphere", "coherence_unfiltered", "coherence")
TITLES = {"displacement": "Displacement, red away from the satellite", "wrapped_phase": "Wrapped phase"}


def draw_product(folder: Path) -> Image.Image:
    """Return a picture of one map above two, cropped to where there are data."""
    shown = {view.name: view for view in views(ReducedProduct(open_product(folder)))}
    last = next(name for name in LAST if name in shown)
    first, *others = (shown[name] for name in ("displacement", "wrapped_phase", last))
    rows, cols = (np.flatnonzero(first.picture[..., 3].any(axis=axis)) for axis in (1, 0))
    window = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
    shape = len(range(*window[0].indices(1 << 20))) / len(range(*window[1].indices(1 << 20)))
    wide = WIDTH - 2 * MARGIN
    narrow = (wide - GAP) // 2
    below = MARGIN + TITLE + round(wide * shape) + GAP
    sheet = Image.new("RGB", (WIDTH, below + TITLE + round(narrow * shape) + MARGIN), "white")
    _panel(sheet, first, window, (MARGIN, MARGIN, wide))
    for number, view in enumerate(others):
        _panel(sheet, view, window, (MARGIN + number * (narrow + GAP), below, narrow))
    return sheet


def _panel(sheet: Image.Image, view: View, window: tuple[slice, slice], place: tuple[int, int, int]) -> None:
    """Draw a title, a colour bar and a map at a place: left, top and width in pixels."""
    left, top, width = place
    draw = ImageDraw.Draw(sheet)
    draw.text((left, top + 4), TITLES.get(view.name, view.title), INK, ImageFont.load_default(21), "lt")
    if view.scale is not None:
        _bar(sheet, draw, view, left + width, top)
    picture = Image.fromarray(view.picture[window])
    picture = picture.resize((width, round(width * picture.height / picture.width)), Image.Resampling.LANCZOS)
    sheet.paste(picture, (left, top + TITLE), picture)


def _bar(sheet: Image.Image, draw: ImageDraw.ImageDraw, view: View, right: int, top: int) -> None:
    scale = view.scale
    assert scale is not None
    left = right - BAR_WIDTH
    ramp = scale.paint(np.linspace(scale.low, scale.high, BAR_WIDTH)[None].repeat(BAR_HEIGHT, axis=0))
    sheet.paste(Image.fromarray(ramp[..., :3]), (left, top + 2))
    font = ImageFont.load_default(14)
    for value, text in scale.ticks[:: 2 if len(scale.ticks) > 4 else 1]:
        x = left + (value - scale.low) / (scale.high - scale.low) * (BAR_WIDTH - 1)
        anchor = "lt" if x - left < 8 else "rt" if right - x < 8 else "mt"
        unit = " cm" if value == 0 and scale.unit == "cm" else ""
        label = text.replace("\N{MINUS SIGN}", "-").replace("π", "pi") + unit
        draw.text((x, top + BAR_HEIGHT + 7), label, SOFT, font, anchor)


if __name__ == "__main__":
    sheet = draw_product(Path(sys.argv[1]).resolve())
    if len(sys.argv) > 3:
        width = int(sys.argv[3])
        sheet = sheet.resize((width, round(sheet.height * width / WIDTH)), Image.Resampling.LANCZOS)
    sheet.save(sys.argv[2], optimize=True, quality=88)
