"""The linter: some sixty rules, each a small function with its documentation."""

from isce2_recipe.lint.command import main
from isce2_recipe.lint.linting import Options, lint_paths

__all__ = ["Options", "lint_paths", "main"]
