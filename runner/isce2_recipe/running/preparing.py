"""Brings shared folders to the state a step needs before it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from isce2_recipe.journal import checkpoints
from isce2_recipe.journal.files import Manifest
from isce2_recipe.plan.folders import SharedFolder, bring_back
from isce2_recipe.plan.graph import Node
from isce2_recipe.plan.keys import Key
from isce2_recipe.plan.project import Project


@dataclass(frozen=True, slots=True)
class Lost:
    """Files of a shared folder that are damaged and cannot be put back.

    Attributes
    ----------
    names : tuple of str
        Relative to the work directory.
    again : tuple of str
        Steps that must run again to make them.
    """

    names: tuple[str, ...]
    again: tuple[str, ...]


def _lost(shared: SharedFolder, names: list[str]) -> Lost | None:
    if not names:
        return None
    position = len(shared.steps)
    first = min(shared.last_writer(name, position) for name in names)
    return Lost(tuple(names), shared.steps[first:])


def _before(project: Project, folder: str, position: int, skipped: Set[str]) -> SharedFolder:
    """A shared folder as far as its first ``position`` steps."""
    names = project.graph.folders[folder][:position]
    return SharedFolder(folder, tuple(name for name in names if name not in skipped), project.history)


def prepare(project: Project, node: Node, key: Key, skipped: Set[str]) -> Manifest | Lost:
    """What is in a step's shared folder, made what it should be; or what is lost there.

    For a step that only reads of shared folders the files it reads are looked after.
    """
    for folder, position in project.graph.reads.get(node.id, {}).items():
        lost = _restore_inputs(project, _before(project, folder, position, skipped), key)
        if lost is not None:
            return lost
    if node.folder is None:
        return {}
    position = project.graph.folders[node.folder].index(node.id)
    shared = _before(project, node.folder, position, skipped)
    state = shared.before(len(shared.steps))
    lost = _lost(shared, bring_back(project.workdir, node.folder, state, project.prints))
    return state if lost is None else lost


def _restore_inputs(project: Project, shared: SharedFolder, key: Key) -> Lost | None:
    workdir = project.workdir
    inside = [path for path in key.files if path.is_relative_to(workdir / shared.name)]
    roots = [str(path.relative_to(workdir)) for path in inside]
    damaged = [
        name
        for name, entry in shared.before(len(shared.steps)).items()
        if any(name == root or name.startswith(f"{root}/") for root in roots)
        and not project.prints.matches(f"{workdir}/{name}", entry)
        and not checkpoints.put_back(workdir, name, entry)
    ]
    return _lost(shared, damaged)


def undo(project: Project, node: Node, skipped: Set[str]) -> Lost | None:
    """Take back what a step that is skipped now did to a shared folder in an earlier run."""
    if node.folder is None or node.id not in project.history.done:
        return None
    position = project.graph.folders[node.folder].index(node.id)
    shared = _before(project, node.folder, position, skipped)
    state = shared.before(len(shared.steps))
    return _lost(shared, bring_back(project.workdir, node.folder, state, project.prints))
