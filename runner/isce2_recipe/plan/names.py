"""What the expressions of a step see: parameters, variables, outputs of steps, facts of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from isce2_recipe.expressions import ExpressionError, evaluate, references
from isce2_recipe.plan.graph import Graph, Node, Scope
from isce2_recipe.problems import Problem
from isce2_recipe.recipe.loading import recipe_error
from isce2_recipe.recipe.model import Recipe
from isce2_recipe.recipe.parameters import resolve_parameters

Outputs = Mapping[str, Mapping[str, Any]]
"""Outputs by step id, of the steps that are done or skipped."""


class Facts(Mapping[str, Any]):
    """``run.source``, ``run.engine`` and ``run.record``, found out when first read."""

    def __init__(self, readers: Mapping[str, Callable[[], Any]]) -> None:
        self._readers = readers

    def __getitem__(self, name: str) -> Any:
        return self._readers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


class Names:
    """Names of a recipe and its parts.

    Parameters
    ----------
    graph : Graph
        Whose expressions are evaluated.
    parameters : mapping
        A value for every parameter of the recipe.
    facts : Facts
        What ``run.`` gives.
    """

    def __init__(self, graph: Graph, parameters: Mapping[str, Any], facts: Facts) -> None:
        self._graph = graph
        self._parameters = parameters
        self._facts = facts

    @cached_property
    def _base(self) -> dict[str, Any]:
        """Names of the outermost recipe that depend on no step."""
        return self._with_variables(self._graph.recipe, dict(self._parameters))

    def _with_variables(self, recipe: Recipe, known: dict[str, Any]) -> dict[str, Any]:
        known["run"] = self._facts
        for name, value in recipe.variables.items():
            with _placed(recipe, ("variables", name)):
                known[name] = evaluate(value, known)
        return known

    def scope(self, scope: Scope, done: Outputs, steps: Iterable[str]) -> dict[str, Any]:
        """Names one recipe sees, with the outputs of the given steps of its own."""
        names = dict(self._base) if scope.outer is None else self._inner(scope, done)
        names["steps"] = {step: self._step(scope, step, done) for step in steps}
        return names

    def _inner(self, scope: Scope, done: Outputs) -> dict[str, Any]:
        outer, via = scope.outer, scope.via
        if outer is None or via is None:
            return dict(self._base)
        names = self.scope(outer, done, references(via.with_).steps)
        with _placed(outer.recipe, (*via.path, "with")):
            given = evaluate(via.with_, names)
        texts = resolve_parameters(scope.recipe, {name: _plain(value) for name, value in given.items()})
        typed = {name: given[name] if _has_path(given.get(name)) else text for name, text in texts.items()}
        return self._with_variables(scope.recipe, typed)

    def _step(self, scope: Scope, name: str, done: Outputs) -> Mapping[str, Any]:
        step = scope.recipe.step(name)
        if step is None or step.part is None:
            return done[scope.prefix + name]
        inner = scope.inner(step, step.part)
        if not self._wanted(scope, step.when, (*step.path, "when"), done):
            return dict.fromkeys(step.part.outputs)
        return self.outputs(inner, done)

    def outputs(self, scope: Scope, done: Outputs) -> dict[str, Any]:
        """What a recipe or part returns, once its steps are done."""
        names = self.scope(scope, done, references(dict(scope.recipe.outputs)).steps)
        found = {}
        for name, value in scope.recipe.outputs.items():
            with _placed(scope.recipe, ("outputs", name)):
                found[name] = evaluate(value, names)
        return found

    def wanted(self, node: Node, done: Outputs) -> bool:
        """Whether a step and all parts around it are to be carried out at all."""
        scope = node.scope
        while scope.outer is not None and scope.via is not None:
            via = scope.via
            if not self._wanted(scope.outer, via.when, (*via.path, "when"), done):
                return False
            scope = scope.outer
        return self._wanted(node.scope, node.step.when, (*node.step.path, "when"), done)

    def _wanted(self, scope: Scope, when: bool | str, path: tuple[str | int, ...], done: Outputs) -> bool:
        if isinstance(when, bool):
            return when
        names = self.scope(scope, done, references(when).steps)
        with _placed(scope.recipe, path):
            return bool(evaluate(when, names))

    def inputs(self, node: Node, done: Outputs) -> dict[str, Any]:
        """What a step's ``with:`` comes to.

        Raises
        ------
        RecipeError
            At the line of the expression that cannot be evaluated.
        """
        names = self.scope(node.scope, done, node.references.steps)
        with _placed(node.scope.recipe, (*node.step.path, "with")):
            return dict(evaluate(node.step.with_, names))

    def setting(self, node: Node, value: Any, key: str, done: Outputs) -> Any:
        """A step's timeout, retry or resources; of no outputs but those its part's parameters come from."""
        names = self.scope(node.scope, done, ())
        with _placed(node.scope.recipe, (*node.step.path, key)):
            return evaluate(value, names)


class _placed:  # noqa: N801 - reads as a statement
    """Gives an expression's error the place of the text at fault."""

    def __init__(self, recipe: Recipe, path: tuple[str | int, ...]) -> None:
        self._recipe = recipe
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if not isinstance(error, ExpressionError):
            return
        mark = self._recipe.mark(*self._path, *error.path)
        problem = Problem.at(mark, "IR020", error.message)
        raise recipe_error((problem,), self._recipe.texts()) from None


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _has_path(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_path(item) for item in value)
    if isinstance(value, dict):
        return any(_has_path(item) for item in value.values())
    return isinstance(value, Path)


def skipped_outputs(node: Node) -> dict[str, Any]:
    """What a skipped step returns: null for everything."""
    return dict.fromkeys(node.action.outputs)
