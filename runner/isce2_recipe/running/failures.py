"""Errors of steps that failed: what happened, the log, the remedy."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from isce2_recipe import errors
from isce2_recipe.errors import RecipeToolError, StepFailed
from isce2_recipe.quantities import format_bytes
from isce2_recipe.running.resources import disk_bytes

if TYPE_CHECKING:
    from isce2_recipe.running.executor import Ending, RunningTask


class StepBug(StepFailed):
    """An unexpected error ended a step."""

    exit_code = errors.EXIT_BUG


def of_ending(ending: Ending, running: RunningTask, workdir: Path) -> RecipeToolError:
    """Return the error of an attempt that failed."""
    step = running.task.node.id
    if ending.kind == "disk":
        return _full(step, str(ending.error.get("message", "")), workdir)
    if ending.kind in ("input", "source", "engine", "doubtful") or (ending.kind == "crash" and ending.error):
        return _as_sent(ending, running)
    if ending.kind == "bug":
        return StepBug(
            f"step {step}: {ending.error['message']}",
            hint=f"this is a bug in {running.task.node.action.name}; the traceback is in {running.log_path}",
        )
    return StepFailed(_what_happened(ending, running, step), hint=_remedy(ending, running))


def _as_sent(ending: Ending, running: RunningTask) -> RecipeToolError:
    kind = getattr(errors, str(ending.error.get("type")), StepFailed)
    if not (isinstance(kind, type) and issubclass(kind, RecipeToolError)):
        kind = StepFailed
    what = f"step {running.task.node.id}: {ending.error['message']}"
    if kind is errors.ProgramFailed:
        what += _last_lines(running)
    if kind in (errors.EngineFailed, errors.ProgramFailed):
        what += f"\nfull log: {running.log_path}"
    return kind(what, hint=ending.error.get("hint"))


def _full(step: str, message: str, workdir: Path) -> StepFailed:
    free = format_bytes(disk_bytes(workdir))
    return StepFailed(
        f"step {step}: the disk is full or a limit on file sizes was reached ({message}; {free} free at "
        f"{workdir})",
        hint="free disk space and run the same command again: finished steps are kept",
    )


def _last_lines(running: RunningTask) -> str:
    last = "".join(f"\n    {line}" for line in running.tail[-5:])
    return f"; its last lines were:{last}" if last else ""


def _what_happened(ending: Ending, running: RunningTask, step: str) -> str:
    output = _last_lines(running)
    if ending.kind == "stopped":
        return f"step {step} was stopped"
    killed = ending.status == -signal.SIGKILL
    reasons = {
        "timeout": f"was stopped after its timeout, {round(ending.seconds, 1):g} s",
        "memory": "was killed, as the system does when memory runs out" if killed else "ran out of memory",
        "lost": "was lost with the program that ran it",
    }
    otherwise = f"ended with exit code {ending.status} and without a result"
    if ending.status < 0:
        otherwise = f"crashed ({signal.Signals(-ending.status).name})"
    return f"step {step} {reasons.get(ending.kind, otherwise)}{output}"


def _remedy(ending: Ending, running: RunningTask) -> str:
    log = f"its log is {running.log_path}"
    if ending.kind == "memory":
        peak = f", the peak was {format_bytes(ending.memory)}" if ending.memory else ""
        return f"free memory or use a larger machine{peak}; {log}"
    if ending.kind == "lost":
        return f"find out why its workers end, for example for lack of memory or time; {log}"
    if ending.kind == "timeout":
        return f"raise the timeout of the step in the recipe; {log}"
    return log


def of_system(exc: OSError, what: str) -> RecipeToolError:
    """Return the error of a failed system call of the runner itself."""
    where = f": {exc.filename}" if exc.filename else ""
    if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StepFailed(
            f"{what}: the disk is full ({os.strerror(exc.errno)}{where})",
            hint="free disk space and run the same command again: finished steps are kept",
        )
    return StepFailed(f"{what}: {exc.strerror}{where}")
