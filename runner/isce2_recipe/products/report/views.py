"""Pictures of a product's layers, for the report and ``show``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.products import colours
from isce2_recipe.products.colours import Picture, Scale
from isce2_recipe.products.layer import Drawing, Layer
from isce2_recipe.products.layers import LAYERS, by_name
from isce2_recipe.products.report.reduced import ReducedProduct, median

_TAIL_PERCENT = 1.0  # share of the values beyond either end of a colour scale, percent
_FAINT = 0.15  # strength with which the terrain shows through the colours of the truth
_LISTED = 8  # largest number of entries in a legend


@dataclass(frozen=True, slots=True)
class View:
    """One picture, whose colours are explained by a colour bar or a legend.

    Attributes
    ----------
    name : str
        Ending of its file's name.
    caption : str
        What it shows, in a sentence or two.
    alternative : str
        Description for those who cannot see it.
    picture : array of uint8, shape (rows, cols, 4)
        Colours and opacity.
    """

    name: str
    title: str
    caption: str
    alternative: str
    picture: Picture
    scale: Scale | None = None
    # Whether some values are below and above the ends of the scale.
    beyond: tuple[bool, bool] = (False, False)
    values: NDArray[Any] | None = None  # what is painted, shape (rows, cols), NaN for no data
    legend: tuple[tuple[colours.Rgb, str], ...] = ()


def views(reduced: ReducedProduct, layers: Sequence[Layer] = LAYERS) -> list[View]:
    """Return the pictures of a product's layers, in the order of the registry."""
    drawn: dict[Drawing, Layer] = {}
    for layer in layers:
        if layer.drawing is not None and layer.name in reduced.product.layers:
            drawn.setdefault(layer.drawing, layer)
    return [_draw(reduced, layer, drawing) for drawing, layer in drawn.items()]


def view_of(reduced: ReducedProduct, name: str, layers: Sequence[Layer] = LAYERS) -> View | None:
    """Return the picture of one layer; None where the registry has none."""
    layer = by_name(layers).get(name)
    return None if layer is None or layer.drawing is None else _draw(reduced, layer, layer.drawing)


def truth_views(reduced: ReducedProduct) -> list[View]:
    """Return pictures of the true displacement, of the air and of the error; empty without a truth."""
    truth, error_cm, air_cm = reduced.true_cm, reduced.error_cm, reduced.air_cm
    if truth is None or error_cm is None:
        return []
    ground = truth if air_cm is None else truth - air_cm
    shown = np.where(np.isfinite(reduced.displacement_cm), ground, np.float32(np.nan))
    colour = _displacement_scale(reduced)
    difference = "Difference" if air_cm is None else "Difference from the sum of displacement and delay,"
    error_mm = np.where(reduced.connected, 10.0 * error_cm, np.nan)
    sizes = np.abs(error_mm[np.isfinite(error_mm)])
    reach = float(np.percentile(sizes, 99)) if sizes.size else 1.0
    scale = colours.signed_scale(reach, "mm")
    return [
        View(
            "true_displacement",
            "True displacement",
            "Displacement of the simulated ground along the line of sight, with the colour scale of the "
            "measured displacement.",
            f"Map of the simulated displacement{_span(shown, 'cm')}.",
            _over_terrain(reduced, colour.paint(shown)),
            colour,
            _beyond(colour, shown),
            shown,
        ),
        *([] if air_cm is None else [_air(reduced, air_cm)]),
        View(
            "error",
            "Measured minus true",
            f"{difference} on land, in connected components, after subtraction of the median and of whole "
            "cycles between components, whose number is not known.",
            f"Map of the error; 99 % of the pixels are within {reach:.2f} mm.",
            _over_terrain(reduced, scale.paint(error_mm), 0.0),
            scale,
            _beyond(scale, error_mm),
            error_mm,
        ),
    ]


def _air(reduced: ReducedProduct, air_cm: NDArray[Any]) -> View:
    """Return the picture of the delay in the air."""
    shown_mm = np.where(np.isfinite(reduced.displacement_cm), 10.0 * air_cm, np.nan)
    sizes = np.abs(shown_mm[np.isfinite(shown_mm)])
    scale = colours.signed_scale(float(np.percentile(sizes, 99)) if sizes.size else 1.0, "mm")
    return View(
        "atmosphere",
        "Delay in the air",
        "Change of the delay between the two passes, along the line of sight. The measured displacement "
        "contains it.",
        f"Map of the simulated delay{_span(shown_mm, 'mm')}.",
        _over_terrain(reduced, scale.paint(shown_mm)),
        scale,
        _beyond(scale, shown_mm),
        shown_mm,
    )


def _span(values: NDArray[Any], unit: str) -> str:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return ", without data"
    low, high = np.percentile(finite, [_TAIL_PERCENT, 100 - _TAIL_PERCENT])
    span = f"{colours.number_text(low, 2)} to {colours.number_text(high, 2)} {unit}".rstrip()
    return f"; {100 - 2 * _TAIL_PERCENT:.0f} % of the pixels are from {span}"


