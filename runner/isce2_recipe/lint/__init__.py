"""The linter: some sixty rules, each a small function that explains itself."""

from isce2_recipe.lint.command import main
from isce2_recipe.lint.linting import Options, lint_paths

__all__ = ["Options", "lint_paths", "main"]
