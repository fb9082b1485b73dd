"""One run at a time in a work directory."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isce2_recipe import processes
from isce2_recipe.errors import StepFailed
from isce2_recipe.paths import LOCK


class WorkdirBusy(StepFailed):
    """Another run holds the work directory."""


@contextmanager
def hold(workdir: Path, command: str) -> Iterator[dict[str, Any] | None]:
    """Hold a work directory for the time of a run.

    The kernel frees the lock when its holder dies, however it dies; the file tells who that is.

    Parameters
    ----------
    workdir : Path
        The run's folder.
    command : str
        What to tell others about this run.

    Yields
    ------
    dict or None
        The record of a holder that died without letting go, None after a clean end.

    Raises
    ------
    WorkdirBusy
        If another run holds it, saying which.
    """
    path = workdir / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(workdir, _read(descriptor)) from None
        previous = _read(descriptor)
        _refuse_other_host(workdir, previous)
        _write(descriptor, _holder(command))
        yield previous
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _holder(command: str) -> dict[str, Any]:
    pid = os.getpid()
    return {
        "pid": pid,
        "started": processes.start_time(pid),
        "boot": processes.boot_id(),
        "host": processes.host_name(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
    }


def _read(descriptor: int) -> dict[str, Any] | None:
    text = os.pread(descriptor, 1 << 16, 0)
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _write(descriptor: int, record: dict[str, Any]) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(record).encode(), 0)


def _busy(workdir: Path, holder: dict[str, Any] | None) -> WorkdirBusy:
    if holder is None:
        return WorkdirBusy(
            f"another run holds {workdir}", hint="wait for it, or give --workdir another folder"
        )
    return WorkdirBusy(
        f"{workdir} is held by process {holder['pid']} on {holder['host']} since {holder['since']}: "
        f"{holder['command']}",
        hint="wait for it, end it, or give --workdir another folder",
    )


def _refuse_other_host(workdir: Path, previous: dict[str, Any] | None) -> None:
    if previous is None or previous.get("host") == processes.host_name():
        return
    if previous.get("boot") == processes.boot_id() != "":
        return  # the same machine under another name, as in a container
    raise WorkdirBusy(
        f"{workdir} was left by process {previous['pid']} on {previous['host']} (since {previous['since']}), "
        "which cannot be seen from here",
        hint=f"if that run is gone, delete {workdir / LOCK}",
    )
