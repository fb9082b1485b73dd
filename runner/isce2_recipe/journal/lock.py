"""The lock of a work directory: one run at a time."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isce2_recipe import processes
from isce2_recipe.errors import StepFailed
from isce2_recipe.files import LockHeldError, locked
from isce2_recipe.paths import LOCK


class WorkdirBusy(StepFailed):
    """Another run uses the work directory."""


@contextmanager
def hold(
    workdir: Path, command: str, warn: Callable[[str], None] = warnings.warn
) -> Iterator[dict[str, Any] | None]:
    """Hold the lock of a work directory for the time of a run.

    The lock file describes its holder. After a clean end it is empty.

    Parameters
    ----------
    workdir : Path
        The run's folder.
    command : str
        The run's command line, which is shown to other runs that need the folder.
    warn : callable
        Called with a warning where the file system has no locks.

    Yields
    ------
    dict or None
        The description of the last holder if it was killed.

    Raises
    ------
    WorkdirBusy
        If another run holds it.
    """
    path = workdir / LOCK
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(path, blocking=False, warn=warn))
        except LockHeldError as exc:
            raise _busy(workdir, _read(path), exc) from None
        previous = _read(path)
        _refuse_other_host(workdir, previous)
        path.write_text(json.dumps(_holder(command)), encoding="utf-8")
        yield previous
        path.write_text("")


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


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _busy(workdir: Path, holder: dict[str, Any] | None, exc: LockHeldError) -> WorkdirBusy:
    if holder is None:
        return WorkdirBusy(
            f"another run uses {workdir} ({exc.strerror})",
            hint="wait until it ends, or give --workdir another folder",
        )
    return WorkdirBusy(
        f"{workdir} is used by process {holder.get('pid')} on {holder.get('host')} since "
        f"{holder.get('since')}: {holder.get('command')} ({exc.strerror})",
        hint="wait until that run ends, end it, or give --workdir another folder",
    )


def _refuse_other_host(workdir: Path, previous: dict[str, Any] | None) -> None:
    if previous is None or previous.get("host") == processes.host_name():
        return
    if previous.get("boot") == processes.boot_id() != "":
        return  # the same machine under another name, as in a container
    raise WorkdirBusy(
        f"{workdir} is in use by process {previous.get('pid')} on {previous.get('host')} since "
        f"{previous.get('since')}; "
        "from here nobody can see whether that process still runs",
        hint=f"if that run has ended, delete {workdir / LOCK}",
    )
