"""The step server: a process with one thread that forks the steps of a run for the worker that started it.

It has loaded the package and the recipe once, so that a step costs a fork instead of a start of Python. A
socket connects it with the worker. When the worker has ended in any way, the socket is at its end, and the
server kills every process of its steps, their children included, and ends.
"""

from __future__ import annotations

import inspect
import json
import os
import platform
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe import __version__, processes
from isce2_recipe.errors import RecipeToolError
from isce2_recipe.journal.files import file_digest, json_digest
from isce2_recipe.plan.request import RunRequest, make_request
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.processes import kill_group, receive_request, send_request
from isce2_recipe.recipe import load
from isce2_recipe.recipe.document import parse
from isce2_recipe.recipe.loading import build
from isce2_recipe.running import child
from isce2_recipe.running.attempts import Attempt
from isce2_recipe.running.reports import usage_facts

_IDLE_S = 300.0  # without a step, after which the server ends; the worker starts another when it needs one


def request_to_json(request: RunRequest) -> dict[str, Any]:
    """Return a request as JSON, from which the step server makes the same request."""
    recipe = request.recipe
    parts = {} if recipe.path.is_file() else {place: step.part for place, step in enumerate(recipe.steps)}
    return {
        "recipe": str(recipe.path),
        "text": recipe.document.text if parts else "",  # of a batch, which has no file
        "parts": [[place, str(part.path)] for place, part in parts.items() if part is not None],
        "given": dict(request.overrides),
        "workdir": str(request.workdir),
        "base": str(request.base),
        "source": request.source_text,
        "engine": request.engine_text,
    }


def facts_of(workspace: Workspace) -> dict[str, str]:
    """Return what must be equal where a run is planned and where its steps run."""
    root = Path(__file__).parents[1]
    files = {str(path.relative_to(root)): file_digest(path) for path in root.rglob("*.py")}
    makers = {name: inspect.getsourcefile(action.function) for name, action in workspace.actions.items()}
    texts = sorted(workspace.request.recipe.texts().values())
    return {
        "isce2-recipe": f"{__version__} (code {json_digest(files)[:8]})",
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "recipe": json_digest(texts)[:8],
        **{
            f"action {name}": f"version {action.version} (code {file_digest(maker)[:8]})"
            for name, action in workspace.actions.items()
            if (maker := makers[name]) is not None and not Path(maker).is_relative_to(root)
        },
        **({"engine": workspace.engine_label} if workspace.uses_engine else {}),
        **({"source": workspace.source_label} if workspace.uses_source else {}),
    }


@dataclass
class _Step:
    """A step that runs."""

    programs_in: str | None
    attempt: Attempt
    control: int


class _Server:
    """Starts the steps that the worker sends, and reports how they end."""

    def __init__(self, connection: socket.socket, workspace: Workspace) -> None:
        self._connection = connection
        self._workspace = workspace
        self._steps: dict[int, _Step] = {}
        self._last = time.monotonic()

    def serve(self) -> None:
        """Serve until the worker has ended, or has not sent a step for a long time."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        while self._steps or time.monotonic() - self._last < _IDLE_S:
            waited = [self._connection.fileno(), reader]
            readable, _, _ = select.select(waited, [], [], 1.0)
            if reader in readable:
                with suppress(BlockingIOError):
                    os.read(reader, 1 << 12)
            self._collect()
            if self._connection.fileno() in readable:
                received = receive_request(self._connection)
                if received is None:
                    self._end_all()
                    return
                self._start(*received)

    def _start(self, request: dict[str, Any], descriptors: list[int]) -> None:
        output, messages, control = descriptors
        task = request["task"]
        child.prepare(task)
        parent = os.getpid()
        others = [self._connection.fileno(), control, *(step.control for step in self._steps.values())]
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            child.run(parent, self._workspace, task, output, messages, *others)
        with suppress(OSError):  # the child may have done this already
            os.setpgid(pid, pid)
        os.close(output)
        os.close(messages)
        self._steps[pid] = _Step(task["programs_in"], Attempt(Path(request["attempt"])), control)
        self._last = time.monotonic()

    def _collect(self, options: int = os.WNOHANG) -> None:
        """Report the steps that have ended, after everything that they started has ended too."""
        while self._steps:
            pid, status, usage = os.wait4(-1, options)
            if not pid:
                return
            step = self._steps.pop(pid, None)
            if step is not None:
                child.end_group(pid, step.programs_in)
                step.attempt.end()
                with suppress(OSError):  # the worker has ended
                    os.write(step.control, json.dumps(usage_facts(status, usage)).encode() + b"\n")
                os.close(step.control)
            self._last = time.monotonic()

    def _end_all(self) -> None:
        for pid in self._steps:
            kill_group(pid)
        self._collect(0)


def _request(wanted: dict[str, Any]) -> RunRequest:
    """Return the request that `request_to_json` wrote."""
    if wanted["text"]:
        parts = {place: load(path) for place, path in wanted["parts"]}
        texts = {name: text for part in parts.values() for name, text in part.texts().items()}
        recipe = build(parse(wanted["text"], wanted["recipe"]), parts, texts)
    else:
        recipe = load(wanted["recipe"])
    workdir, base = Path(wanted["workdir"]), Path(wanted["base"])
    return make_request(
        recipe, wanted["given"], workdir=workdir, base=base, source=wanted["source"], engine=wanted["engine"]
    )


def main() -> None:
    """Serve the worker at the other end of the connection whose number is the argument."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    received = receive_request(connection)
    if received is None:
        return
    try:
        request = _request(received[0])
        workspace = Workspace(request)
        workspace.ignore_history()
        facts = facts_of(workspace)
    except RecipeToolError as exc:
        send_request(connection, {"error": str(exc)})
        return
    send_request(connection, facts)
    processes.get_ready()
    child.become_forker(None, workspace, {connection.fileno()})
    _Server(connection, workspace).serve()


if __name__ == "__main__":
    main()
