"""A recipe and its parts as one graph of steps in a fixed order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError
from typing import Any

from isce2_recipe.actions.base import Action
from isce2_recipe.errors import RecipeError
from isce2_recipe.expressions import References, references
from isce2_recipe.plan.ready_queue import in_order
from isce2_recipe.problems import did_you_mean
from isce2_recipe.recipe.loading import recipe_error
from isce2_recipe.recipe.model import Recipe, Step


@dataclass(frozen=True, slots=True)
class StepScope:
    """The recipe whose names the expressions of a step see: the requested one, or a part of it in use.

    Attributes
    ----------
    recipe : Recipe
        The recipe or part itself.
    prefix : str
        Prefix of the ids of its steps: empty, or ``mask/`` for the part that step ``mask`` uses.
    outer : StepScope or None
        The scope of the recipe that uses the part.
    via : Step or None
        The outer recipe's step that uses the part.
    """

    recipe: Recipe
    prefix: str = ""
    outer: StepScope | None = None
    via: Step | None = None

    def inner(self, step: Step, part: Recipe) -> StepScope:
        """Return the scope of a part that one of its steps uses."""
        return StepScope(part, f"{self.prefix}{step.id}/", self, step)

    def with_variables(self, names: Iterable[str]) -> frozenset[str]:
        """Return some names together with the names that the variables among them are derived from."""
        found, left = set[str](), list(names)
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += references(self.recipe.variables.get(name)).names
        return frozenset(found)


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A step that uses an action; parts are unfolded.

    Attributes
    ----------
    id : str
        ``dem``, or ``mask/multilook`` for a step of a part.
    step : Step
        The step as the recipe writes it.
    action : Action
        The action that it uses.
    scope : StepScope
        The scope of its expressions.
    index : int
        Position in the recipe with all parts unfolded.
    reads : frozenset of str
        Ids of the steps on whose outputs it depends.
    """

    id: str
    step: Step
    action: Action
    scope: StepScope
    index: int
    reads: frozenset[str]

    @property
    def folder(self) -> str | None:
        """Return the shared folder in which the step works, or None."""
        return self.step.folder

    def around(self) -> Iterator[Step]:
        """Yield the step, and the steps of outer recipes that use the parts it belongs to."""
        yield self.step
        scope: StepScope | None = self.scope
        while scope is not None and scope.via is not None:
            yield scope.via
            scope = scope.outer


@dataclass(frozen=True, slots=True)
class Graph:
    """The steps of a recipe and their order.

    Attributes
    ----------
    recipe : Recipe
        The requested recipe.
    nodes : mapping
        Steps by id, each after everything it waits for.
    needs : mapping
        Ids of the steps for which each step waits.
    folders : mapping
        Ids of the steps that work in each shared folder, in order.
    reads : mapping
        For a step that works elsewhere but reads files of shared folders: the number of steps that have
        worked in each of these folders by then.
    """

    recipe: Recipe
    nodes: Mapping[str, Node]
    needs: Mapping[str, tuple[str, ...]]
    folders: Mapping[str, tuple[str, ...]]
    reads: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def descendants(self, start: Iterable[str]) -> set[str]:
        """Return some steps together with all that wait for them."""
        found = set(start)
        for name, needs in self.needs.items():
            if not found.isdisjoint(needs):
                found.add(name)
        return found

    def ancestors(self, start: Iterable[str]) -> set[str]:
        """Return some steps together with all they wait for."""
        found = set(start)
        for name in reversed(list(self.needs)):
            if name in found:
                found.update(self.needs[name])
        return found

    def select(self, name: str) -> list[str]:
        """Return the id of a step, or the ids of all steps of a part.

        The last name of an id is enough where it is unique.

        Raises
        ------
        RecipeError
            If there is no such step, or more than one.
        """
        found = [key for key in self.nodes if key == name or key.startswith(f"{name}/")]
        found = found or [key for key in self.nodes if key.endswith(f"/{name}")]
        if not found:
            known = list(dict.fromkeys([*self.nodes, *(key.partition("/")[0] for key in self.nodes)]))
            hint = did_you_mean(name, known)
            raise RecipeError(f"recipe {self.recipe.name} has no step '{name}'", hint=hint)
        if len(found) > 1 and found[0].endswith(f"/{name}"):
            raise RecipeError(f"step '{name}' may be {' or '.join(found)}", hint="give the complete name")
        return found


def _check_folders(nodes: Mapping[str, Node]) -> None:
    """Refuse a step whose own folder would be a shared folder."""
    shared = {node.folder for node in nodes.values()}
    for name, node in nodes.items():
        if node.folder is None and name.partition("/")[0] in shared:
            recipe = node.scope.recipe
            message = f"step '{name}' has the name of a shared folder"
            problem = recipe.document.problem((*node.step.path, "id"), "IR053", message, advice="rename it")
            raise recipe_error((problem,), recipe.texts())


