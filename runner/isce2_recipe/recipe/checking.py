"""What can be known wrong about a recipe before anything runs: names, inputs, types and cycles."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import PurePath
from typing import Any, NamedTuple, Protocol, get_args

from isce2_recipe.expressions import ExpressionError, Reference, References, has_expression, references
from isce2_recipe.problems import Problem
from isce2_recipe.recipe import kinds, loading
from isce2_recipe.recipe.document import Path
from isce2_recipe.recipe.loading import SUFFIXES, Reading, recipe_error, sort_problems
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.parameters import normalise
from isce2_recipe.recipe.schema import did_you_mean, show

RUN_FACTS: dict[str, Any] = {"source": str, "engine": str, "record": dict[str, Any]}
"""What ``run.`` knows in expressions."""


class ActionLike(Protocol):
    """What the checker wants to know of an action; see `isce2_recipe.actions.base.Action`."""

    @property
    def inputs(self) -> dict[str, inspect.Parameter]:
        """Inputs by name."""

    @property
    def outputs(self) -> dict[str, Any]:
        """Types of outputs by name."""


Actions = Mapping[str, Any]
"""Actions by name, each an ActionLike."""


def check(recipe: Recipe, actions: Actions) -> list[Problem]:
    """Everything wrong with a recipe's names, inputs, types and order, its parts' included.

    Parameters
    ----------
    recipe : Recipe
        As loaded.
    actions : mapping
        Known actions by name, for example `isce2_recipe.actions.registry.load_registry`.
    """
    problems = check_scope(Scope(recipe, actions))
    for step in recipe.steps:
        if step.part is not None:
            problems += check(step.part, actions)
    return sort_problems(problems)


def check_reading(reading: Reading, actions: Actions, *, parts: bool = True) -> list[Problem]:
    """What `check` finds; of a recipe whose grammar is wrong, what can be said in spite of that."""
    recipe = reading.recipe or reading.partial
    if recipe is None:
        return []
    found = check(recipe, actions) if parts else check_scope(Scope(recipe, actions))
    return [one for one in found if reading.repaired is None or reading.repaired.trusts(one)]


def load(path_or_name: str | PurePath, actions: Actions | None = None) -> Recipe:
    """The recipe in a file, or the shipped recipe of that name.

    Parameters
    ----------
    path_or_name : str or Path
        Where it is, or what it is called.
    actions : mapping, optional
        Known actions: what `check` finds is an error too, and comes together with mistakes of grammar.

    Raises
    ------
    RecipeError
        With every problem, its parts' included.
    InputError
        If there is no such file or it is not text.
    """
    reading = loading.read(loading.find(str(path_or_name)))
    more = [] if actions is None else check_reading(reading, actions)
    if reading.recipe is None or more:
        raise recipe_error(tuple(sort_problems([*reading.problems, *more])), reading.texts)
    return reading.recipe


def check_scope(scope: Scope) -> list[Problem]:
    """Everything wrong with one recipe's names, inputs, types and order, its parts left out."""
    problems: list[Problem] = []
    for place, read in scope.reads:
        problems += _check_references(scope, place, read)
    for step in scope.recipe.steps:
        problems += _check_step(scope, step)
    problems += _check_cycles(scope)
    return problems


class Place(NamedTuple):
    """A value of the recipe that may hold expressions, and the names it may read.

    Attributes
    ----------
    path : tuple
        Where it is.
    value : Any
        As written.
    variables : tuple of str
        Variables that are known there.
    steps : bool
        Whether it may read outputs of steps.
    step : Step or None
        The step it belongs to.
    """

    path: Path
    value: Any
    variables: tuple[str, ...]
    steps: bool
    step: Step | None = None


