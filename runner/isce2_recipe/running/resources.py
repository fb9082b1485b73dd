"""Processors, memory and disk: what this machine has, and what steps need."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from isce2_recipe.actions.base import Budget
from isce2_recipe.errors import RecipeToolError
from isce2_recipe.plan.forecast import disk_share
from isce2_recipe.plan.nodes import Node
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.quantities import format_bytes
from isce2_recipe.recipe.units import amount

_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Resources:
    """Threads, bytes of memory and bytes of disk; 0 where the recipe gives no number."""

    cpus: int
    memory: float
    disk: float


def processors() -> int:
    """Return the number of processors this process may use, also within a container."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = (_CGROUP / "cpu.max").read_text().split()
        count = min(count, max(1, round(int(quota) / int(period))))
    return count


def memory_bytes() -> float:
    """Return the memory of this machine or container, bytes."""
    total = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with suppress(OSError, ValueError):
        total = min(total, float((_CGROUP / "memory.max").read_text()))
    return total


def disk_bytes(folder: Path) -> float:
    """Return the free space where a folder is or will be, bytes."""
    while not folder.exists():
        folder = folder.parent
    return float(shutil.disk_usage(folder).free)


def wanted(resources: dict[str, Any], limit: int) -> Resources:
    """Return the evaluated resources of a step; never more threads than there are."""
    cpus = min(limit, int(amount(resources.get("cpus", 0))))
    return Resources(cpus, amount(resources.get("memory", 0)), amount(resources.get("disk", 0)))


def budget(workspace: Workspace) -> Budget:
    """Return what the steps of a run need, as far as it is known before they run, and what there is."""
    asked = [_asked(workspace, node) for node in workspace.graph.nodes.values()]
    return Budget(
        memory=max((one.memory for one in asked), default=0.0),
        memory_there=memory_bytes(),
        disk=sum(one.disk for one in asked),
        disk_there=disk_bytes(workspace.workdir),
    )


def _asked(workspace: Workspace, node: Node) -> Resources:
    try:
        with suppress(KeyError):  # the condition reads a step
            if not workspace.bindings.wanted(node, {}):
                return Resources(0, 0.0, 0.0)
        asked = wanted(workspace.bindings.setting(node, node.step.resources, "resources", {}), 1)
        return replace(asked, disk=asked.disk * disk_share(workspace)) if asked.disk else asked
    except (KeyError, RecipeToolError):
        return Resources(0, 0.0, 0.0)


def shortages(workspace: Workspace, steps: Collection[str], memory: float) -> Iterator[str]:
    """Yield a warning for each step that needs more than this machine has, as far as it is known."""
    free = disk_bytes(workspace.workdir)
    for name in steps:
        node = workspace.graph.nodes[name]
        if not node.step.resources or name in workspace.history.done:
            continue
        asked = _asked(workspace, node)
        if asked.memory > memory:
            needed, there = format_bytes(asked.memory), format_bytes(memory)
            yield f"step {name} needs {needed} of memory, this machine has {there}"
        if asked.disk > free:
            yield f"step {name} needs {format_bytes(asked.disk)} of disk, {format_bytes(free)} are free"
