"""Checks before anything runs: what steps need of source and engine, and inputs that are already known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from isce2_recipe import engines
from isce2_recipe.actions.registry import load_registry
from isce2_recipe.errors import InputError, of_name
from isce2_recipe.expressions import plain_chain
from isce2_recipe.journal.values import coerce, files_in
from isce2_recipe.plan.keys import file_inputs
from isce2_recipe.plan.nodes import Node
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.recipe.inputs_check import NotKnownError
from isce2_recipe.recipe.type_system import fits
from isce2_recipe.sources import sources_with
from isce2_recipe.sources.base import capabilities_of


def preflight(workspace: Workspace, steps: frozenset[str]) -> None:
    """Check the inputs that are known already, and that source and engine can do what the steps need.

    Raise RecipeToolError for the first input that is wrong, else as `check_providers` raises it.
    """
    nodes = [node for node in map(workspace.graph.nodes.__getitem__, sorted(steps)) if not node.is_loop]
    nodes = [node for node in sorted(nodes, key=lambda node: node.index) if _may_run(workspace, node)]
    _check_name(workspace, nodes)
    for node in nodes:
        inputs = _KnownInputs(workspace, node)
        _check_files(workspace, node, inputs)
        if node.action.check is not None:
            with suppress(NotKnownError):
                node.action.check(inputs)
    graph = workspace.graph
    loops = [graph.nodes[name] for name in sorted(steps) if name not in graph.instances]
    loops = [node for node in loops if node.is_loop and _may_run(workspace, node)]
    check_providers(workspace, [*nodes, *graph.samples(loops)])


def _check_name(workspace: Workspace, nodes: Sequence[Node]) -> None:
    """Refuse a work directory with a name in which libraries for rasters cannot open files."""
    accept_any = ("command", "python", "template")
    subjects = {node.action.name.partition(".")[0] for node in nodes}
    if subjects & load_registry().builtin - {*accept_any}:
        try:
            str(workspace.workdir).encode()
        except UnicodeEncodeError as exc:
            raise of_name(exc) or exc from None


class _KnownInputs(Mapping[str, Any]):
    """The inputs of a step in the types of its action, each evaluated when it is read.

    Reading one that depends on another step raises `NotKnownError`.
    """

    def __init__(self, workspace: Workspace, node: Node) -> None:
        self._workspace = workspace
        self._node = node

    def __getitem__(self, name: str) -> Any:
        node, workspace = self._node, self._workspace
        if name not in node.step.with_:
            raise KeyError(name)
        try:
            value = workspace.bindings.input(node, name, {})
        except KeyError:
            raise NotKnownError(name) from None
        parameter = node.action.inputs.get(name)
        if parameter is None:
            return value
        found = coerce(value, parameter.annotation, workspace.request.base)
        if not fits(found, parameter.annotation):  # reported with the step
            raise NotKnownError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._node.step.with_)

    def __len__(self) -> int:
        return len(self._node.step.with_)


def _check_files(workspace: Workspace, node: Node, inputs: Mapping[str, Any]) -> None:
    """Check that the files among the known inputs of a step exist, unless a step makes them."""
    for name in node.step.with_.keys() & file_inputs(node.action):
        with suppress(NotKnownError):
            for path in files_in(inputs[name]):
                if not path.is_relative_to(workspace.workdir):
                    _check_file(path, _origin(node, name), workspace.request.base)


def _origin(node: Node, name: str) -> str:
    """Return the parameter that an input has its value from, or else the input."""
    chain = plain_chain(str(node.step.with_[name]))
    return chain[0] if chain is not None and len(chain) == 1 else f"{name} of step {node.id}"


def _check_file(path: Path, what: str, base: Path) -> None:
    try:
        if path.exists():
            return
        reason = "does not exist"
    except OSError as exc:
        reason = f"cannot be read: {exc.strerror}"
    raise InputError(
        f"{what}: {path} {reason}", hint=f"give its absolute path, or its path relative to {base}"
    )


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
    needed = {_shown(node): node.action.capabilities for node in nodes if node.action.capabilities}
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
        raise InputError(f"step '{_shown(node)}': {exc.message}", hint=exc.hint) from exc


def _shown(node: Node) -> str:
    """Return the id of a step, without the empty key of a loop whose items are not known."""
    return node.id.replace("[]", "")
