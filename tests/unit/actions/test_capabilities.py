"""Actions declare the capabilities of the source that they call."""

from __future__ import annotations

import ast
import inspect
import textwrap

import pytest

from isce2_recipe.actions.base import Action
from isce2_recipe.actions.registry import load_registry
from isce2_recipe.sources import sources_with
from isce2_recipe.sources.base import CAPABILITIES

METHODS = {
    method: name for name, kind in CAPABILITIES.items() for method in vars(kind) if not method.startswith("_")
}
OPTIONAL = {"calibration", "preflight"}
"""Capabilities that actions can do without; they ask the source first."""

ACTIONS = list(load_registry().values())


def called(action: Action) -> set[str]:
    """Capabilities whose methods the action, or a function of its module that it calls, uses."""
    module = inspect.getmodule(action.function)
    functions = {name: value for name, value in vars(module).items() if inspect.isfunction(value)}
    found, left = set(), [action.function]
    while left:
        tree = ast.parse(textwrap.dedent(inspect.getsource(left.pop())))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("ctx.source", "source"):
                found |= {METHODS[node.attr]} if node.attr in METHODS else set()
            elif isinstance(node, ast.Name) and node.id in functions:
                left.append(functions.pop(node.id))
    return found


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_what_is_called_is_declared(action) -> None:
    assert called(action) - OPTIONAL == set(action.capabilities)
    assert action.capabilities <= CAPABILITIES.keys()
    assert "source" in action.uses or not action.capabilities


def test_only_the_simulator_knows_the_truth() -> None:
    assert sources_with(["truth"]) == ["simulated"]
    assert sources_with(["bursts", "terrain", "water_mask", "orbits"]) == ["asf", "directory", "simulated"]
