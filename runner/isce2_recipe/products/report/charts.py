"""Charts as SVG: line charts and histograms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.products.colours import nice_ticks

WIDTH, HEIGHT = 560, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 30, 46
_POINTS = 420
_DECADES = 5  # largest range of a histogram's logarithmic axis

Points = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Series:
    """One line or one histogram of a chart.

    Attributes
    ----------
    label : str
        Text in the legend.
    style : str
        Class in the style sheet of the page, ``a`` to ``c``.
    x, y : array
        Values; NaN in y interrupts a line.
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
    paths = [
        f'<path class="series {one.style}" d="{_path(axes, *_reduced(one.x, one.y))}"/>' for one in series
    ]
    return _chart(name, title, axes, paths, [(one.label, one.style) for one in series], x_label, y_label)


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
    paths = [f'<path class="area {one.style}" d="{_steps(axes, one)}"/>' for one in series]
    keys = [(one.label, one.style) for one in series]
    decades = [(float(power), f"{10.0**power:g}") for power in range(low, high + 1)]
    return _chart(name, title, axes, paths, keys, x_label, y_label, decades)


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
    paths: Sequence[str],
    keys: Sequence[tuple[str, str]],
    x_label: str,
    y_label: str,
    y_ticks: Sequence[tuple[float, str]] | None = None,
) -> str:
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{name}-t">',
        f'<title id="{name}-t">{escape(title)}</title>',
    ]
    for value, text in nice_ticks(axes.low, axes.high, 5) if y_ticks is None else y_ticks:
        y = axes.y(value)
        parts.append(f'<path class="rule" d="M{_LEFT} {y:.1f}H{right}"/>')
        parts.append(f'<text x="{_LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    for value, text in nice_ticks(axes.left, axes.right, 7):
        x = axes.x(value)
        parts.append(f'<path class="tick" d="M{x:.1f} {bottom}v5"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{text}</text>')
    parts += paths
    parts.append(f'<path class="tick" d="M{_LEFT} {bottom}H{right}"/>')
    parts.append(f'<text x="{right}" y="{HEIGHT - 8}" text-anchor="end">{escape(x_label)}</text>')
    parts.append(f'<text x="{_LEFT}" y="16">{escape(y_label)}</text>')
    return "".join([*parts, _legend(keys) if len(keys) > 1 else "", "</svg>"])


def _legend(keys: Sequence[tuple[str, str]]) -> str:
    parts, x = [], float(WIDTH - _RIGHT)
    for label, style in reversed(keys):
        x -= 7.4 * len(label)
        parts.append(f'<text x="{x:.1f}" y="16">{escape(label)}</text>')
        x -= 26
        parts.append(f'<path class="series {style}" d="M{x:.1f} 12h18"/>')
        x -= 18
    return "".join(parts)
