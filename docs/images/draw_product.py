"""Draw a product for people: wrapped phase, displacement and coherence over the shaded terrain.

python docs/images/draw_product.py PRODUCT_FOLDER PICTURE.png
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

WIDTH = 1200
MARGIN = 24
TITLE = 54
BAR_WIDTH, BAR_HEIGHT = 300, 16
WAVELENGTH_M = 0.05546576  # Sentinel-1, 5.405 GHz
WATER = np.array([214, 227, 236])
INK = (38, 43, 51)
DIVERGING = ("#143c6e", "#3f88b8", "#a3cde2", "#f7f6f3", "#f3b18b", "#cf5648", "#7d1128")
SEQUENTIAL = ("#1b1035", "#5b2a6f", "#a8417a", "#e2736b", "#f5b67e", "#fbf3c0")

Colours = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def ramp(stops: tuple[str, ...]) -> Colours:
    """Colours from 0 to 1 through evenly spaced stops."""
    table = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in stops], float)
    places = np.linspace(0, 1, len(stops))

    def colours(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.interp(values, places, table[:, channel]) for channel in range(3)], axis=-1)

    return colours


def wheel(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours of a circle, 0 and 1 the same."""
    angle = 2 * np.pi * values[..., None] - 2 * np.pi * np.array([0, 1, 2]) / 3
    return 255 * (0.56 + 0.40 * np.cos(angle))


def layer(folder: Path, name: str) -> NDArray[np.float64]:
    """A layer of a product, NaN where there is no data."""
    with rasterio.open(folder / f"{folder.name}_{name}.tif") as dataset:
        values = dataset.read(1).astype(float)
        if dataset.nodata is not None:
            values[values == dataset.nodata] = np.nan
    return values


def shade(
    height: NDArray[np.float64], pixel_m: float = 80.0, exaggeration: float = 2.0
) -> NDArray[np.float64]:
    """Terrain lit from the north-west, about 0.6 to 1.1."""
    south, east = np.gradient(np.nan_to_num(height) * exaggeration / pixel_m)
    light = (1.0 + 0.7 * south + 0.7 * east) / np.sqrt(1 + south**2 + east**2) / np.sqrt(2)
    return np.clip(0.42 + 0.75 * light, 0.45, 1.12)


def panel(
    values: NDArray[np.float64],
    limits: tuple[float, float],
    colours: Colours,
    product: dict[str, NDArray[np.float64]],
) -> Image.Image:
    """One map: the terrain's relief through its colours, no data white; water pale, except in coherence."""
    low, high = limits
    picture = colours(np.clip((np.nan_to_num(values) - low) / (high - low), 0, 1))
    picture = picture * product["shade"][..., None]
    if values is not product["corr"]:
        picture[product["water_mask"] == 0] = WATER
    picture[~np.isfinite(product["corr"])] = 255
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def bar(
    draw: ImageDraw.ImageDraw, right: int, top: int, colours: Colours, labels: tuple[str, str, str]
) -> None:
    """A colour bar with its lowest, middle and highest value below it."""
    left = right - BAR_WIDTH
    for offset in range(BAR_WIDTH):
        colour = colours(np.array(offset / (BAR_WIDTH - 1)))
        draw.line([(left + offset, top), (left + offset, top + BAR_HEIGHT)], tuple(int(c) for c in colour))
    font = ImageFont.load_default(17)
    for text, place, anchor in zip(
        labels, (left, left + BAR_WIDTH // 2, right), ("la", "ma", "ra"), strict=True
    ):
        draw.text((place, top + BAR_HEIGHT + 4), text, INK, font, anchor)


def draw_product(folder: Path) -> Image.Image:
    """The three maps below one another."""
    product = {
        name: layer(folder, name) for name in ("unw_phase", "wrapped_phase", "corr", "dem", "water_mask")
    }
    rows, cols = np.nonzero(np.isfinite(product["corr"]))
    window = (slice(rows.min(), rows.max() + 1), slice(cols.min(), cols.max() + 1))
    product = {name: values[window] for name, values in product.items()}
    product["shade"] = shade(product["dem"])
    land = np.isfinite(product["unw_phase"]) & (product["water_mask"] == 1)
    away_mm = (
        1000 * WAVELENGTH_M / (4 * np.pi) * (product["unw_phase"] - np.median(product["unw_phase"][land]))
    )
    reach = max(10.0, np.ceil(np.percentile(np.abs(away_mm[land]), 99.8) / 10) * 10)
    panels = (
        ("Wrapped phase", product["wrapped_phase"], (-np.pi, np.pi), wheel, ("-pi", "0", "pi")),
        (
            "Displacement away from the satellite",
            away_mm,
            (-reach, reach),
            ramp(DIVERGING),
            (f"-{reach:.0f}", "0 mm", f"+{reach:.0f}"),
        ),
        ("Coherence", product["corr"], (0.0, 1.0), ramp(SEQUENTIAL), ("0", "0.5", "1")),
    )
    inner = WIDTH - 2 * MARGIN
    height = round(product["corr"].shape[0] * inner / product["corr"].shape[1])
    canvas = Image.new("RGB", (WIDTH, len(panels) * (height + TITLE + MARGIN) + MARGIN), "white")
    draw = ImageDraw.Draw(canvas)
    for number, (title, values, limits, colours, labels) in enumerate(panels):
        top = MARGIN + number * (height + TITLE + MARGIN)
        draw.text((MARGIN, top + 6), title, INK, ImageFont.load_default(26))
        bar(draw, WIDTH - MARGIN, top, colours, labels)
        picture = panel(values, limits, colours, product)
        canvas.paste(picture.resize((inner, height), Image.Resampling.LANCZOS), (MARGIN, top + TITLE))
    return canvas


if __name__ == "__main__":
    draw_product(Path(sys.argv[1]).resolve()).save(sys.argv[2], optimize=True)
