"""Processes of this machine that belong to a run, and waiting for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from isce2_recipe import processes
from isce2_recipe.running.child import marker


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def children(pid: int) -> list[int]:
    """Return the children of all threads of a process."""
    found = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += [int(word) for word in (thread / "children").read_text().split()]
    return found


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.01)


def members_of_run(workdir: Path) -> list[int]:
    """Return the processes of steps, and all that these started; step servers may live on."""
    # Those that have ended, and that nobody has waited for yet, have no command.
    commands = {pid: command for pid in processes.members(marker(workdir)) if (command := command_of(pid))}
    below = {child for pid in commands for child in children(pid)}
    return [pid for pid, command in commands.items() if pid in below or b".step_server" not in command]
