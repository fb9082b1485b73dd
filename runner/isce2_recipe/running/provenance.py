"""What a run leaves for people and for reruns: ``run.json`` and ``resolved.yml``."""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from isce2_recipe import __version__, noop_cache
from isce2_recipe.files import write_text
from isce2_recipe.journal.files import json_digest, text_digest
from isce2_recipe.journal.values import encode
from isce2_recipe.paths import RESOLVED_RECIPE, RUN_RECORD
from isce2_recipe.plan.project import Project
from isce2_recipe.plan.record import own_files, resolved
from isce2_recipe.processes import host_name
from isce2_recipe.recipe.document import dump
from isce2_recipe.redact import MASK

_PACKAGES = ("numpy", "scipy", "numba", "rasterio", "snaphu", "jinja2", "pyyaml", "lxml")


def write(
    project: Project,
    steps: Mapping[str, Mapping[str, Any]],
    outputs: Mapping[str, Any],
    command: tuple[str, ...],
    seconds: float,
    redact: Callable[[str], str],
) -> None:
    """Write the records of a run into its work directory."""
    _write_resolved(project, redact)
    _copy_own_files(project)
    record = run_record(project, steps, outputs, command, seconds)
    write_text(project.workdir / RUN_RECORD, redact(noop_cache.to_text(record)))


def _write_resolved(project: Project, redact: Callable[[str], str]) -> None:
    """Write the resolved recipe, unless it is there already."""
    path = project.workdir / RESOLVED_RECIPE
    head = redact(_head(project))
    with suppress(OSError, UnicodeDecodeError), path.open(encoding="utf-8") as file:
        if file.read(len(head)) == head:
            return
    write_text(path, head + redact(dump(_resolved(project))))


def run_record(
    project: Project,
    steps: Mapping[str, Mapping[str, Any]],
    outputs: Mapping[str, Any],
    command: tuple[str, ...],
    seconds: float,
) -> dict[str, Any]:
    """All there is to know about a run, as JSON."""
    engine_used = any("engine" in node.action.uses for node in project.graph.nodes.values())
    source_used = any("source" in node.action.uses for node in project.graph.nodes.values())
    return {
        "isce2_recipe": __version__,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "command": list(command),
        "folder": str(project.base),
        "host": {"name": host_name(), "system": platform.platform(), "python": platform.python_version()},
        "packages": package_versions(),
        "recipe": {
            "name": project.recipe.name,
            "path": str(project.recipe.path),
            "fingerprint": text_digest(json.dumps(project.recipe.texts(), sort_keys=True)),
            "resolved": _resolved(project),
        },
        "parameters": _shown(project),
        "source": {"asked": project.source_text, "used": project.source_label if source_used else None},
        "engine": {"asked": project.engine_text, "used": project.engine_label if engine_used else None},
        "actions": {name: action.version for name, action in project.actions.items()},
        "steps": {name: {**facts, "files": _files(project, name, facts)} for name, facts in steps.items()},
        "outputs": encode(dict(outputs), project.workdir),
    }


def package_versions() -> dict[str, str]:
    """Versions of the packages that results depend on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _files(project: Project, step: str, facts: Mapping[str, Any]) -> dict[str, str]:
    if facts["status"] not in ("done", "cached"):
        return {}
    made = project.history.done[step].made
    return {name: entry.digest for name, entry in sorted(made.items()) if entry.digest != "folder"}


def _shown(project: Project) -> dict[str, Any]:
    """Parameters without the values of secret ones."""
    return {
        name: MASK if project.recipe.parameters[name].secret and value is not None else value
        for name, value in project.parameters.items()
    }


def _resolved(project: Project) -> dict[str, Any]:
    """The recipe with every parameter's value as its default."""
    values = {
        name: value
        for name, value in project.parameters.items()
        if not project.recipe.parameters[name].secret
    }
    found: dict[str, Any] = project.anywhere(resolved(project.recipe, values))
    return found


def _head(project: Project) -> str:
    """The resolved recipe's first lines; its fingerprint tells whether the rest is there already."""
    return (
        f"# What ran here, by isce2-recipe {__version__}: every parameter has its value of this run.\n"
        f"# To run it again: {rerun_command(project)}\n"
        f"# Fingerprint: {json_digest(_resolved(project))}\n"
    )


def rerun_command(project: Project) -> str:
    """The line that runs a work directory's recipe again."""
    words = ["isce2-recipe", "run", str(project.workdir / RESOLVED_RECIPE), "--workdir", str(project.workdir)]
    words += ["--source", project.source_anywhere, "--engine", project.engine_text]
    return shlex.join(words)


def _copy_own_files(project: Project) -> None:
    """Parts and templates that do not come with the package lie beside the resolved recipe."""
    for place, text in own_files(project.recipe, project.templates).items():
        target = project.workdir / place
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_text(target, text)
