"""The decision whether a step has to run, and why."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from isce2_recipe.journal.files import FOLDER, FileEntry, signature
from isce2_recipe.journal.log import Done, History
from isce2_recipe.noop_cache import UP_TO_DATE
from isce2_recipe.plan.folders import Matches, SharedFolder
from isce2_recipe.plan.keys import Change, Key, changes, values_with_paths


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about a step."""

    run: bool  # whether it has to run
    reason: str  # why, or why not, in one line
    changes: tuple[Change, ...] = ()  # the parts of its key that have changed


def decide(
    step: str,
    key: Key,
    history: History,
    matches: Matches,
    workdir: Path,
    shared: tuple[SharedFolder, int] | None,
) -> Decision:
    """Decide whether a step has to run.

    Parameters
    ----------
    step : str
        The step's id.
    key : Key
        Its content key now.
    history : History
        The record of earlier runs.
    matches : callable
        Returns whether a file has the content of an entry.
    workdir : Path
        The run's folder.
    shared : tuple, optional
        The shared folder in which the step works, and the step's position there.
    """
    done = history.done.get(step)
    if done is None:
        return Decision(True, _unfinished(step, history))
    if done.key != key.digest:
        found = tuple(changes(done.parts, key.parts))
        return Decision(True, _changed(found, key), found)
    if shared is not None:
        damaged = shared[0].damage(done, shared[1], matches)
    else:
        damaged = own_damage(done, matches, workdir)
    if damaged:
        more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        return Decision(True, f"its output {damaged[0]}{more} is missing or has changed")
    return Decision(False, UP_TO_DATE)


def _unfinished(step: str, history: History) -> str:
    record = history.open.get(step)
    if record is None:
        return "first run"
    return "it failed in the last run" if record.get("ended") else "the last run was interrupted in it"


def _changed(found: tuple[Change, ...], key: Key) -> str:
    """Describe the most helpful change: a value rather than a file, a file rather than a shared folder."""
    if not found:
        return "a secret value has changed"
    ranked = sorted(found, key=lambda change: (change.name.startswith("folder."), _is_content(change)))
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{_describe(ranked[0], key)}{more}"


def _is_content(change: Change) -> bool:
    return change.name.endswith(".content")


def _describe(change: Change, key: Key) -> str:
    if change.name == "folder.before":
        return f"the files in {key.parts['folder']['name']} before this step have changed"
    if _is_content(change):
        file = dict(values_with_paths(key.parts)).get(f"{change.name.removesuffix('.content')}.file")
        return f"{file} has changed" if file else f"{change.name.removeprefix('inputs.')} has changed"
    if change.name.startswith("also."):  # a template, or a text next to it
        return f"{change.name.removeprefix('also.')} has changed"
    return str(change).removeprefix("inputs.")


def own_damage(done: Done, matches: Matches, workdir: Path) -> list[str]:
    """Return files of a step's own folder that have changed since it ended, with those added since."""
    found = []
    for name, entry in done.files.items():
        if entry is None:
            continue
        if entry.digest == FOLDER:
            found += _foreign(name, entry, done, workdir)
        elif not matches(name, entry):
            found.append(name)
    return found


def _foreign(name: str, entry: FileEntry, done: Done, workdir: Path) -> list[str]:
    """Return what a folder contains that the step did not write; a folder that is unchanged is not listed."""
    path = f"{workdir}/{name}"
    try:
        if signature(os.stat(path)) == entry.stat:  # noqa: PTH116 - no Path is made for 10,000 folders
            return []
        with os.scandir(path) as inside:
            return [f"{name}/{item.name}" for item in inside if f"{name}/{item.name}" not in done.files]
    except OSError:
        return [name]
