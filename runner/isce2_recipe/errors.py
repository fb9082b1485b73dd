"""Every error this package raises on purpose, and the exit code each one means."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isce2_recipe.problems import Problem

EXIT_OK = 0
EXIT_INPUT = 1
EXIT_USAGE = 2
EXIT_STEP_FAILED = 3
EXIT_BUG = 4
EXIT_INTERRUPTED = 130


class RecipeToolError(Exception):
    """Root of the tree: one clear message, and where there is one, the remedy.

    Parameters
    ----------
    message : str
        What is wrong, naming the thing.
    hint : str, optional
        What to do next, printed on a line of its own as ``hint: ...``.
    problems : tuple of Problem, optional
        All findings behind the error, each with its place; the message then shows them ready for a terminal.
    """

    exit_code = EXIT_INPUT

    def __init__(self, message: str, *, hint: str | None = None, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.problems = problems

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\nhint: {self.hint}"


class RecipeError(RecipeToolError):
    """The recipe's text is wrong (grammar, references, types)."""


class ParameterError(RecipeToolError):
    """A parameter's value is missing, unknown or not allowed."""


class InputError(RecipeToolError):
    """A file or granule that was given cannot be used as it is."""


class UsageError(RecipeToolError):
    """The command line is invalid."""

    exit_code = EXIT_USAGE


class SourceError(RecipeToolError):
    """A source could not deliver what it was asked for."""

    exit_code = EXIT_STEP_FAILED


class EngineMissing(RecipeToolError):
    """The engine that was asked for is not installed or does not work."""

    exit_code = EXIT_STEP_FAILED


class EngineFailed(RecipeToolError):
    """The engine ended without delivering what it promised."""

    exit_code = EXIT_STEP_FAILED


class StepFailed(RecipeToolError):
    """A step of a run failed for a reason outside the input (crash, timeout, full disk)."""

    exit_code = EXIT_STEP_FAILED
