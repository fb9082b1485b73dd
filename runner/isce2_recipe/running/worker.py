"""The running steps: their pipes, logs, time limits and ends."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isce2_recipe.journal.files import Entry
from isce2_recipe.plan.project import Project
from isce2_recipe.processes import kill_group
from isce2_recipe.running import child
from isce2_recipe.running.child import Task

GRACE_S = 5.0
"""Seconds between asking a step to end and ending it."""

_CHUNK = 1 << 16
_LONGEST_LINE = 1 << 15  # bytes held back at most while waiting for the end of a line
_TAIL = 12  # lines kept for messages

# ru_maxrss is in kibibytes on Linux and in bytes on macOS.
_MAXRSS_UNIT = 1024 if os.uname().sysname == "Linux" else 1


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt at a step ended.

    Attributes
    ----------
    outputs, files : dict or None
        What it returned and made, where it succeeded.
    kind : str
        ``done``, or what went wrong: ``input``, ``source``, ``engine``, ``timeout``, ``crash``, ``memory``,
        ``disk``, ``bug``, ``stopped``.
    error : dict
        The error it sent, where it did.
    seconds, cpu_seconds : float
        Wall and processor time.
    memory : int
        Peak resident memory of its largest process, bytes.
    status : int
        Exit code; minus the signal's number where one ended it.
    """

    kind: str
    outputs: dict[str, Any] | None = None
    files: dict[str, Entry | None] | None = None
    error: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory: int = 0
    status: int = 0


@dataclass
class Worker:
    """A step that runs."""

    task: Task
    pid: int
    output: int
    messages: int
    log: int
    log_path: Path
    redact: Callable[[str], str]
    started: float = field(default_factory=time.monotonic)
    deadline: float = float("inf")
    stopping: str = ""
    _partial: bytes = b""
    _message: bytes = b""
    _ended: set[int] = field(default_factory=set)
    result: dict[str, Any] | None = None
    error: dict[str, Any] = field(default_factory=dict)
    tail: list[str] = field(default_factory=list)

    def open_pipes(self) -> list[int]:
        """The pipes that are not at their end."""
        return [descriptor for descriptor in (self.output, self.messages) if descriptor not in self._ended]

    def read(self, descriptor: int) -> list[dict[str, Any]]:
        """Take in what a pipe holds; progress the step sent comes back."""
        if descriptor == self.output:
            self._read_output()
            return []
        data = _read(self.messages)
        if data == b"":
            self._ended.add(self.messages)
        return self._take(data or b"")

    def _read_output(self) -> None:
        """Copy what the step printed into its log, line by line, secrets taken out."""
        data = _read(self.output)
        if data is None:
            return
        if not data:
            self._ended.add(self.output)
        self._partial += data
        end = self._partial.rfind(b"\n") + 1
        if not data or len(self._partial) > _LONGEST_LINE:
            end = len(self._partial)
        self._write(self._partial[:end])
        self._partial = self._partial[end:]

    def _write(self, data: bytes) -> None:
        if not data:
            return
        text = self.redact(data.decode(errors="replace"))
        self.tail = [*self.tail, *text.splitlines()][-_TAIL:]
        with suppress(OSError):  # a full disk: the step itself will say so
            os.write(self.log, text.encode())

    def _take(self, data: bytes) -> list[dict[str, Any]]:
        *lines, self._message = (self._message + data).split(b"\n")
        progress = []
        for line in lines:
            message = json.loads(line)
            if "result" in message:
                self.result = message["result"]
            elif "error" in message:
                self.error = message["error"]
            else:
                progress.append(message)
        return progress

    def stop(self, why: str) -> None:
        """Ask the step to end; a second call, or `GRACE_S` seconds, end it."""
        kill_group(self.pid, signal.SIGKILL if self.stopping else signal.SIGTERM)
        self.stopping = self.stopping or why
        self.deadline = time.monotonic() + GRACE_S

    def overdue(self) -> None:
        """Act on a time limit that has passed."""
        if time.monotonic() >= self.deadline:
            self.stop("timeout")

    def reap(self, *, wait: bool = False) -> Ending | None:
        """How the step ended, once it has; nothing of its group is left then."""
        pid, status, usage = os.wait4(self.pid, 0 if wait else os.WNOHANG)
        if not pid:
            return None
        kill_group(self.pid)
        self._drain()
        self._write(self._partial)
        for descriptor in (self.output, self.messages, self.log):
            os.close(descriptor)
        code = os.waitstatus_to_exitcode(status)
        facts = {
            "seconds": time.monotonic() - self.started,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "memory": usage.ru_maxrss * _MAXRSS_UNIT,
            "status": code,
        }
        return self._ending(code, facts)

    def _drain(self) -> None:
        """Read what is left in the pipes. Someone outside the group may hold them open: wait for nobody."""
        while readable := select.select(self.open_pipes(), [], [], 0)[0]:
            for descriptor in readable:
                self.read(descriptor)

    def _ending(self, code: int, facts: dict[str, Any]) -> Ending:
        if self.result is not None and code == 0 and not self.stopping:
            files = {
                name: None if item is None else Entry.from_json(item)
                for name, item in self.result["files"].items()
            }
            return Ending("done", self.result["outputs"], files, **facts)
        if self.stopping:
            return Ending(self.stopping, **facts)
        if self.error:
            return Ending(self.error["kind"], error=self.error, **facts)
        return Ending("memory" if code == -signal.SIGKILL else "crash", **facts)


def _read(descriptor: int) -> bytes | None:
    """What is in a pipe: nothing at its end, None where there is nothing yet."""
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None


def start(
    project: Project, task: Task, redact: Callable[[str], str], log_path: Path, *, again: bool
) -> Worker:
    """Start a step."""
    log_path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | (0 if again else os.O_TRUNC)
    log = os.open(log_path, flags, 0o644)
    output, output_end = os.pipe()
    messages, messages_end = os.pipe()
    os.set_blocking(output, False)
    os.set_blocking(messages, False)
    pid = child.fork(project, task, output_end, messages_end)
    os.close(output_end)
    os.close(messages_end)
    return Worker(task, pid, output, messages, log, log_path, redact)
