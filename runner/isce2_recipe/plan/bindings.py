"""The names that expressions see: parameters, variables, outputs of steps, facts of the run."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from isce2_recipe.errors import ParameterError, RecipeToolError
from isce2_recipe.expressions import ExpressionError, References, evaluate, plain_chain, references
from isce2_recipe.plan.graph import Graph, outputs_read
from isce2_recipe.plan.nodes import Instance, Node, StepScope
from isce2_recipe.problems import Problem
from isce2_recipe.recipe.loading import recipe_error
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.parameters import resolve_parameters

Outputs = Mapping[str, Mapping[str, Any]]
"""Outputs by step id, of steps that are done or skipped."""


class RunFacts(Mapping[str, Any]):
    """The facts of the run that expressions read with ``run.``, each computed when it is read.

    Parameters
    ----------
    readers : mapping
        Functions that return the facts.
    record : callable
        Returns the record of the run, or of a part in a loop with the values of its parameters.
    """

    def __init__(
        self,
        readers: Mapping[str, Callable[[], Any]],
        record: Callable[[StepScope | None, Mapping[str, Any]], Any],
    ) -> None:
        self._readers: dict[str, Callable[[], Any]] = {**readers, "record": lambda: record(None, {})}
        self._record = record

    def of_instance(self, home: StepScope, values: Callable[[], Mapping[str, Any]]) -> RunFacts:
        """Return the facts that a part in a loop reads: its record is that of the instance alone.

        Parameters
        ----------
        home : StepScope
            The scope of the part.
        values : callable
            Returns the values of the part's parameters.
        """
        return RunFacts(self._readers, lambda _home, _values: self._record(home, values()))

    def __getitem__(self, name: str) -> Any:
        return self._readers[name]()

    def __contains__(self, name: object) -> bool:
        return name in self._readers

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


class Bindings:
    """The names of a recipe and its parts, bound to values.

    Parameters
    ----------
    graph : Graph
        The steps whose expressions are evaluated.
    parameters : mapping
        A value for every parameter of the recipe.
    facts : RunFacts
        The fields of ``run``.
    """

    def __init__(self, graph: Graph, parameters: Mapping[str, Any], facts: RunFacts) -> None:
        self._graph = graph
        self._parameters = parameters
        self._facts = facts

    @cached_property
    def _base(self) -> dict[str, Any]:
        """Return the names of the outermost recipe that depend on no step."""
        recipe = self._graph.recipe
        known = {**self._parameters, "run": self._facts}
        return self._with_variables(recipe, known, recipe.variables)

    def _with_variables(
        self, recipe: Recipe, known: dict[str, Any], wanted: Container[str]
    ) -> dict[str, Any]:
        for name, value in recipe.variables.items():
            if name in wanted:
                with placed(recipe, ("variables", name)):
                    known[name] = evaluate(value, known)
        return known

    def evaluate(self, value: Any, scope: StepScope, done: Outputs) -> Any:
        """Evaluate a value of a recipe or part. Only the steps on which it depends have to be done.

        Raise KeyError if a step it depends on is not done.
        """
        read = references(value)
        return evaluate(value, self._seen(scope, done, read) if read.all else {})

    def _seen(self, scope: StepScope, done: Outputs, read: References) -> dict[str, Any]:
        """Return the names that an expression reads."""
        names = dict(self._base) if scope.outer is None else self._inner(scope, done, read.names)
        names["steps"] = self._steps(scope, done, read)
        if scope.item is not None:
            names[scope.item.name] = scope.item.value
        return names

    def _inner(self, scope: StepScope, done: Outputs, wanted: frozenset[str]) -> dict[str, Any]:
        """Return some of a part's parameters and variables."""
        outer, via, recipe = scope.outer, scope.via, scope.recipe
        if outer is None or via is None:
            return dict(self._base)
        wanted = scope.with_variables(wanted)
        asked = {name: value for name, value in via.with_.items() if name in wanted}
        with placed(outer.recipe, (*via.path, "with")):
            given = self.evaluate(asked, outer, done)
            texts = resolve_parameters(recipe, {name: _plain(value) for name, value in given.items()}, wanted)
        typed = {name: given[name] if _has_path(given.get(name)) else text for name, text in texts.items()}
        home = scope.home
        facts = self._facts
        if home is not None:
            facts = facts.of_instance(home, lambda: self._values(home, done))
        return self._with_variables(recipe, {**typed, "run": facts}, wanted)

    def _values(self, home: StepScope, done: Outputs) -> dict[str, Any]:
        """Return the values of all parameters of a part."""
        known = self._inner(home, done, frozenset(home.recipe.parameters))
        return {name: known[name] for name in home.recipe.parameters}

    def public_values(self, home: StepScope, done: Outputs) -> dict[str, Any]:
        """Return the values of the parameters of a part in a loop, without secret ones."""
        values = self._values(home, done)
        return {name: value for name, value in values.items() if not home.recipe.parameters[name].secret}

    def _steps(self, scope: StepScope, done: Outputs, read: References) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        for name in read.steps:
            step = scope.recipe.step(name)
            if step is not None and step.for_each is not None:
                found[name] = _read_from(done[scope.prefix + name], name, read)
            elif step is None or step.part is None:
                found[name] = done[scope.prefix + name]
            elif self._wanted(scope, step.when, (*step.path, "when"), done):
                wanted = outputs_read(step.part, name, read)
                found[name] = self._outputs(scope.inner(step, step.part), done, wanted)
            else:
                found[name] = dict.fromkeys(step.part.outputs)
        return found

    def _outputs(self, scope: StepScope, done: Outputs, wanted: Iterable[str]) -> dict[str, Any]:
        found = {}
        for name in wanted:
            with placed(scope.recipe, ("outputs", name)):
                found[name] = self.evaluate(scope.recipe.outputs[name], scope, done)
        return found

    def gather(self, node: Node, instances: Sequence[Instance], done: Outputs) -> Mapping[str, Any]:
        """Return the outputs of a loop, each a list over some of its instances, computed when it is read.

        Instances that are skipped are left out.
        """
        step = node.step
        scopes = [node.scope.with_item(instance) for instance in instances]
        wanted = [one for one in scopes if self._wanted(one, step.when, (*step.path, "when"), done)]
        items = [scope.item for scope in wanted if scope.item is not None]

        def read(name: str) -> Any:
            if name in ("item", "key"):
                return [item.key if name == "key" else item.value for item in items]
            if step.part is None:
                return [done[item.id][name] for item in items]
            return [self.outputs_of(scope, step, done, [name])[name] for scope in wanted]

        names = node.action.outputs if step.part is None else step.part.outputs
        return _Gathered([*names, "item", "key"], read)

    def outputs_of(
        self, scope: StepScope, step: Step, done: Outputs, wanted: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Return the outputs of a part in a loop, for the instance of a scope."""
        if step.part is None:
            return {}
        names = step.part.outputs if wanted is None else wanted
        return self._outputs(scope.inner(step, step.part), done, names)

    def outputs(self, done: Outputs) -> dict[str, Any]:
        """Return the outputs of the outermost recipe, once its steps are done."""
        return self._outputs(StepScope(self._graph.recipe), done, self._graph.recipe.outputs)

    def wanted(self, node: Node, done: Outputs) -> bool:
        """Return whether the conditions of a step and of all parts around it are true.

        The condition of a loop counts here only if it does not depend on the item.
        """
        scope = node.scope
        while scope.outer is not None and scope.via is not None:
            via = scope.via
            if not self._wanted(scope.outer, via.when, (*via.path, "when"), done):
                return False
            scope = scope.outer
        if node.is_loop and node.step.item in references(node.step.when).names:
            return True
        return self._wanted(node.scope, node.step.when, (*node.step.path, "when"), done)

    def _wanted(self, scope: StepScope, when: bool | str, path: tuple[str | int, ...], done: Outputs) -> bool:
        if isinstance(when, bool):
            return when
        with placed(scope.recipe, path):
            return bool(self.evaluate(when, scope, done))

    def inputs(self, node: Node, done: Outputs) -> dict[str, Any]:
        """Evaluate a step's ``with:``.

        Raise RecipeError at the line of the expression that cannot be evaluated.
        """
        with placed(node.scope.recipe, (*node.step.path, "with")):
            return dict(self.evaluate(node.step.with_, node.scope, done))

    def input(self, node: Node, name: str, done: Outputs) -> Any:
        """Evaluate one entry of a step's ``with:``."""
        with placed(node.scope.recipe, (*node.step.path, "with", name)):
            return self.evaluate(node.step.with_[name], node.scope, done)

    def partial_inputs(self, node: Node, known: Outputs) -> dict[str, Any]:
        """Evaluate a step's ``with:``; what cannot be evaluated yet is the text of its expression."""
        return {
            key: self._evaluate_partly(value, node.scope, known) for key, value in node.step.with_.items()
        }

    def _evaluate_partly(self, value: Any, scope: StepScope, known: Outputs) -> Any:
        if isinstance(value, Mapping):
            return {key: self._evaluate_partly(item, scope, known) for key, item in value.items()}
        if isinstance(value, list):
            return [self._evaluate_partly(item, scope, known) for item in value]
        try:
            return self.evaluate(value, scope, known)
        except (KeyError, ExpressionError, RecipeToolError):
            return self._from_outside(value, scope, known)

    def _from_outside(self, value: str, scope: StepScope, known: Outputs) -> Any:
        """Return a part's parameter as the outer recipe sets it; any other text is returned unchanged."""
        chain = plain_chain(value)
        if chain is None or scope.outer is None or scope.via is None or chain[0] not in scope.via.with_:
            return value
        outside = scope.via.with_[chain[0]]
        return self._evaluate_partly(outside, scope.outer, known) if len(chain) == 1 else value

    def setting(self, node: Node, value: Any, key: str, done: Outputs) -> Any:
        """Evaluate a step's timeout, retry or resources."""
        with placed(node.scope.recipe, (*node.step.path, key)):
            return self.evaluate(value, node.scope, done)

    def min_done(self, step: Step, scope: StepScope) -> int | str | None:
        """Return how many instances of the loops that a step reads must be done."""
        with placed(scope.recipe, (*step.path, "min_done")):
            found: int | str | None = self.evaluate(step.min_done, scope, {})
            return found


class _Gathered(Mapping[str, Any]):
    """The outputs of a loop, each computed when it is first read."""

    def __init__(self, names: Sequence[str], read: Callable[[str], Any]) -> None:
        self._names = names
        self._read = read
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _read_from(loop: Mapping[str, Any], name: str, read: References) -> dict[str, Any]:
    """Return the outputs of a loop that an expression reads; all if it reads the loop as a whole."""
    wanted = {output for step, output in read.outputs if step == name}
    return {output: loop[output] for output in loop if output in wanted or "" in wanted}


class placed:  # noqa: N801 - reads as a statement
    """Gives the error of an expression the place of its text in the recipe."""

    def __init__(self, recipe: Recipe, path: tuple[str | int, ...]) -> None:
        self._recipe = recipe
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ExpressionError):
            mark = self._recipe.mark(*self._path, *error.path)
            problems = [Problem(mark, error.message, rule="IR020")]
        elif isinstance(error, ParameterError):
            problems = [self._of_part(problem) for problem in error.problems]
        else:
            return
        raise recipe_error(tuple(problems), self._recipe.texts()) from None

    def _of_part(self, problem: Problem) -> Problem:
        """Return a problem of a part's parameter, placed where the step sets the parameter."""
        return problem._replace(place=self._recipe.mark(*self._path, *problem.names[:1]), rule="IR023")


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
    """Return the outputs of a skipped step, which are all null; those of a loop are empty lists."""
    if not node.is_loop:
        return dict.fromkeys(node.action.outputs)
    names = node.action.outputs if node.step.part is None else node.step.part.outputs
    return {name: [] for name in (*names, "item", "key")}