def _beyond(scale: Scale, values: NDArray[Any]) -> tuple[bool, bool]:
    """Return whether some values are below and above the scale by more than a hundredth of its span."""
    finite, little = values[np.isfinite(values)], 0.01 * (scale.high - scale.low)
    if not finite.size:
        return False, False
    return bool(finite.min() < scale.low - little), bool(finite.max() > scale.high + little)


def _displacement_scale(reduced: ReducedProduct) -> Scale:
    values = reduced.displacement_cm
    finite = values[np.isfinite(values)]
    if not finite.size:
        return colours.signed_scale(1.0, "cm")
    low, high = np.percentile(finite, [_TAIL_PERCENT / 2, 100 - _TAIL_PERCENT / 2])
    return colours.signed_scale(float(max(abs(low), abs(high))), "cm")


def _over_terrain(reduced: ReducedProduct, picture: Picture, strength: float = _FAINT) -> Picture:
    """Return the colours of land with its light and shadow, and water in a colour of its own."""
    shade = 1 + strength * (reduced.light - 1)
    # Towards black and towards white, so that pale colours show the lit side too.
    toward = np.where(shade < 1, 0.0, 255.0)[..., None]
    weight = np.abs(shade - 1)[..., None]
    shown = picture.copy()
    shown[..., :3] = np.round(picture[..., :3] * (1 - weight) + toward * weight)
    shown[reduced.water] = (*colours.WATER, 255)
    return shown


def _draw(reduced: ReducedProduct, layer: Layer, drawing: Drawing) -> View:
    if drawing.colours == "components":
        return _components(reduced, drawing)
    if drawing.colours == "displacement":
        values, scale = reduced.displacement_cm, _displacement_scale(reduced)
        described = values[~reduced.water]
    else:
        values = described = _values(reduced, layer, drawing)
        # Open water is so dark that the land would lose its contrast.
        scale = _scale(values[~reduced.water] if drawing.colours == "grey" else values, drawing)
    picture = scale.paint(values)
    water = " Water is pale blue." if drawing.relief is not None and reduced.water.any() else ""
    return View(
        drawing.name,
        drawing.title,
        drawing.caption.format(fringe_cm=2 * math.pi * reduced.centimetres, motion=_motion(reduced)) + water,
        f"Map of the {drawing.title.lower()}{_span(described, drawing.unit)}.",
        picture if drawing.relief is None else _over_terrain(reduced, picture, drawing.relief),
        scale,
        _beyond(scale, described),
        values,
    )


def _motion(reduced: ReducedProduct) -> str:
    """Return what the colours of displacement mean, in the order of time."""
    red, blue = ("towards", "away from") if reduced.product.reversed else ("away from", "towards")
    starts = reduced.product.start("Reference"), reduced.product.start("Secondary")
    days = " and ".join(f"{start:%Y-%m-%d}" for start in sorted(filter(None, starts)))
    between = f" between {days}" if all(starts) else ""
    turned = ", because the reference is the newer pass" if reduced.product.reversed else ""
    return f"red moved {red} the satellite{between}, blue {blue} it{turned}"


def _values(reduced: ReducedProduct, layer: Layer, drawing: Drawing) -> NDArray[Any]:
    """Return what is painted of a layer."""
    values: NDArray[Any] = reduced.small(layer.name, mean=layer.resampling == "mean")
    if drawing.colours == "grey":
        return colours.decibels(values)
    if drawing.colours == "signed":
        values -= np.float32(median(values))
    if drawing.colours == "terrain":
        values[~reduced.observed] = np.nan
    return values


def _scale(values: NDArray[Any], drawing: Drawing) -> Scale:
    if drawing.colours == "cyclic":
        return colours.phase_scale()
    if drawing.colours == "grey":
        return colours.grey_scale(values)
    finite = values[np.isfinite(values)]
    low, high = drawing.limits or ((float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0))
    if drawing.colours == "signed":
        return colours.signed_scale(max(abs(low), abs(high)), drawing.unit)
    if drawing.colours == "terrain":
        return Scale(colours.TERRAIN, low, high, drawing.unit, colours.nice_ticks(low, high, 4))
    return Scale(colours.SEQUENTIAL, low, high, drawing.unit, colours.nice_ticks(low, high, 5))


def _components(reduced: ReducedProduct, drawing: Drawing) -> View:
    land = reduced.observed & ~reduced.water
    found = np.unique(reduced.labels[(reduced.labels > 0) & land]).tolist()
    kinds = [
        (land & (reduced.labels == label), colours.LABELS[index % len(colours.LABELS)], f"component {label}")
        for index, label in enumerate(found)
    ]
    kinds.append((land & (reduced.labels == 0), colours.UNCONNECTED, "land, no component"))
    kinds.append((reduced.water, colours.WATER, "water"))
    kinds = [kind for kind in kinds if kind[0].any()]
    picture = np.zeros((*land.shape, 4), np.uint8)
    for where, colour, _ in kinds:
        picture[where] = (*colour, 255)
    legend = tuple((colour, text) for _, colour, text in kinds)
    return View(
        drawing.name,
        drawing.title,
        drawing.caption,
        f"Map of land and water: {', '.join(text for *_, text in kinds) or 'no data'}.",
        _over_terrain(reduced, picture, drawing.relief or 0.0),
        legend=legend if len(legend) <= _LISTED else (*legend[: _LISTED - 2], *legend[-2:]),
    )
