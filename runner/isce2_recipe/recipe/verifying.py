"""The check of a recipe, its parameters and its templates before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isce2_recipe.errors import ParameterError
from isce2_recipe.recipe.checking import check
from isce2_recipe.recipe.loading import recipe_error
from isce2_recipe.recipe.model import Recipe
from isce2_recipe.recipe.parameters import resolve_parameters, texts
from isce2_recipe.recipe.rendering import check_values
from isce2_recipe.recipe.scope import REFUSED, Actions
from isce2_recipe.recipe.secrets import exposed


def verify(recipe: Recipe, actions: Actions, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check a recipe, values and templates, and return a value for every parameter.

    Parameters
    ----------
    recipe : Recipe
        As loaded.
    actions : mapping
        Known actions by name.
    given : mapping
        Values from the user, typed or as text.

    Raises
    ------
    RecipeError
        With everything that is wrong, if any of it is in the recipe.
    ParameterError
        With everything that is wrong, if all of it is in the given values.
    """
    problems = [problem for problem in check(recipe, actions) if problem.severity == "error"]
    try:
        values = resolve_parameters(recipe, given)
    except ParameterError as exc:
        if problems:
            raise recipe_error((*problems, *exc.problems), {**recipe.texts(), **texts(given)}) from None
        raise
    reported = {problem.position for problem in problems}
    problems += [
        one
        for one in check_values(recipe, actions, values)
        if one.position not in reported and one.rule != REFUSED
    ]
    problems += [one for one in exposed(recipe) if one.position not in reported]
    if problems:
        raise recipe_error(tuple(problems), recipe.texts())
    return values
