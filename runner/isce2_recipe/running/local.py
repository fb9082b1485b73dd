"""The executor of this machine: each step is a child process of the runner, forked by a small helper."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from isce2_recipe import processes
from isce2_recipe.errors import StepFailed
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.processes import (
    can_fork_siblings,
    fork_sibling,
    kill_group,
    receive_request,
    send_request,
)
from isce2_recipe.running import child
from isce2_recipe.running.executor import Ending, Task
from isce2_recipe.running.reports import ChildPipes, ChildReport, usage_facts
from isce2_recipe.running.resources import Resources
from isce2_recipe.running.state import Limits

GRACE_S = 5.0
"""Time between the request to end and the end by force, seconds."""


@dataclass
class ForkedTask:
    """A task that runs in a child process; a `isce2_recipe.running.executor.RunningTask`."""

    task: Task
    pid: int
    pipes: ChildPipes
    log: int
    log_path: Path
    started: float = field(default_factory=time.monotonic)
    deadline: float = float("inf")
    stopping: str = ""

    @property
    def tail(self) -> list[str]:
        """Return the last lines that the step printed."""
        return self.pipes.report.tail

    def descriptors(self) -> list[int]:
        """Return the pipes that are not at their end."""
        return self.pipes.open()

    def read(self, descriptor: int) -> list[dict[str, Any]]:
        """Read what a pipe contains; return reports of progress."""
        return [message for message in self.pipes.read(descriptor) if "progress" in message]

    def limit(self, seconds: float) -> None:
        """Let the step end this long after its start."""
        self.deadline = self.started + seconds

    def stop(self, why: str) -> None:
        """Ask the step to end; a second call, or `check_deadline` after `GRACE_S` seconds, kills it."""
        kill_group(self.pid, signal.SIGKILL if self.stopping else signal.SIGTERM)
        self.stopping = self.stopping or why
        self.deadline = time.monotonic() + GRACE_S

    def check_deadline(self) -> None:
        """Stop the step if its deadline has passed."""
        if time.monotonic() >= self.deadline:
            self.stop("timeout")

    def kill(self) -> None:
        """End the step at once, with everything it started."""
        child.end_group(self.pid, self.task.programs_in)

    def ending(self) -> Ending | None:
        """Return how the step ended, or None while it runs. Afterwards nothing of its group is left."""
        pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        if not pid:
            return None
        child.end_group(self.pid, self.task.programs_in)
        self.pipes.finish()
        os.close(self.log)
        facts = {"seconds": time.monotonic() - self.started, **usage_facts(status, usage)}
        return self.pipes.report.ending(self.stopping, facts)


@dataclass(frozen=True, slots=True)
class _Helper:
    """A process that the runner has forked early, and that forks the steps: it is small and stays so.

    The runner itself changes most of its memory all the time, and would pay for copies of these pages at
    every fork. The steps become children of the runner, see `isce2_recipe.processes.fork_sibling`.
    """

    pid: int
    connection: socket.socket

    @classmethod
    def start(cls, workspace: Workspace) -> _Helper:
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        processes.get_ready()
        pid = os.fork()
        if pid == 0:
            _serve(parent, workspace, theirs)
        theirs.close()
        return cls(pid, ours)

    def end(self) -> None:
        """End the process, but not the steps."""
        self.connection.close()
        kill_group(self.pid)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _serve(parent: int, workspace: Workspace, connection: socket.socket) -> NoReturn:
    """Fork a process for every task that the runner sends, until it closes the connection."""
    with suppress(BaseException):  # nothing may return into the code of the runner
        child.become_forker(parent, workspace, {connection.fileno()})
        while (received := receive_request(connection)) is not None:
            request, descriptors = received
            child.prepare(request)
            if fork_sibling() == 0:
                child.run(parent, workspace, request, *descriptors, connection.fileno())
            for descriptor in descriptors:
                os.close(descriptor)
    os._exit(0)


class LocalExecutor:
    """Starts tasks as child processes of this process.

    Parameters
    ----------
    workspace : Workspace
        The work directory of the run.
    limits : Limits
        How much may be in use at the same time.
    redact : callable
        Removes secrets from what steps print.
    """

    def __init__(self, workspace: Workspace, limits: Limits, redact: Callable[[str], str]) -> None:
        self._workspace = workspace
        self._limits = limits
        self._redact = redact
        self._helper: _Helper | None = None

    def ready(self) -> bool:
        """Return whether steps can start now."""
        return True

    def fits(self, asked: Resources, used: Sequence[Resources]) -> bool:
        """Return whether there are enough threads and memory; a step that is alone always fits."""
        cpus = sum(one.cpus for one in used) + asked.cpus
        memory = sum(one.memory for one in used) + asked.memory
        return not used or (cpus <= self._limits.cpus and memory <= self._limits.memory)

    def threads(self, asked: Resources) -> int:
        """Return the threads that the recipe asks for, or all."""
        return asked.cpus or self._limits.cpus

    def scratch_name(self, step: str) -> str:
        """Return the step's id: no earlier attempt can still be running."""
        return step

    def start(self, task: Task, log_path: Path, *, append: bool) -> ForkedTask:
        """Start a task; see `isce2_recipe.running.executor.Executor.start`."""
        log = open_log(log_path, append=append)
        request = task.to_json(self._workspace.workdir)
        for fork in (self._by_helper, self._directly):
            output, output_end = os.pipe()
            messages, messages_end = os.pipe()
            forked = fork(request, output_end, messages_end)
            os.close(output_end)
            os.close(messages_end)
            early = first_message(messages) if forked else b""
            if early:
                os.set_blocking(output, False)
                os.set_blocking(messages, False)
                pid = int(json.loads(early)["pid"])
                report = ChildReport(partial(os.write, log), self._redact)
                return ForkedTask(task, pid, ChildPipes(output, messages, report), log, log_path)
            os.close(output)
            os.close(messages)
            self.close()
        os.close(log)
        raise StepFailed(f"the process of step {task.node.id} ended before it began")

    def _by_helper(self, request: dict[str, Any], output: int, messages: int) -> bool:
        """Let the helper fork the process; return whether it received the request."""
        if not can_fork_siblings():
            return False
        self._helper = self._helper or _Helper.start(self._workspace)
        try:
            send_request(self._helper.connection, request, (output, messages))
        except OSError:  # the helper has been killed
            return False
        return True

    def _directly(self, request: dict[str, Any], output: int, messages: int) -> bool:
        """Fork the process here."""
        child.fork(self._workspace, request, output, messages)
        return True

    def close(self) -> None:
        """End the helper."""
        if self._helper is not None:
            self._helper.end()
            self._helper = None


def open_log(path: Path, *, append: bool) -> int:
    """Open the file that receives what a step prints."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | (0 if append else os.O_TRUNC)
    return os.open(path, flags, 0o644)


def first_message(messages: int) -> bytes:
    """Wait for a step's first message and return it, or nothing if there is no process.

    The next message may be there already; it stays in the pipe, and is reported like all others.
    """
    data = b""
    while not data.endswith(b"\n"):
        byte = os.read(messages, 1)
        if not byte:
            return b""
        data += byte
    return data
