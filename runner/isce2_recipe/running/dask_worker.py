"""What runs in the Dask workers: the proof that a worker can take part in a run, and the steps."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from distributed import Status, Worker, WorkerPlugin, get_worker

from isce2_recipe import processes
from isce2_recipe.processes import kill_group, receive_request, send_request
from isce2_recipe.redact import known_secrets, redactor
from isce2_recipe.running.attempts import SERVER, Attempt, end_processes
from isce2_recipe.running.local import GRACE_S
from isce2_recipe.running.reports import ChildPipes, ChildReport

_TICK_S = 0.1
_RUNNING = ("executing", "long-running")
_MOST_KEPT = 10_000  # bytes that a step has printed, while the disk is full
_NO_LIMIT = 1e18  # bytes of memory of a worker without a limit


class StepServer(WorkerPlugin):  # type: ignore[misc]
    """The connection of a worker with its step server for one run; it lives as long as the worker."""

    def __init__(self, run: dict[str, Any]) -> None:
        self._run = run
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self.token = ""
        self.redact = redactor(known_secrets(os.environ) | frozenset(run["secrets"]))

    def start(self) -> dict[str, str]:
        """Start the server; return the facts about its installation, or ``error``."""
        if self._connection is not None:
            self._connection.close()
        self.token = secrets.token_hex(8)
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "isce2_recipe.running.step_server", str(theirs.fileno())],
                cwd=self._run["request"]["base"],
                env={**os.environ, SERVER: self.token},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        self._connection = ours
        send_request(ours, self._run["request"])
        answer = receive_request(ours)
        return {"error": "its step server ended at once"} if answer is None else answer[0]

    def running(self) -> str:
        """Start the server again if it has ended; return its token.

        Raise OSError if that is impossible, or if its installation has changed in the meantime.
        """
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                difference = _difference(self.start(), self._run["facts"])
                if difference:
                    self._end()
                    raise OSError(f"its step server started again and {difference}")
            return self.token

    def send(self, request: dict[str, Any], descriptors: list[int]) -> None:
        """Send a step to the server."""
        with self._lock:
            if self._connection is not None:
                send_request(self._connection, request, descriptors)

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002
        """End the server, with all that it runs."""
        self._end()

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_S)
        self._connection = self._process = None


async def join(name: str, run: dict[str, Any], dask_worker: Worker) -> dict[str, Any]:
    """Let a worker take part in a run, if it sees the work directory and has the same installation.

    Parameters
    ----------
    name : str
        A name for the run, and of the resource that only workers have that take part in it.
    run : dict
        ``proof`` (a file), ``content`` (its content), ``request``, ``facts`` and ``secrets``.
    dask_worker : Worker
        The worker.

    Returns
    -------
    dict
        ``host`` and what the worker has of ``slots``, ``cpus`` and ``memory``, or ``error`` with ``hint``.
    """
    why = _cannot_see(Path(run["proof"]), run["content"])
    if why:
        folder = run["request"]["workdir"]
        hint = f"give --workdir a folder that all workers see under the same path, or mount {folder} there"
        return {"error": f"does not see the work directory {folder}: {why}", "hint": hint}
    server = StepServer(run)
    try:
        facts = await asyncio.to_thread(server.start)
    except OSError as exc:
        return {"error": f"cannot start a step server in {run['request']['base']}: {exc.strerror}"}
    difference = _difference(facts, run["facts"])
    if difference:
        server.teardown(dask_worker)
        return {"error": difference, "hint": "install the same versions there, and start the worker again"}
    await dask_worker.plugin_add(plugin=server, name=name)
    own = dask_worker.state.total_resources
    limit = dask_worker.memory_manager.memory_limit
    has = {
        "cpus": own.get("cpus", float(dask_worker.state.nthreads)),
        "memory": own.get("memory", float(limit) if limit else _NO_LIMIT),
    }
    await dask_worker.set_resources(**{name: 1.0}, **has)
    return {"host": processes.host_name(), "slots": dask_worker.state.nthreads, **has}


def _cannot_see(proof: Path, content: str) -> str:
    """Return why this host does not see the run's file, or cannot write next to it; empty if it can."""
    try:
        if proof.read_text() != content:
            return "another folder has its path"
        proof.with_name(f"{proof.name}-{secrets.token_hex(8)}").write_text(content)
    except OSError as exc:
        return f"{exc.strerror}: {exc.filename}"
    return ""


def _difference(here: dict[str, str], wanted: dict[str, str]) -> str:
    """Return the first difference between the installations of a worker and of the runner."""
    if "error" in here:
        return f"cannot take part: {here['error']}"
    for name, value in wanted.items():
        if here.get(name) != value:
            return f"has {name} {here.get(name, '(none)')}, this run has {value}"
    return ""


