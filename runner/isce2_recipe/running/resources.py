"""What this machine has, and what a step may take of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe.actions.base import Budget
from isce2_recipe.errors import RecipeToolError
from isce2_recipe.plan.graph import Node
from isce2_recipe.plan.project import Project
from isce2_recipe.quantities import format_bytes
from isce2_recipe.recipe.units import amount

_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Resources:
    """Threads (0 where the recipe says nothing), bytes of memory, bytes of disk."""

    cpus: int
    memory: float
    disk: float


def processors() -> int:
    """Processors this process may use, a container's limit included."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = (_CGROUP / "cpu.max").read_text().split()
        count = min(count, max(1, round(int(quota) / int(period))))
    return count


def memory_bytes() -> float:
    """Memory of this machine, or a container's limit."""
    total = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with suppress(OSError, ValueError):
        total = min(total, float((_CGROUP / "memory.max").read_text()))
    return total


def disk_bytes(folder: Path) -> float:
    """Free space where a folder is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return float(shutil.disk_usage(folder).free)


def wanted(resources: dict[str, Any], limit: int) -> Resources:
    """What a step asks for, its expressions evaluated; never more threads than there are."""
    cpus = min(limit, int(amount(resources.get("cpus", 0))))
    return Resources(cpus, amount(resources.get("memory", 0)), amount(resources.get("disk", 0)))


def budget(project: Project) -> Budget:
    """What the steps of a run ask for, as far as it is known before they run, and what there is."""
    asked = [_asked(project, node) for node in project.graph.nodes.values()]
    return Budget(
        memory=max((one.memory for one in asked), default=0.0),
        memory_there=memory_bytes(),
        disk=sum(one.disk for one in asked),
        disk_there=disk_bytes(project.workdir),
    )


def _asked(project: Project, node: Node) -> Resources:
    try:
        with suppress(KeyError):  # a condition that only a step can tell
            if not project.names.wanted(node, {}):
                return Resources(0, 0.0, 0.0)
        return wanted(project.names.setting(node, node.step.resources, "resources", {}), 1)
    except (KeyError, RecipeToolError):
        return Resources(0, 0.0, 0.0)


def shortages(project: Project, steps: Collection[str], memory: float) -> Iterator[str]:
    """What steps ask for and this machine does not have, as far as it is known before they run."""
    free = disk_bytes(project.workdir)
    for name in steps:
        node = project.graph.nodes[name]
        if not node.step.resources or name in project.history.done:
            continue
        asked = _asked(project, node)
        if asked.memory > memory:
            needed, there = format_bytes(asked.memory), format_bytes(memory)
            yield f"step {name} needs {needed} of memory, this machine has {there}"
        if asked.disk > free:
            yield f"step {name} needs {format_bytes(asked.disk)} of disk, {format_bytes(free)} are free"
