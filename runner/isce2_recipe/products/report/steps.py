"""A run's steps as a picture from top to bottom, with times and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from isce2_recipe.products.report.words import duration, size

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN, _BEND = 164, 58, 16, 30, 8, 26

Steps = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Steps and the bends of long arrows in rows, each below what it waits for.

    Attributes
    ----------
    places : dict
        Middle of the upper edge of each, by name.
    chains : list of tuple of str
        Arrows, as the names they pass.
    width, height : float
        Of the whole.
    """

    places: dict[str, tuple[float, float]]
    chains: list[tuple[str, ...]]
    width: float
    height: float


def steps_svg(steps: Steps) -> str:
    """The graph of steps.

    Parameters
    ----------
    steps : sequence of mapping
        ``id``, ``action``, ``kind`` (source, engine or nothing), ``status``, ``seconds``, ``memory`` and
        ``after``, the ids of the steps each waits for, every one of them earlier in the sequence.
    """
    drawing = _draw(steps)
    width, height = drawing.width, drawing.height
    arrows = [_arrow([drawing.places[name] for name in chain]) for chain in drawing.chains]
    slowest = max((step["seconds"] or 0.0 for step in steps), default=0.0) or 1.0
    boxes = [_box(step, drawing.places[step["id"]], slowest) for step in steps]
    return (
        f'<svg class="steps" viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px" '
        'role="img" aria-labelledby="steps-t"><title id="steps-t">The steps and what each waits for; the '
        "table below says the same.</title>"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" '
        'orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>'
        f"{''.join(arrows)}{''.join(boxes)}</svg>"
    )


def _draw(steps: Steps) -> _Drawing:
    depth: dict[str, int] = {}
    for step in steps:
        depth[step["id"]] = 1 + max((depth[other] for other in step["after"] if other in depth), default=-1)
    rows: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=0))]
    above: dict[str, list[str]] = {step["id"]: [] for step in steps}
    chains = []
    for step in steps:
        rows[depth[step["id"]]].append(step["id"])
        for other in step["after"]:
            if other in depth:
                chains.append(_chain(other, step["id"], depth, rows, above))
    _order(rows, above)
    return _placed(rows, chains)


def _chain(
    start: str, end: str, depth: Mapping[str, int], rows: list[list[str]], above: dict[str, list[str]]
) -> tuple[str, ...]:
    """The names an arrow passes; on its way it gets a place of its own in every row."""
    names = [start]
    for row in range(depth[start] + 1, depth[end]):
        bend = f"{start}>{end}@{row}"
        rows[row].append(bend)
        above[bend] = [names[-1]]
        names.append(bend)
    above[end].append(names[-1])
    return (*names, end)


def _order(rows: list[list[str]], above: Mapping[str, list[str]]) -> None:
    """Put what is in a row below what it hangs on, so that few arrows cross."""
    place: dict[str, float] = {}
    for row in rows:
        wish = {name: _mean([place[one] for one in above[name] if one in place]) for name in row}
        row.sort(key=lambda name: wish[name])
        total = sum(_space(name) for name in row)
        x = -total / 2
        for name in row:
            place[name] = x + _space(name) / 2
            x += _space(name)


def _space(name: str) -> float:
    return _BEND if "@" in name else _WIDTH + _GAP_X


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _placed(rows: Sequence[Sequence[str]], chains: list[tuple[str, ...]]) -> _Drawing:
    widest = max(sum(_space(name) for name in row) for row in rows)
    places: dict[str, tuple[float, float]] = {}
    for number, row in enumerate(rows):
        x = _MARGIN + (widest - sum(_space(name) for name in row)) / 2
        for name in row:
            places[name] = (x + _space(name) / 2, _MARGIN + number * (_HEIGHT + _GAP_Y))
            x += _space(name)
    height = 2 * _MARGIN + len(rows) * (_HEIGHT + _GAP_Y) - _GAP_Y
    return _Drawing(places, chains, widest + 2 * _MARGIN, height)


def _arrow(places: Sequence[tuple[float, float]]) -> str:
    """From the lower edge of the first, straight through the bends, to the upper edge of the last."""
    x0, y0 = places[0][0], places[0][1] + _HEIGHT
    path = f"M{x0:.0f} {y0:.0f}"
    for x1, y1 in places[1:]:
        middle = (y0 + y1) / 2
        path += f"C{x0:.0f} {middle:.0f} {x1:.0f} {middle:.0f} {x1:.0f} {y1:.0f}"
        x0, y0 = x1, y1
        if (x1, y1) != places[-1]:
            y0 += _HEIGHT
            path += f"V{y0:.0f}"
    return f'<path class="arrow" d="{path}" marker-end="url(#tip)"/>'


def _box(step: Mapping[str, Any], place: tuple[float, float], slowest: float) -> str:
    x, y = place[0] - _WIDTH / 2, place[1]
    kind = step["kind"] or "plain"
    state = "" if step["status"] == "done" else " idle"
    bar = (_WIDTH - 20) * (step["seconds"] or 0.0) / slowest
    said = step["status"]
    if step["seconds"] is not None:
        said = f"{duration(step['seconds'])} · {size(step['memory'])}"
    return (
        f'<g class="{kind}{state}"><rect class="box" x="{x:.0f}" y="{y:.0f}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" rx="7"/>'
        f'<text class="strong" x="{x + 10:.0f}" y="{y + 19:.0f}">{escape(step["id"])}</text>'
        f'<text class="small" x="{x + 10:.0f}" y="{y + 34:.0f}">{escape(step["action"])}</text>'
        f'<text class="small" x="{x + 10:.0f}" y="{y + 49:.0f}">{escape(said)}</text>'
        f'<rect class="bar" x="{x + 10:.0f}" y="{y + _HEIGHT - 5:.0f}" width="{bar:.1f}" height="3"/></g>'
    )
