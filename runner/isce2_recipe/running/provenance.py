"""The records of a run: ``run.json``, ``resolved.yml``, and the summary that steps can read for reports."""

from __future__ import annotations

import json
import os
import platform
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from isce2_recipe import __version__, noop_cache
from isce2_recipe.errors import RecipeToolError
from isce2_recipe.files import write_text
from isce2_recipe.journal.files import file_digest, json_digest, text_digest
from isce2_recipe.journal.log import instance_in
from isce2_recipe.journal.values import decode, encode
from isce2_recipe.paths import RESOLVED_RECIPE, RUN_RECORD, data_folder
from isce2_recipe.plan import loops
from isce2_recipe.plan.bindings import Outputs, skipped_outputs
from isce2_recipe.plan.drawing import arrows
from isce2_recipe.plan.nodes import Instance, Node
from isce2_recipe.plan.record import own_files, resolved
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.processes import host_name
from isce2_recipe.recipe.document import dump
from isce2_recipe.redact import in_values

_PACKAGES = ("numpy", "scipy", "numba", "rasterio", "snaphu", "jinja2", "pyyaml", "lxml")


def write(
    workspace: Workspace,
    steps: Mapping[str, Mapping[str, Any]],
    outputs: Mapping[str, Any],
    command: tuple[str, ...],
    seconds: float,
    redact: Callable[[str], str],
) -> None:
    """Write the records of a run into its work directory."""
    _write_resolved(workspace, redact)
    _copy_own_files(workspace)
    record = run_record(workspace, steps, outputs, command, seconds)
    write_text(workspace.workdir / RUN_RECORD, noop_cache.to_text(in_values(record, redact)))


def _write_resolved(workspace: Workspace, redact: Callable[[str], str]) -> None:
    """Write the resolved recipe, unless it is current."""
    path = workspace.workdir / RESOLVED_RECIPE
    head = redact(_head(workspace))
    with suppress(OSError, UnicodeDecodeError), path.open(encoding="utf-8") as file:
        if file.read(len(head)) == head:
            return
    write_text(path, head + dump(in_values(_resolved(workspace), redact)))


def run_record(
    workspace: Workspace,
    steps: Mapping[str, Mapping[str, Any]],
    outputs: Mapping[str, Any],
    command: tuple[str, ...],
    seconds: float,
) -> dict[str, Any]:
    """Return everything that is known about a run, as JSON."""
    request, recipe = workspace.request, workspace.request.recipe
    source_label = workspace.source_label if workspace.uses_source else None
    engine_label = workspace.engine_label if workspace.uses_engine else None
    return {
        "isce2_recipe": __version__,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "command": list(command),
        "folder": str(request.base),
        "host": {"name": host_name(), "system": platform.platform(), "python": platform.python_version()},
        "packages": package_versions(),
        "recipe": {
            "name": recipe.name,
            "path": str(recipe.path),
            "fingerprint": text_digest(json.dumps(recipe.texts(), sort_keys=True)),
            "resolved": _resolved(workspace),
        },
        "parameters": request.public_parameters,
        "source": {"asked": request.source_text, "used": source_label},
        "engine": {"asked": request.engine_text, "used": engine_label},
        "actions": {name: action.version for name, action in workspace.actions.items()},
        "steps": {name: {**facts, "files": _files(workspace, name, facts)} for name, facts in steps.items()},
        "outputs": encode(dict(outputs), workspace.workdir),
    }


