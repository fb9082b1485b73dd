"""``run`` and ``plan``."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import click

from isce2_recipe import engines, errors
from isce2_recipe.cli.parameters import (
    RECIPE,
    STEP,
    RecipeCommand,
    given_parameters,
    recipe_of,
    shared_option,
)
from isce2_recipe.cli.printing import echo, echo_row
from isce2_recipe.errors import RecipeToolError
from isce2_recipe.journal.files import json_digest
from isce2_recipe.journal.values import encode
from isce2_recipe.paths import RUN_RECORD
from isce2_recipe.plan.request import DEFAULT_ENGINE, RunRequest, make_request
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.progress import JsonLines, PlainLines, RowTable, Tree
from isce2_recipe.quantities import format_duration
from isce2_recipe.recipe.items import days_in
from isce2_recipe.redact import known_secrets, redactor, without_secrets
from isce2_recipe.sandbox import MAX_STEPS, budget
from isce2_recipe.sources import DEFAULT_SOURCE

_STEPS_OF_A_STEP = 5000  # of expressions, that a plan may take for each step of the recipe
_HASH = 8  # characters of the inputs' fingerprint in a run's folder


def options_of_run(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that run and plan share."""
    for decorator in reversed(
        (
            click.argument("recipe", type=RECIPE),
            click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Set a parameter."),
            click.option(
                "--params",
                multiple=True,
                type=click.Path(allow_dash=True),
                metavar="FILE",
                help="YAML file of parameters, - for stdin.",
            ),
            click.option(
                "--workdir",
                envvar="ISCE2_RECIPE_WORKDIR",
                type=click.Path(),
                metavar="DIR",
                help="Folder of the run.",
            ),
            shared_option(
                "source", DEFAULT_SOURCE, "Where inputs come from: asf, directory:DIR or simulated."
            ),
            shared_option("engine", DEFAULT_ENGINE, "Program that computes: auto, isce2 or builtin."),
            click.option(
                "--force",
                multiple=True,
                type=STEP,
                metavar="STEP",
                help="Run a step even if it is up to date.",
            ),
            click.option(
                "--from",
                "start",
                type=STEP,
                metavar="STEP",
                help="Run a step and all that depend on it again.",
            ),
            click.option("--until", type=STEP, metavar="STEP", help="Run only up to this step."),
            click.option("--json", "as_json", is_flag=True, help="Print JSON: events of a run, or the plan."),
        )
    ):
        function = decorator(function)
    return function


def _check_executor(_ctx: click.Context, _parameter: click.Parameter, text: str) -> str:
    if text != "local":
        from isce2_recipe.running.executors import check_name

        check_name(text)
    return text


executor_option = shared_option(
    "executor",
    "local",
    "Where steps run: local, dask:ADDRESS, dask:scheduler.json or dask:CLUSTER.yml.",
    callback=_check_executor,
)


@click.command("plan", cls=RecipeCommand)
@options_of_run
@click.pass_context
def plan_command(ctx: click.Context, /, **options: Any) -> int:
    """Show what a run would do, without doing it."""
    show_plan(request_of(ctx, options), options)
    return errors.EXIT_OK


@click.command("run", cls=RecipeCommand)
@options_of_run
@click.option("--jobs", type=click.IntRange(1), help="Number of steps that run at the same time.")
@click.option("--cpus", type=click.IntRange(1), help="Number of threads to use.")
@executor_option
@click.option(
    "--publish",
    type=click.Path(),
    metavar="DIR",
    help="Export the recipe's output files into this folder as well.",
)
@click.option("--overwrite", is_flag=True, help="Let --publish replace files of different content.")
@click.option(
    "--keep-going", is_flag=True, help="After a failure, still run the steps that do not depend on it."
)
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@click.pass_context
def run_command(ctx: click.Context, /, **options: Any) -> int:
    """Run a recipe: a YAML file, or the name of one that `isce2-recipe list` shows.

    `isce2-recipe run RECIPE --help` lists the parameters of the recipe, which are options too.
    """
    request = request_of(ctx, options)
    if options["dry_run"]:
        show_plan(request, options)
    else:
        run(Workspace(request), options, redactor(known_secrets(os.environ) | request.secrets))
    return errors.EXIT_OK


def request_of(ctx: click.Context, options: Mapping[str, Any]) -> RunRequest:
    """Return the request that the options describe."""
    engines.check_name(options["engine"])
    base = Path.cwd()
    recipe = recipe_of(ctx)
    overrides = given_parameters(ctx, options["settings"], options["params"], dict(options))
    request = make_request(
        recipe, overrides, workdir=base, base=base, source=options["source"], engine=options["engine"]
    )
    folder = options["workdir"] or default_workdir(request)
    return request.in_workdir(base / Path(folder).expanduser())


def default_workdir(request: RunRequest) -> str:
    """Return the name of a run's folder: recipe, dates among the inputs, and a fingerprint of all inputs."""
    values = {"parameters": request.parameters, "source": request.source_text}
    days = days_in(str(request.parameters))
    return "_".join([request.recipe.name, *days, json_digest(values)[:_HASH]])


def show_plan(request: RunRequest, options: Mapping[str, Any]) -> None:
    """Print the plan of a request."""
    from isce2_recipe.cli import plans

    workspace = Workspace(request)
    items = sum(len(one["keys"]) for one in workspace.history.loops.values())
    steps = len(workspace.graph.nodes) + items * request.recipe.unfolded
    with budget(4 * MAX_STEPS + _STEPS_OF_A_STEP * (steps + request.recipe.unfolded)):
        text = plans.text(workspace, options)
    echo(redactor(known_secrets(os.environ) | request.secrets)(text))


