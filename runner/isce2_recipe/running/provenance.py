"""The records of a run for people and for reruns: ``run.json`` and ``resolved.yml``."""

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
from isce2_recipe.plan.record import own_files, resolved
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.processes import host_name
from isce2_recipe.recipe.document import dump

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
    write_text(workspace.workdir / RUN_RECORD, redact(noop_cache.to_text(record)))


def _write_resolved(workspace: Workspace, redact: Callable[[str], str]) -> None:
    """Write the resolved recipe, unless it is current."""
    path = workspace.workdir / RESOLVED_RECIPE
    head = redact(_head(workspace))
    with suppress(OSError, UnicodeDecodeError), path.open(encoding="utf-8") as file:
        if file.read(len(head)) == head:
            return
    write_text(path, head + redact(dump(_resolved(workspace))))


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
    if facts["status"] not in ("done", "cached"):
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
        f"# What ran here, by isce2-recipe {__version__}: every parameter has its value of this run.\n"
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
    for place, text in own_files(workspace.request.recipe, workspace.request.templates).items():
        target = workspace.workdir / place
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_text(target, text)
