"""Charts of the report: a profile through the strongest motion, and histograms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isce2_recipe.products.report.charts import Series, bars, lines
from isce2_recipe.products.report.reduced import ReducedProduct

_BINS = 60
_SHARE = "% of pixels, logarithmic"
_AREAS = (("land", "land", "a"), ("water", "water", "b"))


def _profile(reduced: ReducedProduct) -> tuple[int, int, int] | None:
    """Return the row with the strongest displacement, and its first and last column with data."""
    values = np.where(reduced.connected, np.abs(reduced.displacement_cm), np.nan)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return None
    # The largest value may be noise; many large values are not.
    strong = values >= np.percentile(finite, 99.5)
    row = int(np.argmax((strong & np.isfinite(values)).sum(axis=1)))
    columns = np.flatnonzero(np.isfinite(reduced.displacement_cm[row]))
    return (row, int(columns[0]), int(columns[-1])) if len(columns) > 1 else None


def profile_line(reduced: ReducedProduct) -> tuple[float, float, float, float] | None:
    """Return the ends of the profile, from 0 to 1 from the upper left of the maps."""
    found = _profile(reduced)
    if found is None:
        return None
    row, first, last = found
    rows, cols = reduced.shape
    y = (row + 0.5) / rows
    return first / cols, y, (last + 1) / cols, y


def charts(reduced: ReducedProduct, quality: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the charts, each with title, caption and SVG."""
    found = [
        _profile_chart(reduced),
        _displacement_chart(reduced),
        _coherence_chart(quality),
        _error_chart(reduced),
    ]
    return [chart for chart in found if chart is not None]


def _profile_chart(reduced: ReducedProduct) -> dict[str, str] | None:
    found = _profile(reduced)
    if found is None:
        return None
    row, first, last = found
    columns = slice(first, last + 1)
    grid = reduced.grid
    pixel_km = grid.ground_m[0] * grid.cols / reduced.shape[1] / 1000.0
    x = np.arange(last + 1 - first) * pixel_km
    measured = np.where(reduced.connected[row, columns], reduced.displacement_cm[row, columns], np.nan)
    series = [Series("measured", "a", x, measured)]
    if reduced.true_cm is not None:
        series.append(Series("true", "b", x, reduced.true_cm[row, columns]))
    title = f"Displacement along the line from A to B, {x[-1]:.0f} km from west to east."
    return {
        "title": "Profile A–B",
        "caption": "Along the dashed line in the map of displacement, through the strongest motion on land.",
        "svg": lines("profile", title, series, "km from A", "cm"),
    }


def _displacement_chart(reduced: ReducedProduct) -> dict[str, str] | None:
    values = reduced.displacement_cm[reduced.connected]
    if not values.size:
        return None
    low, high = np.percentile(values, [0.2, 99.8])
    counts, edges = np.histogram(values, bins=_BINS, range=(float(low), float(high) + 1e-9))
    share = 100.0 * counts / values.size
    title = (
        "Histogram of the displacement on land: half of the pixels are between "
        f"{_quartiles(values)} centimetres."
    )
    return {
        "title": "Displacement on land",
        "caption": "Share of the pixels in connected components.",
        "svg": bars("histogram", title, [Series("measured", "a", edges, share)], "cm", _SHARE),
    }


def _quartiles(values: Any) -> str:
    low, high = np.percentile(values, [25, 75])
    return f"{low:.2f} and {high:.2f}"


def _coherence_chart(quality: Mapping[str, Any]) -> dict[str, str] | None:
    series = []
    for area, label, style in _AREAS:
        counts = np.array(quality["coherence_histogram"][area], dtype=np.float64)
        if counts.sum():
            edges = np.linspace(0.0, 1.0, len(counts) + 1)
            series.append(Series(label, style, edges, 100.0 * counts / counts.sum()))
    if not series:
        return None
    return {
        "title": "Coherence by land and water",
        "caption": "Share of the pixels on land and on water. The table below lists the quantiles.",
        "svg": bars(
            "coherence-h", "Histograms of coherence on land and on water.", series, "coherence", _SHARE
        ),
    }


def _error_chart(reduced: ReducedProduct) -> dict[str, str] | None:
    if reduced.error_cm is None:
        return None
    error = 10.0 * reduced.error_cm[reduced.connected]
    error = error[np.isfinite(error)]
    if not error.size:
        return None
    reach = max(float(np.percentile(np.abs(error), 99.5)), 1e-6)
    counts, edges = np.histogram(error, bins=_BINS, range=(-reach, reach))
    share = 100.0 * counts / error.size
    rms = float(np.sqrt(np.mean(error**2)))
    title = f"Histogram of measured minus true displacement; the root mean square is {rms:.2f} mm."
    return {
        "title": "Errors",
        "caption": "Measured minus true displacement on land, in connected components.",
        "svg": bars("error-h", title, [Series("error", "c", edges, share)], "mm", _SHARE),
    }
