"""The graph of a run's steps as SVG, with times and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from isce2_recipe.products.report.layout import BoxSizes, arrow, lay_out
from isce2_recipe.quantities import format_bytes, format_duration

_WIDTH, _HEIGHT = 184, 58
_SIZES = BoxSizes(_WIDTH, _HEIGHT, gap_x=16, gap_y=30, margin=8, bend=26)

Steps = Sequence[Mapping[str, Any]]


def steps_svg(steps: Steps) -> str:
    """Return the graph of steps as SVG.

    Parameters
    ----------
    steps : sequence of mapping
        Steps with ``id``, ``action``, ``kind`` (source, engine or empty), ``status``, ``seconds``, ``memory``
        and ``after``, the ids of the steps that it waits for, which come before it.
    """
    drawing = lay_out({step["id"]: step["after"] for step in steps}, _SIZES)
    width, height = drawing.width, drawing.height
    arrows = [
        f'<path class="arrow" d="{arrow(drawing, chain, _SIZES)}" marker-end="url(#tip)"/>'
        for chain in drawing.chains
    ]
    slowest = max((step["seconds"] or 0.0 for step in steps), default=0.0) or 1.0
    boxes = [_box(step, drawing.places[step["id"]], slowest) for step in steps]
    return (
        f'<svg class="steps" viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px" '
        'role="img" aria-labelledby="steps-t"><title id="steps-t">The steps and their dependencies; '
        "the table below lists them too.</title>"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" '
        'orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>'
        f"{''.join(arrows)}{''.join(boxes)}</svg>"
    )


def _box(step: Mapping[str, Any], place: tuple[float, float], slowest: float) -> str:
    x, y = place[0] - _WIDTH / 2, place[1]
    kind = step["kind"] or "plain"
    state = "" if step["status"] == "done" else " idle"
    bar = (_WIDTH - 20) * (step["seconds"] or 0.0) / slowest
    note = step["status"]
    if step["seconds"] is not None:
        memory = f" · {format_bytes(step['memory'])}" if step["memory"] else ""
        note = f"{format_duration(step['seconds'])}{memory}"
    return (
        f'<g class="{kind}{state}"><rect class="box" x="{x:.0f}" y="{y:.0f}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" rx="7"/>'
        f'<text class="strong" x="{x + 10:.0f}" y="{y + 19:.0f}">{escape(step["id"])}</text>'
        f'<text class="small" x="{x + 10:.0f}" y="{y + 34:.0f}">{escape(step["action"])}</text>'
        f'<text class="small" x="{x + 10:.0f}" y="{y + 49:.0f}">{escape(note)}</text>'
        f'<rect class="bar" x="{x + 10:.0f}" y="{y + _HEIGHT - 5:.0f}" width="{bar:.1f}" height="3"/></g>'
    )
