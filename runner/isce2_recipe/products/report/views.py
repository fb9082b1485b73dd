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
from isce2_recipe.products.report.scene import Scene, median

# Share of the values left out at either end of a colour scale.
_TAIL_PERCENT = 1.0
_FAINT = 0.15  # strength with which the terrain shows through the colours of the truth
_LISTED = 8


@dataclass(frozen=True, slots=True)
class View:
    """One picture.

    Attributes
    ----------
    name, title : str
        Ending of its file's name; heading.
    caption : str
        What it shows, in a sentence or two.
    alternative : str
        Description for those who cannot see it.
    picture : array of uint8, shape (rows, cols, 4)
        Colours and opacity.
    scale : Scale or None
        Scale of its colour bar.
    legend : tuple of (Rgb, str)
        Names of colours, in place of a colour bar.
    """

    name: str
    title: str
    caption: str
    alternative: str
    picture: Picture
    scale: Scale | None = None
    legend: tuple[tuple[colours.Rgb, str], ...] = ()


def views(scene: Scene, layers: Sequence[Layer] = LAYERS) -> list[View]:
    """Return the pictures of a product's layers, in the order of the registry."""
    drawn: dict[Drawing, Layer] = {}
    for layer in layers:
        if layer.drawing is not None and layer.name in scene.product.layers:
            drawn.setdefault(layer.drawing, layer)
    return [_draw(scene, layer, drawing) for drawing, layer in drawn.items()]


def view_of(scene: Scene, name: str, layers: Sequence[Layer] = LAYERS) -> View | None:
    """Return the picture of one layer; None where the registry has none."""
    layer = by_name(layers).get(name)
    return None if layer is None or layer.drawing is None else _draw(scene, layer, layer.drawing)


def truth_views(scene: Scene) -> list[View]:
    """What the simulated ground did, and how far the product is from it."""
    truth = scene.true_cm
    if truth is None:
        return []
    shown = np.where(np.isfinite(scene.displacement_cm), truth, np.float32(np.nan))
    colour = _displacement_scale(scene)
    error_mm = np.where(scene.connected, 10.0 * (scene.displacement_cm - truth), np.nan)
    seen = np.abs(error_mm[np.isfinite(error_mm)])
    reach = float(np.percentile(seen, 99)) if seen.size else 1.0
    scale = colours.signed_scale(reach, "mm")
    return [
        View(
            "true_displacement",
            "True displacement",
            "What the simulated ground did along the line of sight, in the colours of the measured one.",
            f"Map of the simulated displacement, {_span(shown, 'cm')}.",
            _over_terrain(scene, colour.paint(shown)),
            colour,
        ),
        View(
            "error",
            "Measured less true",
            "On land, inside connected components, after taking the median off.",
            f"Map of the error; 99 % of the pixels are within {reach:.2f} mm.",
            _over_terrain(scene, scale.paint(error_mm), 0.0),
            scale,
        ),
    ]


def _span(values: NDArray[Any], unit: str) -> str:
    seen = values[np.isfinite(values)]
    if not seen.size:
        return "without any data"
    low, high = np.percentile(seen, [_TAIL_PERCENT, 100 - _TAIL_PERCENT])
    return f"from {colours.number_text(low, 2)} to {colours.number_text(high, 2)} {unit}"


def _displacement_scale(scene: Scene) -> Scale:
    values = scene.displacement_cm
    seen = values[np.isfinite(values)]
    if not seen.size:
        return colours.signed_scale(1.0, "cm")
    low, high = np.percentile(seen, [_TAIL_PERCENT / 2, 100 - _TAIL_PERCENT / 2])
    return colours.signed_scale(float(max(abs(low), abs(high))), "cm")


def _over_terrain(scene: Scene, picture: Picture, strength: float = _FAINT) -> Picture:
    """Return the colours of land with its light and shadow, and water in a colour of its own."""
    shade = 1 + strength * (scene.light - 1)
    # Towards black and towards white, so that pale colours show the lit side too.
    toward = np.where(shade < 1, 0.0, 255.0)[..., None]
    weight = np.abs(shade - 1)[..., None]
    shown = picture.copy()
    shown[..., :3] = np.round(picture[..., :3] * (1 - weight) + toward * weight)
    shown[scene.water] = (*colours.WATER, 255)
    return shown


def _draw(scene: Scene, layer: Layer, drawing: Drawing) -> View:
    if drawing.colours == "components":
        return _components(scene, drawing)
    if drawing.colours == "displacement":
        values, scale = scene.displacement_cm, _displacement_scale(scene)
        described = values[~scene.water]
    else:
        values = described = _values(scene, layer, drawing)
        scale = _scale(values, drawing)
    picture = scale.paint(values)
    water = " Water is pale blue." if drawing.relief is not None and scene.water.any() else ""
    return View(
        drawing.name,
        drawing.title,
        drawing.caption.format(fringe_cm=2 * math.pi * scene.centimetres) + water,
        f"Map of the {drawing.title.lower()}, {_span(described, drawing.unit)}.",
        picture if drawing.relief is None else _over_terrain(scene, picture, drawing.relief),
        scale,
    )


def _values(scene: Scene, layer: Layer, drawing: Drawing) -> NDArray[Any]:
    """Return what is painted of a layer."""
    values: NDArray[Any] = scene.small(layer.name, mean=layer.resampling == "mean")
    if drawing.colours == "grey":
        return colours.decibels(values)
    if drawing.colours == "signed":
        values -= np.float32(median(values))
    if drawing.colours == "terrain":
        values[~scene.observed] = np.nan
    return values


def _scale(values: NDArray[Any], drawing: Drawing) -> Scale:
    if drawing.colours == "cyclic":
        return colours.phase_scale()
    if drawing.colours == "grey":
        return colours.grey_scale(values)
    seen = values[np.isfinite(values)]
    low, high = drawing.limits or ((float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0))
    if drawing.colours == "signed":
        return colours.signed_scale(max(abs(low), abs(high)), drawing.unit)
    if drawing.colours == "terrain":
        return Scale(colours.TERRAIN, low, high, drawing.unit, colours.nice_ticks(low, high, 4))
    return Scale(colours.SEQUENTIAL, low, high, drawing.unit, colours.nice_ticks(low, high, 5))


def _components(scene: Scene, drawing: Drawing) -> View:
    land = scene.observed & ~scene.water
    found = np.unique(scene.labels[(scene.labels > 0) & land]).tolist()
    kinds = [
        (land & (scene.labels == label), colours.LABELS[index % len(colours.LABELS)], f"component {label}")
        for index, label in enumerate(found)
    ]
    kinds.append((land & (scene.labels == 0), colours.UNCONNECTED, "land, no component"))
    kinds.append((scene.water, colours.WATER, "water"))
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
        _over_terrain(scene, picture, drawing.relief or 0.0),
        legend=legend if len(legend) <= _LISTED else (*legend[: _LISTED - 2], *legend[-2:]),
    )
