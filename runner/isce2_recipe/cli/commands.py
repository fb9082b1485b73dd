"""The commands, each imported when it is used, and the one place that turns errors into exit codes."""

from __future__ import annotations

import errno
import io
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import click

from isce2_recipe import __version__, errors
from isce2_recipe.cli.printing import echo
from isce2_recipe.errors import RecipeToolError, UsageError
from isce2_recipe.redact import known_secrets, redactor

_COMMANDS = {
    "run": ("isce2_recipe.cli.running", "Run a recipe."),
    "plan": ("isce2_recipe.cli.running", "Show what a run would do, without doing it."),
    "batch": ("isce2_recipe.cli.batch", "Run a recipe for every row of a table."),
    "list": ("isce2_recipe.cli.recipes", "List the recipes that come with isce2-recipe."),
    "describe": ("isce2_recipe.cli.recipes", "Print the documentation of a recipe."),
    "find": ("isce2_recipe.cli.find", "Find the dates of a stack over an area."),
    "stack": ("isce2_recipe.cli.find", "Make a velocity map from a place and two dates."),
    "lint": ("isce2_recipe.cli.lint", "Check recipes for mistakes."),
    "graph": ("isce2_recipe.cli.recipes", "Draw the steps of a recipe."),
    "explain": ("isce2_recipe.cli.runs", "Explain why a step ran or did not run."),
    "diff": ("isce2_recipe.cli.runs", "Compare two runs."),
    "show": ("isce2_recipe.cli.products", "Summarise a product, with a picture."),
    "compare": ("isce2_recipe.cli.products", "Compare two products layer by layer."),
    "rerun": ("isce2_recipe.cli.rerun", "Make a product again and compare the two."),
    "export": ("isce2_recipe.cli.export", "Convert a recipe for another service."),
    "new": ("isce2_recipe.cli.recipes", "Write a new recipe to start from."),
    "app": ("isce2_recipe.cli.application", "Run an ISCE2 application in the current folder."),
    "doctor": ("isce2_recipe.cli.doctor", "Check the installation and suggest fixes."),
    "translate": ("isce2_recipe.cli.legacy", "Translate a hyp3-isce2 command or an ISCE2 XML file."),
    "completion": ("isce2_recipe.cli.commands", "Print a script that enables shell completion."),
}
PROGRAM = "isce2-recipe"
_LONGEST = 300  # characters of a file name that a message shows


class _Commands(click.Group):
    """A group that imports a command when it is used."""

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
            from isce2_recipe.problems import did_you_mean

            raise UsageError(f"there is no command '{args[0]}'", hint=did_you_mean(args[0], list(_COMMANDS)))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=PROGRAM)
def commands() -> None:
    """Run declarative InSAR recipes with ISCE2 or with the builtin engine."""


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print a script that enables shell completion.

    The shell then completes commands, recipes and the parameters of recipes. Add this line to the start-up
    file of your shell:

    \b
    ~/.bashrc                   eval "$(isce2-recipe completion bash)"
    ~/.zshrc                    eval "$(isce2-recipe completion zsh)"
    ~/.config/fish/config.fish  isce2-recipe completion fish | source
    """  # noqa: D301
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"there is no completion for {shell}")
    echo(found(commands, {}, PROGRAM, "_ISCE2_RECIPE_COMPLETE").source())


def run_command_line(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; print errors to standard error."""
    if arguments and arguments[0].startswith("++"):
        return run_legacy_command_line(arguments)
    return _run(arguments, list)


def run_legacy_command_line(arguments: Sequence[str]) -> int:
    """Run a command line of hyp3-isce2 and return hyp3-isce2's exit code."""
    from isce2_recipe.cli.legacy import exit_code, translated_arguments

    return exit_code(_run(arguments, translated_arguments))


def _run(arguments: Sequence[str], translated: Callable[[Sequence[str]], list[str]]) -> int:
    secrets: set[str] = set()  # the command adds the recipe's secret parameters

    def redact(text: str) -> str:
        return redactor(known_secrets(os.environ) | secrets)(text)

    try:
        result = commands.main(
            args=translated(arguments), prog_name=PROGRAM, standalone_mode=False, obj=secrets
        )
        return result if isinstance(result, int) else errors.EXIT_OK
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        shown = io.StringIO()
        exc.show(shown)
        echo(shown.getvalue(), nl=False, err=True)
        return errors.EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        return errors.EXIT_INTERRUPTED
    except RecipeToolError as exc:
        if set(arguments[:1]) <= {"run", "batch", "stack"} and "--json" in arguments:
            _print_failed_event(exc, redact)
        echo(redact(_message(exc)), err=True)
        return exc.exit_code
    except Exception as exc:
        return _report_unexpected(exc, arguments, redact)


def _print_failed_event(exc: RecipeToolError, redact: Callable[[str], str]) -> None:
    """Print the last event of a run that failed."""
    from isce2_recipe.progress import JsonLines

    facts = {"error": type(exc).__name__, "message": exc.message, "hint": exc.hint, "exit": exc.exit_code}
    JsonLines(sys.stdout, redact)({"event": "run.failed", **facts})


def _report_unexpected(exc: Exception, arguments: Sequence[str], redact: Callable[[str], str]) -> int:
    if isinstance(exc.__cause__, KeyboardInterrupt):  # Python wraps it while it makes a class
        return errors.EXIT_INTERRUPTED
    if isinstance(exc, FileNotFoundError) and exc.filename is None:  # raised by Path.cwd()
        sys.stderr.write("error: the current folder no longer exists\nhint: change to another folder\n")
        return errors.EXIT_INPUT
    wrong_name = errors.of_name(exc) if isinstance(exc, UnicodeEncodeError) else None
    if wrong_name is not None:
        echo(redact(_message(wrong_name)), err=True)
        return wrong_name.exit_code
    if isinstance(exc, OSError):
        name = f": {str(exc.filename)[:_LONGEST]}" if exc.filename else ""
        echo(redact(f"error: {exc.strerror}{name}"), err=True)
        return errors.EXIT_INPUT if exc.errno == errno.ENAMETOOLONG else errors.EXIT_STEP_FAILED
    echo(redact(_bug_report(exc, arguments, redact)), err=True)
    return errors.EXIT_BUG


def _message(exc: RecipeToolError) -> str:
    return str(exc) if exc.problems and exc.problems[0].line else f"error: {exc}"


def _bug_report(exc: Exception, arguments: Sequence[str], redact: Callable[[str], str]) -> str:
    """Write the traceback to a file and return a message with its path."""
    import tempfile
    import traceback

    text = redact(f"{PROGRAM} {__version__}: {shlex.join(arguments)}\n\n{traceback.format_exc()}")
    workdir = getattr(exc, "workdir", None)
    folder = workdir if workdir and workdir.is_dir() else Path(tempfile.mkdtemp(prefix="isce2-recipe-"))
    path = folder / "traceback.log"
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return (
        f"error: {type(exc).__name__}: {exc}\n"
        f"hint: this is a bug in isce2-recipe; please report it with the traceback in {path}"
    )
