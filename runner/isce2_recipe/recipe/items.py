"""The items of loops and the keys that name their instances, where they are known before a run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from isce2_recipe.expressions import ExpressionError, evaluate
from isce2_recipe.problems import Problem
from isce2_recipe.recipe import type_system
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.samples import Samples, is_known
from isce2_recipe.recipe.scope import ActionLike, Scope
from isce2_recipe.recipe.violations import show

_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+=@-]*", re.ASCII)
_LONGEST_KEY = 64  # characters; a key is the name of a folder
_HASH = 8  # characters of a fingerprint in a key
_DAY = re.compile(r"(?<!\d)((?:19|20)\d{6})(?=T\d{6}|\D|$)")
_NAMES = ("name", "id", "key")
"""Fields of an item that name it, the first one that it has."""

_MOST_CHECKED = 1000
"""Items that are checked before a run; a step with another wrong item fails when it is due."""


def name_of(item: Any) -> str:
    """Return the name of an item; a short hash if it has none."""
    return _name(item) or fingerprint(item)


def _name(item: Any) -> str:
    if isinstance(item, Path):
        return item.name
    if isinstance(item, str | int | float):
        return str(item).lower() if isinstance(item, bool) else str(item)
    if isinstance(item, Mapping):
        return next((_name(item[name]) for name in _NAMES if isinstance(item.get(name), str | int)), "")
    plain = isinstance(item, list | tuple) and all(isinstance(one, str | int | float) for one in item)
    joined = "_".join(map(_name, item)) if plain else ""
    return joined if len(joined) <= _LONGEST_KEY else ""


def fingerprint(value: Any) -> str:
    """Return a short hash of a value, as a part of a name."""
    text = json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_HASH // 2).hexdigest()


def days_in(text: str) -> list[str]:
    """Return the first and the last of the days ``YYYYMMDD`` in a text; none if it has no day."""
    days = sorted(set(_DAY.findall(text)))
    return days[:: max(1, len(days) - 1)]


def safe_key(text: str) -> str:
    """Return a text as part of an id and as the name of a folder.

    Characters that are unusual there are replaced, and a hash keeps such a key different from others.
    """
    if len(text) <= _LONGEST_KEY and _SAFE.fullmatch(text):
        return text
    plain = re.sub(r"[^A-Za-z0-9._+=@-]+", "_", text, flags=re.ASCII)[: _LONGEST_KEY - _HASH - 1].strip("._-")
    return f"{plain}-{fingerprint(text)}" if plain else fingerprint(text)


def not_a_list(recipe: Recipe, step: Step, items: Any) -> Problem | None:
    """Return the problem of a value that is no list of items."""
    if isinstance(items, list | tuple):
        return None
    same = f"give step '{step.id}' the condition of the step that it reads"
    return recipe.document.problem(
        (*step.path, "for_each"), "IR023", "for_each", advice=same if items is None else None,
        expected="a list", found=show(items),
    )  # fmt: skip


def not_a_key(recipe: Recipe, step: Step, key: Any) -> Problem | None:
    """Return the problem of a value that cannot name an instance."""
    if isinstance(key, str | int | float | Path) and str(key):
        return None
    path = (*step.path, "key")
    return recipe.document.problem(path, "IR023", "key", expected="a text that is not empty", found=show(key))


def same_key(recipe: Recipe, step: Step, key: str, first: int, second: int) -> Problem:
    """Return the problem of two items with one key."""
    path = (*step.path, "for_each" if step.key is None else "key")
    if isinstance(step.for_each, list):
        path = (*step.path, "for_each", second)
    what = f"the items {first + 1} and {second + 1} of step '{step.id}' have the same key '{key}'"
    advice = "give the items different keys with key, or remove one"
    return recipe.document.problem(path, "IR070", what, advice=advice)


def check_items(scope: Scope, samples: Samples) -> Iterator[Problem]:
    """Yield what is wrong with the items of loops that are known, and with what steps make of them."""
    for step in scope.recipe.steps:
        if step.for_each is None or samples.skips(step) or not is_known(step.for_each, samples.known):
            continue
        try:
            items = evaluate(step.for_each, samples.names)
        except ExpressionError:
            continue  # `check_known` reports it.
        problem = not_a_list(scope.recipe, step, items)
        yield from [problem] if problem is not None else _check_items(scope, step, items, samples)


def _check_items(scope: Scope, step: Step, items: list[Any], samples: Samples) -> Iterator[Problem]:
    known = samples.known | {step.item}
    places = [one for one in scope.places if one.step is step and one.path[2] not in ("for_each", "min_done")]
    places = [one for one in places if is_known(one.value, known)]
    seen: dict[str, int] = {}
    for number, item in enumerate(islice(items, _MOST_CHECKED)):
        names = {**samples.names, step.item: item}
        for place in places:
            try:
                value = evaluate(place.value, names)
            except ExpressionError as exc:
                what = f"{exc.message}, for item {number + 1}, {show(item)}"
                yield scope.recipe.document.problem((*place.path, *exc.path), "IR020", what)
                return
            problem = _wrong_value(scope, step, place.path, value)
            if problem is not None:
                yield problem._replace(found=f"{problem.found} for item {number + 1}")
                return
        if step.key is None or is_known(step.key, known):
            key = safe_key(name_of(item) if step.key is None else str(evaluate(step.key, names)))
            if seen.setdefault(key, number) != number:
                yield same_key(scope.recipe, step, key, seen[key], number)
                return


def _wrong_value(scope: Scope, step: Step, path: tuple[str | int, ...], value: Any) -> Problem | None:
    """Return the problem of a value, made from an item, that has another type than is expected."""
    if path[2] == "key":
        return not_a_key(scope.recipe, step, value)
    action: ActionLike | None = scope.actions.get(step.uses)
    if path[2] != "with" or action is None or path[3] not in action.inputs or value is None:
        return None
    wanted = action.inputs[str(path[3])].annotation
    if type_system.fits(value, wanted):
        return None
    expected = type_system.words(wanted)
    return scope.recipe.document.problem(path, "IR023", str(path[3]), expected=expected, found=show(value))
