"""Charts of the report as SVG: a profile through the strongest motion, and histograms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.markup import render
from isce2_recipe.products.colours import nice_ticks
from isce2_recipe.products.report.reduced import ReducedProduct

WIDTH, HEIGHT = 560, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 30, 46
_POINTS = 420
_DECADES = 5  # largest range of a histogram's logarithmic axis
_BINS = 60
_SHARE = "% of pixels, logarithmic"
_AREAS = (("land", "land", "a"), ("water", "water", "b"))

Points = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Series:
    """One line or one histogram of a chart; NaN in ``y`` interrupts a line.

    ``label`` is its text in the legend, ``style`` its class in the style sheet of the page, ``a`` to ``c``.
    """

    label: str
    style: str
    x: Points
    y: Points


@dataclass(frozen=True, slots=True)
class _Axes:
    left: float
    right: float
    low: float
    high: float

    def x(self, value: float) -> float:
        return _LEFT + (value - self.left) / ((self.right - self.left) or 1) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return (
            HEIGHT - _BOTTOM - (value - self.low) / ((self.high - self.low) or 1) * (HEIGHT - _TOP - _BOTTOM)
        )


def lines(name: str, title: str, series: Sequence[Series], x_label: str, y_label: str) -> str:
    """Return a line chart of several series with common axes."""
    values = np.concatenate([one.y[np.isfinite(one.y)] for one in series])
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    margin = 0.08 * ((high - low) or 1.0)
    first = series[0].x
    axes = _Axes(float(first.min()), float(first.max()), low - margin, high + margin)
    paths = [("series", one.style, _path(axes, *_reduced(one.x, one.y))) for one in series]
    return _chart(name, title, axes, series, paths, (x_label, y_label))


def bars(name: str, title: str, series: Sequence[Series], x_label: str, y_label: str) -> str:
    """Return a chart of histograms with a logarithmic axis, on which rare values are visible too.

    ``x`` holds the edges of the bins, one more than the bins in ``y``.
    """
    counted = np.concatenate([one.y[one.y > 0] for one in series])
    lowest, highest = (float(counted.min()), float(counted.max())) if counted.size else (0.1, 1.0)
    high = math.ceil(math.log10(highest) - 1e-9)
    low = max(min(math.floor(math.log10(lowest)), high - 1), high - _DECADES)
    edges = series[0].x
    axes = _Axes(float(edges[0]), float(edges[-1]), low, high)
    paths = [("area", one.style, _steps(axes, one)) for one in series]
    decades = [(float(power), f"{10.0**power:g}") for power in range(low, high + 1)]
    return _chart(name, title, axes, series, paths, (x_label, y_label), decades)


def _reduced(x: Points, y: Points) -> tuple[Points, Points]:
    """Return means of neighbouring points, so that there are no more points than the chart can show."""
    step = max(1, len(x) // _POINTS)
    if step == 1:
        return x, y
    size = len(x) // step * step
    folded = y[:size].reshape(-1, step)
    valid = np.isfinite(folded)
    counts = valid.sum(axis=1)
    means = np.where(counts > 0, np.where(valid, folded, 0).sum(axis=1) / np.maximum(counts, 1), np.nan)
    return x[:size].reshape(-1, step).mean(axis=1), means


def _path(axes: _Axes, x: Points, y: Points) -> str:
    parts, pen = [], False
    for place, value in zip(x.tolist(), y.tolist(), strict=True):
        if math.isnan(value):
            pen = False
            continue
        parts.append(f"{'L' if pen else 'M'}{axes.x(place):.1f} {axes.y(value):.1f}")
        pen = True
    return "".join(parts) or "M0 0"


def _steps(axes: _Axes, one: Series) -> str:
    base = axes.y(axes.low)
    parts = [f"M{axes.x(float(one.x[0])):.1f} {base:.1f}"]
    for number, value in enumerate(one.y.tolist()):
        y = axes.y(max(math.log10(value), axes.low)) if value > 0 else base
        parts.append(f"V{y:.1f}H{axes.x(float(one.x[number + 1])):.1f}")
    return "".join(parts) + f"V{base:.1f}Z"


def _chart(
    name: str,
    title: str,
    axes: _Axes,
    series: Sequence[Series],
    paths: Sequence[tuple[str, str, str]],
    labels: tuple[str, str],
    y_ticks: Sequence[tuple[float, str]] | None = None,
) -> str:
    """Return a chart from paths, each with its kind and style, and the labels of its axes."""
    edges = {"left": _LEFT, "right": WIDTH - _RIGHT, "bottom": HEIGHT - _BOTTOM}
    return render(
        "report/chart.svg",
        name=name,
        title=title,
        width=WIDTH,
        height=HEIGHT,
        axes=axes,
        series=series,
        paths=paths,
        x_label=labels[0],
        y_label=labels[1],
        x_ticks=nice_ticks(axes.left, axes.right, 7),
        y_ticks=nice_ticks(axes.low, axes.high, 5) if y_ticks is None else y_ticks,
        **edges,
    )


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
        "caption": "Along the dashed line in the map of displacement, through the strongest motion on land."
        + (" The true line contains the delay in the air." if reduced.air_cm is not None else ""),
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
