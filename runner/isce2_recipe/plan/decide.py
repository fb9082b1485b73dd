"""Whether a step is up to date, and if not, why."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from isce2_recipe.journal.files import FOLDER, Entry, signature
from isce2_recipe.journal.log import Done, History
from isce2_recipe.noop_cache import UP_TO_DATE
from isce2_recipe.plan.folders import Matches, SharedFolder
from isce2_recipe.plan.graph import values_with_paths
from isce2_recipe.plan.keys import Change, Key, changes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a step.

    Attributes
    ----------
    run : bool
        Whether it has to run.
    reason : str
        Why, or why not, in one line.
    changes : tuple of Change
        What is new in its key.
    """

    run: bool
    reason: str
    changes: tuple[Change, ...] = ()


def judge(
    step: str,
    key: Key,
    history: History,
    matches: Matches,
    workdir: Path,
    shared: tuple[SharedFolder, int] | None,
) -> Verdict:
    """Whether a step has to run again.

    Parameters
    ----------
    step : str
        Its id.
    key : Key
        As it is now.
    history : History
        What was done before.
    matches : callable
        Whether a file is what an entry says.
    workdir : Path
        The run's folder.
    shared : tuple, optional
        The shared folder it works in, and its position there.
    """
    done = history.done.get(step)
    if done is None:
        return Verdict(True, _never(step, history))
    if done.key != key.digest:
        found = tuple(changes(done.parts, key.parts))
        return Verdict(True, _changed(found, key), found)
    if shared is not None:
        damaged = shared[0].damage(done, shared[1], matches)
    else:
        damaged = own_damage(done, matches, workdir)
    if damaged:
        more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        return Verdict(True, f"its output {damaged[0]}{more} is missing or was changed")
    return Verdict(False, UP_TO_DATE)


def _never(step: str, history: History) -> str:
    record = history.open.get(step)
    if record is None:
        return "it has not been done yet"
    return "it failed the last time" if record.get("ended") else "it was cut off the last time"


def _changed(found: tuple[Change, ...], key: Key) -> str:
    """The change that tells most: a value rather than a file, a file rather than what came before."""
    if not found:
        return "a secret value has changed"
    ranked = sorted(found, key=lambda change: (change.name.startswith("folder."), _is_content(change)))
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{_words(ranked[0], key)}{more}"


def _is_content(change: Change) -> bool:
    return change.name.endswith(".content")


def _words(change: Change, key: Key) -> str:
    if change.name == "folder.before":
        return f"what the steps before it left in {key.parts['folder']['name']} has changed"
    if _is_content(change):
        file = dict(values_with_paths(key.parts)).get(f"{change.name.removesuffix('.content')}.file")
        return f"{file} has changed" if file else f"{change.name.removeprefix('inputs.')} has changed"
    if change.name.startswith("also."):  # a template, or a text beside it
        return f"{change.name.removeprefix('also.')} has changed"
    return str(change).removeprefix("inputs.")


def own_damage(done: Done, matches: Matches, workdir: Path) -> list[str]:
    """Files of a step's own folder that are not as it left them, those added since included."""
    found = []
    for name, entry in done.files.items():
        if entry is None:
            continue
        if entry.digest == FOLDER:
            found += _strangers(name, entry, done, workdir)
        elif not matches(name, entry):
            found.append(name)
    return found


def _strangers(name: str, entry: Entry, done: Done, workdir: Path) -> list[str]:
    """What is in a folder that the step did not put there; a folder not touched since is not looked into."""
    path = f"{workdir}/{name}"
    try:
        if signature(os.stat(path)) == entry.stat:  # noqa: PTH116 - no Path is made for 10,000 folders
            return []
        with os.scandir(path) as inside:
            return [f"{name}/{item.name}" for item in inside if f"{name}/{item.name}" not in done.files]
    except OSError:
        return [name]
