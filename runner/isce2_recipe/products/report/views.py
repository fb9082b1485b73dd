"""What a report shows of a product: its layers, each with its colours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.products import colours
from isce2_recipe.products.colours import Picture, Scale
from isce2_recipe.products.report.scene import Scene, median

# Share of the values left out at either end of a colour scale.
_TAIL_PERCENT = 1.0
# How much of the terrain's light and shadow shows through flat colours.
_FAINT, _PLAIN = 0.15, 0.3
_LISTED = 8


@dataclass(frozen=True, slots=True)
class View:
    """One picture.

    Attributes
    ----------
    name, title : str
        Of its file, and for people.
    caption : str
        What it shows, in a sentence or two.
    alternative : str
        What someone who cannot see it should know.
    picture : array of uint8, shape (rows, cols, 4)
        Colours and opacity.
    scale : Scale or None
        Of its colour bar.
    legend : tuple of (Rgb, str)
        In place of a colour bar, for kinds.
    """

    name: str
    title: str
    caption: str
    alternative: str
    picture: Picture
    scale: Scale | None = None
    legend: tuple[tuple[colours.Rgb, str], ...] = ()


def views(scene: Scene) -> list[View]:
    """The pictures, in the order in which they are shown."""
    makers = {
        "unw_phase": _displacement,
        "wrapped_phase": _wrapped,
        "corr": _coherence,
        "amp": _amplitude,
        "conncomp": _mask,
        "dem": _terrain,
        "dispersive_phase": _ionosphere,
    }
    return [maker(scene) for layer, maker in makers.items() if layer in scene.product.layers]


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
    """Colours of land with its light and shadow, and water in a colour of its own."""
    shade = 1 + strength * (scene.light - 1)
    # Towards black and towards white, so that pale colours show the lit side too.
    toward = np.where(shade < 1, 0.0, 255.0)[..., None]
    weight = np.abs(shade - 1)[..., None]
    shown = picture.copy()
    shown[..., :3] = np.round(picture[..., :3] * (1 - weight) + toward * weight)
    shown[scene.water] = (*colours.WATER, 255)
    return shown


def _displacement(scene: Scene) -> View:
    scale = _displacement_scale(scene)
    return View(
        "displacement",
        "Displacement",
        "Unwrapped phase as displacement along the line of sight, about its median: red moved away from the "
        f"satellite, blue towards it.{_water_words(scene)}",
        "Map of the displacement along the line of sight, "
        f"{_span(scene.displacement_cm[~scene.water], 'centimetres')}.",
        _over_terrain(scene, scale.paint(scene.displacement_cm)),
        scale,
    )


def _water_words(scene: Scene) -> str:
    return " Water is pale blue." if scene.water.any() else ""


def _wrapped(scene: Scene) -> View:
    fringe_cm = 2 * math.pi * scene.centimetres
    scale = colours.phase_scale()
    picture = scale.paint(scene.small("wrapped_phase", mean=False))
    return View(
        "wrapped_phase",
        "Wrapped phase",
        f"Filtered interferogram. One turn of colours is {fringe_cm:.2f} cm along the line of sight."
        f"{_water_words(scene)}",
        f"Map of the wrapped phase; fringes are {fringe_cm:.2f} centimetres of displacement each.",
        _over_terrain(scene, picture, 0.0),
        scale,
    )


def _coherence(scene: Scene) -> View:
    scale = Scale(colours.SEQUENTIAL, 0.0, 1.0, "", colours.nice_ticks(0.0, 1.0, 5))
    values = scene.small("corr", mean=True)
    return View(
        "coherence",
        "Coherence",
        "How alike both images are after filtering: bright is reliable, dark is noise.",
        f"Map of the coherence, {_span(values, '')}, median {median(values):.2f}.",
        scale.paint(values),
        scale,
    )


def _amplitude(scene: Scene) -> View:
    decibels = colours.decibels(scene.small("amp", mean=True))
    scale = colours.grey_scale(decibels)
    return View(
        "amplitude",
        "Amplitude",
        "How strongly the ground reflects: of the interferogram, in decibels, without calibration.",
        f"Grey map of the radar's amplitude, {_span(decibels, 'decibels')}.",
        scale.paint(decibels),
        scale,
    )


def _ionosphere(scene: Scene) -> View:
    values = scene.small("dispersive_phase", mean=False)
    values -= np.float32(median(values))
    seen = np.abs(values[np.isfinite(values)])
    scale = colours.signed_scale(float(seen.max()) if seen.size else 1.0, "rad")
    return View(
        "ionosphere",
        "Ionosphere",
        "Its phase as two halves of the range spectrum tell it, about its median. It is not taken off the "
        "other maps.",
        f"Map of the ionosphere's phase, {_span(values, 'radians')}.",
        scale.paint(values),
        scale,
    )


def _mask(scene: Scene) -> View:
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
    return View(
        "mask",
        "Components and water",
        "Within a component whole cycles are right; between components they may differ.",
        f"Map of land and water: {', '.join(text for *_, text in kinds) or 'no data'}.",
        _over_terrain(scene, picture),
        legend=tuple(
            (colour, text) for _, colour, text in (*kinds[: _LISTED - 2], *kinds[_LISTED - 2 :][-2:])
        ),
    )


def _terrain(scene: Scene) -> View:
    heights = scene.small("dem", mean=True)
    heights[~scene.observed] = np.nan
    seen = heights[np.isfinite(heights)]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
    scale = Scale(colours.TERRAIN, low, high, "m", colours.nice_ticks(low, high, 4))
    return View(
        "terrain",
        "Terrain",
        f"Height above the ellipsoid, lit from the north-west.{_water_words(scene)}",
        f"Map of the terrain, {_span(heights, 'metres')}.",
        _over_terrain(scene, scale.paint(heights), _PLAIN),
        scale,
    )
