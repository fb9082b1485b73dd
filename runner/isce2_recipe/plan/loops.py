"""The one place in which loops are expanded into their instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from isce2_recipe.expressions import references
from isce2_recipe.journal.values import decode
from isce2_recipe.plan.bindings import Bindings, Outputs, placed
from isce2_recipe.plan.graph import Graph
from isce2_recipe.plan.nodes import Instance, Node
from isce2_recipe.problems import Problem
from isce2_recipe.recipe.items import name_of, not_a_key, not_a_list, safe_key, same_key
from isce2_recipe.recipe.loading import recipe_error
from isce2_recipe.recipe.model import Recipe


def expand(graph: Graph, node: Node, bindings: Bindings, done: Outputs) -> list[Node]:
    """Expand a loop whose list is known, and return the new steps.

    Raise KeyError if the list depends on a step that is not done, and RecipeError if it is no list, or two of
    its items have the same key.
    """
    return graph.expand(node.id, list(_instances(node, bindings, done)))


def expand_known(graph: Graph, bindings: Bindings, done: Outputs) -> None:
    """Expand all loops whose lists depend on no step, and the loops in their instances."""
    todo = [node for node in graph.nodes.values() if node.is_loop]
    while todo:
        node = todo.pop()
        if references(node.step.for_each).run:  # opening the source or the engine is left to plan and run
            continue
        try:
            if bindings.wanted(node, done):
                todo += [one for one in expand(graph, node, bindings, done) if one.is_loop]
        except KeyError:
            continue


def expand_recorded(graph: Graph, records: Mapping[str, Mapping[str, Any]], workdir: Path) -> None:
    """Expand the loops that the journal of a run knows, the outer ones first."""
    for loop, record in sorted(records.items(), key=lambda one: one[0].count("[")):
        node = graph.nodes.get(loop)
        if node is not None and node.is_loop and loop not in graph.instances:
            items = zip(record["keys"], decode(record["items"], workdir), strict=True)
            graph.expand(loop, [Instance(loop, node.step.item, key, value) for key, value in items])


def _instances(node: Node, bindings: Bindings, done: Outputs) -> Iterator[Instance]:
    step, recipe = node.step, node.scope.recipe
    with placed(recipe, (*step.path, "for_each")):
        items = bindings.evaluate(step.for_each, node.scope, done)
    _refuse(recipe, not_a_list(recipe, step, items))
    seen: dict[str, int] = {}
    for number, item in enumerate(items):
        key = name_of(item)
        if step.key is not None:
            scope = node.scope.with_item(Instance(node.id, step.item, "", item))
            with placed(recipe, (*step.path, "key")):
                key = bindings.evaluate(step.key, scope, done)
            _refuse(recipe, not_a_key(recipe, step, key))
        safe = safe_key(str(key))
        if seen.setdefault(safe, number) != number:
            _refuse(recipe, same_key(recipe, step, safe, seen[safe], number))
        yield Instance(node.id, step.item, safe, item)


def _refuse(recipe: Recipe, problem: Problem | None) -> None:
    if problem is not None:
        raise recipe_error((problem,), recipe.texts())
