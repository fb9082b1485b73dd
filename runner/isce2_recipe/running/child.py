"""One step in a process of its own: forked, watched, and ended with its parent."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from isce2_recipe import processes
from isce2_recipe.actions.base import Context
from isce2_recipe.errors import EngineFailed, RecipeToolError, SourceError
from isce2_recipe.journal import checkpoints
from isce2_recipe.journal.files import FOLDER, Entry, Fingerprints, Manifest, signature, walk
from isce2_recipe.journal.values import encode
from isce2_recipe.plan.folders import changed_files
from isce2_recipe.plan.graph import Node
from isce2_recipe.plan.preflight import check_providers
from isce2_recipe.plan.project import Project
from isce2_recipe.redact import known_secrets, redactor
from isce2_recipe.running.preloading import preload
from isce2_recipe.running.resources import budget
from isce2_recipe.running.run_summary import summary_of_run

MARKER = "ISCE2_RECIPE_RUN"
"""Variable in the environment of all a step starts: the run's work directory."""

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GDAL_NUM_THREADS",
)  # fmt: skip
# Left alone GDAL keeps up to a twentieth of the machine's memory in every process.
_GDAL_CACHE = "128MB"
_DISK = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_PROGRESS_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class Task:
    """A step about to run.

    Attributes
    ----------
    node : Node
        The step.
    inputs : dict
        What its action is called with.
    out : Path
        Where it writes: its scratch folder, or the shared folder.
    published : Path
        Where that will be found by others.
    before : dict
        Of a shared folder what is in it now.
    cpus : int
        Threads it may use.
    """

    node: Node
    inputs: dict[str, Any]
    out: Path
    published: Path
    before: Manifest
    cpus: int


def marker(workdir: Path) -> str:
    """``NAME=value`` in the environment of all a run starts."""
    return f"{MARKER}={workdir}"


def fork(project: Project, task: Task, output: int, messages: int) -> int:
    """Start a step; its process id, which is also its group's.

    Parameters
    ----------
    project : Project
        What is being run.
    task : Task
        The step.
    output, messages : int
        Pipes for what it prints, and for progress, result or error as JSON lines.
    """
    parent = os.getpid()
    processes.get_ready()
    if task.node.action.uses:
        preload()
    pid = os.fork()
    if pid == 0:
        _child(parent, project, task, output, messages)
    with suppress(OSError):  # it may have been quicker
        os.setpgid(pid, pid)
    return pid


def _child(parent: int, project: Project, task: Task, output: int, messages: int) -> NoReturn:
    status = 1
    try:
        _settle(parent, output, messages)
        _limit(project, task)
        status = _work(project, task, _Sender(messages))
    except BaseException:  # nothing may return into the runner's own code
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _settle(parent: int, output: int, messages: int) -> None:
    """Become a process of its own: group, signals, standard streams, no one else's files."""
    os.setpgid(0, 0)
    processes.die_with_parent(parent)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, messages)
    os.closerange(messages + 1, os.sysconf("SC_OPEN_MAX"))
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115


def _limit(project: Project, task: Task) -> None:
    for name in _THREAD_VARIABLES:
        os.environ[name] = str(task.cpus)
    if numba := sys.modules.get("numba"):
        numba.config.reload_config()
    os.environ.setdefault("GDAL_CACHEMAX", _GDAL_CACHE)
    os.environ[MARKER] = str(project.workdir)


class _Sender:
    """Messages to the runner."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._next = 0.0

    def send(self, message: dict[str, Any]) -> None:
        data = (json.dumps(message) + "\n").encode()
        while data:
            data = data[os.write(self._descriptor, data) :]

    def progress(self, fraction: float, text: str = "") -> None:
        """How far a step is; most calls cost nothing."""
        now = time.monotonic()
        if now >= self._next or fraction >= 1.0:
            self._next = now + _PROGRESS_INTERVAL_S
            self.send({"progress": min(1.0, max(0.0, float(fraction))), "text": str(text)})


def _work(project: Project, task: Task, sender: _Sender) -> int:
    try:
        returned = task.node.action.function(_context(project, task, sender.progress), **task.inputs)
        sender.send({"result": _result(project, task, returned)})
        return 0
    except Exception as exc:
        sender.send({"error": _error(exc)})
        if not isinstance(exc, RecipeToolError):
            traceback.print_exc()
        return 1


def _context(project: Project, task: Task, progress: Callable[[float, str], None]) -> Context:
    uses = task.node.action.uses
    name = task.node.action.name
    check_providers(project, [task.node])  # a plan checks only steps whose condition is known
    return Context(
        workdir=project.workdir,
        out=task.out,
        source=project.source if "source" in uses else _Undeclared("source", name),  # type: ignore[arg-type]
        engine=project.engine if "engine" in uses else _Undeclared("engine", name),  # type: ignore[arg-type]
        log=_logger(task.node.id),
        progress=progress,
        cpus=task.cpus,
        templates=project.templates,
        published=task.published,
        budget=lambda: budget(project),
        summary_of_run=lambda: summary_of_run(project, redactor(known_secrets(os.environ) | project.secrets)),
    )


class _Undeclared:
    """In place of what an action did not say it uses: its content key would not know of it."""

    def __init__(self, what: str, action: str) -> None:
        self._text = f'action {action} uses the {what} without declaring uses=("{what}",)'

    def __getattr__(self, _name: str) -> NoReturn:
        raise TypeError(self._text)


def _logger(step: str) -> logging.Logger:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logger = logging.getLogger(f"isce2_recipe.step.{step}")
    logger.setLevel(logging.INFO)
    return logger


def _result(project: Project, task: Task, returned: object) -> dict[str, Any]:
    prints = project.prints
    files: dict[str, Entry | None]
    if task.node.folder is not None:
        files = changed_files(task.before, project.workdir, task.node.folder, prints)
        checkpoints.keep(project.workdir, {name: entry for name, entry in files.items() if entry is not None})
    else:
        files = dict(_own_files(task, project.workdir, prints))
    outputs = {} if returned is None else encode(returned, project.workdir, (task.out, task.published))
    listed = {name: None if entry is None else entry.to_json() for name, entry in files.items()}
    return {"outputs": outputs, "files": listed}


def _own_files(task: Task, workdir: Path, prints: Fingerprints) -> Manifest:
    """Entries of all a step wrote into its scratch folder, by where they will be found."""
    root = str(task.published.relative_to(workdir))
    found: Manifest = {}
    for name, path, status in walk(task.out, f"{root}/"):
        entry = prints.entry(path, status)
        found[name] = Entry(FOLDER, signature(status)) if entry.digest == FOLDER else entry
    found[root] = Entry(FOLDER, signature(task.out.stat()))
    return found


def _error(exc: Exception) -> dict[str, Any]:
    if isinstance(exc, RecipeToolError):
        kind = (
            "source"
            if isinstance(exc, SourceError)
            else "engine"
            if isinstance(exc, EngineFailed)
            else "input"
        )
        cause = exc.__cause__
        if isinstance(cause, OSError) and cause.errno in _DISK:
            kind = "disk"
        return {"kind": kind, "type": type(exc).__name__, "message": exc.message, "hint": exc.hint}
    if isinstance(exc, OSError) and exc.errno in _DISK:
        return {"kind": "disk", "message": f"{exc.strerror}: {exc.filename or 'a file of the step'}"}
    if isinstance(exc, MemoryError):
        return {"kind": "memory", "message": "the step ran out of memory"}
    return {"kind": "bug", "message": f"{type(exc).__name__}: {exc}", "trace": traceback.format_exc()}
