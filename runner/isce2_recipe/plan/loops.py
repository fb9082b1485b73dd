"""The items of loops: the one place in which a loop is expanded into its instances."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from isce2_recipe.errors import RecipeToolError
from isce2_recipe.expressions import references
from isce2_recipe.journal.values import decode
from isce2_recipe.plan.bindings import Bindings, Outputs, placed
from isce2_recipe.plan.graph import Graph
from isce2_recipe.plan.nodes import Instance, Node
from isce2_recipe.problems import DataPath
from isce2_recipe.recipe.loading import recipe_error
from isce2_recipe.recipe.violations import show

_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+=@-]*", re.ASCII)
_LONGEST_KEY = 64  # characters; a key is the name of a folder
_HASH = 8  # characters of a fingerprint in a key
_NAMES = ("name", "id", "key")
"""Fields of an item that name it, the first one that it has."""


def expand(graph: Graph, node: Node, bindings: Bindings, done: Outputs) -> list[Node]:
    """Expand a loop whose list is known, and return the new steps.

    Raises
    ------
    KeyError
        If the list depends on a step that is not done.
    RecipeError
        If it is no list, or two of its items have the same key.
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
    path = (*step.path, "for_each")
    with placed(recipe, path):
        items = bindings.evaluate(step.for_each, node.scope, done)
    if not isinstance(items, list | tuple):
        advice = (
            None if items is not None else f"give step '{step.id}' the same condition as the step it reads"
        )
        raise _error(node, path, "for_each", advice=advice, expected="a list", found=show(items))
    seen: dict[str, int] = {}
    for number, item in enumerate(items):
        key = _key(node, item, bindings, done)
        if seen.setdefault(key, number) != number:
            written = isinstance(step.for_each, list)
            place = (
                (*path, number) if written else (*step.path, "key" if step.key is not None else "for_each")
            )
            what = f"items {seen[key] + 1} and {number + 1} of step '{step.id}' have the same key '{key}'"
            raise _error(node, place, what, advice="give each item a key of its own with key, or remove one")
        yield Instance(node.id, step.item, key, item)


def _key(node: Node, item: Any, bindings: Bindings, done: Outputs) -> str:
    """Return the key of an item: what the recipe says, or else its name or a short hash."""
    step = node.step
    if step.key is None:
        return safe_key(_name(item) or _fingerprint(item))
    path = (*step.path, "key")
    scope = node.scope.with_item(Instance(node.id, step.item, "", item))
    with placed(scope.recipe, path):
        found = bindings.evaluate(step.key, scope, done)
    if not isinstance(found, str | int | float | Path) or not str(found):
        raise _error(node, path, "key", expected="a text that is not empty", found=show(found))
    return safe_key(str(found))


def _error(node: Node, path: DataPath, what: str, **fields: Any) -> RecipeToolError:
    recipe = node.scope.recipe
    rule = "IR023" if "expected" in fields else "IR056"
    return recipe_error((recipe.document.problem(path, rule, what, **fields),), recipe.texts())


def _name(item: Any) -> str:
    """Return the name of an item; empty if it has none."""
    if isinstance(item, Path):
        return item.name
    if isinstance(item, str | int | float):
        return str(item).lower() if isinstance(item, bool) else str(item)
    if isinstance(item, Mapping):
        return next((_name(item[name]) for name in _NAMES if isinstance(item.get(name), str | int)), "")
    plain = isinstance(item, list | tuple) and all(isinstance(one, str | int | float) for one in item)
    joined = "_".join(map(_name, item)) if plain else ""
    return joined if len(joined) <= _LONGEST_KEY else ""


def _fingerprint(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=_HASH // 2).hexdigest()


def safe_key(text: str) -> str:
    """Return a text as part of an id and as the name of a folder.

    Characters that are unusual there are replaced, and a hash keeps such a key different from others.
    """
    if len(text) <= _LONGEST_KEY and _SAFE.fullmatch(text):
        return text
    plain = re.sub(r"[^A-Za-z0-9._+=@-]+", "_", text, flags=re.ASCII)[: _LONGEST_KEY - _HASH - 1].strip("._-")
    return f"{plain}-{_fingerprint(text)}" if plain else _fingerprint(text)
