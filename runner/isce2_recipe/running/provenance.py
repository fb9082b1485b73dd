"""The records of a run: ``run.json``, ``resolved.yml``, and the summary that steps can read for reports."""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from isce2_recipe import __version__, noop_cache
from isce2_recipe.errors import RecipeToolError
from isce2_recipe.files import write_text
from isce2_recipe.journal.files import json_digest, text_digest
from isce2_recipe.journal.values import decode, encode
from isce2_recipe.paths import RESOLVED_RECIPE, RUN_RECORD, data_folder
from isce2_recipe.plan.bindings import Outputs, skipped_outputs
from isce2_recipe.plan.drawing import arrows
from isce2_recipe.plan.nodes import Node
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
    """Copy parts and templates that are not shipped next to the resolved recipe."""
    for place, text in own_files(workspace.graph, workspace.bindings, workspace.request.templates).items():
        target = workspace.workdir / place
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_text(target, text)


def summary_of_run(workspace: Workspace, redact: Callable[[str], str]) -> dict[str, Any]:
    """Return the run so far as JSON.

    Returns
    -------
    dict
        ``recipe`` (name, summary), ``version``, ``packages``, ``parameters``, ``command``, ``source``,
        ``engine``, and ``steps`` in order, each with ``id``, ``action``, ``kind``, ``summary``, ``status``
        (``done``, ``skipped``, or ``to do`` for this one and those after it), ``seconds``, ``memory``
        (bytes, peak) and ``after``.
    """
    request, uses_engine = workspace.request, workspace.uses_engine
    summary = {
        "recipe": {"name": request.recipe.name, "summary": request.recipe.summary},
        "version": __version__,
        "packages": {"Python": platform.python_version(), **package_versions()},
        "parameters": request.public_parameters,
        "command": _command(workspace, workspace.engine.name if uses_engine else request.engine_text),
        "source": request.source_text,
        "engine": workspace.engine_label if uses_engine else None,
        "steps": _summaries(workspace),
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


def _summaries(workspace: Workspace) -> list[dict[str, Any]]:
    graph, history = workspace.graph, workspace.history
    done: dict[str, dict[str, Any]] = {}
    after: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for before, name in arrows(graph):
        after[name].append(before)
    steps = []
    for node in graph.ordered():
        name = node.id
        status = _status(workspace, node, done)
        known: Mapping[str, Any] = history.done[name].facts if status == "done" else {}
        if status == "done":
            done[name] = decode(history.done[name].outputs, workspace.workdir)
        elif status == "skipped":
            done[name] = skipped_outputs(node)
        steps.append(
            {
                "id": name,
                "action": node.action.name,
                "kind": next((kind for kind in ("engine", "source") if kind in node.action.uses), ""),
                "summary": node.step.summary or node.action.summary,
                "status": status,
                "seconds": known.get("seconds"),
                "memory": known.get("memory"),
                "after": after[name],
            }
        )
    return steps


def _status(workspace: Workspace, node: Node, done: Outputs) -> str:
    try:
        wanted = workspace.bindings.wanted(node, done)
    except RecipeToolError:  # its condition reads a step that is not done
        return "to do"
    if not wanted:
        return "skipped"
    return "done" if node.id in workspace.history.done else "to do"
