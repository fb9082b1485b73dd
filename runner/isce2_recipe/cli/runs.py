"""The commands about runs: ``explain`` and ``diff``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from isce2_recipe import errors
from isce2_recipe.cli.parameters import RUN_STEP
from isce2_recipe.cli.printing import echo
from isce2_recipe.files import json_text
from isce2_recipe.redact import known_secrets, redactor


@click.command("explain")
@click.argument("workdir", type=click.Path(path_type=Path))
@click.argument("step", type=RUN_STEP)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain_command(workdir: Path, step: str, as_json: bool) -> None:
    """Explain why a step ran or did not run.

    WORKDIR is the work directory of the run, and STEP the name of the step as isce2-recipe plan shows it.
    """
    from isce2_recipe.plan import explaining

    found = explaining.explain(workdir, step)
    _print(json_text(found, indent=1) if as_json else explaining.to_text(found))


@click.command("diff")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff_command(first: Path, second: Path, as_json: bool) -> int:
    """Compare two runs: their recipes, parameters, versions and outputs.

    FIRST and SECOND are the work directories of the runs. The exit code is 1 if outputs differ, else 0.
    """
    from isce2_recipe.plan import comparing

    found: dict[str, Any] = comparing.compare(first, second)
    text = json_text(found, indent=1) if as_json else comparing.to_text(found)
    _print(text or "no difference")
    return errors.EXIT_INPUT if found["files"] else errors.EXIT_OK


def _print(text: str) -> None:
    echo(redactor(known_secrets(os.environ))(text))
