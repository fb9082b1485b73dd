"""What to tell of a step that failed: the thing, the log, the remedy."""

from __future__ import annotations

import errno
import os
import signal
from typing import TYPE_CHECKING

from isce2_recipe import errors
from isce2_recipe.errors import RecipeToolError, StepFailed
from isce2_recipe.quantities import format_bytes
from isce2_recipe.running.resources import disk_bytes

if TYPE_CHECKING:
    from isce2_recipe.plan.project import Project
    from isce2_recipe.running.worker import Ending, Worker


class StepBug(StepFailed):
    """A step ended by an error that nobody foresaw."""

    exit_code = errors.EXIT_BUG


def of_ending(ending: Ending, worker: Worker, project: Project) -> RecipeToolError:
    """The error of an attempt that did not succeed."""
    step = worker.task.node.id
    if ending.kind == "disk":
        return _full(step, str(ending.error.get("message", "")), project)
    if ending.kind in ("input", "source", "engine"):
        return _as_sent(ending, worker)
    if ending.kind == "bug":
        return StepBug(
            f"step {step}: {ending.error['message']}",
            hint=f"this is a bug in {worker.task.node.action.name}; the traceback is in {worker.log_path}",
        )
    return StepFailed(_what_happened(ending, worker, step), hint=_remedy(ending, worker))


def _as_sent(ending: Ending, worker: Worker) -> RecipeToolError:
    kind = getattr(errors, str(ending.error.get("type")), StepFailed)
    if not (isinstance(kind, type) and issubclass(kind, RecipeToolError)):
        kind = StepFailed
    what = f"step {worker.task.node.id}: {ending.error['message']}"
    if kind is errors.EngineFailed:
        what += f"\nfull log: {worker.log_path}"
    return kind(what, hint=ending.error.get("hint"))


def _full(step: str, message: str, project: Project) -> StepFailed:
    free = format_bytes(disk_bytes(project.workdir))
    return StepFailed(
        f"step {step}: the disk is full or a limit on file sizes was reached ({message}; {free} free at "
        f"{project.workdir})",
        hint="make room and run the same command again: finished steps are kept",
    )


def _what_happened(ending: Ending, worker: Worker, step: str) -> str:
    last = "".join(f"\n    {line}" for line in worker.tail[-5:])
    said = f"; its last lines were:{last}" if last else ""
    if ending.kind == "timeout":
        return f"step {step} was stopped after its timeout, {round(ending.seconds, 1):g} s{said}"
    if ending.kind == "stopped":
        return f"step {step} was stopped"
    if ending.kind == "memory" and ending.status == -signal.SIGKILL:
        return f"step {step} was killed from outside, as the system does when memory runs out{said}"
    if ending.kind == "memory":
        return f"step {step} ran out of memory{said}"
    if ending.status < 0:
        return f"step {step} crashed ({signal.Signals(-ending.status).name}){said}"
    return f"step {step} ended with exit code {ending.status} and without a result{said}"


def _remedy(ending: Ending, worker: Worker) -> str:
    log = f"its log is {worker.log_path}"
    if ending.kind == "memory":
        peak = f", its peak was {format_bytes(ending.memory)}" if ending.memory else ""
        return f"free memory or take a larger machine{peak}; {log}"
    if ending.kind == "timeout":
        return f"raise the step's timeout in the recipe; {log}"
    return log


def of_system(exc: OSError, what: str) -> RecipeToolError:
    """The error of a system call of the runner's own, on behalf of a step or of its records."""
    where = f": {exc.filename}" if exc.filename else ""
    if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StepFailed(
            f"{what}: the disk is full ({os.strerror(exc.errno)}{where})",
            hint="make room and run the same command again: finished steps are kept",
        )
    return StepFailed(f"{what}: {exc.strerror}{where}")
