"""A recipe's steps as a picture: Mermaid, DOT and SVG."""

from __future__ import annotations

from html import escape

from isce2_recipe.plan.graph import Graph, Node

_COLOURS = {
    "source": ("#e3f2fd", "#1e88e5"),
    "engine": ("#fff3e0", "#fb8c00"),
    "": ("#f5f5f5", "#757575"),
}
# Of the SVG, in pixels.
_HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 46, 56, 18, 20
_CHARACTER = 7.0


def arrows(graph: Graph) -> list[tuple[str, str]]:
    """Who waits for whom, without what follows from the rest."""
    above: dict[str, set[str]] = {}
    found = []
    for name, needs in graph.needs.items():
        reached = set().union(*(above[other] for other in needs)) if needs else set()
        above[name] = reached | set(needs)
        found += [(other, name) for other in needs if other not in reached]
    return found


def _kind(node: Node) -> str:
    return next((kind for kind in ("engine", "source") if kind in node.action.uses), "")


def _shape(node: Node) -> bool:
    """Whether the step may be skipped."""
    return node.step.when is not True or node.scope.via is not None


def mermaid(graph: Graph) -> str:
    """The graph for Mermaid, which GitHub and editors draw."""
    lines = ["flowchart LR"]
    ids = {name: f"s{index}" for index, name in enumerate(graph.nodes)}
    for name, node in graph.nodes.items():
        left, right = ("([", "])") if _shape(node) else ("[", "]")
        lines.append(f'  {ids[name]}{left}"{name}<br/><small>{node.action.name}</small>"{right}')
    lines += [f"  {ids[before]} --> {ids[after]}" for before, after in arrows(graph)]
    for kind, (fill, stroke) in _COLOURS.items():
        members = [ids[name] for name, node in graph.nodes.items() if kind and _kind(node) == kind]
        if members:
            lines.append(f"  classDef {kind} fill:{fill},stroke:{stroke}")
            lines.append(f"  class {','.join(members)} {kind}")
    return "\n".join(lines) + "\n"


def dot(graph: Graph) -> str:
    """The graph for Graphviz."""
    lines = [
        f'digraph "{graph.recipe.name}" {{',
        "  rankdir=LR;",
        '  node [shape=box, style="rounded,filled"];',
    ]
    for name, node in graph.nodes.items():
        fill, stroke = _COLOURS[_kind(node)]
        dashed = ', style="rounded,filled,dashed"' if _shape(node) else ""
        lines.append(
            f'  "{name}" [label="{name}\\n{node.action.name}", fillcolor="{fill}", color="{stroke}"{dashed}];'
        )
    lines += [f'  "{before}" -> "{after}";' for before, after in arrows(graph)]
    return "\n".join([*lines, "}"]) + "\n"


def _layers(graph: Graph) -> list[list[str]]:
    """Steps by how many come one after another before them."""
    depth: dict[str, int] = {}
    for name, needs in graph.needs.items():
        depth[name] = 1 + max((depth[other] for other in needs), default=-1)
    layers: list[list[str]] = [[] for _ in range(1 + max(depth.values()))]
    for name in graph.nodes:
        layers[depth[name]].append(name)
    return layers


def _untangle(graph: Graph, layers: list[list[str]]) -> None:
    """Order each layer by where the steps it waits for are, so that fewer arrows cross."""
    place: dict[str, float] = {}
    for layer in layers:
        for index, name in enumerate(layer):
            above = [place[other] for other in graph.needs[name]]
            place[name] = sum(above) / len(above) if above else float(index)
        layer.sort(key=lambda name: (place[name], graph.nodes[name].index))
        for index, name in enumerate(layer):
            place[name] = index - (len(layer) - 1) / 2


def svg(graph: Graph) -> str:
    """The graph as a picture that needs no other program."""
    layers = _layers(graph)
    _untangle(graph, layers)
    boxes = _place(graph, layers)
    width = max(x + w for x, _, w in boxes.values()) + _MARGIN
    height = max(y for _, y, _ in boxes.values()) + _HEIGHT + _MARGIN
    body = [_curve(boxes[before], boxes[after]) for before, after in arrows(graph)]
    body += [_box(graph.nodes[name], box) for name, box in boxes.items()]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" font-size="12">\n'
        f"<title>{escape(graph.recipe.name)}</title>\n"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#616161"/></marker></defs>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _place(graph: Graph, layers: list[list[str]]) -> dict[str, tuple[float, float, float]]:
    tallest = max(len(layer) for layer in layers)
    boxes: dict[str, tuple[float, float, float]] = {}
    x = float(_MARGIN)
    for layer in layers:
        width = max(_CHARACTER * max(len(name), len(graph.nodes[name].action.name)) for name in layer) + 24
        top = _MARGIN + (tallest - len(layer)) * (_HEIGHT + _GAP_Y) / 2
        for index, name in enumerate(layer):
            boxes[name] = (x, top + index * (_HEIGHT + _GAP_Y), width)
        x += width + _GAP_X
    return boxes


def _curve(start: tuple[float, float, float], end: tuple[float, float, float]) -> str:
    x0, y0 = start[0] + start[2], start[1] + _HEIGHT / 2
    x1, y1 = end[0], end[1] + _HEIGHT / 2
    bend = (x1 - x0) / 2
    path = f"M{x0:.0f} {y0:.0f}C{x0 + bend:.0f} {y0:.0f} {x1 - bend:.0f} {y1:.0f} {x1:.0f} {y1:.0f}"
    return f'<path d="{path}" fill="none" stroke="#9e9e9e" marker-end="url(#tip)"/>'


def _box(node: Node, box: tuple[float, float, float]) -> str:
    x, y, width = box
    fill, stroke = _COLOURS[_kind(node)]
    dashed = ' stroke-dasharray="5 3"' if _shape(node) else ""
    middle = x + width / 2
    return (
        f'<g><title>{escape(node.step.summary or node.action.summary)}</title><rect x="{x:.0f}" y="{y:.0f}" '
        f'width="{width:.0f}" height="{_HEIGHT}" rx="7" fill="{fill}" stroke="{stroke}"{dashed}/>'
        f'<text x="{middle:.0f}" y="{y + 20:.0f}" text-anchor="middle" font-weight="bold">'
        f"{escape(node.id)}</text>"
        f'<text x="{middle:.0f}" y="{y + 36:.0f}" text-anchor="middle" fill="#616161">'
        f"{escape(node.action.name)}</text></g>"
    )


FORMATS = {"mermaid": mermaid, "dot": dot, "svg": svg}
"""Drawers by name."""
