"""Writes the memo of a run in which everything is done."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from isce2_recipe import memo
from isce2_recipe.journal.files import FOLDER, Entry
from isce2_recipe.memo import Signature
from isce2_recipe.plan.folders import SharedFolder
from isce2_recipe.plan.project import Project

_STEADY_SOURCES = ("asf", "simulated")
"""Sources whose fingerprint depends on their name and this package only."""


def remember(
    project: Project,
    statuses: Mapping[str, str],
    words: tuple[str, ...],
    said: list[str],
    files: tuple[str, ...],
) -> None:
    """Let the next run with the same words be answered at once, if that can be done safely.

    Parameters
    ----------
    project : Project
        What was run to its end.
    statuses : mapping
        What became of each of its steps.
    words : tuple of str
        The command line.
    said : list of str
        What the run told its user.
    files : tuple of str
        Files named on the command line.
    """
    skipped = {name for name, status in statuses.items() if status == "skipped"}
    watched: dict[str, Signature] = {}
    for path, item in _all_watched(project, skipped, files):
        if isinstance(item, bool):
            return
        watched[path] = item
    memo.write(
        project.workdir, memo.question(words, os.environ), watched, said, ran="done" in statuses.values()
    )


_Watched = tuple[str, Signature | bool]


def _all_watched(project: Project, skipped: set[str], files: tuple[str, ...]) -> Iterator[_Watched]:
    yield from _doors(project)
    read = [*project.recipe.texts(), *files, *_modules(project)]
    for path in read:
        yield str(Path(path).absolute()), memo.signature(path) or False
    yield from project.looked_at.items()
    yield from _inputs(project)
    yield from _outputs(project, skipped)


def _modules(project: Project) -> Iterator[str]:
    """Files of the code that actions, source and engine are made of."""
    makers = [action.function for action in project.actions.values()]
    makers += [
        type(door) for door in (project.__dict__.get("source"), project.__dict__.get("engine")) if door
    ]
    for maker in makers:
        file = getattr(sys.modules.get(maker.__module__), "__file__", None)
        if file:
            yield file


def _doors(project: Project) -> Iterator[_Watched]:
    """Whether source and engine, as far as they are used, are what they were."""
    if "source" in project.__dict__ and project.source_text.partition(":")[0] not in _STEADY_SOURCES:
        yield "source", False
    if "engine" not in project.__dict__ or project.engine_text == "builtin":
        return
    if project.engine_text != "auto" or project.engine.name != "builtin" or os.environ.get("CONDA_PREFIX"):
        yield "engine", False
    folders = [os.path.join(os.environ.get("ISCE_HOME", ""), "applications")]  # noqa: PTH118
    for folder in [*folders, *os.environ.get("PATH", "").split(os.pathsep)]:
        yield os.path.join(folder, "topsApp.py"), None  # noqa: PTH118


def _inputs(project: Project) -> Iterator[_Watched]:
    """Files from outside the work directory."""
    for path in project.outside:
        known = project.prints.known().get(path)
        yield path, False if known is None else list(known.stat)


def _outputs(project: Project, skipped: set[str]) -> Iterator[_Watched]:
    done = project.history.done
    for name, node in project.graph.nodes.items():
        if name not in skipped and node.folder is None and name in done:
            for file, entry in done[name].made.items():
                yield _promised(f"{project.workdir}/{file}", entry)
    for folder, names in project.graph.folders.items():
        steps = tuple(name for name in names if name not in skipped)
        for file, entry in SharedFolder(folder, steps, project.history).before(len(steps)).items():
            if entry.digest != FOLDER:
                yield _promised(f"{project.workdir}/{file}", entry)


def _promised(path: str, entry: Entry) -> _Watched:
    if entry.digest == FOLDER:
        return path, [entry.stat[1]]
    return path, list(entry.stat) if entry.stat[3] else False
