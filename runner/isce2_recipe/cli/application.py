"""``app``: run an ISCE2 application."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from isce2_recipe.cli.parameters import shared_option
from isce2_recipe.cli.printing import echo
from isce2_recipe.errors import InputError, UsageError
from isce2_recipe.problems import printable
from isce2_recipe.progress import PlainLines, TextOutput
from isce2_recipe.redact import known_secrets, redactor


@click.command("app")
@click.argument("app", metavar="topsApp|stripmapApp")
@click.argument("config", type=click.Path(path_type=Path), required=False)
@click.option("--start", metavar="STEP", help="First step; by default the application's first.")
@click.option("--end", metavar="STEP", help="Last step; by default the application's last.")
@click.option("--dostep", metavar="STEP", help="Run only this step.")
@click.option("--steps", is_flag=True, help="Accepted as by ISCE2's own applications, without effect.")
@shared_option("engine", "auto", "Engine that runs the application: auto, isce2 or builtin.")
@click.option(
    "--cpus", type=click.IntRange(1), metavar="N", help="Number of threads; by default one per processor."
)
def app_command(
    app: str,
    config: Path | None,
    start: str | None,
    end: str | None,
    dostep: str | None,
    steps: bool,  # noqa: ARG001 - users of ISCE2 give it
    engine: str,
    cpus: int | None,
) -> None:
    """Run an ISCE2 application in the current folder.

    CONFIG is the XML file of the application, by default topsApp.xml or stripmapApp.xml. The command writes
    the same files as topsApp.py and stripmapApp.py. It prints wall time, processor time and peak memory of
    each step.
    """
    from isce2_recipe.cli.step_report import StepReport
    from isce2_recipe.engines import applications_of, check_steps, open_engine
    from isce2_recipe.engines.base import AppSteps
    from isce2_recipe.recipe import isce2_xml
    from isce2_recipe.running.preloading import prepare_kernel_cache
    from isce2_recipe.running.resources import processors

    if dostep and (start or end):
        raise UsageError("--dostep cannot be combined with --start or --end")
    app = app.removesuffix(".py")
    folder = Path.cwd()
    config = config or Path(f"{app}.xml")
    if not config.is_file():
        raise InputError(f"there is no file '{config}'", hint=f"give the XML file that configures {app}")
    redact = redactor(known_secrets(os.environ))
    count = cpus or processors()
    os.environ |= {"OMP_NUM_THREADS": str(count), "NUMBA_NUM_THREADS": str(count)}
    warning = prepare_kernel_cache(os.environ)
    if warning:
        echo(f"warning: {warning}", err=True)
    chosen = open_engine(engine, lambda text: echo(text, err=True))
    wanted = AppSteps(app, dostep or start, dostep or end)
    applications = applications_of(chosen)
    check_steps(chosen.name, applications, wanted)
    known = applications[app] if applications is not None else isce2_xml.steps(app)
    report = StepReport(app, known, sys.stdout)
    lines = PlainLines(report, redact)

    def progress(fraction: float, text: str) -> None:
        report.progress(fraction, text)
        lines({"event": "step.progress", "step": app, "fraction": fraction, "text": text})

    with report:
        chosen.run(
            app,
            folder / config,
            folder=folder,
            start=wanted.start,
            end=wanted.end,
            log=_logger(report, redact),
            progress=progress,
            cpus=count,
        )


class _Lines(logging.Formatter):
    """Formats lines without secrets, and with control characters escaped."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(message)s", "%H:%M:%S")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return printable(self._redact(super().format(record)))


def _logger(stream: TextOutput, redact: Callable[[str], str]) -> logging.Logger:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Lines(redact))
    logger = logging.getLogger("isce2_recipe.app")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger
