"""A run's steps as a picture from top to bottom, with times and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from isce2_recipe.products.report.layout import Cells, arrow, lay_out
from isce2_recipe.products.report.words import duration, size

_WIDTH, _HEIGHT = 184, 58
_CELLS = Cells(_WIDTH, _HEIGHT, gap_x=16, gap_y=30, margin=8, bend=26)

Steps = Sequence[Mapping[str, Any]]


def steps_svg(steps: Steps) -> str:
    """The graph of steps.

    Parameters
    ----------
    steps : sequence of mapping
        ``id``, ``action``, ``kind`` (source, engine or nothing), ``status``, ``seconds``, ``memory`` and
        ``after``, the ids of the steps each waits for, every one of them earlier in the sequence.
    """
    drawing = lay_out({step["id"]: step["after"] for step in steps}, _CELLS)
    width, height = drawing.width, drawing.height
    arrows = [
        f'<path class="arrow" d="{arrow(drawing, chain, _CELLS)}" marker-end="url(#tip)"/>'
        for chain in drawing.chains
    ]
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
