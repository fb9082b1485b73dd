"""Where the values of secret parameters go in a recipe and its parts."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from isce2_recipe.expressions import ExpressionError, references
from isce2_recipe.problems import DataPath, Problem
from isce2_recipe.recipe.model import Recipe, Step

_WRITTEN = frozenset(("values", "to", "template", "key", "argv", "version", "stdout"))
"""Inputs of steps that are written to disk, become names of files, or are seen by all users as arguments."""


def secret_names(recipe: Recipe, given: Set[str] = frozenset()) -> frozenset[str]:
    """Return the names with secret values: secret parameters, those given, and variables made from them."""
    found = {name for name, parameter in recipe.parameters.items() if parameter.secret} | given
    for name, value in recipe.variables.items() if found else ():
        if reads(value, found):
            found.add(name)
    return frozenset(found)


def given_to(step: Step, secret: Set[str]) -> frozenset[str]:
    """Return the inputs of a step, or parameters of its part, that are made from secret names."""
    return frozenset(name for name, value in step.with_.items() if reads(value, secret))


def with_item(step: Step, secret: frozenset[str]) -> frozenset[str]:
    """Return the secret names that the expressions of a step see: in a loop over secrets the item is one."""
    return secret | {step.item} if reads(step.for_each, secret) else secret


def reads(value: Any, names: Set[str]) -> bool:
    """Return whether a value's expressions read one of some names."""
    try:
        return bool(names) and not references(value).names.isdisjoint(names)
    except ExpressionError:
        return False


def exposed(recipe: Recipe, given: Set[str] = frozenset()) -> Iterator[Problem]:
    """Yield the places of a recipe where a secret would be written to disk or printed.

    Parameters
    ----------
    given : set of str
        Parameters that get secret values from the recipe that uses this one as a part.
    """
    secret = secret_names(recipe, given)
    places: list[tuple[DataPath, Any, frozenset[str]]] = [
        (("outputs", name), value, secret) for name, value in recipe.outputs.items()
    ]
    for step in recipe.steps if secret else ():
        here = with_item(step, secret)
        places += [((*step.path, "with", name), value, here) for name, value in step.with_.items()]
        places += [((*step.path, "key"), step.key, here)]
    for path, value, names in places if secret else ():
        try:
            read = references(value).all
        except ExpressionError:
            continue
        for one in read:
            where = (*path, *one.path)
            if one.parts[0] in names and (path[0] == "outputs" or not _WRITTEN.isdisjoint(where)):
                mark = recipe.document.find_name(where, one.parts[0])
                what = f"the secret '{one.parts[0]}' would be written to disk or printed"
                yield Problem(mark, what, rule="IR046")
    for step in recipe.steps:
        names = given_to(step, with_item(step, secret)) if step.part is not None else frozenset()
        if step.part is not None and names and any(exposed(step.part, names)):
            for name in sorted(names):
                place = (*step.path, "with", name)
                what = f"the part {step.uses} would write the secret in '{name}' to disk or print it"
                yield recipe.document.problem(place, "IR046", what)