async def leave(name: str, dask_worker: Worker) -> None:
    """Let a worker forget a run."""
    if name in dask_worker.plugins:
        await dask_worker.plugin_remove(name=name)
        await dask_worker.set_resources(**{name: 0.0})


async def end_attempt(server: str, dask_worker: Worker) -> str:  # noqa: ARG001
    """End what a step server that was lost on this host has started; return the host's name."""
    await asyncio.to_thread(end_processes, server)
    return processes.host_name()


def run_step(name: str, task: dict[str, Any], folder: str) -> dict[str, Any]:
    """Run an attempt at a step, in a thread of a worker.

    Returns
    -------
    dict
        How it ended, as `isce2_recipe.running.reports.ChildReport` reads it; or ``lost`` with the reason if
        the attempt cannot be used.
    """
    worker = get_worker()
    key, server, attempt = worker.get_current_task(), worker.plugins.get(name), Attempt(Path(folder))
    facts = {"step": task["step"], "shared": task["shared"], "worker": worker.address}
    if server is None:
        return {"lost": "the worker does not take part in the run any more"}
    token = server.running()
    if not attempt.claim({**facts, "server": token}):
        return {"lost": "the attempt had begun before"}

    def is_wanted() -> bool:
        state = worker.state.tasks.get(key)
        return (
            state is not None and state.state in _RUNNING and worker.status in (Status.running, Status.paused)
        )

    return _Follower(server, token, attempt, is_wanted).run(task)


def append_what_fits(path: Path, data: bytes) -> bytes:
    """Append to a file; return what could not be written, or the end of it if that is much."""
    with suppress(OSError):
        if data:
            with path.open("ab", buffering=0) as file:
                while data:
                    data = data[file.write(data) :]
    return data[-_MOST_KEPT:]


class _Follower:
    """Follows the process of a step, and writes what it prints and its progress into files."""

    def __init__(
        self, server: StepServer, token: str, attempt: Attempt, is_wanted: Callable[[], bool]
    ) -> None:
        self._server = server
        self._token = token
        self._attempt = attempt
        self._is_wanted = is_wanted
        self._progress = b""
        self._printed = b""
        self._pid = 0
        self._stop_at = float("inf")
        self._signal = signal.SIGTERM

    def run(self, task: dict[str, Any]) -> dict[str, Any]:
        """Run the step to its end."""
        began = time.monotonic()
        report = ChildReport(self._print, self._server.redact)
        output, output_end = os.pipe()
        messages, messages_end = os.pipe()
        control, control_end = socket.socketpair()
        pipes = ChildPipes(output, messages, report)
        for descriptor in (output, messages):
            os.set_blocking(descriptor, False)
        with control:
            try:
                request = {"task": task, "attempt": str(self._attempt.folder)}
                self._server.send(request, [output_end, messages_end, control_end.fileno()])
            finally:
                control_end.close()
                os.close(output_end)
                os.close(messages_end)
            ended = self._follow(pipes, control)
        pipes.finish()
        self._write()
        if not ended:  # the server was killed
            end_processes(self._token)
            self._attempt.end()
            return {"lost": "its step server was killed"}
        facts = {**json.loads(ended), "seconds": time.monotonic() - began}
        if self._stop_at < float("inf"):
            return {"lost": "the step was stopped"}
        left = self._printed.decode(errors="replace")  # the disk is full
        return {"result": report.result, "error": report.error, "facts": facts, "printed": left}

    def _follow(self, pipes: ChildPipes, control: socket.socket) -> bytes:
        """Return what the server reports at the end of the step; empty if it was killed."""
        written = time.monotonic()
        while True:
            waited = [*pipes.open(), control.fileno()]
            for one in select.select(waited, [], [], _TICK_S)[0]:
                if one == control.fileno():
                    return control.recv(1 << 12)
                for message in pipes.read(one):
                    self._note(message)
            if time.monotonic() - written >= _TICK_S:
                self._write()
                written = time.monotonic()
            self._check()

    def _note(self, message: dict[str, Any]) -> None:
        if "pid" in message:
            self._pid = message["pid"]
            message = {"pid": self._pid, "host": processes.host_name()}
        else:
            message["text"] = self._server.redact(message["text"])
        self._progress += json.dumps(message).encode() + b"\n"

    def _print(self, data: bytes) -> None:
        self._printed += data

    def _write(self) -> None:
        """Append to the files, and close them: other hosts see what is in closed files."""
        self._progress = append_what_fits(self._attempt.progress, self._progress)
        self._printed = append_what_fits(self._attempt.log, self._printed)

    def _check(self) -> None:
        """Stop the step when nobody waits for it any more."""
        now = time.monotonic()
        if self._stop_at == float("inf") and not self._is_wanted():
            self._stop_at = now
        if now >= self._stop_at and self._pid:
            kill_group(self._pid, self._signal)
            self._signal, self._stop_at = signal.SIGKILL, now + GRACE_S
