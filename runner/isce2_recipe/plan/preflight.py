"""What can be found wrong with a step's inputs before anything runs."""

from __future__ import annotations

from typing import Any

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
        if node.id in steps and node.action.check is not None:
            inputs = _known_inputs(project, node)
            if inputs is not None:
                node.action.check(inputs)


def _known_inputs(project: Project, node: Node) -> dict[str, Any] | None:
    """Inputs of a step that will run, where all of them are known before any step has run."""
    try:
        return project.names.inputs(node, {}) if project.names.wanted(node, {}) else None
    except KeyError:  # it reads of a step
        return None