def package_versions() -> dict[str, str]:
    """Return the versions of packages on which results depend."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _files(workspace: Workspace, step: str, facts: Mapping[str, Any]) -> dict[str, str]:
    if facts["status"] not in ("done", "cached") or step not in workspace.history.done:
        return {}
    made = workspace.history.done[step].made
    return {name: entry.digest for name, entry in sorted(made.items()) if entry.digest != "folder"}


def _resolved(workspace: Workspace) -> dict[str, Any]:
    """Return the recipe with the value of every parameter as its default."""
    values = {
        name: value
        for name, value in workspace.request.parameters.items()
        if not workspace.request.recipe.parameters[name].secret
    }
    found: dict[str, Any] = workspace.with_absolute_paths(resolved(workspace.request.recipe, values))
    return found


def _head(workspace: Workspace) -> str:
    """Return the first lines of the resolved recipe; their fingerprint shows whether the file is current."""
    return (
        f"# The recipe of a run by isce2-recipe {__version__}; the defaults are the values of that run.\n"
        f"# To run it again: {rerun_command(workspace)}\n"
        f"# Fingerprint: {json_digest(_resolved(workspace))}\n"
    )


def rerun_command(workspace: Workspace) -> str:
    """Return the command line that runs the recipe of a work directory again."""
    words = [
        "isce2-recipe",
        "run",
        str(workspace.workdir / RESOLVED_RECIPE),
        "--workdir",
        str(workspace.workdir),
    ]
    words += ["--source", workspace.request.portable_source, "--engine", workspace.request.engine_text]
    return shlex.join(words)


def _copy_own_files(workspace: Workspace) -> None:
    """Copy parts, templates and Python files that are not shipped next to the resolved recipe.

    Files in their places that no run copied there are set aside; those that the recipe itself uses stay.
    """
    request, graph, workdir = workspace.request, workspace.graph, workspace.workdir
    nodes = list(graph.samples(graph.level(None)))
    found = own_files(request.recipe, nodes, workspace.bindings, request.templates)
    digests = {place: text_digest(text) for place, text in found.items()}
    at_home = request.recipe.path.resolve().parent == workdir.resolve()
    there = {place: _content(workdir, place) for place in found}
    todo = {
        place: digest
        for place, digest in digests.items()
        if there[place] != digest and not (at_home and there[place])
    }
    if not todo:
        return
    copies = workspace.history.copies
    foreign = [place for place in todo if there[place] not in {"", *copies.get(place, ())}]
    workspace.set_aside(sorted({_occupied(workdir, place) for place in foreign}))
    # A copy without a record would be a stranger's.
    workspace.add_event({"event": "copied", "files": todo}, sync=False)
    for place in todo:
        target = workdir / place
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text(target, found[place])


def _content(workdir: Path, place: str) -> str:
    """Return the fingerprint of a file, "" if nothing has its name, and "other" for all that is no file."""
    path = workdir / _occupied(workdir, place)
    if not os.path.lexists(path):
        return ""
    return (
        file_digest(path) if path == workdir / place and path.is_file() and not path.is_symlink() else "other"
    )


def _occupied(workdir: Path, place: str) -> str:
    """Return a path, or the first of its folders that is none."""
    for folder in reversed(PurePosixPath(place).parents[:-1]):
        path = workdir / folder
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            return str(folder)
    return place


def summary_of_run(workspace: Workspace, redact: Callable[[str], str], node: Node) -> dict[str, Any]:
    """Return the run so far as JSON; for a step of a part in a loop, the instance that the step belongs to.

    Returns
    -------
    dict
        ``recipe`` (name, summary), ``version``, ``packages``, ``parameters``, ``command``, ``source``,
        ``engine``, and ``steps`` in order, each with ``id``, ``action``, ``kind``, ``summary``, ``status``
        (``done``, ``skipped``, or ``to do`` for this one and those after it), ``seconds``, ``memory``
        (bytes, peak), ``finished`` (UTC) and ``after``. A loop is one of the steps; it also has ``instances``
        and ``missing``.
    """
    request, uses_engine, home = workspace.request, workspace.uses_engine, node.scope.home
    recipe, parameters = request.recipe, request.public_parameters
    levels: list[Instance | None] = [None]
    if home is not None:
        recipe, levels = home.recipe, [None, *home.instances]
        parameters = workspace.bindings.public_values(home, _recorded(workspace, levels))
    loops.expand_recorded(workspace.graph, workspace.history.loops, workspace.workdir)
    summary = {
        "recipe": {"name": recipe.name, "summary": recipe.summary},
        "version": __version__,
        "packages": {"Python": platform.python_version(), **package_versions()},
        "parameters": parameters,
        "command": _command(workspace, workspace.engine.name if uses_engine else request.engine_text),
        "source": request.source_text,
        "engine": workspace.engine_label if uses_engine else None,
        "steps": _summaries(workspace, levels),
    }
    result: dict[str, Any] = in_values(json.loads(json.dumps(summary, default=str)), redact)
    return result


def _command(workspace: Workspace, engine: str) -> str:
    """Return the command line that repeats the run in any folder."""
    request = workspace.request
    path = request.recipe.path.resolve()
    shipped = path.is_relative_to(data_folder("recipes").resolve())
    words = ["isce2-recipe", "run", path.stem if shipped else str(request.recipe.path)]
    words += ["--source", request.portable_source, "--engine", engine]
    for name, value in workspace.with_absolute_paths(request.overrides).items():
        if request.recipe.parameters[name].secret:
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        words += ["--set", f"{name}={text}"]
    return shlex.join(words)


def _recorded(workspace: Workspace, levels: Sequence[Instance | None]) -> dict[str, Mapping[str, Any]]:
    """Return the outputs of all steps of some levels that are done."""
    done = workspace.history.done
    names = [node.id for level in levels for node in workspace.graph.level(level) if node.id in done]
    return {name: decode(done[name].outputs, workspace.workdir) for name in names}


def _summaries(workspace: Workspace, levels: Sequence[Instance | None]) -> list[dict[str, Any]]:
    """Return the steps of the last of some levels; the steps of those before it are around it."""
    graph, history = workspace.graph, workspace.history
    done = _recorded(workspace, levels)
    nodes = list(graph.level(levels[-1]))
    after: dict[str, list[str]] = {node.id: [] for node in nodes}
    for before, name in arrows({name: [one for one in graph.needs[name] if one in after] for name in after}):
        after[name].append(before)
    steps = []
    for node in nodes:
        name = node.id
        status = _status(workspace, node, done)
        known: Mapping[str, Any] = {}
        if status == "skipped":
            done[name] = skipped_outputs(node)
        elif node.is_loop:
            status, known = _loop(workspace, node)
        elif status == "done":
            known = history.done[name].facts
        steps.append(
            {
                "id": name,
                "action": node.uses if node.is_loop else node.action.name,
                "kind": next((kind for kind in ("engine", "source") if kind in node.action.uses), ""),
                "summary": node.summary,
                "status": status,
                "seconds": known.get("seconds"),
                "memory": known.get("memory"),
                "finished": known.get("finished"),
                "after": after[name],
                **{key: known[key] for key in ("instances", "missing") if key in known},
            }
        )
    return steps


def _loop(workspace: Workspace, node: Node) -> tuple[str, dict[str, Any]]:
    """Return the status of a loop, with the time of all its instances, and which of them failed."""
    graph, history = workspace.graph, workspace.history
    if node.id not in graph.instances:
        return "to do", {}
    inside = list(graph.below(node.id))
    facts = [history.done[name].facts for name in inside if name in history.done]
    failed = {instance_in(node.id, name) for name in history.open if instance_in(node.id, name) is not None}
    missing = [one.key for one in graph.instances[node.id] if one.key in failed]
    return "done", {
        "seconds": sum(one.get("seconds", 0.0) for one in facts),
        "memory": max((one.get("memory", 0.0) for one in facts), default=0.0),
        "instances": len(graph.instances[node.id]),
        **({"missing": missing} if missing else {}),
    }


def _status(workspace: Workspace, node: Node, done: Outputs) -> str:
    try:
        wanted = workspace.bindings.wanted(node, done)
    except (KeyError, RecipeToolError):  # its condition reads a step that is not done
        return "to do"
    if not wanted:
        return "skipped"
    return "done" if node.id in workspace.history.done else "to do"
