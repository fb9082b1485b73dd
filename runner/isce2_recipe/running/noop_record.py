"""Writes the entry of the no-op cache after a run in which everything is done."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from isce2_recipe import engines, noop_cache
from isce2_recipe.journal.files import FOLDER, FileEntry
from isce2_recipe.noop_cache import CannotTellError, Signature, steady
from isce2_recipe.paths import JOURNAL, RESOLVED_RECIPE, RUN_RECORD, data_folder
from isce2_recipe.plan.folders import SharedFolder
from isce2_recipe.plan.nodes import prefixes
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.recipe.model import Recipe
from isce2_recipe.sources.base import traits_of

_Watched = Iterator[tuple[str, Signature]]


def write_noop_record(
    workspace: Workspace,
    steps: Mapping[str, Mapping[str, Any]],
    arguments: tuple[str, ...],
    messages: list[str],
    files: tuple[str, ...],
) -> None:
    """Let the next run with the same command line end at once, if that is safe.

    Parameters
    ----------
    workspace : Workspace
        The work directory of a complete run.
    steps : mapping
        Status and facts of each of its steps.
    arguments : tuple of str
        The command line.
    messages : list of str
        The messages that the run printed.
    files : tuple of str
        Files named on the command line.
    """
    statuses = {name: str(facts["status"]) for name, facts in steps.items()}
    with suppress(CannotTellError):
        watched = dict(_all_watched(workspace, statuses, files))
        asked = noop_cache.question(arguments, os.environ)
        ran = "done" in statuses.values()
        noop_cache.write(
            workspace.workdir, asked, watched, messages, ran=ran, only_today=_searches(workspace)
        )


def _searches(workspace: Workspace) -> bool:
    """Return whether a step searches a catalogue, which may have more on another day."""
    return any("burst_search" in node.action.capabilities for node in workspace.graph.nodes.values())


def _all_watched(workspace: Workspace, statuses: dict[str, str], files: tuple[str, ...]) -> _Watched:
    unsteady = any(not node.action.steady for node in workspace.graph.nodes.values())
    if workspace.request.secret_names or unsteady:  # secrets may be part of the name of a file
        raise CannotTellError
    yield from _tools(workspace)
    yield from _recipe(workspace)
    yield from map(steady, [*files, *noop_cache.code(_packages(workspace))])
    yield from workspace.texts_read.items()
    made = dict(_made(workspace, statuses))
    yield from _outputs(workspace, made)
    yield from _inputs(workspace, made)
    yield f"{workspace.workdir}/{JOURNAL}", noop_cache.signature(f"{workspace.workdir}/{JOURNAL}")
    yield from ((f"{workspace.workdir}/{name}", noop_cache.THERE) for name in (RUN_RECORD, RESOLVED_RECIPE))


def _recipe(workspace: Workspace) -> _Watched:
    """Yield the recipe with its parts and schemas, and the places where others would be found before them."""
    for file, text in workspace.request.recipe.texts().items():
        yield steady(file)
        if Path(file).read_text(encoding="utf-8-sig") != text:  # clocks of servers may be wrong
            raise CannotTellError
    yield from map(steady, data_folder("schemas").rglob("*.json"))
    shadows = {
        workspace.request.base / workspace.request.recipe.path.stem,
        *_shadows(workspace.request.recipe),
    }
    yield from ((str(path), noop_cache.signature(str(path))) for path in shadows)


def _shadows(recipe: Recipe) -> Iterator[Path]:
    here = recipe.path.absolute().parent
    for step in recipe.steps:
        if step.part is not None:
            yield from (here / step.uses, here.parent / step.uses)
            yield from _shadows(step.part)


def _packages(workspace: Workspace) -> set[str]:
    """Return the packages of the code that a run uses: this one, and those of actions, source and engine."""
    makers: list[Any] = [action.function for action in workspace.actions.values()]
    makers += map(type, workspace.opened.values())
    return {__name__.partition(".")[0], *(maker.__module__.partition(".")[0] for maker in makers)}


def _tools(workspace: Workspace) -> _Watched:
    """Yield what shows that the source and the engine in use have not changed."""
    if "source" in workspace.opened and not traits_of(workspace.source).steady:
        raise CannotTellError
    if "engine" not in workspace.opened:
        return
    places = engines.places(workspace.request.engine_text, os.environ)
    if places is None:
        raise CannotTellError
    yield from ((str(path), noop_cache.signature(str(path))) for path in places)


def _inputs(workspace: Workspace, made: dict[str, FileEntry]) -> _Watched:
    """Yield the input files that no step of the run made."""
    folders = {name.rpartition("/")[0] for name in made}
    for path in workspace.files_read:
        name = os.path.relpath(path, workspace.workdir)
        if name not in made and name not in folders:
            yield path, _known(workspace, str(Path(path).resolve()))


def _known(workspace: Workspace, path: str) -> Signature:
    """Return the signature of a file at the time when its content was last read."""
    entry = workspace.fingerprints.known().get(path)
    if entry is None or not entry.stat[3]:
        raise CannotTellError
    return list(entry.stat)


def _made(workspace: Workspace, statuses: dict[str, str]) -> Iterator[tuple[str, FileEntry]]:
    """Yield all files that the steps of the run promise."""
    skipped = {name for name, status in statuses.items() if status == "skipped"}
    done = workspace.history.done
    for name, node in workspace.graph.nodes.items():
        if name not in skipped and node.folder is None and name in done:
            yield from done[name].made.items()
    for folder, names in workspace.graph.folders.items():
        steps = tuple(name for name in names if name not in skipped)
        yield from SharedFolder(folder, steps, workspace.history).state().items()


def _outputs(workspace: Workspace, made: dict[str, FileEntry]) -> _Watched:
    for name, entry in made.items():
        path = f"{workspace.workdir}/{name}"
        if entry.digest != FOLDER:
            found = noop_cache.signature(path)
            yield path, found if found == list(entry.stat) else _known(workspace, path)
        elif any(
            one in workspace.graph.folders for one in prefixes(name)
        ):  # additional files there do not matter
            yield path, noop_cache.THERE
        else:
            yield path, _folder(path, entry)


def _folder(path: str, entry: FileEntry) -> Signature:
    """Return the signature of a step's folder that contains only what the step wrote."""
    found = noop_cache.signature(path)
    return found if found == list(entry.stat) else steady(path)[1]