def _display(options: Mapping[str, Any], redact: Callable[[str], str]) -> JsonLines | PlainLines | Tree:
    if options["as_json"]:
        return JsonLines(sys.stdout, redact)
    stream: IO[str] = sys.stderr
    if not stream.isatty():
        return PlainLines(stream, redact)
    return RowTable(stream, redact) if options.get("table") else Tree(stream, redact)


def run(workspace: Workspace, options: Mapping[str, Any], redact: Callable[[str], str]) -> None:
    """Run a request, and print its events and its outputs."""
    from isce2_recipe.running import exporting, session
    from isce2_recipe.running.state import Limits, RunOptions, select

    limits = Limits.of_machine if options["executor"] == "local" else Limits.of_cluster
    run_options = RunOptions(
        limits(options["jobs"], options["cpus"]),
        tuple(options["force"]),
        options["start"],
        options["until"],
        ("isce2-recipe", *without_secrets(sys.argv[1:], workspace.request.secret_names)),
        options["keep_going"],
        options["executor"],
    )
    display = _display(options, redact)
    done: set[str] = set()

    def note_and_show(event: dict[str, Any]) -> None:
        if event["event"] == "step.done":
            done.add(event["step"])
        display(event)

    try:
        outcome = session.run(workspace, run_options, note_and_show, redact)
    except RecipeToolError as exc:
        display.close()
        again = select(workspace.graph, run_options).forced if done else {}
        forced = [name for name in again if not workspace.graph.nodes[name].is_loop]
        raise _with_resume(exc, _resuming(list(run_options.command[1:]), forced, done)) from None
    except Exception as exc:
        display.close()
        exc.workdir = workspace.workdir  # type: ignore[attr-defined]
        raise
    display.close()
    if options["publish"]:
        folder = Path.cwd() / options["publish"]
        exporting.export(outcome.outputs, folder, workspace.workdir, overwrite=options["overwrite"])
    _report(workspace, outcome, options, display, redact)


def _with_resume(exc: RecipeToolError, arguments: Sequence[str]) -> RecipeToolError:
    """Return the error with the command line that resumes the run."""
    if exc.exit_code in (errors.EXIT_STEP_FAILED, errors.EXIT_INTERRUPTED):
        line = f"resume with: {shlex.join(['isce2-recipe', *arguments])}"
        exc.hint = line if exc.hint is None else f"{exc.hint}\n{line}"
    return exc


def _resuming(arguments: Sequence[str], forced: Sequence[str], done: Container[str]) -> list[str]:
    """Return the arguments of a run without the steps that were forced to run and are done."""
    left = [name for name in forced if name not in done]
    if len(left) == len(forced):
        return list(arguments)
    again = ("--force", "--from")
    kept = [
        word
        for before, word in zip(["", *arguments], arguments, strict=False)
        if before not in again and word.partition("=")[0] not in again
    ]
    return kept + [word for name in left for word in ("--force", name)]


def _report(
    workspace: Workspace,
    outcome: Any,
    options: Mapping[str, Any],
    display: Callable[[dict[str, Any]], None],
    redact: Callable[[str], str],
) -> None:
    if options["as_json"]:
        display(
            {
                "event": "run.done",
                "workdir": str(workspace.workdir),
                "outputs": encode(outcome.outputs, workspace.workdir),
                "seconds": round(outcome.seconds, 3),
                "record": str(workspace.workdir / RUN_RECORD),
            }
        )
        return
    lines = [*summary(workspace, outcome.outputs), *_missing(outcome.steps)]
    lines = [redact(line) for line in lines]
    for line in lines:
        name, colon, text = line.partition(": ")
        echo_row(name + colon, text)
    _write_noop_record(workspace, outcome, options, lines)
    ran = sum(facts["status"] == "done" for facts in outcome.steps.values())
    if not ran:
        echo("everything was up to date", err=True)
    echo(f"done in {format_duration(outcome.seconds)}", err=True)


def _write_noop_record(
    workspace: Workspace, outcome: Any, options: Mapping[str, Any], messages: list[str]
) -> None:
    """Let the same command end at once while nothing changes."""
    from isce2_recipe.running.noop_record import write_noop_record

    partial = any(options.get(name) for name in ("table", "force", "start", "until", "publish"))
    if partial or "-" in options["params"] or any(_missing(outcome.steps)):
        return
    write_noop_record(workspace, outcome.steps, tuple(sys.argv[1:]), messages, tuple(options["params"]))


def _missing(steps: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a message for each loop whose failed instances the recipe allows to be missing."""
    for name, facts in steps.items():
        if "instances" in facts and facts.get("missing"):
            yield f"missing in {name}: {', '.join(facts['missing'])} ({facts['reason']})"


def summary(workspace: Workspace, outputs: Mapping[str, Any]) -> list[str]:
    """Return the messages of a finished run: the recipe's outputs, the engine, the folder."""
    described = {name: _describe(value) for name, value in outputs.items() if value is not None}
    lines = [f"{name}: {text}" for name, text in described.items() if text]
    if workspace.uses_engine:
        lines.append(f"engine: {workspace.engine_label}")
    return [*lines, f"work directory: {workspace.workdir}"]


def _describe(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_describe(item)}" for name, item in value.items() if item is not None)
    if isinstance(value, list):
        return ", ".join(_describe(item) for item in value)
    return str(value)
