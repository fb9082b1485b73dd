"""Shared folders, in which steps work in place one after another: what should be there at every point."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from isce2_recipe.errors import InputError
from isce2_recipe.journal import checkpoints
from isce2_recipe.journal.files import FOLDER, Entry, Fingerprints, Manifest, walk
from isce2_recipe.journal.log import Done, History

Matches = Callable[[str, Entry | None], bool]


@dataclass(frozen=True, slots=True)
class SharedFolder:
    """A shared folder and the steps that work in it, in order.

    Attributes
    ----------
    name : str
        Below the work directory.
    steps : tuple of str
        Ids of the steps that work in it and are not skipped.
    history : History
        What each of them made when it was last finished.
    """

    name: str
    steps: tuple[str, ...]
    history: History

    def before(self, position: int) -> Manifest:
        """What the first ``position`` steps promise, each file as the last of them left it."""
        state: Manifest = {}
        for step in self.steps[:position]:
            done = self.history.done.get(step)
            for name, entry in (done.files if done is not None else {}).items():
                if entry is None:
                    state.pop(name, None)
                else:
                    state[name] = entry
        return state

    def last_writer(self, name: str, position: int) -> int:
        """Which of the first ``position`` steps touched a file last."""
        for index in reversed(range(position)):
            done = self.history.done.get(self.steps[index])
            if done is not None and name in done.files:
                return index
        return 0

    def damage(self, done: Done, position: int, matches: Matches) -> list[str]:
        """Files a finished step promised that are neither as it left them nor as a later step did."""
        later = [
            other
            for step in self.steps[position + 1 :]
            if (other := self.history.done.get(step)) is not None and other.order > done.order
        ]
        return [
            name
            for name, entry in done.files.items()
            if not matches(name, entry)
            and not any(name in other.files and matches(name, other.files[name]) for other in later)
        ]


def matcher(workdir: Path, prints: Fingerprints) -> Matches:
    """Whether a file of the work directory is what an entry says; None says that it is not there."""

    def matches(name: str, entry: Entry | None) -> bool:
        path = f"{workdir}/{name}"
        return not os.path.lexists(path) if entry is None else prints.matches(path, entry)

    return matches


def bring_back(workdir: Path, folder: str, state: Mapping[str, Entry], prints: Fingerprints) -> list[str]:
    """Make a shared folder what ``state`` says, as far as that is possible.

    Files that ``state`` does not know are deleted, damaged ones are put back from their checkpoints.

    Returns
    -------
    list of str
        Files that are damaged and cannot be put back.
    """
    root = workdir / folder
    root.mkdir(parents=True, exist_ok=True)
    strange = [name for name, _, _ in walk(root, f"{folder}/") if name not in state]
    for name in reversed(strange):
        checkpoints.remove(workdir / name)
    damaged = [name for name, entry in state.items() if not prints.matches(f"{workdir}/{name}", entry)]
    return [name for name in damaged if not checkpoints.put_back(workdir, name, state[name])]


def changed_files(
    before: Mapping[str, Entry], workdir: Path, folder: str, prints: Fingerprints
) -> dict[str, Entry | None]:
    """What a step did to its shared folder: files made or changed, and None for those taken away."""
    after: dict[str, Entry] = {}
    for name, path, status in walk(workdir / folder, f"{folder}/"):
        known = before.get(name)
        untouched = known is not None and known.digest != FOLDER and prints.untouched(known, status)
        after[name] = known if untouched and known is not None else prints.entry(path, status)
    found: dict[str, Entry | None] = {
        name: entry
        for name, entry in after.items()
        if name not in before or before[name].digest != entry.digest
    }
    return found | {name: None for name in before if name not in after}


def refuse_strangers(workdir: Path, folder: str, history: History) -> None:
    """Keep away from a folder that has something in it no run put there.

    Raises
    ------
    InputError
        If the folder is not empty and the journal does not know it.
    """
    if folder in history.started or folder in history.done:
        return
    path = workdir / folder
    known = (
        any(record.get("folder") == folder for record in history.started.values()) if path.is_dir() else True
    )
    if not known and any(path.iterdir()):
        raise InputError(
            f"{path} has files in it that no run of isce2-recipe put there",
            hint="move them away, or give --workdir another folder",
        )
