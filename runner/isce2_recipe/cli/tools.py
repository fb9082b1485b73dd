"""``new``, ``app``, ``doctor`` and ``completion``."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from pathlib import Path

import click

from isce2_recipe import errors
from isce2_recipe.cli.parameters import RecipeType
from isce2_recipe.cli.scaffold import recipe_text
from isce2_recipe.errors import InputError, UsageError
from isce2_recipe.progress import PlainLines
from isce2_recipe.redact import known_secrets, redactor

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


@click.command("new")
@click.argument("name")
@click.option(
    "--from", "source", type=RecipeType(), metavar="RECIPE", help="Start from a copy of this recipe."
)
@click.option("--force", is_flag=True, help="Overwrite a file of that name.")
def new_command(name: str, source: str | None, force: bool) -> None:
    """Write a commented recipe NAME.yml into the current folder."""
    path = Path(name if name.endswith(".yml") else f"{name}.yml")
    if _NAME.fullmatch(path.stem) is None:
        raise UsageError(f"'{path.stem}' is no recipe name", hint="use lower-case letters, digits, _ and -")
    if path.exists() and not force:
        raise InputError(f"{path} exists already", hint="choose another name, or add --force")
    path.write_text(recipe_text(path.stem, source), encoding="utf-8")
    click.echo(f"{path} written; check it with: isce2-recipe lint {path}")


@click.command("app")
@click.argument("app", metavar="topsApp|stripmapApp")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--start", metavar="STEP", help="First step; the first there is by default.")
@click.option("--end", metavar="STEP", help="Last step; the last there is by default.")
@click.option("--dostep", metavar="STEP", help="Only this step.")
@click.option(
    "--steps", is_flag=True, help="Accepted as by ISCE2's own applications; steps are always saved."
)
@click.option(
    "--engine", envvar="ISCE2_RECIPE_ENGINE", default="auto", show_default=True, help="What computes."
)
@click.option("--cpus", type=click.IntRange(1), help="Threads to use.")
def app_command(
    app: str,
    config: Path,
    start: str | None,
    end: str | None,
    dostep: str | None,
    steps: bool,  # noqa: ARG001 - what ISCE2's users type
    engine: str,
    cpus: int | None,
) -> None:
    """Run an ISCE2 application on an XML in the current folder, as topsApp.py does."""
    from isce2_recipe.engines import open_engine
    from isce2_recipe.running.resources import processors

    if dostep and (start or end):
        raise UsageError("--dostep goes without --start and --end")
    folder = Path.cwd()
    if not config.is_file():
        raise InputError(f"there is no file '{config}'", hint=f"give the XML that configures {app}")
    redact = redactor(known_secrets(os.environ))
    lines = PlainLines(sys.stdout, redact)
    count = cpus or processors()
    os.environ |= {"OMP_NUM_THREADS": str(count), "NUMBA_NUM_THREADS": str(count)}
    chosen = open_engine(engine, lambda text: click.echo(text, err=True))
    chosen.run(
        app.removesuffix(".py"),
        folder / config,
        folder=folder,
        start=dostep or start,
        end=dostep or end,
        log=_logger(),
        progress=lambda fraction, text: lines(
            {"event": "step.progress", "step": app, "fraction": fraction, "text": text}
        ),
        cpus=count,
    )


def _logger() -> logging.Logger:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("isce2_recipe.app")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor_command(as_json: bool) -> int:
    """Say what is installed, what is missing, and what to do about it. Exit code 1 if recipes cannot run."""
    from dataclasses import asdict

    from isce2_recipe.cli import health

    findings = health.examine()
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            click.echo(f"{finding.state:>7}  {finding.name:<{width}}  {finding.detail}")
            if finding.remedy:
                click.echo(f"{'':>7}  {'':<{width}}  -> {finding.remedy}")
    broken = any(finding.state == "missing" for finding in findings)
    return errors.EXIT_INPUT if broken else errors.EXIT_OK


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the script that completes commands, recipes and their parameters in a shell.

    \b
    bash: eval "$(isce2-recipe completion bash)"      in ~/.bashrc
    zsh:  eval "$(isce2-recipe completion zsh)"       in ~/.zshrc
    fish: isce2-recipe completion fish | source       in ~/.config/fish/config.fish
    """  # noqa: D301
    from click.shell_completion import get_completion_class

    from isce2_recipe.cli.app import PROGRAM, commands

    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"there is no completion for {shell}")
    click.echo(found(commands, {}, PROGRAM, "_ISCE2_RECIPE_COMPLETE").source())
