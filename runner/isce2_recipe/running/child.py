"""The child process of a step: it is forked by the runner and ends with it."""

from __future__ import annotations

import errno
import gc
import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from isce2_recipe import processes
from isce2_recipe.actions.base import Context
from isce2_recipe.errors import (
    EngineFailed,
    NoConnection,
    ProgramFailed,
    RecipeToolError,
    SourceError,
    of_name,
)
from isce2_recipe.journal import checkpoints
from isce2_recipe.journal.files import FOLDER, FileEntry, Fingerprints, Manifest, signature, walk
from isce2_recipe.journal.values import encode
from isce2_recipe.plan.folders import changed_files
from isce2_recipe.plan.nodes import Node
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.redact import known_secrets, redactor
from isce2_recipe.running.executor import Task
from isce2_recipe.running.preloading import preload
from isce2_recipe.running.provenance import summary_of_run
from isce2_recipe.running.resources import budget

MARKER = "ISCE2_RECIPE_RUN"
"""Variable in the environment of every process of a step: the run's work directory."""

STEP = "ISCE2_RECIPE_STEP"
"""Variable in the environment of every program that a step starts: the folder into which the step writes."""

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GDAL_NUM_THREADS",
)  # fmt: skip
# By default GDAL caches up to a twentieth of the machine's memory in every process.
_GDAL_CACHE = "128MB"
_DISK = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_KINDS = {NoConnection: "input", SourceError: "source", EngineFailed: "engine", ProgramFailed: "crash"}
_PROGRESS_INTERVAL_S = 0.1
_MOST_FILES = 1024  # open files of the runner, where the system does not list them


def marker(workdir: Path) -> str:
    """Return ``NAME=value`` as it is in the environment of every process of a run."""
    return f"{MARKER}={workdir}"


def fork(workspace: Workspace, request: Mapping[str, Any], output: int, messages: int) -> int:
    """Start a step and return its process id, which is also that of its process group.

    Parameters
    ----------
    workspace : Workspace
        The work directory of the run.
    request : mapping
        The task, as `isce2_recipe.running.executor.Task.to_json` returns it.
    output, messages : int
        Pipes for what the step prints, and for its process id, progress, result or error as JSON lines.
    """
    parent = os.getpid()
    processes.get_ready()
    if request["preload"]:
        preload()
    pid = os.fork()
    if pid == 0:
        with _ending_this_process():
            become_forker(parent, workspace, {output, messages})
            prepare(request)
            run(parent, workspace, request, output, messages)
    with suppress(OSError):  # the child may have done this already
        os.setpgid(pid, pid)
    return pid


@contextmanager
def _ending_this_process() -> Iterator[None]:
    """End this process after the block: nothing may return into the code of the process that forked it."""
    try:
        yield
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def become_forker(parent: int | None, workspace: Workspace, keep: Set[int]) -> None:
    """Set up this forked process so that it can run steps, or fork processes that do.

    Parameters
    ----------
    parent : int or None
        Process id of the process that forked it, with which it ends; None if it ends by itself.
    workspace : Workspace
        The work directory of the run.
    keep : set of int
        The files of the other process that stay open, besides its output.
    """
    os.setpgid(0, 0)
    if parent is not None:
        processes.die_with_parent(parent)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    _close_files(keep)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    os.environ.setdefault("GDAL_CACHEMAX", _GDAL_CACHE)
    os.environ[MARKER] = str(workspace.workdir)
    processes.mark(marker(workspace.workdir))


def prepare(request: Mapping[str, Any]) -> None:
    """Load what a step needs and others need too, and set its number of threads, before the fork."""
    if request["preload"]:
        preload()
    cpus = str(request["cpus"])
    if any(os.environ.get(name) != cpus for name in _THREAD_VARIABLES):
        os.environ.update(dict.fromkeys(_THREAD_VARIABLES, cpus))
        if numba := sys.modules.get("numba"):
            numba.config.reload_config()
    gc.freeze()  # nothing of this process is garbage of the step


def run(
    parent: int, workspace: Workspace, request: Mapping[str, Any], output: int, messages: int, *close: int
) -> NoReturn:
    """Run a step in this process, which was forked for it by one that `become_forker` has set up.

    Parameters
    ----------
    parent : int
        Process id of this process's parent, with which it ends.
    workspace, request, output, messages
        As for `fork`.
    *close : int
        Files of the process that forked it.
    """
    status = 1
    try:
        os.setpgid(0, 0)
        processes.die_with_parent(parent)
        os.dup2(output, 1)
        os.dup2(output, 2)
        for number in (output, *close):
            os.dup2(0, number, inheritable=False)  # see _close_files
        sender = _Sender(messages)
        sender.send({"pid": os.getpid()})
        wanted = workspace.request
        task = Task.from_json(request, workspace.graph, wanted.workdir, wanted.base)
        os.environ[STEP] = str(task.out)
        status = _work(workspace, task, sender)
    except BaseException:  # nothing may return into the code of the process that forked it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def end_group(pid: int, programs_in: str | None) -> None:
    """End what is left of a step's processes, also programs that have left its process group.

    ``programs_in`` is the property of the `isce2_recipe.running.executor.Task`.
    """
    processes.kill_group(pid)
    if programs_in is not None:
        processes.end_orphans(f"{STEP}={programs_in}")


