"""Charts of a report: a profile through the strongest motion, and histograms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isce2_recipe.products.report.charts import Series, bars, lines
from isce2_recipe.products.report.scene import Scene

_BINS = 60
_SHARE = "% of pixels, logarithmic"
_AREAS = (("land", "land", "a"), ("water", "water", "b"))


def _profile(scene: Scene) -> tuple[int, int, int] | None:
    """Row through the largest displacement, and its first and last column with data."""
    values = np.where(scene.connected, np.abs(scene.displacement_cm), np.nan)
    seen = values[np.isfinite(values)]
    if not seen.size:
        return None
    # Not the largest of all, which may be noise.
    strong = values >= np.percentile(seen, 99.5)
    row = int(np.argmax((strong & np.isfinite(values)).sum(axis=1)))
    columns = np.flatnonzero(np.isfinite(scene.displacement_cm[row]))
    return (row, int(columns[0]), int(columns[-1])) if len(columns) > 1 else None


def profile_line(scene: Scene) -> tuple[float, float, float, float] | None:
    """Ends of the profile, 0 to 1 from the upper left of the maps."""
    found = _profile(scene)
    if found is None:
        return None
    row, first, last = found
    rows, cols = scene.shape
    y = (row + 0.5) / rows
    return first / cols, y, (last + 1) / cols, y


def charts(scene: Scene, quality: Mapping[str, Any]) -> list[dict[str, str]]:
    """Titles, captions and SVG."""
    made = [_profile_chart(scene), _displacement_chart(scene), _coherence_chart(quality), _error_chart(scene)]
    return [chart for chart in made if chart is not None]


def _profile_chart(scene: Scene) -> dict[str, str] | None:
    found = _profile(scene)
    if found is None:
        return None
    row, first, last = found
    columns = slice(first, last + 1)
    grid = scene.grid
    pixel_km = grid.pixel_m * grid.cols / scene.shape[1] / 1000.0
    x = np.arange(last + 1 - first) * pixel_km
    measured = np.where(scene.connected[row, columns], scene.displacement_cm[row, columns], np.nan)
    series = [Series("measured", "a", x, measured)]
    if scene.true_cm is not None:
        series.append(Series("true", "b", x, scene.true_cm[row, columns]))
    title = f"Displacement along the line from A to B, {x[-1]:.0f} km from west to east."
    return {
        "title": "Profile A–B",
        "caption": "Along the dashed line of the map above, through the strongest motion on land.",
        "svg": lines("profile", title, series, "km from A", "cm"),
    }


def _displacement_chart(scene: Scene) -> dict[str, str] | None:
    values = scene.displacement_cm[scene.connected]
    if not values.size:
        return None
    low, high = np.percentile(values, [0.2, 99.8])
    counts, edges = np.histogram(values, bins=_BINS, range=(float(low), float(high) + 1e-9))
    share = 100.0 * counts / values.size
    title = (
        f"Histogram of the displacement on land: half of it lies between {_quartiles(values)} centimetres."
    )
    return {
        "title": "Displacement on land",
        "caption": "Share of the pixels inside connected components.",
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
        "caption": "Share of the pixels of each. The table below has the quantiles.",
        "svg": bars(
            "coherence-h", "Histograms of coherence on land and on water.", series, "coherence", _SHARE
        ),
    }


def _error_chart(scene: Scene) -> dict[str, str] | None:
    if scene.true_cm is None:
        return None
    error = 10.0 * (scene.displacement_cm - scene.true_cm)[scene.connected]
    error = error[np.isfinite(error)]
    if not error.size:
        return None
    reach = max(float(np.percentile(np.abs(error), 99.5)), 1e-6)
    counts, edges = np.histogram(error, bins=_BINS, range=(-reach, reach))
    share = 100.0 * counts / error.size
    rms = float(np.sqrt(np.mean(error**2)))
    title = f"Histogram of measured less true displacement; its root mean square is {rms:.2f} mm."
    return {
        "title": "Errors",
        "caption": "Measured less true displacement on land, inside connected components.",
        "svg": bars("error-h", title, [Series("error", "c", edges, share)], "mm", _SHARE),
    }
