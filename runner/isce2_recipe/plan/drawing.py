"""Pictures of the steps of a recipe: Mermaid, DOT and SVG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from isce2_recipe.plan.graph import Graph
from isce2_recipe.plan.nodes import Node
from isce2_recipe.products.report.steps import BoxSizes, Place, arrow, lay_out

_COLOURS = {
    "source": ("#e3f2fd", "#1e88e5"),
    "engine": ("#fff3e0", "#fb8c00"),
    "": ("#f5f5f5", "#757575"),
}
# Sizes in the SVG, pixels.
_HEIGHT = 46
_CHARACTER = 7.6


def arrows(all_needs: Mapping[str, Iterable[str]]) -> list[tuple[str, str]]:
    """Return pairs of steps of which the second waits for the first, without those implied by others."""
    above: dict[str, set[str]] = {}
    found = []
    for name, needs in all_needs.items():
        reached = set().union(*(above[other] for other in needs)) if needs else set()
        above[name] = reached | set(needs)
        found += [(other, name) for other in needs if other not in reached]
    return found


def _used(node: Node) -> str:
    """Return what a step uses."""
    return f"{node.uses} for every {node.step.item}" if node.is_loop else node.action.name


def _kind(node: Node) -> str:
    return next((kind for kind in ("engine", "source") if kind in node.action.uses), "")


def _has_condition(node: Node) -> bool:
    """Return whether a step may be skipped."""
    return any(step.when is not True for step in node.around())


def mermaid(graph: Graph) -> str:
    """Return the graph for Mermaid, which GitHub and editors draw."""
    lines = ["flowchart TD"]
    ids = {name: f"s{index}" for index, name in enumerate(graph.nodes)}
    for name, node in graph.nodes.items():
        left, right = ("([", "])") if _has_condition(node) else ("[", "]")
        lines.append(f'  {ids[name]}{left}"{name}<br/><small>{_used(node)}</small>"{right}')
    lines += [f"  {ids[before]} --> {ids[after]}" for before, after in arrows(graph.needs)]
    for kind, (fill, stroke) in _COLOURS.items():
        members = [ids[name] for name, node in graph.nodes.items() if kind and _kind(node) == kind]
        if members:
            lines.append(f"  classDef {kind} fill:{fill},stroke:{stroke}")
            lines.append(f"  class {','.join(members)} {kind}")
    return "\n".join(lines) + "\n"


def dot(graph: Graph) -> str:
    """Return the graph for Graphviz."""
    lines = [
        f'digraph "{graph.recipe.name}" {{',
        "  rankdir=TB;",
        '  node [shape=box, style="rounded,filled"];',
    ]
    for name, node in graph.nodes.items():
        fill, stroke = _COLOURS[_kind(node)]
        dashed = ', style="rounded,filled,dashed"' if _has_condition(node) else ""
        lines.append(
            f'  "{name}" [label="{name}\\n{_used(node)}", fillcolor="{fill}", color="{stroke}"{dashed}];'
        )
    lines += [f'  "{before}" -> "{after}";' for before, after in arrows(graph.needs)]
    return "\n".join([*lines, "}"]) + "\n"


def svg(graph: Graph) -> str:
    """Return the graph as an SVG picture."""
    longest = max(max(len(name), len(_used(node))) for name, node in graph.nodes.items())
    cells = BoxSizes(_CHARACTER * longest + 24, _HEIGHT, gap_x=20, gap_y=34, margin=20, bend=20)
    after: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for before, name in arrows(graph.needs):
        after[name].append(before)
    layout = lay_out(after, cells)
    body = [
        f'<path d="{arrow(layout, chain, cells)}" fill="none" stroke="#9e9e9e" marker-end="url(#tip)"/>'
        for chain in layout.chains
    ]
    body += [_box(node, layout.places[name], cells.width) for name, node in graph.nodes.items()]
    width, height = f"{layout.width:.0f}", f"{layout.height:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">\n'
        f"<title>{escape(graph.recipe.name)}</title>\n"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#616161"/></marker></defs>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _box(node: Node, place: Place, width: float) -> str:
    middle, y = place
    x = middle - width / 2
    fill, stroke = _COLOURS[_kind(node)]
    dashed = ' stroke-dasharray="5 3"' if _has_condition(node) else ""
    return (
        f'<g><title>{escape(node.step.summary or node.action.summary)}</title><rect x="{x:.0f}" y="{y:.0f}" '
        f'width="{width:.0f}" height="{_HEIGHT}" rx="7" fill="{fill}" stroke="{stroke}"{dashed}/>'
        f'<text x="{middle:.0f}" y="{y + 20:.0f}" text-anchor="middle" font-weight="bold">'
        f"{escape(node.id)}</text>"
        f'<text x="{middle:.0f}" y="{y + 36:.0f}" text-anchor="middle" fill="#616161">'
        f"{escape(_used(node))}</text></g>"
    )


FORMATS = {"mermaid": mermaid, "dot": dot, "svg": svg}
"""Functions that draw a graph, by format."""
