"""Inputs of steps as far as they are known before the steps that they depend on have run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isce2_recipe.errors import RecipeToolError
from isce2_recipe.expressions import ExpressionError, plain_chain
from isce2_recipe.plan.graph import Node, Scope
from isce2_recipe.plan.names import Names, Outputs


def partial_inputs(names: Names, node: Node, known: Outputs) -> dict[str, Any]:
    """Return a step's inputs; one that cannot be evaluated yet is the text of its expression."""
    return {key: _evaluate(names, value, node.scope, known) for key, value in node.step.with_.items()}


def _evaluate(names: Names, value: Any, scope: Scope, known: Outputs) -> Any:
    """Return a value in which those expressions are evaluated that can be."""
    if isinstance(value, Mapping):
        return {key: _evaluate(names, item, scope, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_evaluate(names, item, scope, known) for item in value]
    try:
        return names.evaluate(value, scope, known)
    except (KeyError, ExpressionError, RecipeToolError):
        return _from_outside(names, value, scope, known)


def _from_outside(names: Names, value: str, scope: Scope, known: Outputs) -> Any:
    """Return a part's parameter as the recipe around the part sets it; any other text as it is."""
    chain = plain_chain(value)
    if chain is None or scope.outer is None or scope.via is None or chain[0] not in scope.via.with_:
        return value
    return _evaluate(names, scope.via.with_[chain[0]], scope.outer, known) if len(chain) == 1 else value