def build(recipe: Recipe, actions: Mapping[str, Action]) -> Graph:
    """Return the graph of a checked recipe.

    Parameters
    ----------
    recipe : Recipe
        A recipe in which `isce2_recipe.recipe.checking.check` finds no error.
    actions : mapping
        All actions it uses, by name.

    Raises
    ------
    RecipeError
        If steps wait for each other in a circle, or a shared folder has the name of a step.
    """
    nodes = {node.id: node for node in _unfold(StepScope(recipe), actions)}
    _check_folders(nodes)
    groups = _groups(nodes)
    needs = {name: _needs(node, groups) - {name} for name, node in nodes.items()}
    order = _sort(nodes, needs)
    folders, reads = _serialise(order, nodes, needs)
    order = _sort(nodes, needs)
    return Graph(
        recipe,
        {name: nodes[name] for name in order},
        {name: tuple(sorted(needs[name], key=lambda other: nodes[other].index)) for name in order},
        folders,
        reads,
    )


def _unfold(scope: StepScope, actions: Mapping[str, Action], start: int = 0) -> Iterator[Node]:
    index = start
    for step in scope.recipe.steps:
        if step.part is not None:
            for node in _unfold(scope.inner(step, step.part), actions, index):
                yield node
                index = node.index + 1
        else:
            read = _reads(scope, [step.with_, step.when]) | _conditions(scope)
            yield Node(scope.prefix + step.id, step, actions[step.uses], scope, index, read)
            index += 1


def _groups(nodes: Mapping[str, Node]) -> dict[str, list[str]]:
    """Return ids by every name with which ``needs`` can mention them: their own and that of a part."""
    groups: dict[str, list[str]] = {}
    for name in nodes:
        parts = name.split("/")
        for length in range(1, len(parts) + 1):
            groups.setdefault("/".join(parts[:length]), []).append(name)
    return groups


def _needs(node: Node, groups: Mapping[str, list[str]]) -> set[str]:
    """Return the steps a node reads, and those that it or a part around it names in ``needs``."""
    found = set(node.reads)
    scope: StepScope | None = node.scope
    via: Step | None = node.step
    while scope is not None and via is not None:
        for step in via.needs:
            found.update(groups.get(scope.prefix + step, ()))
        via = scope.via
        scope = scope.outer
    return found


def _reads(scope: StepScope, value: Any) -> frozenset[str]:
    """Return the steps on whose outputs a value depends, as if parts were written where they are used."""
    read = references(value)
    if not read.all:
        return frozenset()
    found: set[str] = set()
    for name in read.steps:
        step = scope.recipe.step(name)
        if step is None or step.part is None:
            found.add(scope.prefix + name)
        else:
            inner = scope.inner(step, step.part)
            wanted = [step.part.outputs[output] for output in outputs_read(step.part, name, read)]
            found |= _reads(inner, wanted) | _reads(scope, step.when)
    if scope.outer is not None and scope.via is not None:
        names = scope.with_variables(read.names)
        given = [item for name, item in scope.via.with_.items() if name in names]
        found |= _reads(scope.outer, given)
    return frozenset(found)


def outputs_read(part: Recipe, step: str, read: References) -> list[str]:
    """Return the outputs of a part that are read from the step that uses it; all if it is read as a whole."""
    named = {output for name, output in read.outputs if name == step}
    return [output for output in part.outputs if output in named or "" in named]


def _conditions(scope: StepScope) -> frozenset[str]:
    """Return the steps that decide whether the parts around a step are used at all."""
    found: frozenset[str] = frozenset()
    while scope.outer is not None and scope.via is not None:
        found |= _reads(scope.outer, scope.via.when)
        scope = scope.outer
    return found


def _sort(nodes: Mapping[str, Node], needs: Mapping[str, set[str]]) -> list[str]:
    """Return the steps in order, each after everything it needs."""
    try:
        return in_order(needs, {name: node.index for name, node in nodes.items()})
    except CycleError as exc:
        circle = " > ".join(reversed(exc.args[1]))
        raise RecipeError(f"steps wait for each other in a circle: {circle}") from None


def _serialise(
    order: list[str], nodes: Mapping[str, Node], needs: dict[str, set[str]]
) -> tuple[dict[str, tuple[str, ...]], dict[str, dict[str, int]]]:
    """Make the steps that work in a shared folder, and those that read it, wait for each other in order."""
    writers: dict[str, list[str]] = {}
    readers: dict[str, list[str]] = {}
    reads: dict[str, dict[str, int]] = {}
    for name in order:
        own = nodes[name].folder
        read = {folder for other in needs[name] if (folder := nodes[other].folder) is not None}
        for folder in read - {own}:
            needs[name].add(writers[folder][-1])
            readers.setdefault(folder, []).append(name)
            reads.setdefault(name, {})[folder] = len(writers[folder])
        if own is not None:
            needs[name].update(writers.get(own, ())[-1:])
            needs[name].update(readers.pop(own, ()))
            needs[name].discard(name)
            writers.setdefault(own, []).append(name)
    return {folder: tuple(names) for folder, names in writers.items()}, reads


def values_with_paths(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a JSON value with their dotted paths, to compare two values."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            for path, leaf in values_with_paths(item):
                yield (f"{key}.{path}" if path and not path.startswith("[") else f"{key}{path}"), leaf
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            for path, leaf in values_with_paths(item):
                yield (f"[{index}].{path}" if path and not path.startswith("[") else f"[{index}]{path}"), leaf
    else:
        yield "", value
