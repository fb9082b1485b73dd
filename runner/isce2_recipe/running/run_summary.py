"""What a step may know of the run it is part of, for pages that tell of it."""

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
from isce2_recipe.plan.drawing import arrows
from isce2_recipe.plan.graph import Node
from isce2_recipe.plan.names import Outputs, skipped_outputs
from isce2_recipe.plan.project import Project
from isce2_recipe.redact import MASK


def summary_of_run(project: Project, redact: Callable[[str], str]) -> dict[str, Any]:
    """The run so far, as JSON.

    Returns
    -------
    dict
        ``recipe`` (name, summary), ``version``, ``packages``, ``parameters``, ``command``, ``source``,
        ``engine``, and ``steps`` in order, each with ``id``, ``action``, ``kind``, ``summary``, ``status``
        (``done``, ``skipped``, or ``to do`` for this one and those after it), ``seconds``, ``memory``
        (bytes, peak) and ``after``.
    """
    from isce2_recipe.running.provenance import package_versions

    engine_used = any("engine" in node.action.uses for node in project.graph.nodes.values())
    told = {
        "recipe": {"name": project.recipe.name, "summary": project.recipe.summary},
        "version": __version__,
        "packages": {"Python": platform.python_version(), **package_versions()},
        "parameters": _parameters(project),
        "command": _command(project, project.engine.name if engine_used else project.engine_text),
        "source": project.source_text,
        "engine": project.engine_label if engine_used else None,
        "steps": _steps(project),
    }
    result: dict[str, Any] = json.loads(redact(json.dumps(told, default=str)))
    return result


def _parameters(project: Project) -> dict[str, Any]:
    return {
        name: MASK if project.recipe.parameters[name].secret and value is not None else value
        for name, value in project.parameters.items()
    }


def _command(project: Project, engine: str) -> str:
    """The line that makes the same again, wherever it is typed."""
    path = project.recipe.path.resolve()
    shipped = path.is_relative_to(data_folder("recipes").resolve())
    words = ["isce2-recipe", "run", path.stem if shipped else str(project.recipe.path)]
    words += ["--source", project.source_anywhere, "--engine", engine]
    for name, value in project.anywhere(project.given).items():
        if project.recipe.parameters[name].secret:
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        words += ["--set", f"{name}={text}"]
    return shlex.join(words)


def _steps(project: Project) -> list[dict[str, Any]]:
    graph, history = project.graph, project.history
    done: dict[str, dict[str, Any]] = {}
    after: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for before, name in arrows(graph):
        after[name].append(before)
    told = []
    for name, node in graph.nodes.items():
        status = _status(project, node, done)
        known: Mapping[str, Any] = history.done[name].facts if status == "done" else {}
        if status == "done":
            done[name] = decode(history.done[name].outputs, project.workdir)
        elif status == "skipped":
            done[name] = skipped_outputs(node)
        told.append(
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
    return told


def _status(project: Project, node: Node, done: Outputs) -> str:
    try:
        wanted = project.names.wanted(node, done)
    except RecipeToolError:  # its condition reads a step that is still to come
        return "to do"
    if not wanted:
        return "skipped"
    return "done" if node.id in project.history.done else "to do"
