"""Reading of recipes from text into frozen values, with the place of everything that is wrong."""

from isce2_recipe.recipe.checking import check, load
from isce2_recipe.recipe.loading import Reading, available, find, read, read_text, recipe_error, shipped_parts
from isce2_recipe.recipe.model import Parameter, Recipe, Retry, Step
from isce2_recipe.recipe.parameters import namespace, resolve_parameters
from isce2_recipe.recipe.scope import dependencies
from isce2_recipe.recipe.verifying import verify

__all__ = [
    "Parameter", "Reading", "Recipe", "Retry", "Step", "available", "check", "dependencies", "find", "load",
    "namespace", "read", "read_text", "recipe_error", "resolve_parameters", "shipped_parts",
    "verify",
]  # fmt: skip
