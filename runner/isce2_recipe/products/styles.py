"""Styles with which QGIS shows the layers of a product as the report does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.markup import render_lines
from isce2_recipe.products import colours
from isce2_recipe.products.browse import reduced
from isce2_recipe.products.colours import Scale
from isce2_recipe.products.layer import Drawing, Layer

# Share of the values beyond either end of a scale that the data decide, percent.
_TAIL_PERCENT = 1.0


def write_styles(layers: Sequence[Layer], written: Mapping[str, Path]) -> list[Path]:
    """Write a style next to each GeoTIFF with a colour scale, such as ``NAME_corr.qml``; QGIS finds it there.

    Layers with a colour table need none.
    """
    made = []
    for layer in layers:
        if layer.drawing is None or layer.palette is not None or layer.name not in written:
            continue
        scale, shift = _scale(layer.drawing, written[layer.name])
        count = len(scale.colours) - 1
        stops = [
            (shift + scale.low + (scale.high - scale.low) * k / count, "#{:02x}{:02x}{:02x}".format(*colour))
            for k, colour in enumerate(scale.colours)
        ]
        path = written[layer.name].with_suffix(".qml")
        text = render_lines("product/style.qml", low=stops[0][0], high=stops[-1][0], items=stops)
        path.write_text(text, encoding="utf-8")
        made.append(path)
    return made


def _scale(drawing: Drawing, path: Path) -> tuple[Scale, float]:
    """Return the scale of a layer in the unit of its file, and the value of its middle."""
    if drawing.colours == "cyclic":
        return colours.phase_scale(), 0.0
    if drawing.limits is not None and drawing.colours == "sequential":
        return Scale(colours.SEQUENTIAL, *drawing.limits, drawing.unit, ()), 0.0
    low, middle, high = _quantiles(reduced(path))
    if drawing.colours in ("displacement", "signed"):
        return colours.signed_scale(max(high - middle, middle - low), drawing.unit), middle
    ramp = {"grey": colours.GREYS, "terrain": colours.TERRAIN}.get(drawing.colours, colours.SEQUENTIAL)
    return Scale(ramp, low, high, drawing.unit, ()), 0.0


def _quantiles(values: NDArray[Any]) -> tuple[float, float, float]:
    seen = values[np.isfinite(values)]
    if not seen.size:
        return 0.0, 0.5, 1.0
    low, middle, high = np.percentile(seen, [_TAIL_PERCENT, 50.0, 100.0 - _TAIL_PERCENT])
    return float(low), float(middle), float(high)
