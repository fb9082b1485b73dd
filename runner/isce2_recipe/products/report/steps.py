"""The graph of a run's steps, each below the steps that it waits for: its layout, and its picture as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from isce2_recipe.markup import render
from isce2_recipe.quantities import format_bytes, format_duration

Place = tuple[float, float]
"""Middle of the upper edge of a box: distances from the left and from the top."""


@dataclass(frozen=True, slots=True)
class BoxSizes:
    """Sizes in pixels: of a box, the gaps between boxes, the margin, and the space for a bend of an arrow."""

    width: float
    height: float
    gap_x: float
    gap_y: float
    margin: float
    bend: float

    def space(self, name: str) -> float:
        """Return the width that a box or a bend takes in its row."""
        return self.bend if "@" in name else self.width + self.gap_x


# Widths of a character of a box, pixels: of its heading, and of the smaller lines below it.
_BOLD, _SMALL = 8.0, 6.6
REPORT_SIZES = BoxSizes(184, 58, gap_x=16, gap_y=30, margin=8, bend=26)


@dataclass(frozen=True, slots=True)
class Layout:
    """Places of boxes and of bends of long arrows by name, in rows, and the size of the drawing.

    Each of ``chains`` is an arrow: the names from its first box through its bends to its last box.
    """

    places: dict[str, Place]
    chains: list[tuple[str, ...]]
    width: float
    height: float


def lay_out(after: Mapping[str, Sequence[str]], sizes: BoxSizes) -> Layout:
    """Return the layout of steps.

    Parameters
    ----------
    after : mapping
        Steps in order, each with the steps that it waits for, which come before it.
    sizes : BoxSizes
        Sizes of the boxes and gaps.
    """
    depth: dict[str, int] = {}
    for name, others in after.items():
        depth[name] = 1 + max((depth[other] for other in others if other in depth), default=-1)
    rows: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=0))]
    above: dict[str, list[str]] = {name: [] for name in after}
    chains = []
    for name, others in after.items():
        rows[depth[name]].append(name)
        chains += [_chain(other, name, depth, rows, above) for other in others if other in depth]
    _order(rows, above, sizes)
    return _placed(rows, chains, sizes)


def _chain(
    start: str, end: str, depth: Mapping[str, int], rows: list[list[str]], above: dict[str, list[str]]
) -> tuple[str, ...]:
    """Return the names along an arrow, and add a bend to every row between its two boxes."""
    names = [start]
    for row in range(depth[start] + 1, depth[end]):
        bend = f"{start}>{end}@{row}"
        rows[row].append(bend)
        above[bend] = [names[-1]]
        names.append(bend)
    above[end].append(names[-1])
    return (*names, end)


def _order(rows: list[list[str]], above: Mapping[str, list[str]], sizes: BoxSizes) -> None:
    """Order each row by the places of the boxes above, so that few arrows cross."""
    place: dict[str, float] = {}
    for row in rows:
        ideal = {name: _mean([place[one] for one in above[name] if one in place]) for name in row}
        row.sort(key=lambda name: ideal[name])
        x = -sum(sizes.space(name) for name in row) / 2
        for name in row:
            place[name] = x + sizes.space(name) / 2
            x += sizes.space(name)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _placed(rows: Sequence[Sequence[str]], chains: list[tuple[str, ...]], sizes: BoxSizes) -> Layout:
    widest = max(sum(sizes.space(name) for name in row) for row in rows)
    places: dict[str, Place] = {}
    for number, row in enumerate(rows):
        x = sizes.margin + (widest - sum(sizes.space(name) for name in row)) / 2
        for name in row:
            places[name] = (x + sizes.space(name) / 2, sizes.margin + number * (sizes.height + sizes.gap_y))
            x += sizes.space(name)
    height = 2 * sizes.margin + len(rows) * (sizes.height + sizes.gap_y) - sizes.gap_y
    return Layout(places, chains, widest + 2 * sizes.margin, height)


def arrow(layout: Layout, chain: Sequence[str], sizes: BoxSizes) -> str:
    """Return an arrow as an SVG path: from the lower edge of the first box through the bends to the last."""
    places = [layout.places[name] for name in chain]
    x0, y0 = places[0][0], places[0][1] + sizes.height
    path = f"M{x0:.0f} {y0:.0f}"
    for number, (x1, y1) in enumerate(places[1:], 2):
        middle = (y0 + y1) / 2
        path += f"C{x0:.0f} {middle:.0f} {x1:.0f} {middle:.0f} {x1:.0f} {y1:.0f}"
        x0, y0 = x1, y1
        if number < len(places):
            y0 += sizes.height
            path += f"V{y0:.0f}"
    return path


def steps_svg(steps: Sequence[Mapping[str, Any]]) -> str:
    """Return the graph of steps as SVG, with times and memory.

    Parameters
    ----------
    steps : sequence of mapping
        Steps with ``id``, ``action``, ``kind`` (source, engine or empty), ``status``, ``seconds``, ``memory``
        and ``after``, the ids of the steps that it waits for, which come before it.
    """
    notes = [_note(step) for step in steps]
    texts = [(_BOLD, step["id"]) for step in steps] + [(_SMALL, step["action"]) for step in steps]
    widest = max(
        (size * len(text) for size, text in [*texts, *((_SMALL, note) for note in notes)]), default=0.0
    )
    sizes = replace(REPORT_SIZES, width=max(REPORT_SIZES.width, math.ceil(widest) + 20))
    layout = lay_out({step["id"]: step["after"] for step in steps}, sizes)
    return render(
        "report/steps.svg",
        layout=layout,
        sizes=sizes,
        arrows=[arrow(layout, chain, sizes) for chain in layout.chains],
        slowest=max((step["seconds"] or 0.0 for step in steps), default=0.0) or 1.0,
        steps=list(zip(steps, notes, strict=True)),
    )


def _note(step: Mapping[str, Any]) -> str:
    if step["seconds"] is None:
        return str(step["status"])
    memory = f" · {format_bytes(step['memory'])}" if step["memory"] else ""
    return f"{format_duration(step['seconds'])}{memory}"
