"""Sample values in place of those that only a run knows, so that templates can be checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from isce2_recipe.expressions import (
    ExpressionError,
    evaluate,
    references,
)
from isce2_recipe.recipe import type_system
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.parameters import normalise
from isce2_recipe.recipe.scope import RUN_FACTS, Scope


class Samples(NamedTuple):
    """Values of the names of a recipe."""

    names: Mapping[str, Any]  # all names that expressions may read
    known: frozenset[str]  # names with real values: given values, defaults, and what is derived from them

    def fill_in(self, value: Any) -> tuple[dict[str, Any], frozenset[str]] | None:
        """Return a step's evaluated ``values:`` and which of them are real; None if that fails."""
        try:
            values = evaluate(value, self.names)
        except ExpressionError:
            return None
        if not isinstance(values, dict) or not isinstance(value, Mapping):
            return None
        return values, frozenset(name for name in values if is_known(value[name], self.known))

    def wants(self, step: Step) -> bool | None:
        """Return whether a step's condition is true; None if that is not known."""
        if not is_known(step.when, self.known):
            return None
        with suppress(ExpressionError):
            return bool(evaluate(step.when, self.names))
        return None

    def skips(self, step: Step) -> bool:
        """Return whether a step's condition is certainly false."""
        return self.wants(step) is False


def namespace(
    scope: Scope, parameters: Mapping[str, Any] | None = None, unknown: Collection[str] = ()
) -> Samples:
    """Return values for all names of a recipe.

    Parameters
    ----------
    scope : Scope
        The recipe and the meaning of its names.
    parameters : mapping, optional
        Values of parameters; others have their defaults, or samples.
    unknown : collection of str
        Parameters whose values only a run knows.
    """
    recipe = scope.recipe
    names: dict[str, Any] = {"run": {**dict.fromkeys(RUN_FACTS, "simulated"), "truth": True, "record": {}}}
    known: set[str] = set()
    for name, parameter in recipe.parameters.items():
        given = parameters is not None and name in parameters
        names[name] = parameters[name] if parameters and given else _parameter(parameter.schema)
        # A default of null has a sample in its place, so that what a value changes is checked too.
        if given or (parameter.schema.get("default") is not None and name not in unknown):
            known.add(name)
    names["steps"] = {step.id: _outputs(scope.outputs(step)) for step in recipe.steps}
    for name, value in recipe.variables.items():
        try:
            names[name] = evaluate(value, names)
        except ExpressionError:
            names[name] = "sample"
            continue
        if is_known(value, known):
            known.add(name)
    return Samples(names, frozenset(known))


def inside(scope: Scope, step: Step, part: Recipe, samples: Samples) -> tuple[Scope, Samples]:
    """Return a part's scope, and values for its names as far as the step that uses it sets them."""
    given: dict[str, Any] = {}
    for name, value in step.with_.items():
        if name in part.parameters and is_known(value, samples.known):
            with suppress(ExpressionError):
                given[name] = normalise(evaluate(value, samples.names), part.parameters[name].schema)[0]
    inner = scope.part(part)
    return inner, namespace(inner, given, unknown=step.with_.keys())


def is_known(value: Any, known: Set[str]) -> bool:
    """Return whether a value is made from real values only."""
    try:
        read = references(value)
    except ExpressionError:
        return False
    return read.names <= known and not read.outputs and not read.run


def _parameter(schema: Mapping[str, Any]) -> Any:
    for value in (schema.get("default"), *schema.get("examples", ())):
        if value is not None:
            return normalise(value, schema)[0]
    return sample(type_system.of_schema(schema))


def _outputs(outputs: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: sample(kind) for name, kind in (outputs or {}).items()}


@lru_cache(maxsize=512)
def sample(kind: Any) -> Any:
    """Return a sample value of a type. It is shared, so it must not be changed."""
    only = next(
        (member for member in type_system.members(kind) if member is not type_system.NONE), type_system.NONE
    )
    if get_origin(only) is Literal:
        return get_args(only)[0]
    if get_origin(only) in (list, tuple):
        return [sample(get_args(only)[0])]
    if is_dataclass(only) and isinstance(only, type):
        hints = get_type_hints(only)
        return {field.name: sample(hints[field.name]) for field in fields(only)}
    plain: dict[Any, Any] = {
        str: "sample",
        int: 1,
        float: 0.5,
        bool: True,
        Path: Path("/sample"),
        type_system.NONE: None,
    }
    return plain.get(only, {} if get_origin(only) is dict else "sample")
