"""``find``: list the dates of a stack, without running anything."""

from __future__ import annotations

import json
import logging
import shlex
from pathlib import Path
from typing import Any

import click

from isce2_recipe.cli.parameters import shared_option
from isce2_recipe.cli.printing import echo, echo_row
from isce2_recipe.errors import UsageError
from isce2_recipe.sources import DEFAULT_SOURCE
from isce2_recipe.vector_files import vector_file

_OF_SEARCH = ("area", "start", "end", "track", "direction", "polarization", "incomplete", "limit")


@click.command("find")
@click.option(
    "--area",
    required=True,
    metavar="AREA",
    help="Box WEST,SOUTH,EAST,NORTH in degrees, well-known text, a GeoJSON, KML, KMZ or Shapefile, "
    "or burst IDs.",
)
@click.option("--start", required=True, metavar="DATE", help="First day, such as 2020-06-01.")
@click.option("--end", required=True, metavar="DATE", help="Last day.")
@click.option(
    "--track",
    type=click.IntRange(1, 175),
    help="Relative orbit; default: that of most of the area.",
)
@click.option("--direction", type=click.Choice(["ascending", "descending"]), help="Direction of flight.")
@click.option("--polarization", type=click.Choice(["VV", "HH"]), default="VV", show_default=True)
@click.option(
    "--incomplete",
    type=click.Choice(["drop_date", "drop_burst", "fail"]),
    default="drop_date",
    show_default=True,
    help="What to leave out if a date misses a burst.",
)
@click.option("--limit", type=click.IntRange(2), default=1000, show_default=True, help="Most granules.")
@shared_option("source", DEFAULT_SOURCE, "Source to search: asf, directory:DIR or simulated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def find_command(source: str, as_json: bool, **options: Any) -> None:
    """Find the Sentinel-1 bursts over an area on every date between two days.

    Prints the bursts of each date, and the command that makes a stack of them.
    """
    from isce2_recipe.actions.bursts import search
    from isce2_recipe.sources import open_source, sources_with
    from isce2_recipe.sources.base import capabilities_of
    from isce2_recipe.sources.stack_choice import day_of

    opened = open_source(source)
    if "burst_search" not in capabilities_of(opened):
        others = ", ".join(sources_with(["burst_search"]))
        raise UsageError(f"the source {opened.name} cannot search bursts", hint=f"use one of {others}")
    file = vector_file(options["area"])
    inputs = options | {"area_file": Path(file) if file else None}
    found = search(opened, logging.getLogger("isce2_recipe.find"), inputs)
    bursts = found.choice.bursts
    dates = [
        {
            "date": day_of(each),
            "platform": each[bursts[0]].platform,
            "granules": [each[burst].name for burst in bursts],
        }
        for each in found.choice.passes
    ]
    given = {name: options[name] for name in _OF_SEARCH if options[name] not in (None, _default(name))}
    given |= {"track": found.track.numbers[0], "direction": found.track.direction.lower()}
    arguments = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    if source != DEFAULT_SOURCE:
        arguments += ["--source", source]
    command = shlex.join(["isce2-recipe", "run", "insar_stack", *arguments])
    if as_json:
        facts = {"bursts": [str(burst) for burst in bursts], "dates": dates, "command": command}
        echo(json.dumps({"notes": found.notes, **facts}, indent=1))
        return
    for note in found.notes:
        echo(note)
    for each in dates:
        echo_row(f"{each['date']}  {each['platform']}  ", "  ".join(each["granules"]))
    echo(f"make a stack of them with:\n  {command}")


def _default(name: str) -> Any:
    return next(each.default for each in find_command.params if each.name == name)


@click.command("stack", context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[RUN OPTIONS]...")
def stack_command(options: tuple[str, ...]) -> int:
    """Make a velocity map from a place and two dates.

    This is short for isce2-recipe run insar_stack, and takes its options: --area, --start, --end and others.
    """
    from isce2_recipe.cli.commands import run_command_line

    return run_command_line(["run", "insar_stack", *options])
