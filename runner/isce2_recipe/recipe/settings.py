"""Checks of timeouts, retries and resources of steps with their expressions evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isce2_recipe.expressions import ExpressionError, evaluate, has_expression
from isce2_recipe.problems import Problem
from isce2_recipe.recipe.document import label
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.samples import Samples, is_known
from isce2_recipe.recipe.schema import GRAMMAR, load_schema, resolve
from isce2_recipe.recipe.scope import Scope
from isce2_recipe.recipe.validating import validate

_KEYS = ("timeout", "retry", "resources", "min_done")


def _written(recipe: Recipe, step: Step) -> Iterator[tuple[str, Any]]:
    """Yield a step's settings that contain expressions; the grammar has checked all others."""
    data = recipe.document.data["steps"][step.index]
    return ((key, data[key]) for key in _KEYS if key in data and _has_expression(data[key]))


def _has_expression(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_expression, value.values()))
    return isinstance(value, str) and has_expression(value)


def check_settings(scope: Scope, samples: Samples) -> Iterator[Problem]:
    """Yield what the grammar would refuse of the values of a recipe's settings.

    Parameters
    ----------
    scope : Scope
        The recipe and the meaning of its names.
    samples : Samples
        Values of its names. What is made from samples is not checked.
    """
    for step in scope.recipe.steps:
        if samples.skips(step):
            continue
        for key, value in _written(scope.recipe, step):
            if is_known(value, samples.known):
                yield from _check_one(scope, step, key, value, samples)


def _check_one(scope: Scope, step: Step, key: str, value: Any, samples: Samples) -> Iterator[Problem]:
    document = scope.recipe.document
    schema = _without_expressions(load_schema(GRAMMAR)["$defs"]["step"]["properties"][key])
    try:
        found = evaluate(value, samples.names)
    except ExpressionError:  # `check_known` reports it
        return
    if found is None:  # A null timeout is no timeout.
        return
    for violation in validate(found, schema, GRAMMAR):
        path = (*step.path, key, *violation.path)
        yield violation.problem(document.mark(path), "IR023", label(path[2:]))


_EXPRESSION = "{{ expression }}"


def _without_expressions(schema: Any) -> Any:
    """Return a schema of the grammar for evaluated values: without the alternatives that are expressions."""
    if isinstance(schema, list):
        return [_without_expressions(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    full = resolve(schema, GRAMMAR)[0]
    kept = {key: _without_expressions(value) for key, value in full.items() if key != "anyOf"}
    if "anyOf" in full:
        below = [_without_expressions(one) for one in full["anyOf"]]
        kept["anyOf"] = [one for one in below if one.get("title") != _EXPRESSION]
    return kept
