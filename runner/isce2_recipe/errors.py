"""Every error that this package raises on purpose, with its exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isce2_recipe.problems import Problem

_LONGEST_NAME = 200  # characters

EXIT_OK = 0
EXIT_INPUT = 1
EXIT_USAGE = 2
EXIT_STEP_FAILED = 3
EXIT_BUG = 4
EXIT_INTERRUPTED = 130


class RecipeToolError(Exception):
    """The base of all errors: a message, and a hint if something can be done.

    Parameters
    ----------
    message : str
        What is wrong, naming the thing.
    hint : str, optional
        What to do next, printed on a line of its own as ``hint: ...``.
    problems : tuple of Problem, optional
        All problems behind the error, each with its place; the message shows them as text.
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
    """A given file or granule cannot be used."""


def of_name(exc: UnicodeEncodeError) -> InputError | None:
    """Return the error of a name with bytes that are no text, which a library refuses; None for others."""
    name = exc.object
    if not any("\udc80" <= character <= "\udcff" for character in name):
        return None
    shown = name if len(name) <= _LONGEST_NAME else f"...{name[-_LONGEST_NAME:]}"
    return InputError(
        f"'{shown}' is not text in UTF-8, and libraries for rasters and XML accept only that",
        hint="rename the file or the folder, or give --workdir another folder",
    )


class UsageError(RecipeToolError):
    """The command line is invalid."""

    exit_code = EXIT_USAGE


class SourceError(RecipeToolError):
    """A source could not deliver an input."""

    exit_code = EXIT_STEP_FAILED


class NoConnection(SourceError):
    """No server of a source can be reached; there is probably no network, so that steps do not try again."""


class EngineMissing(RecipeToolError):
    """The chosen engine is not installed or does not work."""

    exit_code = EXIT_STEP_FAILED


class EngineFailed(RecipeToolError):
    """The engine ended without its outputs."""

    exit_code = EXIT_STEP_FAILED


class StepFailed(RecipeToolError):
    """A step of a run failed for a reason outside the input (crash, timeout, full disk)."""

    exit_code = EXIT_STEP_FAILED


class ProgramFailed(StepFailed):
    """A program or function of the recipe's author failed, or left something else than it promised."""
