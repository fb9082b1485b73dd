"""What can be found wrong with a step's inputs before anything runs."""

from __future__ import annotations

from isce2_recipe.plan.graph import Node
from isce2_recipe.plan.project import Project


def preflight(project: Project, steps: frozenset[str]) -> None:
    """Let actions look at those of their inputs that are known already.

    Raises
    ------
    RecipeToolError
        What the first of them finds wrong.
    """
    for node in project.graph.nodes.values():
        if node.id in steps and node.action.check is not None and _known(project, node):
            node.action.check(project.names.inputs(node, {}))


def _known(project: Project, node: Node) -> bool:
    """Whether a step will run and everything it reads is known before any step has run."""
    if node.references.steps:
        return False
    try:
        return project.names.wanted(node, {})
    except KeyError:
        return False
