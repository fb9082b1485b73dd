"""``batch``: run a recipe for every row of a table."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from isce2_recipe import engines, errors
from isce2_recipe.cli.parameters import RecipeCommand, given_parameters, read_text, recipe_of
from isce2_recipe.cli.printing import echo
from isce2_recipe.cli.running import executor_option, options_of_run, run, show_plan
from isce2_recipe.errors import InputError, RecipeToolError, UsageError
from isce2_recipe.plan.request import RunRequest, make_request
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.recipe import tables
from isce2_recipe.redact import known_secrets, redactor


@click.command("batch", cls=RecipeCommand)
@options_of_run
@click.option(
    "--table",
    type=click.Path(allow_dash=True),
    required=True,
    metavar="FILE",
    help="Table with one row a run: CSV, YAML or JSON, - for stdin. Its columns are parameters.",
)
@click.option("--jobs", type=click.IntRange(1), help="Number of steps that run at the same time.")
@click.option("--cpus", type=click.IntRange(1), help="Number of threads to use.")
@executor_option
@click.option(
    "--keep-going/--stop",
    default=True,
    help="Whether the other rows still run after one has failed.  [default: keep-going]",
)
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@click.pass_context
def batch_command(ctx: click.Context, /, **options: Any) -> int:
    """Run a recipe for every row of a table.

    Each row has a work directory of its own, DIR/rows/NAME. A column `name` names the rows. Options set
    parameters for all rows. The same command again runs what is left or has changed, and index.html shows
    the result of every row.
    """
    file, text = _read_table(options["table"])
    request = _request(ctx, options, file, text)
    if options["dry_run"]:
        show_plan(request, options)
        return errors.EXIT_OK
    workspace = Workspace(request)
    _check_rows(workspace)
    redact = redactor(known_secrets(os.environ) | request.secrets)
    try:
        run(workspace, {**options, "publish": None}, redact)
    except RecipeToolError:
        _write_page(workspace, options, redact)
        raise
    _write_page(workspace, options, redact)
    return errors.EXIT_OK


def _read_table(name: str) -> tuple[str, str]:
    """Return the name of a table in messages, and its text."""
    hint = "give a CSV, YAML or JSON file with one row a run, or - to read it from standard input"
    text = read_text(name, tables.MAX_BYTES, "the table", hint)
    return "<stdin>" if name == "-" else name, text


def _request(ctx: click.Context, options: Mapping[str, Any], file: str, text: str) -> RunRequest:
    from isce2_recipe.plan.batch import batch_recipe

    engines.check_name(options["engine"])
    recipe, base = recipe_of(ctx), Path.cwd()
    common = given_parameters(ctx, options["settings"], options["params"], dict(options))
    read = tables.read_table(text, file)
    columns = {name for row in read for name in row.values}
    for name in (one for one in common if one in columns and one not in common.written):
        what = (
            f"parameter {name} is given on the command line and by the column '{name}' of the table '{file}'"
        )
        hint = "remove one of them; a value on the command line is for all rows"
        raise UsageError(what, hint=hint)
    rows = tables.check_rows(read, recipe, common, file, text)
    made, values = batch_recipe(recipe, rows, common)
    stem = "batch" if file == "<stdin>" else Path(file).stem
    folder = options["workdir"] or f"{recipe.name}_{stem}"
    return make_request(
        made, values, workdir=base, base=base, source=options["source"], engine=options["engine"]
    ).in_workdir(base / Path(folder).expanduser())


def _check_rows(workspace: Workspace) -> None:
    """Check the inputs of all rows, and report those of all that are wrong together."""
    from isce2_recipe.plan.batch import LOOP
    from isce2_recipe.plan.preflight import preflight

    graph = workspace.graph
    wrong = []
    for row in graph.instances[LOOP]:
        try:
            preflight(workspace, frozenset(graph.members_of(row)))
        except RecipeToolError as exc:
            hint = f"\n  hint: {exc.hint}" if exc.hint else ""
            wrong.append(f"row '{row.key}': {exc.message}{hint}")
    if wrong:
        raise InputError("\n".join(wrong))


def _write_page(workspace: Workspace, options: Mapping[str, Any], redact: Callable[[str], str]) -> None:
    from isce2_recipe.running import batch

    if (steps := batch.read_steps(workspace)) and workspace.graph.instances:
        path = batch.write(workspace, batch.results(workspace, steps), redact)
        echo(f"results: {path}", err=bool(options["as_json"]))
