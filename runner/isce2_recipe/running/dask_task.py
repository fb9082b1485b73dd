"""A task in a Dask worker, which the runner follows through the files of its attempt."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isce2_recipe.errors import RecipeToolError
from isce2_recipe.running.attempts import Attempt
from isce2_recipe.running.executor import Ending, Task
from isce2_recipe.running.local import GRACE_S
from isce2_recipe.running.reports import ChildReport

if TYPE_CHECKING:
    from distributed import Future

_ASK_S = 0.5  # between two questions whether the worker is still there
_PROOF_S = 30.0  # to find out whether a lost attempt in a shared folder has ended
_CHUNK = 1 << 20


@dataclass
class DaskTask:
    """A task in a Dask worker; a `isce2_recipe.running.executor.RunningTask`."""

    task: Task
    log_path: Path
    attempt: Attempt
    future: Future
    wakeup: int
    report: ChildReport
    takes_part: Callable[[str | None], bool]
    end_elsewhere: Callable[[str, str], bool]
    refuse_timeout: Callable[[str, float], None]
    log: int
    pid: int = 0
    host: str = ""
    started: float = field(default_factory=time.monotonic)
    deadline: float = float("inf")
    stopping: str = ""
    _timeout: float = float("inf")
    _read_until: dict[Path, int] = field(default_factory=dict)
    _partial: bytes = b""
    _unwritten: bytes = b""
    _lost_since: float = 0.0
    _next_check: float = 0.0
    closed: bool = False

    @property
    def tail(self) -> list[str]:
        """Return the last lines that the step printed."""
        return self.report.tail

    def descriptors(self) -> list[int]:
        """Return the descriptor that becomes readable when the worker has written something, or has ended."""
        return [self.wakeup]

    def wake(self) -> None:
        """Make the descriptor readable. Other threads call this."""
        with suppress(OSError, ValueError):
            os.eventfd_write(self.wakeup, 1)

    def has_news(self) -> bool:
        """Return whether the worker has written something that was not read. Other threads call this."""
        for path in (self.attempt.log, self.attempt.progress):
            with suppress(OSError), path.open("rb") as file:
                if file.seek(0, os.SEEK_END) > self._read_until.get(path, 0):
                    return True
        return False

    def read(self, descriptor: int) -> list[dict[str, Any]]:
        """Read the step's log and its progress; return the latter."""
        with suppress(BlockingIOError):
            os.eventfd_read(descriptor)
        self.report.add_output(self._new(self.attempt.log))
        *lines, self._partial = (self._partial + self._new(self.attempt.progress)).split(b"\n")
        found = []
        for message in map(json.loads, lines):
            if "pid" in message:
                self._begin(message)
                found.append({"progress": 0.0, "text": f"on {self.host}"})
            else:
                found.append(message)
        return found

    def _begin(self, message: Mapping[str, Any]) -> None:
        self.pid, self.host = message["pid"], message["host"]
        self.started = time.monotonic()
        if not self.stopping:
            self.deadline = self.started + self._timeout

    def _new(self, path: Path) -> bytes:
        start = self._read_until.get(path, 0)
        try:
            with path.open("rb") as file:
                file.seek(start)
                data = file.read(_CHUNK)
        except OSError:
            return b""
        self._read_until[path] = start + len(data)
        return data

    def limit(self, seconds: float) -> None:
        """Let the step end this long after it has started in a worker."""
        try:
            self.refuse_timeout(self.task.node.id, seconds)
        except RecipeToolError:
            self.kill()
            raise
        self._timeout = seconds

    def stop(self, why: str) -> None:
        """Ask the step to end."""
        self.deadline = time.monotonic() + 2 * GRACE_S
        if not self.stopping:
            self.stopping = why
            self.attempt.withdraw()
            self._cancel()

    def check_deadline(self) -> None:
        """Stop the step if its deadline has passed."""
        if time.monotonic() >= self.deadline and not self.stopping:
            self.stop("timeout")

    def _cancel(self) -> None:
        with suppress(Exception):  # the scheduler may be gone
            self.future.cancel()

    def kill(self) -> None:
        """Ask the step to end, and forget it."""
        self._cancel()
        self._close()

    def _close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self.log)
            os.close(self.wakeup)

    def ending(self) -> Ending | None:
        """Return how the step ended, or None while it may still be running."""
        if self.stopping:
            if not self.attempt.ended() and time.monotonic() < self.deadline:
                return None
            ending: Ending | None = Ending(self.stopping, seconds=time.monotonic() - self.started)
        elif self._lost_since:
            ending = self._lost()
        elif self.future.done():
            ending = self._result()
        else:
            ending = self._check_worker()
        if ending is not None:
            for _ in range(2):
                self.read(self.wakeup)
            self.report.add_output(self._unwritten, end=True)
            self._close()
        return ending

    def _check_worker(self) -> Ending | None:
        """Return the ending of an attempt whose worker has ended: Dask may not notice that it must act."""
        now = time.monotonic()
        if now < self._next_check:
            return None
        self._next_check = now + _ASK_S
        who = self.attempt.claimed()
        if who is None:
            if self.takes_part(None) or not self.attempt.withdraw():
                return None
        elif self.takes_part(who.get("worker")):
            return None
        self._cancel()
        self._lost_since = now
        return self._lost()

    def _result(self) -> Ending | None:
        """Return how the step ended that Dask regards as done; None if its attempt was lost."""
        from distributed.scheduler import KilledWorker

        status = self.future.status
        result: dict[str, Any] = {"lost": "the scheduler has lost it"}
        if status == "finished":
            try:
                result = self.future.result(timeout=_PROOF_S)
            except Exception as exc:  # the worker with the result has ended
                result = {"lost": f"its result is lost: {type(exc).__name__}"}
        elif status == "error":
            error = self.future.exception(timeout=_PROOF_S)
            if isinstance(error, OSError | KilledWorker) or type(error).__name__ == "CancelledError":
                result = {"lost": str(error)}
            else:
                message = f"{type(error).__name__}: {error}"
                return Ending("bug", error={"kind": "bug", "message": message})
        with suppress(Exception):
            self.future.release()
        if "lost" in result:
            self._lost_since = time.monotonic()
            return self._lost()
        self.report.result, self.report.error = result["result"], result["error"]
        self._unwritten = result["printed"].encode()
        return self.report.ending("", result["facts"])

    def _lost(self) -> Ending | None:
        """Return the ending of a lost attempt. In a shared folder, it first must have ended for certain."""
        seconds = time.monotonic() - self.started
        if self.task.node.folder is None or self.attempt.ended():
            return Ending("lost", seconds=seconds)
        who = self.attempt.claimed() or {}
        host = str(who.get("host"))
        if self.end_elsewhere(host, str(who.get("server"))):
            return Ending("lost", seconds=seconds)
        if time.monotonic() - self._lost_since < _PROOF_S:
            return None
        folder = self.task.node.folder
        message = (
            f"the worker on {host} was lost while the step worked in the shared folder {folder}, and nothing "
            "shows whether the step still writes there"
        )
        hint = f"make sure that no process of the run is left on {host}, for example by ending its job"
        return Ending("doubtful", error={"type": "StepFailed", "message": message, "hint": hint})
