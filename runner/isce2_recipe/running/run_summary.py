"""The summary of a run that its steps can read, for reports."""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from isce2_recipe import __version__
from isce2_recipe.errors import RecipeToolError
from isce2_recipe.journal.values import decode
from isce2_recipe.paths import data_folder
from isce2_recipe.plan.bindings import Outputs, skipped_outputs
from isce2_recipe.plan.drawing import arrows
from isce2_recipe.plan.graph import Node
from isce2_recipe.plan.workspace import Workspace


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
    from isce2_recipe.running.provenance import package_versions

    request, uses_engine = workspace.request, workspace.uses_engine
    summary = {
        "recipe": {"name": request.recipe.name, "summary": request.recipe.summary},
        "version": __version__,
        "packages": {"Python": platform.python_version(), **package_versions()},
        "parameters": request.public_parameters,
        "command": _command(workspace, workspace.engine.name if uses_engine else request.engine_text),
        "source": request.source_text,
        "engine": workspace.engine_label if uses_engine else None,
        "steps": _steps(workspace),
    }
    result: dict[str, Any] = json.loads(redact(json.dumps(summary, default=str)))
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


def _steps(workspace: Workspace) -> list[dict[str, Any]]:
    graph, history = workspace.graph, workspace.history
    done: dict[str, dict[str, Any]] = {}
    after: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for before, name in arrows(graph):
        after[name].append(before)
    steps = []
    for name, node in graph.nodes.items():
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
