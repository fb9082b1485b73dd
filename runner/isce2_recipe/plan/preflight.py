"""Checks before anything runs: what steps need of source and engine, and inputs that are already known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from isce2_recipe import engines
from isce2_recipe.errors import InputError
from isce2_recipe.plan.graph import Node
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.sources import sources_with
from isce2_recipe.sources.base import capabilities_of


def preflight(workspace: Workspace, steps: frozenset[str]) -> None:
    """Check the inputs that are known already, and that source and engine can do what the steps need.

    Raises
    ------
    RecipeToolError
        For the first input that is wrong, else as `check_providers` raises it.
    """
    nodes = [node for node in workspace.graph.nodes.values() if node.id in steps]
    for node in nodes:
        if node.action.check is not None:
            inputs = _known_inputs(workspace, node)
            if inputs is not None:
                node.action.check(inputs)
    nodes = [node for node in nodes if _may_run(workspace, node)]
    check_providers(workspace, nodes)


def _known_inputs(workspace: Workspace, node: Node) -> dict[str, Any] | None:
    """Return the inputs of a step that will run, if all of them are known before any step has run."""
    try:
        return workspace.bindings.inputs(node, {}) if workspace.bindings.wanted(node, {}) else None
    except KeyError:  # it depends on another step
        return None


def _may_run(workspace: Workspace, node: Node) -> bool:
    """Return whether a step will run, as far as that is known before any step has run."""
    try:
        return workspace.bindings.wanted(node, {})
    except KeyError:
        return False


def check_providers(workspace: Workspace, nodes: Sequence[Node]) -> None:
    """Check that the source has the capabilities, and the engine the steps, that these nodes need.

    Raises
    ------
    InputError
        With every node that needs a capability which the source lacks, and the sources that have it. Or with
        the first node that needs a step which the engine lacks, and the engines that have it.
    """
    _check_source(workspace, nodes)
    for node in nodes:
        _check_engine(workspace, node)


def _check_source(workspace: Workspace, nodes: Sequence[Node]) -> None:
    needed = {node.id: node.action.capabilities for node in nodes if node.action.capabilities}
    if not needed:
        return
    had = capabilities_of(workspace.source)
    lacking = {step: sorted(wanted - had) for step, wanted in needed.items() if wanted - had}
    if lacking:
        name = workspace.source.name
        listed = "".join(f"\n  - step '{step}' needs {', '.join(names)}" for step, names in lacking.items())
        others = sources_with(frozenset[str]().union(*lacking.values()))
        raise InputError(
            f"the source {name} cannot deliver everything this run needs:{listed}",
            hint=f"sources that have {_all_of(lacking.values())}: {', '.join(others) or 'none'}",
        )


def _all_of(lists: Iterable[list[str]]) -> str:
    return ", ".join(dict.fromkeys(name for names in lists for name in names))


def _check_engine(workspace: Workspace, node: Node) -> None:
    if node.action.runs is None:
        return
    wanted = node.action.runs(workspace.bindings.partial_inputs(node, {}))
    if wanted is None:
        return
    try:
        engines.check_steps(workspace.engine.name, engines.applications_of(workspace.engine), wanted)
    except InputError as exc:
        raise InputError(f"step '{node.id}': {exc.message}", hint=exc.hint) from exc
