"""Places for steps and their arrows, from top to bottom: each step below what it waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Place = tuple[float, float]
"""Middle of an upper edge, from the left and from the top."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Sizes, in pixels: of a box, of the gaps between boxes, of the margin, of the room for a bend."""

    width: float
    height: float
    gap_x: float
    gap_y: float
    margin: float
    bend: float

    def space(self, name: str) -> float:
        """How much of a row something takes."""
        return self.bend if "@" in name else self.width + self.gap_x


@dataclass(frozen=True, slots=True)
class Layout:
    """Steps and the bends of long arrows in rows.

    Attributes
    ----------
    places : dict
        Of each, by name.
    chains : list of tuple of str
        Arrows, as the names they pass.
    width, height : float
        Of the whole.
    """

    places: dict[str, Place]
    chains: list[tuple[str, ...]]
    width: float
    height: float


def lay_out(after: Mapping[str, Sequence[str]], cells: Cells) -> Layout:
    """Where everything goes.

    Parameters
    ----------
    after : mapping
        Steps in order, with those that each waits for; every one of them earlier.
    cells : Cells
        Sizes.
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
    _order(rows, above, cells)
    return _placed(rows, chains, cells)


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


def _order(rows: list[list[str]], above: Mapping[str, list[str]], cells: Cells) -> None:
    """Put what is in a row below what it hangs on, so that few arrows cross."""
    place: dict[str, float] = {}
    for row in rows:
        wish = {name: _mean([place[one] for one in above[name] if one in place]) for name in row}
        row.sort(key=lambda name: wish[name])
        x = -sum(cells.space(name) for name in row) / 2
        for name in row:
            place[name] = x + cells.space(name) / 2
            x += cells.space(name)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _placed(rows: Sequence[Sequence[str]], chains: list[tuple[str, ...]], cells: Cells) -> Layout:
    widest = max(sum(cells.space(name) for name in row) for row in rows)
    places: dict[str, Place] = {}
    for number, row in enumerate(rows):
        x = cells.margin + (widest - sum(cells.space(name) for name in row)) / 2
        for name in row:
            places[name] = (x + cells.space(name) / 2, cells.margin + number * (cells.height + cells.gap_y))
            x += cells.space(name)
    height = 2 * cells.margin + len(rows) * (cells.height + cells.gap_y) - cells.gap_y
    return Layout(places, chains, widest + 2 * cells.margin, height)


def arrow(layout: Layout, chain: Sequence[str], cells: Cells) -> str:
    """An arrow as SVG's ``d``: from the lower edge of the first, through the bends, to the last."""
    places = [layout.places[name] for name in chain]
    x0, y0 = places[0][0], places[0][1] + cells.height
    path = f"M{x0:.0f} {y0:.0f}"
    for number, (x1, y1) in enumerate(places[1:], 2):
        middle = (y0 + y1) / 2
        path += f"C{x0:.0f} {middle:.0f} {x1:.0f} {middle:.0f} {x1:.0f} {y1:.0f}"
        x0, y0 = x1, y1
        if number < len(places):
            y0 += cells.height
            path += f"V{y0:.0f}"
    return path
