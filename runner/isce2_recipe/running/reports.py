"""What the process of a step prints and reports, and how that is read."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from isce2_recipe.journal.files import FileEntry
from isce2_recipe.running.executor import Ending

_CHUNK = 1 << 16
_LONGEST_LINE = 1 << 15  # bytes kept while the end of a line is missing
_TAIL = 12  # lines kept for messages
_LONGEST_SHOWN = 1000  # characters of each of them

# ru_maxrss is in kibibytes on Linux and in bytes on macOS.
_MAXRSS_UNIT = 1024 if os.uname().sysname == "Linux" else 1


@dataclass
class ChildReport:
    """What the process of a step prints and reports, as far as it has been read."""

    write: Callable[[bytes], object]  # receives what the step printed, secrets removed
    redact: Callable[[str], str]  # removes secrets from a text
    # The result or the error that the step has sent.
    result: dict[str, Any] | None = None
    error: dict[str, Any] = field(default_factory=dict)
    tail: list[str] = field(default_factory=list)  # the last lines that it printed
    _partial: bytes = b""
    _message: bytes = b""

    def add_output(self, data: bytes, *, end: bool = False) -> None:
        """Copy what the step printed, line by line."""
        self._partial += data
        size = self._partial.rfind(b"\n") + 1
        if end or len(self._partial) > _LONGEST_LINE:
            size = len(self._partial)
        lines, self._partial = self._partial[:size], self._partial[size:]
        if lines:
            text = self.redact(lines.decode(errors="replace"))
            self.tail = [*self.tail, *map(_shortened, text.splitlines()[-_TAIL:])][-_TAIL:]
            with suppress(OSError):  # if the disk is full, the step itself reports it
                self.write(text.encode())

    def add_messages(self, data: bytes) -> list[dict[str, Any]]:
        """Take the step's messages; return its process id and its progress."""
        *lines, self._message = (self._message + data).split(b"\n")
        others = []
        for line in lines:
            message = json.loads(line)
            if "result" in message:
                self.result = message["result"]
            elif "error" in message:
                self.error = message["error"]
            else:
                others.append(message)
        return others

    def ending(self, stopping: str, facts: dict[str, Any]) -> Ending:
        """Return how the step ended: ``status``, ``seconds``, ``cpu_seconds`` and ``memory`` are facts."""
        code = facts["status"]
        if self.result is not None and code == 0 and not stopping:
            files = {
                name: None if item is None else FileEntry.from_json(item)
                for name, item in self.result["files"].items()
            }
            return Ending("done", self.result["outputs"], files, **facts)
        if stopping:
            return Ending(stopping, **facts)
        if self.error:
            return Ending(self.error["kind"], error=self.error, **facts)
        return Ending("memory" if code == -signal.SIGKILL else "crash", **facts)


@dataclass
class ChildPipes:
    """The pipes through which the process of a step prints and reports."""

    output: int
    messages: int
    report: ChildReport
    _ended: set[int] = field(default_factory=set)

    def open(self) -> list[int]:
        """Return the pipes that are not at their end."""
        return [descriptor for descriptor in (self.output, self.messages) if descriptor not in self._ended]

    def read(self, descriptor: int) -> list[dict[str, Any]]:
        """Read what a pipe contains; return the messages other than the result."""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return []
        if not data:
            self._ended.add(descriptor)
        if descriptor == self.messages:
            return self.report.add_messages(data)
        self.report.add_output(data, end=not data)
        return []

    def finish(self) -> None:
        """Read what is left, without waiting: processes that outlive the step may hold the pipes open."""
        while readable := select.select(self.open(), [], [], 0)[0]:
            for descriptor in readable:
                self.read(descriptor)
        self.report.add_output(b"", end=True)
        os.close(self.output)
        os.close(self.messages)


def usage_facts(status: int, usage: resource.struct_rusage) -> dict[str, Any]:
    """Return what the system knows about a process that ended: exit code, processor time, memory."""
    return {
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss * _MAXRSS_UNIT,
        "status": os.waitstatus_to_exitcode(status),
    }


def _shortened(line: str) -> str:
    return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}..."