def _close_files(keep: Set[int]) -> None:
    """Close the files of the runner, but occupy their numbers.

    Libraries such as PROJ keep numbers of files that they opened before the fork, and close them later. The
    number must not belong to a file that the step has opened since.
    """
    try:
        numbers = set(map(int, os.listdir("/proc/self/fd")))  # noqa: PTH208 - in every step
    except FileNotFoundError:
        numbers = set(range(_MOST_FILES))
    for number in sorted(numbers - keep - {0, 1, 2}):
        with suppress(OSError):
            os.fstat(number)
            os.dup2(0, number, inheritable=False)


class _Sender:
    """Sends messages to the runner."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._next = 0.0

    def send(self, message: dict[str, Any]) -> None:
        data = (json.dumps(message) + "\n").encode()
        while data:
            data = data[os.write(self._descriptor, data) :]

    def progress(self, fraction: float, text: str = "") -> None:
        """Report progress; most calls return at once."""
        now = time.monotonic()
        if now >= self._next or fraction >= 1.0:
            self._next = now + _PROGRESS_INTERVAL_S
            self.send({"progress": min(1.0, max(0.0, float(fraction))), "text": str(text)})


def _work(workspace: Workspace, task: Task, sender: _Sender) -> int:
    try:
        returned = task.node.action.function(_context(workspace, task, sender.progress), **task.inputs)
        sender.send({"result": _result(workspace, task, returned)})
        return 0
    except Exception as exc:
        known = _of_program(exc, task)
        sender.send({"error": _error(known)})
        if not isinstance(known, RecipeToolError):
            traceback.print_exc()
        return 1


def _of_program(exc: Exception, task: Task) -> Exception:
    """Return the error of a step whose files the author's program has deleted or moved; else ``exc``."""
    if task.node.action.executes is None or not isinstance(exc, OSError) or exc.errno in _DISK:
        return exc
    if not task.out.is_dir():
        return ProgramFailed(
            "the step's folder is gone: what the step ran has deleted or moved it",
            hint="delete only files in the folder, not the folder itself",
        )
    place = f": {exc.filename}" if exc.filename else ""
    return ProgramFailed(f"the files of the step cannot be used: {exc.strerror}{place}")


def _context(workspace: Workspace, task: Task, progress: Callable[[float, str], None]) -> Context:
    uses = task.node.action.uses
    name = task.node.action.name
    return Context(
        workdir=workspace.workdir,
        out=task.out,
        source=workspace.source if "source" in uses else _Undeclared("source", name),  # type: ignore[arg-type]
        engine=workspace.engine if "engine" in uses else _Undeclared("engine", name),  # type: ignore[arg-type]
        log=_logger(task.node.id),
        progress=progress,
        cpus=task.cpus,
        templates=workspace.request.templates,
        published=task.published,
        home=workspace.workdir / task.node.scope.base,
        budget=lambda: budget(workspace),
        summary_of_run=lambda: _summary(workspace, task.node),
    )


def _summary(workspace: Workspace, node: Node) -> dict[str, Any]:
    workspace = workspace.read_again()  # this process was forked from one that may not know all of it
    return summary_of_run(workspace, redactor(known_secrets(os.environ) | workspace.request.secrets), node)


class _Undeclared:
    """Stands for a source or engine that an action does not declare; its content key would not contain it."""

    def __init__(self, what: str, action: str) -> None:
        self._text = f'action {action} uses the {what} without declaring uses=("{what}",)'

    def __getattr__(self, _name: str) -> NoReturn:
        raise TypeError(self._text)


def _logger(step: str) -> logging.Logger:
    logger = logging.getLogger(f"isce2_recipe.step.{step}")
    logger.setLevel(logging.INFO)
    return logger


def _result(workspace: Workspace, task: Task, returned: object) -> dict[str, Any]:
    fingerprints = workspace.fingerprints
    files: dict[str, FileEntry | None]
    if task.node.folder is not None:
        files = changed_files(task.before, workspace.workdir, task.node.folder, fingerprints)
        checkpoints.keep(
            workspace.workdir, {name: entry for name, entry in files.items() if entry is not None}
        )
    else:
        files = dict(_own_files(task, workspace.workdir, fingerprints))
    outputs = {} if returned is None else encode(returned, workspace.workdir, (task.out, task.published))
    listed = {name: None if entry is None else entry.to_json() for name, entry in files.items()}
    return {"outputs": outputs, "files": listed}


def _own_files(task: Task, workdir: Path, fingerprints: Fingerprints) -> Manifest:
    """Return entries of everything in a step's scratch folder, by the paths they will have later."""
    root = str(task.published.relative_to(workdir))
    found: Manifest = {}
    for name, path, status in walk(task.out, f"{root}/"):
        entry = fingerprints.entry(path, status)
        found[name] = FileEntry(FOLDER, signature(status)) if entry.digest == FOLDER else entry
    found[root] = FileEntry(FOLDER, signature(task.out.stat()))
    return found


def _error(exc: Exception) -> dict[str, Any]:
    if isinstance(exc, UnicodeEncodeError):
        exc = of_name(exc) or exc
    if isinstance(exc, RecipeToolError):
        kind = next((kind for error, kind in _KINDS.items() if isinstance(exc, error)), "input")
        cause = exc.__cause__
        if isinstance(cause, OSError) and cause.errno in _DISK:
            kind = "disk"
        return {"kind": kind, "type": type(exc).__name__, "message": exc.message, "hint": exc.hint}
    if isinstance(exc, OSError) and exc.errno in _DISK:
        return {"kind": "disk", "message": f"{exc.strerror}: {exc.filename or 'a file of the step'}"}
    if isinstance(exc, MemoryError):
        return {"kind": "memory", "message": "the step ran out of memory"}
    return {"kind": "bug", "message": f"{type(exc).__name__}: {exc}", "trace": traceback.format_exc()}
