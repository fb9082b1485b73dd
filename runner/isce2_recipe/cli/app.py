"""The commands by name, each imported when it is used, and the one place where errors end."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import click

from isce2_recipe import __version__, errors
from isce2_recipe.errors import RecipeToolError
from isce2_recipe.redact import known_secrets, redactor

_COMMANDS = {
    "run": ("isce2_recipe.cli.running", "Run a recipe."),
    "plan": ("isce2_recipe.cli.running", "Show what a run would do, without doing it."),
    "list": ("isce2_recipe.cli.showing", "List the recipes that come with isce2-recipe."),
    "describe": ("isce2_recipe.cli.showing", "Explain a recipe: parameters, steps, outputs."),
    "lint": ("isce2_recipe.cli.linting", "Check recipes."),
    "graph": ("isce2_recipe.cli.showing", "Draw a recipe's steps."),
    "explain": ("isce2_recipe.cli.showing", "Say why a step ran or did not."),
    "diff": ("isce2_recipe.cli.showing", "Compare two runs."),
    "show": ("isce2_recipe.cli.products", "Summarise a product, with a picture on a terminal."),
    "compare": ("isce2_recipe.cli.products", "Compare two products layer by layer."),
    "rerun": ("isce2_recipe.cli.again", "Run again what made a product."),
    "export": ("isce2_recipe.cli.export", "Write a recipe in the words of another service."),
    "new": ("isce2_recipe.cli.tools", "Write a new recipe to start from."),
    "app": ("isce2_recipe.cli.tools", "Run an ISCE2 application in the current folder."),
    "doctor": ("isce2_recipe.cli.tools", "Say what is installed, what is missing, and what to do about it."),
    "translate": ("isce2_recipe.cli.legacy", "Show what a line of hyp3-isce2 or an ISCE2 XML is here."),
    "completion": ("isce2_recipe.cli.tools", "Print the script that completes commands in a shell."),
}
PROGRAM = "isce2-recipe"


class _Commands(click.Group):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        found: click.Command = getattr(import_module(_COMMANDS[cmd_name][0]), f"{cmd_name}_command")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from isce2_recipe.recipe.schema import did_you_mean

            raise click.UsageError(
                f"there is no command '{args[0]}'; {did_you_mean(args[0], list(_COMMANDS))}"
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=PROGRAM)
def commands() -> None:
    """Declarative InSAR recipes for ISCE2 and for the engine that comes with this package."""


def run_command_line(words: Sequence[str]) -> int:
    """Run a command and turn however it ends into an exit code."""
    if words and words[0].startswith("++"):
        return run_legacy_line(words)
    return _run(words, list)


def run_legacy_line(words: Sequence[str]) -> int:
    """Run a command line of hyp3-isce2, with its exit codes."""
    from isce2_recipe.cli.legacy import exit_code, own_words

    return exit_code(_run(words, own_words))


def _run(words: Sequence[str], translated: Callable[[Sequence[str]], list[str]]) -> int:
    secrets: set[str] = set()  # filled with the recipe's own, once they are read

    def redact(text: str) -> str:
        return redactor(known_secrets(os.environ) | secrets)(text)

    try:
        result = commands.main(args=translated(words), prog_name=PROGRAM, standalone_mode=False, obj=secrets)
        return result if isinstance(result, int) else errors.EXIT_OK
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        exc.show()
        return errors.EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        return errors.EXIT_INTERRUPTED
    except RecipeToolError as exc:
        if words[:1] == ["run"] and "--json" in words:
            _tell(exc, redact)
        sys.stderr.write(redact(_message(exc)) + "\n")
        return exc.exit_code
    except Exception as exc:
        return _unforeseen(exc, words, redact)


def _tell(exc: RecipeToolError, redact: Callable[[str], str]) -> None:
    """The last event of a run that did not succeed."""
    from isce2_recipe.progress import JsonLines

    said = {"error": type(exc).__name__, "message": exc.message, "hint": exc.hint, "exit": exc.exit_code}
    JsonLines(sys.stdout, redact)({"event": "run.failed", **said})


def _unforeseen(exc: Exception, words: Sequence[str], redact: Callable[[str], str]) -> int:
    if isinstance(exc, BrokenPipeError):  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return errors.EXIT_OK
    if isinstance(exc, FileNotFoundError) and exc.filename is None:  # what asking for the folder raises
        sys.stderr.write("error: the current folder is not there any more\nhint: go to another folder\n")
        return errors.EXIT_INPUT
    if isinstance(exc, OSError):
        sys.stderr.write(redact(f"error: {exc.strerror}{f': {exc.filename}' if exc.filename else ''}") + "\n")
        return errors.EXIT_STEP_FAILED
    sys.stderr.write(redact(_bug(exc, words, redact)) + "\n")
    return errors.EXIT_BUG


def _message(exc: RecipeToolError) -> str:
    return str(exc) if exc.problems and exc.problems[0].line else f"error: {exc}"


def _bug(exc: Exception, words: Sequence[str], redact: Callable[[str], str]) -> str:
    """Keep the traceback in a file and say where."""
    import tempfile
    import traceback

    text = redact(f"{PROGRAM} {__version__}: {shlex.join(words)}\n\n{traceback.format_exc()}")
    folder = Path(getattr(exc, "workdir", "") or tempfile.mkdtemp(prefix="isce2-recipe-"))
    path = folder / "traceback.log"
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return (
        f"error: {type(exc).__name__}: {exc}\n"
        f"hint: this is a bug in isce2-recipe; please report it with the traceback in {path}"
    )
