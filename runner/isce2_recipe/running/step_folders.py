"""The folders of steps: prepared before a step runs, published when it has succeeded."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from isce2_recipe.journal import checkpoints
from isce2_recipe.journal.files import FOLDER, FileEntry, Manifest
from isce2_recipe.paths import SCRATCH
from isce2_recipe.plan.folders import Leftovers, SharedFolder, restore_folder
from isce2_recipe.plan.keys import Key
from isce2_recipe.plan.nodes import Node
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.running.executor import Task


@dataclass(frozen=True, slots=True)
class Lost:
    """Files of a shared folder that are damaged and cannot be restored."""

    names: tuple[str, ...]  # paths relative to the work directory
    again: tuple[str, ...]  # steps that must run again to make them


def scratch(workdir: Path, name: str) -> Path:
    """Return a new empty folder into which a step writes."""
    folder = workdir / SCRATCH / name
    checkpoints.remove(folder)
    folder.mkdir(parents=True)
    return folder


def prepare(workspace: Workspace, node: Node, key: Key, skipped: Collection[str]) -> Manifest | Lost:
    """Bring a step's shared folder to the state that the step needs; return its content, or what is lost.

    For a step that only reads shared folders, the files that it reads are restored.
    """
    for folder, position in workspace.graph.reads.get(node.id, {}).items():
        lost = _restore_inputs(workspace, workspace.shared_before(folder, position, skipped), key)
        if lost is not None:
            return lost
    if node.folder is not None:
        return _restore(workspace, node, node.folder, skipped)
    workspace.set_aside_edited(node.id, node.place)
    return {}


def undo(workspace: Workspace, node: Node, skipped: Collection[str]) -> Lost | None:
    """Undo what a step, which is skipped now, did to a shared folder in an earlier run."""
    if node.folder is None or node.id not in workspace.history.done:
        return None
    found = _restore(workspace, node, node.folder, skipped)
    return found if isinstance(found, Lost) else None


def _restore(workspace: Workspace, node: Node, folder: str, skipped: Collection[str]) -> Manifest | Lost:
    """Bring a shared folder to its state before a step."""
    position = workspace.graph.folders[folder].index(node.id)
    shared = workspace.shared_before(folder, position, skipped)
    state = shared.state()
    leftovers = _leftovers(workspace, folder)
    damaged = restore_folder(
        workspace.workdir, folder, state, workspace.fingerprints, leftovers, workspace.set_aside
    )
    lost = _lost(shared, damaged)
    return state if lost is None else lost


def _leftovers(workspace: Workspace, folder: str) -> Leftovers:
    """Return how to recognise files of steps, also of those that this run left unfinished in a folder."""
    here = [one for one in workspace.history.open.values() if one.get("folder") == folder]
    unfinished = (one for one in here if not one.get("rolled"))
    first = min(unfinished, key=lambda one: float(one.get("time", 0.0)), default=None)
    return workspace.leftovers(first, of_this_run=True)


def _restore_inputs(workspace: Workspace, shared: SharedFolder, key: Key) -> Lost | None:
    workdir = workspace.workdir
    inside = [path for path in key.files if path.is_relative_to(workdir / shared.name)]
    roots = [str(path.relative_to(workdir)) for path in inside]
    damaged = {
        name: entry
        for name, entry in shared.state().items()
        if any(name == root or name.startswith(f"{root}/") for root in roots)
        and not workspace.fingerprints.matches(f"{workdir}/{name}", entry)
    }
    workspace.set_aside(_leftovers(workspace, shared.name).edited(workdir, damaged))
    return _lost(
        shared, [name for name, entry in damaged.items() if not checkpoints.restore(workdir, name, entry)]
    )


def _lost(shared: SharedFolder, names: list[str]) -> Lost | None:
    if not names:
        return None
    first = min(map(shared.last_writer, names))
    return Lost(tuple(names), shared.steps[first:])


def publish(task: Task, files: dict[str, FileEntry | None], workspace: Workspace) -> None:
    """Make the scratch folder of a step its own folder, and note how that changed the folder's times.

    What is in the folder's place and no step made is set aside.
    """
    name = str(task.published.relative_to(workspace.workdir))
    done = workspace.history.done.get(task.node.id)
    known = {} if done is None else done.files
    workspace.set_aside_foreign(name, lambda one, *_: one in known)
    workspace.journal.sync()  # a folder without the record of its step would be a stranger's
    task.published.parent.mkdir(parents=True, exist_ok=True)
    old = task.out.with_name(f".{task.out.name}.old")  # no step or instance has such a name
    checkpoints.remove(old)
    if os.path.lexists(task.published):
        task.published.rename(old)
    task.out.rename(task.published)
    checkpoints.remove(old)
    before = files[name]
    if before is not None:
        size, modified, _, inode = before.stat
        files[name] = FileEntry(FOLDER, (size, modified, task.published.stat().st_ctime_ns, inode))
