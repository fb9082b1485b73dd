"""The meaning of a recipe's names: what reads what, which step waits for which, and the types of all."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from isce2_recipe.expressions import ExpressionError, References, plain_chain, references
from isce2_recipe.problems import DataPath, Problem
from isce2_recipe.recipe import type_system
from isce2_recipe.recipe.inference import Typed, typed
from isce2_recipe.recipe.model import Recipe, Step

RUN_FACTS: dict[str, Any] = {"source": str, "truth": bool, "engine": str, "record": dict[str, Any]}
"""The facts that expressions read with ``run.``, and their types."""

REFUSED = "IR039"
"""The rule of inputs that an action refuses; a plan and a run report them by themselves."""


class ActionLike(Protocol):
    """The facts of an action that the checker needs; see `isce2_recipe.actions.base.Action`."""

    @property
    def inputs(self) -> dict[str, inspect.Parameter]:
        """Return inputs by name."""

    @property
    def outputs(self) -> dict[str, Any]:
        """Return types of outputs by name."""

    @property
    def check(self) -> Callable[[Mapping[str, Any]], object] | None:
        """Return the function that raises an error for wrong inputs, if there is one."""


Actions = Mapping[str, Any]
"""Actions by name, each an ActionLike."""


class Place(NamedTuple):
    """A value of the recipe that may hold expressions, and the names it may read."""

    path: DataPath  # its place in the document
    value: Any
    variables: tuple[str, ...]  # variables that are known there
    steps: bool  # whether it may read outputs of steps
    step: Step | None = None  # the step it belongs to


class Scope:
    """A recipe and the meaning of its names."""

    def __init__(self, recipe: Recipe, actions: Actions) -> None:
        self.recipe = recipe
        self.actions = actions
        self._outputs: dict[str, Mapping[str, Any] | None] = {}
        self._actions: dict[int, ActionLike | list[Any] | None] = {}
        self._parts: dict[int, Scope] = {}
        self._typed: dict[DataPath, Typed] = {}
        self._variables: dict[str, Any] = {}

    @cached_property
    def _steps(self) -> dict[str, Step]:
        # The first of two steps with one id counts.
        return {step.id: step for step in reversed(self.recipe.steps)}

    def step(self, name: str) -> Step | None:
        """Return the step of that id."""
        return self._steps.get(name)

    def part(self, recipe: Recipe) -> Scope:
        """Return the scope of a part that one of the steps uses."""
        # By identity, because comparing recipes compares all their contents.
        if id(recipe) not in self._parts:
            self._parts[id(recipe)] = Scope(recipe, self.actions)
        return self._parts[id(recipe)]

    @cached_property
    def places(self) -> list[Place]:
        """Return all values that may contain expressions, in the order of evaluation."""
        known = tuple(self.recipe.variables)
        found = [
            Place(("variables", name), value, known[:index], steps=False)
            for index, (name, value) in enumerate(self.recipe.variables.items())
        ]
        for step in self.recipe.steps:
            data = self.recipe.document.data["steps"][step.index]
            inside = known
            if step.for_each is not None:
                found.append(Place((*step.path, "for_each"), step.for_each, known, steps=True, step=step))
                inside = (*known, step.item)
            found += [
                Place((*step.path, "with", name), value, inside, steps=True, step=step)
                for name, value in step.with_.items()
            ]
            found += [
                Place((*step.path, key), data[key], inside, steps=key == "when", step=step)
                for key in ("key", "when", "timeout", "retry", "resources")
                if key in data
            ]
            if "min_done" in data:
                found.append(Place((*step.path, "min_done"), data["min_done"], known, steps=False, step=step))
        found += [
            Place(("outputs", name), value, known, steps=True) for name, value in self.recipe.outputs.items()
        ]
        return found

    @cached_property
    def reads(self) -> list[tuple[Place, References | ExpressionError]]:
        """Return what the expressions of every place read, or what is wrong with one of them."""
        return [(place, _read(place.value)) for place in self.places]

    @cached_property
    def reads_at(self) -> Mapping[DataPath, References | ExpressionError]:
        """Return what the expressions of each place read, by its path."""
        return {place.path: read for place, read in self.reads}

    @cached_property
    def waits(self) -> dict[str, list[str]]:
        """Return for every step the steps that it waits for; see `dependencies`."""
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
        """Return the steps that have a condition."""
        return frozenset(step.id for step in self.recipe.steps if step.when is not True)

    @cached_property
    def parameter_types(self) -> dict[str, Any]:
        """Return the types of the parameters; optional ones may be null."""
        found: dict[str, Any] = {}
        for name, parameter in self.recipe.parameters.items():
            kind = type_system.of_schema(parameter.schema)
            optional = not (parameter.required or parameter.has_default)
            found[name] = type_system.union([kind, type_system.NONE]) if optional else kind
        return found

    def outputs(self, step: Step) -> Mapping[str, Any] | None:
        """Return the types of a step's outputs; None if its action is unknown."""
        if step.id not in self._outputs:
            self._outputs[step.id] = self._find_outputs(step)
        return self._outputs[step.id]

    def _find_outputs(self, step: Step) -> Mapping[str, Any] | None:
        once = self._outputs_of_one(step)
        if step.for_each is None or once is None:
            return once
        both = {**once, "item": self.item_type(step), "key": str}
        return {name: type_system.list_of([kind]) for name, kind in both.items()}

    def item_type(self, step: Step) -> Any:
        """Return the type of the items for which a step is repeated."""
        return type_system.item_of(self.typed((*step.path, "for_each"), step.for_each).type)

    def item_field(self, step: Step, names: tuple[str, ...]) -> Any:
        """Return the type of a field of the items for which a step is repeated; Any if it is not known."""
        chain = plain_chain(step.for_each) if isinstance(step.for_each, str) else None
        parameter = self.recipe.parameters.get(chain[0]) if chain is not None and len(chain) == 1 else None
        if parameter is None:
            return type_system.chain_type(self.item_type(step), names)
        schema = parameter.schema.get("items", {})
        for name in names:
            schema = schema.get("properties", {}).get(name, {})
        return type_system.of_schema(schema)

    def _outputs_of_one(self, step: Step) -> Mapping[str, Any] | None:
        if step.part is not None:
            inner = self.part(step.part)
            return {
                name: inner.typed(("outputs", name), value).type for name, value in step.part.outputs.items()
            }
        action = self.action(step)
        return None if action is None else action.outputs

    def action(self, step: Step) -> ActionLike | None:
        """Return the action of a step, with the step's own types; None if it or these are unknown."""
        found = self._action(step)
        return None if isinstance(found, list) else found

    def wrong(self, step: Step) -> Iterator[Problem]:
        """Yield what its action finds wrong with a step."""
        found = self._action(step)
        yield from wrong_inputs(self.recipe, step, found if isinstance(found, list) else ())

    def _action(self, step: Step) -> ActionLike | list[Any] | None:
        if step.index not in self._actions:
            general = None if step.part is not None else self.actions.get(step.uses)
            folder = self.recipe.path.absolute().parent
            self._actions[step.index] = None if general is None else general.of_step(step.with_, folder)
        return self._actions[step.index]

    def typed(self, path: DataPath, value: Any) -> Typed:
        """Return the type of the value at a path, and the operands in it that cannot be right."""
        if path not in self._typed:
            self._typed[path] = Typed(Any)  # for values that depend on themselves
            self._typed[path] = typed(value, self._types_at(path))
        return self._typed[path]

    def _types_at(self, path: DataPath) -> type_system.TypeOf:
        """Return the types of the names that the value at a path sees: in a loop there is also the item."""
        step = self.recipe.steps[int(path[1])] if path[0] == "steps" and path[2] != "for_each" else None
        if step is None or step.for_each is None:
            return self.type_of
        return lambda chain: (
            self.item_field(step, chain[1:]) if chain[0] == step.item else self.type_of(chain)
        )

    def type_of(self, chain: tuple[str, ...]) -> Any:
        """Return the type of a name with its fields; Any if it is not known."""
        head, *rest = chain
        try:
            if head == "steps":
                return self._output_type(rest)
            if head == "run":
                return RUN_FACTS[rest[0]] if len(rest) == 1 else Any
            kind = self.parameter_types[head] if head in self.parameter_types else self._variable(head)
            for name in rest:
                kind = type_system.field_type(kind, name)
        except KeyError:
            return Any
        return kind

    def _variable(self, name: str) -> Any:
        names = list(self.recipe.variables)
        if name not in names:
            return Any
        if name not in self._variables:
            self._variables[name] = typed(self.recipe.variables[name], self._only_above(name)).type
        return self._variables[name]

    def _only_above(self, name: str) -> type_system.TypeOf:
        """Return the types that a variable sees: it and later ones are unknown, which ends circles."""
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
            kind = type_system.field_type(kind, name)
        return kind


def _read(value: Any) -> References | ExpressionError:
    try:
        return references(value)
    except ExpressionError as exc:
        return exc


def dependencies(recipe: Recipe) -> dict[str, list[str]]:
    """Return for every step the steps that it waits for, by reference or ``needs``, in the recipe's order."""
    return Scope(recipe, {}).waits


def wrong_inputs(recipe: Recipe, step: Step, found: Iterable[Any]) -> Iterator[Problem]:
    """Yield what an action finds wrong with a step, each with ``path``, ``message`` and ``advice``."""
    for path, message, advice in found:
        place = (*step.path, "with", *path)
        yield recipe.document.problem(place, REFUSED, message, advice=advice)
