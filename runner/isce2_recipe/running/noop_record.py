"""Writes the memo of a run in which everything is done."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from isce2_recipe import engines, noop_cache
from isce2_recipe.journal.files import FOLDER, Entry
from isce2_recipe.noop_cache import CannotTellError, Signature, steady
from isce2_recipe.paths import JOURNAL, RESOLVED_RECIPE, RUN_RECORD, data_folder
from isce2_recipe.plan.folders import SharedFolder
from isce2_recipe.plan.project import Project
from isce2_recipe.recipe.model import Recipe
from isce2_recipe.sources.base import traits_of

_Watched = Iterator[tuple[str, Signature]]


def remember(
    project: Project,
    steps: Mapping[str, Mapping[str, Any]],
    words: tuple[str, ...],
    said: list[str],
    files: tuple[str, ...],
) -> None:
    """Let the next run with the same words be answered at once, if that can be done safely.

    Parameters
    ----------
    project : Project
        What was run to its end.
    steps : mapping
        What became of each of its steps.
    words : tuple of str
        The command line.
    said : list of str
        What the run told its user.
    files : tuple of str
        Files named on the command line.
    """
    statuses = {name: str(facts["status"]) for name, facts in steps.items()}
    with suppress(CannotTellError):
        watched = dict(_all_watched(project, statuses, files))
        asked = noop_cache.question(words, os.environ)
        noop_cache.write(project.workdir, asked, watched, said, ran="done" in statuses.values())


def _all_watched(project: Project, statuses: dict[str, str], files: tuple[str, ...]) -> _Watched:
    if project.secrets:  # they may be part of a file's name
        raise CannotTellError
    yield from _doors(project)
    yield from _recipe(project)
    yield from map(steady, [*files, *noop_cache.code(_makers(project))])
    yield from project.looked_at.items()
    made = dict(_made(project, statuses))
    yield from _outputs(project, made)
    yield from _inputs(project, made)
    yield f"{project.workdir}/{JOURNAL}", noop_cache.signature(f"{project.workdir}/{JOURNAL}")
    yield from ((f"{project.workdir}/{name}", noop_cache.THERE) for name in (RUN_RECORD, RESOLVED_RECIPE))


def _recipe(project: Project) -> _Watched:
    """The recipe with its parts and schemas, and where others would be found before them."""
    for file, text in project.recipe.texts().items():
        yield steady(file)
        if Path(file).read_text(encoding="utf-8-sig") != text:  # clocks of servers may be wrong
            raise CannotTellError
    yield from map(steady, data_folder("schemas").rglob("*.json"))
    shadows = {project.base / project.recipe.path.stem, *_shadows(project.recipe)}
    yield from ((str(path), noop_cache.signature(str(path))) for path in shadows)


def _shadows(recipe: Recipe) -> Iterator[Path]:
    here = recipe.path.absolute().parent
    for step in recipe.steps:
        if step.part is not None:
            yield from (here / step.uses, here.parent / step.uses)
            yield from _shadows(step.part)


def _makers(project: Project) -> set[str]:
    """Packages of the code that decides: this one, and those of actions, source and engine."""
    makers = [action.function for action in project.actions.values()]
    makers += [
        type(door) for door in (project.__dict__.get("source"), project.__dict__.get("engine")) if door
    ]
    return {__name__.partition(".")[0], *(maker.__module__.partition(".")[0] for maker in makers)}


def _doors(project: Project) -> _Watched:
    """Whether source and engine, as far as they are used, are what they were."""
    if "source" in project.__dict__ and not traits_of(project.source).steady:
        raise CannotTellError
    if "engine" not in project.__dict__:
        return
    places = engines.places(project.engine_text, os.environ)
    if places is None:
        raise CannotTellError
    yield from ((str(path), noop_cache.signature(str(path))) for path in places)


def _inputs(project: Project, made: dict[str, Entry]) -> _Watched:
    """Files that no step of the run made."""
    folders = {name.rpartition("/")[0] for name in made}
    for path in project.files:
        name = os.path.relpath(path, project.workdir)
        if name not in made and name not in folders:
            yield path, _known(project, str(Path(path).resolve()))


def _known(project: Project, path: str) -> Signature:
    """What the file system said of a file when its content was last looked at."""
    entry = project.prints.known().get(path)
    if entry is None or not entry.stat[3]:
        raise CannotTellError
    return list(entry.stat)


def _made(project: Project, statuses: dict[str, str]) -> Iterator[tuple[str, Entry]]:
    """All that the run's steps promise."""
    skipped = {name for name, status in statuses.items() if status == "skipped"}
    done = project.history.done
    for name, node in project.graph.nodes.items():
        if name not in skipped and node.folder is None and name in done:
            yield from done[name].made.items()
    for folder, names in project.graph.folders.items():
        steps = tuple(name for name in names if name not in skipped)
        yield from SharedFolder(folder, steps, project.history).before(len(steps)).items()


def _outputs(project: Project, made: dict[str, Entry]) -> _Watched:
    for name, entry in made.items():
        path = f"{project.workdir}/{name}"
        if entry.digest != FOLDER:
            found = noop_cache.signature(path)
            yield path, found if found == list(entry.stat) else _known(project, path)
        elif name.partition("/")[0] in project.graph.folders:  # what is added there does not count
            yield path, noop_cache.THERE
        else:
            yield path, _folder(path, entry)


def _folder(path: str, entry: Entry) -> Signature:
    """A step's folder, in which there is what the step put there and nothing else."""
    found = noop_cache.signature(path)
    return found if found == list(entry.stat) else steady(path)[1]