class Scope:
    """A recipe with what its names mean."""

    def __init__(self, recipe: Recipe, actions: Actions) -> None:
        self.recipe = recipe
        self.actions = actions
        self._outputs: dict[str, Mapping[str, Any] | None] = {}

    @cached_property
    def _steps(self) -> dict[str, Step]:
        # Of two steps with one id the first.
        return {step.id: step for step in reversed(self.recipe.steps)}

    def step(self, name: str) -> Step | None:
        """The step of that id."""
        return self._steps.get(name)

    @cached_property
    def places(self) -> list[Place]:
        """All values that may hold expressions, in the order of evaluation."""
        known = tuple(self.recipe.variables)
        found = [
            Place(("variables", name), value, known[:index], steps=False)
            for index, (name, value) in enumerate(self.recipe.variables.items())
        ]
        for step in self.recipe.steps:
            data = self.recipe.document.data["steps"][step.index]
            found += [
                Place((*step.path, "with", name), value, known, steps=True, step=step)
                for name, value in step.with_.items()
            ]
            found += [
                Place((*step.path, key), data[key], known, steps=key == "when", step=step)
                for key in ("when", "timeout", "retry", "resources")
                if key in data
            ]
        found += [
            Place(("outputs", name), value, known, steps=True) for name, value in self.recipe.outputs.items()
        ]
        return found

    @cached_property
    def reads(self) -> list[tuple[Place, References | ExpressionError]]:
        """What the expressions of every place read, or what is wrong with one of them."""
        return [(place, _read(place.value)) for place in self.places]

    @cached_property
    def waits(self) -> dict[str, list[str]]:
        """For every step the steps it waits for; see `dependencies`."""
        order = {step.id: step.index for step in self.recipe.steps}
        found = {step.id: set(step.needs) for step in self.recipe.steps}
        for place, read in self.reads:
            if place.step is not None and place.steps and isinstance(read, References):
                found[place.step.id] |= read.steps
        return {
            name: sorted((one for one in waits if one in order), key=order.__getitem__)
            for name, waits in found.items()
        }

    @cached_property
    def conditional(self) -> frozenset[str]:
        """Steps that are skipped under some condition."""
        return frozenset(step.id for step in self.recipe.steps if step.when is not True)

    @cached_property
    def parameter_types(self) -> dict[str, Any]:
        """Types of the parameters; what a user need not give may be null."""
        found: dict[str, Any] = {}
        for name, parameter in self.recipe.parameters.items():
            kind = kinds.of_schema(parameter.schema)
            optional = not (parameter.required or parameter.has_default)
            found[name] = kinds.union([kind, kinds.NONE]) if optional else kind
        return found

    def outputs(self, step: Step) -> Mapping[str, Any] | None:
        """Types of a step's outputs; None where its action is unknown."""
        if step.id not in self._outputs:
            self._outputs[step.id] = self._find_outputs(step)
        return self._outputs[step.id]

    def _find_outputs(self, step: Step) -> Mapping[str, Any] | None:
        if step.part is not None:
            inner = Scope(step.part, self.actions)
            return {name: inner.safe_type(value) for name, value in step.part.outputs.items()}
        action: ActionLike | None = self.actions.get(step.uses)
        return None if action is None else action.outputs

    def safe_type(self, value: Any) -> Any:
        """The type of a value; Any where its expressions are wrong."""
        try:
            return kinds.of_value(value, self.type_of)
        except ExpressionError:
            return Any

    def type_of(self, chain: tuple[str, ...]) -> Any:
        """The type of a name with its fields; Any where that is not known."""
        head, *rest = chain
        try:
            if head == "steps":
                return self._output_type(rest)
            if head == "run":
                return RUN_FACTS[rest[0]] if len(rest) == 1 else Any
            kind = self.parameter_types[head] if head in self.parameter_types else self._variable(head)
            for name in rest:
                kind = kinds.field_type(kind, name)
        except KeyError:
            return Any
        return kind

    def _variable(self, name: str) -> Any:
        names = list(self.recipe.variables)
        if name not in names:
            return Any
        try:
            return kinds.of_value(self.recipe.variables[name], self._only_above(name))
        except ExpressionError:
            return Any

    def _only_above(self, name: str) -> kinds.TypeOf:
        """Names as a variable sees them: itself and later ones unknown, so that nothing goes in circles."""
        above = list(self.recipe.variables)[: list(self.recipe.variables).index(name)]
        hidden = set(self.recipe.variables) - set(above)
        return lambda chain: Any if chain[0] in hidden else self.type_of(chain)

    def _output_type(self, rest: list[str]) -> Any:
        step = self.step(rest[0]) if rest else None
        outputs = None if step is None else self.outputs(step)
        if outputs is None or len(rest) < 2:
            return Any
        kind = outputs[rest[1]]
        for name in rest[2:]:
            kind = kinds.field_type(kind, name)
        return kind


def _read(value: Any) -> References | ExpressionError:
    try:
        return references(value)
    except ExpressionError as exc:
        return exc


