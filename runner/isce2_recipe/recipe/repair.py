"""Removal of mistakes from a recipe's grammar, so that its other mistakes can be found as well."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any, NamedTuple

from isce2_recipe.problems import DataPath, Problem
from isce2_recipe.recipe.document import Document
from isce2_recipe.recipe.violations import Violation

UNKNOWN_ACTION = "unknown.unknown"


class Repaired(NamedTuple):
    """A document without its mistakes of grammar."""

    document: Document  # follows the grammar; its marks are those of the original
    names: frozenset[str]  # names that were removed: what refers to them is not wrong
    steps: frozenset[int]  # steps that lost something, in which missing inputs are not reported

    def trusts(self, problem: Problem) -> bool:
        """Return whether a problem of the repaired recipe is also one of the original."""
        if not self.names.isdisjoint(problem.names) or UNKNOWN_ACTION in problem.names:
            return False
        places = [("steps", index, key) for index in self.steps for key in ("uses", "with")]
        lines = {self.document.mark(path).line for path in places}
        lines |= {self.document.key_mark(path).line for path in places}
        return not (problem.lacks and problem.line in lines)


def repair(document: Document, violations: Iterable[Violation]) -> Repaired | None:
    """Return the document without what breaks the grammar; None if it is not a mapping."""
    if not isinstance(document.data, dict):
        return None
    data = deepcopy(document.data)
    names: set[str] = set()
    steps: set[int] = set()
    for violation in sorted(violations, key=lambda one: _depth(one.path), reverse=True):
        names |= _cut(data, violation)
        if violation.path[:1] == ("steps",) and len(violation.path) > 1:
            steps.add(int(violation.path[1]))
    _fill(data)
    return Repaired(document.with_data(data), frozenset(names), frozenset(steps))


def _depth(path: DataPath) -> tuple[int, tuple[str, ...]]:
    """Return a key that sorts deeper places last, and those of a list by their index."""
    return len(path), tuple(f"{part:06d}" if isinstance(part, int) else part for part in path)


def _cut(data: dict[str, Any], violation: Violation) -> set[str]:
    """Remove what is wrong, and return the names that were removed with it."""
    path = violation.path
    if violation.keyword == "required" or not path:
        return set()
    if path[0] == "parameters" and len(path) > 1 and not violation.key:
        # A parameter keeps its name: others may refer to it.
        data["parameters"][path[1]] = {}
        return set()
    parent = _parent(data, path)
    if isinstance(parent, list):
        parent[int(path[-1])] = None
    elif isinstance(parent, dict):
        taken = parent.pop(str(path[-1]), None)
        return {str(path[-1]), *([taken] if isinstance(taken, str) else [])}
    return set()


def _parent(data: Any, path: DataPath) -> Any:
    """Return the parent of the value at ``path``; None if it was removed before."""
    for part in path[:-1]:
        try:
            data = data[part]
        except (LookupError, TypeError):
            return None
    return data


def _fill(data: dict[str, Any]) -> None:
    """Add the keys that the grammar requires, without moving any step in the list."""
    data["recipe"] = 1
    data.setdefault("name", "unnamed")
    data.pop("kind", None)
    for key in ("documentation", "parameters", "variables", "outputs", "required"):
        if data.get(key) is None:
            data.pop(key, None)
    data["required"] = [name for name in data.get("required", ()) if name is not None]
    data["steps"] = [_filled(step, index) for index, step in enumerate(data.get("steps") or ())]


def _filled(step: Any, index: int) -> dict[str, Any]:
    filled = dict(step) if isinstance(step, dict) else {}
    filled.setdefault("id", f"step_{index}")
    filled.setdefault("uses", UNKNOWN_ACTION)
    if "count" not in filled.get("retry", {"count": 0}):
        del filled["retry"]
    if "needs" in filled:
        filled["needs"] = [name for name in filled["needs"] if name is not None]
    return filled
