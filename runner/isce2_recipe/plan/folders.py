"""Shared folders, in which steps work in place one after another, and their content after each step."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from isce2_recipe.errors import InputError
from isce2_recipe.journal import checkpoints
from isce2_recipe.journal.files import FOLDER, FileEntry, Fingerprints, Manifest, walk
from isce2_recipe.journal.log import Done, History

Matches = Callable[[str, FileEntry | None], bool]


@dataclass(frozen=True, slots=True)
class SharedFolder:
    """A shared folder and the steps that work in it, in order."""

    name: str  # path relative to the work directory
    steps: tuple[str, ...]  # ids of the steps that work in it and are not skipped
    history: History  # the record of what each of them made when it last finished

    def state(self) -> Manifest:
        """Return the files that the steps promise together, each as the last of them left it."""
        state: Manifest = {}
        for step in self.steps:
            done = self.history.done.get(step)
            for name, entry in (done.files if done is not None else {}).items():
                if entry is None:
                    state.pop(name, None)
                else:
                    state[name] = entry
        return state

    def last_writer(self, name: str) -> int:
        """Return the position of the last step that changed a file."""
        for index in reversed(range(len(self.steps))):
            done = self.history.done.get(self.steps[index])
            if done is not None and name in done.files:
                return index
        return 0

    def damage(self, done: Done, position: int, matches: Matches) -> list[str]:
        """Return files of a finished step that are neither as it left them nor as a later step left them."""
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


def matcher(workdir: Path, fingerprints: Fingerprints) -> Matches:
    """Return a function that compares a file of the work directory with an entry; None means missing."""

    def matches(name: str, entry: FileEntry | None) -> bool:
        path = f"{workdir}/{name}"
        return not os.path.lexists(path) if entry is None else fingerprints.matches(path, entry)

    return matches


@dataclass
class Leftovers:
    """Distinguishes files that steps made from those that the user made or edited."""

    done: Iterable[Done]  # the records of finished steps
    fingerprints: Fingerprints
    since: float = 0.0  # the time in which a step made others before it failed or was killed, s since 1970
    until: float = 0.0
    _made: dict[str, list[FileEntry]] = field(default_factory=dict, init=False)

    def has(self, name: str, path: str, status: os.stat_result) -> bool:
        """Return whether a step made a file as it is; ``name`` is relative to the work directory."""
        if self.since <= status.st_ctime <= self.until:
            return True
        if not self._made:  # most folders contain nothing in question
            for done in self.done:
                for made, entry in done.made.items():
                    self._made.setdefault(made, []).append(entry)
        return name in self._made and not self.fingerprints.edited(path, status, self._made[name])

    def edited(self, workdir: Path, names: Iterable[str]) -> list[str]:
        """Return those of some files that exist and that no step made as they are."""
        found = []
        for name in names:
            with suppress(OSError):
                if not self.has(name, f"{workdir}/{name}", os.lstat(f"{workdir}/{name}")):
                    found.append(name)
        return found


def restore_folder(
    workdir: Path,
    folder: str,
    state: Mapping[str, FileEntry],
    fingerprints: Fingerprints,
    leftovers: Leftovers,
    set_aside: Callable[[Sequence[str]], None],
) -> list[str]:
    """Bring a shared folder to a state, as far as that is possible.

    Files of steps that are not part of the state are deleted, files that the user made or edited are set
    aside, and damaged files are restored from their checkpoints.

    Returns
    -------
    list of str
        Files that are damaged and cannot be restored.
    """
    root = workdir / folder
    root.mkdir(parents=True, exist_ok=True)
    foreign = [one for one in walk(root, f"{folder}/") if one[0] not in state]
    damaged = [name for name, entry in state.items() if not fingerprints.matches(f"{workdir}/{name}", entry)]
    mine = [one[0] for one in foreign if not leftovers.has(*one)]
    set_aside(mine + leftovers.edited(workdir, damaged))
    for name, _, _ in reversed(foreign):
        checkpoints.remove(workdir / name)
    return [name for name in damaged if not checkpoints.restore(workdir, name, state[name])]


def changed_files(
    before: Mapping[str, FileEntry], workdir: Path, folder: str, fingerprints: Fingerprints
) -> dict[str, FileEntry | None]:
    """Return the files that a step made or changed in its shared folder, and None for those it deleted."""
    after: dict[str, FileEntry] = {}
    for name, path, status in walk(workdir / folder, f"{folder}/"):
        known = before.get(name)
        untouched = known is not None and known.digest != FOLDER and fingerprints.untouched(known, status)
        after[name] = known if untouched and known is not None else fingerprints.entry(path, status)
    found: dict[str, FileEntry | None] = {
        name: entry
        for name, entry in after.items()
        if name not in before or before[name].digest != entry.digest
    }
    return found | {name: None for name in before if name not in after}


def refuse_foreign_files(workdir: Path, folder: str, own: str | None, history: History) -> None:
    """Refuse to write into a folder that contains files of somebody else.

    In a work directory that earlier runs have used, the files are set aside instead.

    Parameters
    ----------
    workdir : Path
        The run's folder.
    folder : str
        A folder in it.
    own : str or None
        The step whose own folder it is; None for a shared folder.
    history : History
        The record of earlier runs.

    Raises
    ------
    InputError
        If the folder is not empty and no run recorded it in the journal.
    """
    if own in history.started or own in history.done:
        return
    path = workdir / folder
    earlier = sum(run.get("event") == "run" for run in history.runs) > 1
    known = any(record.get("folder") == folder for record in history.started.values() if own is None)
    if known or earlier or not os.path.lexists(path):
        return
    if not path.is_dir() or any(path.iterdir()):
        raise InputError(
            f"{path} contains files that no run of isce2-recipe wrote",
            hint="move them away, or give --workdir another folder",
        )