def _check_references(scope: Scope, place: Place, found: References | ExpressionError) -> Iterator[Problem]:
    document = scope.recipe.document
    if isinstance(found, ExpressionError):
        path = (*place.path, *found.path)
        yield document.problem(path, "IR020", found.message, hint=_braces_hint(found))
        return
    for reference in found.all:
        wrong = _wrong_reference(scope, place, reference)
        if wrong is not None:
            rule, message, hint = wrong
            mark = document.find((*place.path, *reference.path), reference.text)
            yield Problem.at(mark, rule, message, hint=hint)


def _braces_hint(exc: ExpressionError) -> str | None:
    if exc.text.count("{{") != exc.text.count("}}"):
        return "an expression is written between {{ and }}"
    return None


Wrong = tuple[str, str, str | None]


def _wrong_reference(scope: Scope, place: Place, reference: Reference) -> Wrong | None:
    head, *rest = reference.parts
    if head == "steps":
        return _wrong_output(scope, place, rest)
    if head == "run":
        return _wrong_run_fact(reference)
    if head in scope.recipe.parameters or head in place.variables:
        return _wrong_field(scope, reference)
    return _wrong_name(scope, place, head)


def _wrong_run_fact(reference: Reference) -> Wrong | None:
    rest = reference.parts[1:]
    if len(rest) == 1 and rest[0] in RUN_FACTS:
        return None
    return "IR021", f"there is no '{reference.text}'", did_you_mean(rest[0] if rest else "", list(RUN_FACTS))


def _wrong_name(scope: Scope, place: Place, name: str) -> Wrong:
    if name in scope.recipe.variables:
        return "IR022", f"the variable '{name}' is used before it is defined", "move it up"
    if scope.step(name) is not None:
        return "IR021", f"'{name}' is a step", f"read its outputs with steps.{name}.OUTPUT"
    known = [*scope.recipe.parameters, *place.variables]
    return "IR021", f"there is no parameter or variable '{name}'", did_you_mean(name, known)


def _wrong_field(scope: Scope, reference: Reference) -> Wrong | None:
    head, *rest = reference.parts
    kind = scope.type_of((head,))
    for index, name in enumerate(rest):
        try:
            kind = kinds.field_type(kind, name)
        except KeyError:
            return "IR021", f"{'.'.join(reference.parts[: index + 1])} has no field '{name}'", None
    return None


def _wrong_output(scope: Scope, place: Place, rest: list[str]) -> Wrong | None:
    if not place.steps:
        return (
            "IR022",
            f"no step has run when {place.path[-1]} is evaluated",
            "steps can be read in with, when, outputs",
        )
    if len(rest) < 2:
        return "IR021", "name a step and an output", "as in steps.dem.geotiff"
    step = scope.step(rest[0])
    if step is None:
        hint = did_you_mean(rest[0], [one.id for one in scope.recipe.steps])
        return "IR021", f"there is no step '{rest[0]}'", hint
    outputs = scope.outputs(step)
    if outputs is None:
        return None
    if rest[1] not in outputs:
        return "IR021", f"step '{step.id}' has no output '{rest[1]}'", did_you_mean(rest[1], list(outputs))
    return _wrong_output_field(outputs[rest[1]], rest)


def _wrong_output_field(kind: Any, rest: list[str]) -> Wrong | None:
    for index, name in enumerate(rest[2:], 2):
        try:
            kind = kinds.field_type(kind, name)
        except KeyError:
            return "IR021", f"steps.{'.'.join(rest[:index])} has no field '{name}'", None
    return None


def _check_step(scope: Scope, step: Step) -> Iterator[Problem]:
    document = scope.recipe.document
    ids = [one.id for one in scope.recipe.steps] if step.needs else []
    for index, name in enumerate(step.needs):
        if name not in ids:
            hint = did_you_mean(name, ids)
            yield document.problem(
                (*step.path, "needs", index), "IR021", f"there is no step '{name}'", hint=hint
            )
    if step.part is not None:
        yield from _check_part(scope, step, step.part)
        return
    if step.uses.endswith(SUFFIXES):
        # A part that could not be read: its own problems say why.
        return
    action: ActionLike | None = scope.actions.get(step.uses)
    if action is None:
        hint = did_you_mean(step.uses, list(scope.actions))
        yield document.problem((*step.path, "uses"), "IR030", f"there is no action '{step.uses}'", hint=hint)
        return
    required = [name for name, given in action.inputs.items() if given.default is inspect.Parameter.empty]
    yield from _check_inputs(scope, step, list(action.inputs), required)
    for name, value in step.with_.items():
        if name in action.inputs:
            yield from _check_input(scope, step, name, value, action.inputs[name].annotation)


