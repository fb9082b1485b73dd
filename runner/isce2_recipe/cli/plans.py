"""A plan as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from isce2_recipe.actions.base import Action
from isce2_recipe.journal.values import FILE
from isce2_recipe.plan.forecast import Forecast, forecast, to_json
from isce2_recipe.plan.graph import actions_below
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.quantities import format_bytes, format_duration
from isce2_recipe.running.resources import disk_bytes, memory_bytes, processors
from isce2_recipe.running.state import Limits, RunOptions, select
from isce2_recipe.sources.base import traits_of

_MARKS = {"run": "run", "cached": "ok", "skipped": "skip"}


def text(workspace: Workspace, options: Mapping[str, Any]) -> str:
    """Return the plan for people or as JSON."""
    limits = Limits(1, processors(), memory_bytes())
    run_options = RunOptions(limits, tuple(options["force"]), options["start"], options["until"])
    selection = select(workspace.graph, run_options)
    found = forecast(workspace, selection)
    credentials = _credentials(workspace, found)
    if options["as_json"]:
        return json.dumps({**to_json(found, workspace), "credentials": credentials}, indent=1, default=str)
    return "\n".join(_lines(workspace, found, credentials))


def _lines(workspace: Workspace, found: list[Forecast], credentials: dict[str, bool]) -> list[str]:
    lines = [f"{workspace.request.recipe.name} in {workspace.workdir}", ""]
    width = max((len(one.id) for one in found), default=0)
    for one in found:
        lines.append(f"{_MARKS[one.status]:>4}  {one.id:<{width}}  {one.summary or one.uses}")
        lines.append(f"{'':>4}  {'':<{width}}  {one.reason}{_needs(one)}")
        if one.status == "run":
            lines += [f"{'':>4}  {'':<{width}}    {line}" for line in _details(one)]
    return [*lines, "", *_totals(workspace, found), *_credential_lines(credentials)]


def _needs(one: Forecast) -> str:
    asked = [
        f"{format_bytes(one.memory)} memory" if one.memory else "",
        f"{format_bytes(one.disk)} disk" if one.disk else "",
    ]
    if one.seconds is not None and one.status == "run":
        asked.append(f"took {format_duration(one.seconds)} last time")
    known = ", ".join(part for part in asked if part)
    return f" ({known})" if known else ""


def _details(one: Forecast) -> list[str]:
    lines = [f"{name}: {_short(value)}" for name, value in one.inputs.items()]
    for name, size in one.shows.get("downloads", ()):
        lines.append(f"download {name}, {format_bytes(size) if size else 'size unknown'}")
    if "rendered" in one.shows:
        lines += ["", *(f"| {line}" for line in str(one.shows["rendered"]).splitlines()), ""]
    return lines


def _short(value: Any) -> str:
    if isinstance(value, dict) and value.keys() == {FILE}:
        return str(value[FILE])
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _totals(workspace: Workspace, found: list[Forecast]) -> list[str]:
    found = [one for one in found if one.is_step]
    running = [one for one in found if one.status == "run"]
    counts = f"{len(running)} to run, {sum(one.status == 'cached' for one in found)} up to date, "
    lines = [f"{counts}{sum(one.status == 'skipped' for one in found)} skipped"]
    memory = max((one.memory for one in running), default=0.0)
    disk = sum(one.disk for one in running)
    if memory:
        lines.append(_enough("memory", memory, memory_bytes(), "this machine has"))
    if disk:
        lines.append(_enough("disk", disk, disk_bytes(workspace.workdir), "available:"))
    return [*lines, *_downloads(workspace, running), *_time(running)]


def _downloads(workspace: Workspace, running: list[Forecast]) -> list[str]:
    if not any("source" in action.uses for action in _actions(workspace, running)):
        return []
    if not traits_of(workspace.source).downloads:
        return [f"downloads: none, inputs come from {workspace.request.source_text}"]
    # Two steps may name the same tiles, which are downloaded once.
    sizes = list({name: size for one in running for name, size in one.shows.get("downloads", ())}.values())
    if not sizes:
        return ["downloads: none"]
    known = [size for size in sizes if size]
    if not known:
        return [f"downloads: {len(sizes)}, their size is unknown before the catalogue has been queried"]
    return [f"downloads: {len(sizes)}, {format_bytes(sum(known))} for the {len(known)} of known size"]


def _time(running: list[Forecast]) -> list[str]:
    timed = [one.seconds for one in running if one.seconds is not None]
    if not running:
        return []
    if not timed:
        return ["time: unknown before the first run on this machine"]
    rest = (
        f", without {len(running) - len(timed)} steps that never ran here"
        if len(timed) < len(running)
        else ""
    )
    return [f"time: {format_duration(sum(timed))}, as earlier runs took on this machine{rest}"]


def _enough(what: str, asked: float, there: float, phrase: str) -> str:
    warning = "" if asked <= there else "  NOT ENOUGH"
    return f"{what}: {format_bytes(asked)} ({phrase} {format_bytes(there)}){warning}"


def _credentials(workspace: Workspace, found: list[Forecast]) -> dict[str, bool]:
    """Return the credentials that the run needs, and whether they were found."""
    from isce2_recipe.cli import doctor

    actions = _actions(workspace, [one for one in found if one.status == "run"])
    names = {action.name for action in actions}
    credentials = {}
    if any("source" in one.uses for one in actions) and traits_of(workspace.source).downloads:
        credentials["Earthdata login"] = doctor.has_earthdata_login()
    if "s3.upload" in names:
        credentials["AWS login"] = doctor.has_aws_login()
    if "s3.publish" in names:
        credentials["login to publish"] = doctor.has_login_to_publish()
    return credentials


def _actions(workspace: Workspace, found: Iterable[Forecast]) -> list[Action]:
    """Return the actions of some steps; those of loops too, whose instances may not be known yet."""
    steps = [workspace.graph.nodes[one.id].step for one in found]
    return [action for step in steps for action in actions_below(step, workspace.actions)]


def _credential_lines(credentials: Mapping[str, bool]) -> list[str]:
    roles = " in the environment and in ~/.aws; a role of this machine may replace them"
    return [
        f"credentials: {name} {'found' if there else 'MISSING'}"
        f"{roles if name == 'AWS login' and not there else ''}"
        for name, there in credentials.items()
    ]
