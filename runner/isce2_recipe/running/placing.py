"""A step's scratch folder, and the one rename that makes it the step's folder."""

from __future__ import annotations

import os
from pathlib import Path

from isce2_recipe.journal import checkpoints
from isce2_recipe.journal.files import FOLDER, Entry
from isce2_recipe.paths import SCRATCH
from isce2_recipe.running.child import Task


def scratch(workdir: Path, step: str) -> Path:
    """A fresh folder for a step to write into."""
    folder = workdir / SCRATCH / step
    checkpoints.remove(folder)
    folder.mkdir(parents=True)
    return folder


def publish(task: Task, files: dict[str, Entry | None], workdir: Path) -> None:
    """Give a step's files their place, and note what the rename did to the folder's times."""
    task.published.parent.mkdir(parents=True, exist_ok=True)
    old = task.out.with_name(f"{task.out.name}.old")
    checkpoints.remove(old)
    if os.path.lexists(task.published):
        task.published.rename(old)
    task.out.rename(task.published)
    checkpoints.remove(old)
    name = str(task.published.relative_to(workdir))
    before = files[name]
    if before is not None:
        size, modified, _, inode = before.stat
        files[name] = Entry(FOLDER, (size, modified, task.published.stat().st_ctime_ns, inode))