def _check_inputs(scope: Scope, step: Step, known: list[str], required: list[str]) -> Iterator[Problem]:
    """Names in ``with:``: none unknown, none missing."""
    document = scope.recipe.document
    for name in step.with_:
        if name not in known:
            hint = did_you_mean(name, [one for one in known if one not in step.with_] or known)
            message = f"{step.uses} has no input '{name}'"
            yield document.problem((*step.path, "with", name), "IR030", message, key=True, hint=hint)
    missing = [name for name in required if name not in step.with_]
    if missing:
        names = ", ".join(f"'{name}'" for name in missing)
        path = (*step.path, "with") if "with" in document.data["steps"][step.index] else (*step.path, "uses")
        yield document.problem(path, "IR030", f"{step.uses} is missing {names}", key=path[-1] == "with")


def _check_part(scope: Scope, step: Step, part: Recipe) -> Iterator[Problem]:
    yield from _check_inputs(scope, step, list(part.parameters), list(part.required))
    document = scope.recipe.document
    for name, value in step.with_.items():
        parameter = part.parameters.get(name)
        if parameter is None:
            continue
        if _is_literal(value):
            for violation in normalise(value, parameter.schema)[1]:
                path = (*step.path, "with", name, *violation.path)
                yield document.problem(path, "IR023", f"{name} {violation.message}", hint=violation.hint)
        else:
            yield from _check_input(
                scope, step, name, value, Scope(part, scope.actions).parameter_types[name]
            )


def _is_literal(value: Any) -> bool:
    if isinstance(value, str):
        return not has_expression(value)
    below = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return all(_is_literal(item) for item in below)


def _check_input(scope: Scope, step: Step, name: str, value: Any, expected: Any) -> Iterator[Problem]:
    document = scope.recipe.document
    path = (*step.path, "with", name)
    if _is_literal(value):
        if not kinds.fits(value, expected):
            message = f"{name} must be {kinds.words(expected)}, instead got {show(value)}"
            yield document.problem(path, "IR023", message, hint=_choice_hint(value, expected))
        return
    if isinstance(value, Mapping):
        return
    actual = scope.safe_type(value)
    if kinds.accepts(expected, actual):
        return
    if step.when is not True or _reads_conditional(scope, value):
        # Whether a value is null is the condition's business.
        actual = kinds.without_none(actual)
    if not kinds.accepts(expected, actual):
        found = f"{_source(value)} is {kinds.words(actual)}"
        message = f"{name} must be {kinds.words(expected)}, but {found}"
        yield document.problem(path, "IR023", message)


def _choice_hint(value: Any, expected: Any) -> str | None:
    choices = [str(choice) for member in kinds.members(expected) for choice in get_args(member)]
    return (
        did_you_mean(value, choices)
        if isinstance(value, str) and choices and "type" not in choices[0]
        else None
    )


def _source(value: Any) -> str:
    return (
        str(value).strip().removeprefix("{{").removesuffix("}}").strip() if isinstance(value, str) else "it"
    )


def _reads_conditional(scope: Scope, value: Any) -> bool:
    try:
        read = references(value).steps
    except ExpressionError:
        return True
    return not read.isdisjoint(scope.conditional)


def dependencies(recipe: Recipe) -> dict[str, list[str]]:
    """For every step the steps it waits for, by reference or ``needs``, in the recipe's order."""
    return Scope(recipe, {}).waits


def _check_cycles(scope: Scope) -> Iterator[Problem]:
    order = {step.id: step.index for step in scope.recipe.steps}
    if all(order[one] < order[name] for name, waits in scope.waits.items() for one in waits):
        return  # as nearly all recipes are written
    from graphlib import CycleError, TopologicalSorter

    try:
        TopologicalSorter(scope.waits).prepare()
    except CycleError as exc:
        names = list(reversed(exc.args[1]))
        step = scope.step(names[0])
        if step is not None:
            what = "waits for itself" if len(names) == 2 else "waits for itself: " + " > ".join(names)
            yield Problem.at(step.mark, "IR022", f"step '{step.id}' {what}")
