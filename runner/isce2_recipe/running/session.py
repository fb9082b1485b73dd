"""A run, from taking the lock to the last record."""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from typing import Any

from isce2_recipe import __version__, errors, processes
from isce2_recipe.errors import RecipeToolError, StepFailed
from isce2_recipe.journal import checkpoints, times
from isce2_recipe.journal.log import VERSION
from isce2_recipe.paths import ATTEMPTS, LOGS, RESOLVED_RECIPE, RUN_RECORD, SCRATCH
from isce2_recipe.plan.folders import restore_folder
from isce2_recipe.plan.preflight import preflight
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.running import failures, provenance
from isce2_recipe.running.attempts import await_leftovers, end_of_leftovers, forget_leftovers
from isce2_recipe.running.child import marker
from isce2_recipe.running.executors import open_executor
from isce2_recipe.running.losses import error_of
from isce2_recipe.running.preloading import prepare_kernel_cache
from isce2_recipe.running.resources import shortages
from isce2_recipe.running.scheduler import Emit, Scheduler
from isce2_recipe.running.state import Outcome, RunOptions, Selection, StepResults, described, select

_MOST_COMMANDS = 5  # that the message at the start lists
_PATIENCE_S = 20.0  # with steps of a killed run on other hosts, which end when they notice it
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class RunInterrupted(RecipeToolError):  # noqa: N818 - as its siblings
    """A signal ended the run."""

    exit_code = errors.EXIT_INTERRUPTED


def run(workspace: Workspace, options: RunOptions, emit: Emit, redact: Callable[[str], str]) -> Outcome:
    """Run a request in its work directory.

    Raises
    ------
    RecipeToolError
        The first failure, after everything that is finished has been recorded.
    RunInterrupted
        If a signal ended the run.
    """
    selection = select(workspace.graph, options)
    preflight(workspace, frozenset(selection.steps))
    _open_tools(workspace, selection)
    try:
        return _run_held(workspace, options, selection, emit, redact)
    except OSError as exc:
        raise failures.of_system(exc, f"records in {workspace.workdir}") from exc


def _run_held(
    workspace: Workspace,
    options: RunOptions,
    selection: Selection,
    emit: Emit,
    redact: Callable[[str], str],
) -> Outcome:
    began = time.monotonic()

    def warn(message: str) -> None:
        emit({"event": "warning", "message": message})

    with ExitStack() as signals, workspace.hold(" ".join(options.command), redact, warn) as killed:
        if workspace.uses_source or workspace.uses_engine:
            warning = prepare_kernel_cache(os.environ)
            if warning:
                warn(warning)
        _set_aside_records(workspace)
        _end_leftovers(workspace, killed, warn)
        _roll_back(workspace)
        checkpoints.remove(workspace.workdir / SCRATCH)
        scheduler = _carry_out(workspace, options, selection, emit, redact, signals)
        results = scheduler.results
        outcome = _outcome(workspace, results, time.monotonic() - began)
        provenance.write(workspace, outcome.steps, outcome.outputs, options.command, outcome.seconds, redact)
        times.keep(_times(workspace, outcome))
    if scheduler.stopped_by:
        name = signal.Signals(scheduler.stopped_by).name
        raise RunInterrupted(f"interrupted by {name}; finished steps are kept")
    if results.failure is not None:
        raise results.failure
    if results.failures and not results.allowed:
        raise error_of(results)
    return outcome


def _carry_out(
    workspace: Workspace,
    options: RunOptions,
    selection: Selection,
    emit: Emit,
    redact: Callable[[str], str],
    signals: ExitStack,
) -> Scheduler:
    """Run the steps; until ``signals`` is closed, signals only ask the scheduler to end."""

    def warn(message: str) -> None:
        emit({"event": "warning", "message": message})

    emit(_run_started(workspace, selection))
    for message in (*workspace.messages, *_executed(workspace, selection)):
        emit({"event": "note", "message": message})
    for message in shortages(workspace, selection.steps, options.limits.memory):
        warn(message)
    _record_begin(workspace)
    gc.freeze()  # what exists by now stays, also in the steps, which share its memory
    gc.enable()
    for loop in list(workspace.graph.instances):
        workspace.note_expansion(loop)
    executor = open_executor(options.executor, workspace, options.limits, redact, warn)
    scheduler = Scheduler(
        workspace, executor, selection, options.limits, emit, redact, keep_going=options.keep_going
    )
    wakeup = signals.enter_context(_signals(scheduler.stop))
    with closing(executor):
        results = scheduler.run(wakeup)
    workspace.add_event({"event": "end", "time": _now(), "steps": _counts(results.steps)})
    workspace.delete_unneeded_checkpoints()
    return scheduler


@contextmanager
def _signals(listener: Callable[[int], None]) -> Iterator[int]:
    """Yield a file descriptor that signals make readable; call the listener with those that end a run."""
    reader, writer = os.pipe()
    for descriptor in (reader, writer):
        os.set_blocking(descriptor, False)
        fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)

    def handle(number: int, _frame: object) -> None:
        listener(number)

    before = {number: signal.signal(number, handle) for number in _ENDING}
    before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
    old = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)


def _record_begin(workspace: Workspace) -> None:
    """Record the start of the run, so that the next one notices a new start of the machine."""
    workspace.add_event(
        {
            "event": "run",
            "time": _now(),
            "journal": VERSION,
            "boot": processes.boot_id(),
            "host": processes.host_name(),
            "version": __version__,
        },
        sync=False,
    )


def _run_started(workspace: Workspace, selection: Selection) -> dict[str, Any]:
    return {
        "event": "run.started",
        "recipe": workspace.request.recipe.name,
        "workdir": str(workspace.workdir),
        "source": workspace.request.source_text,
        "engine": workspace.request.engine_text,
        "steps": [
            described(node)
            for node in workspace.graph.ordered(loops_first=True)
            if node.id in selection.steps
        ],
    }


def _executed(workspace: Workspace, selection: Selection) -> list[str]:
    """Return a message that lists what the steps of the recipe's author execute."""
    nodes = [workspace.graph.nodes[name] for name in workspace.graph.nodes if name in selection.steps]
    found = dict.fromkeys(node.action.executes(node.step.with_) for node in nodes if node.action.executes)
    more = f" and {len(found) - _MOST_COMMANDS} more" if len(found) > _MOST_COMMANDS else ""
    shown = "; ".join(list(found)[:_MOST_COMMANDS])
    return [f"steps of this recipe run commands or code of its author: {shown}{more}"] if found else []


def _open_tools(workspace: Workspace, selection: Selection) -> None:
    """Open the source and the engine if they are used: their errors come before anything is written."""
    used = {use for name in selection.steps for use in workspace.graph.nodes[name].action.uses}
    if "source" in used:
        _ = workspace.source
    if "engine" in used:
        _ = workspace.engine


def _counts(steps: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for facts in steps.values():
        counts[facts["status"]] = counts.get(facts["status"], 0) + 1
    return counts


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _end_leftovers(workspace: Workspace, killed: dict[str, Any] | None, warn: Callable[[str], None]) -> None:
    """End processes that outlived an earlier run, before they write into files of this run."""
    if killed is not None:
        who = f"process {killed.get('pid')}, the last run in this work directory,"
        warn(f"{who} was killed; this run continues it")
        alive = processes.end_orphans(marker(workspace.workdir)) > 0
        workspace.last_end = max(workspace.last_end, end_of_leftovers(workspace.workdir, alive=alive))
    for step, host in await_leftovers(workspace.workdir, _PATIENCE_S):
        raise StepFailed(
            f"step {step} of the last run may still be writing into a shared folder on {host}",
            hint=f"end it; when nothing of the run is left on {host}, delete {workspace.workdir / ATTEMPTS}",
        )
    forget_leftovers(workspace.workdir)


def _set_aside_records(workspace: Workspace) -> None:
    """Set aside files of the user that have the names of records, before the first run in a folder."""
    if not workspace.history.lines:
        own = workspace.request.recipe.path.resolve()
        there = [workspace.workdir / name for name in (RUN_RECORD, RESOLVED_RECIPE, LOGS)]
        workspace.set_aside([path.name for path in there if os.path.lexists(path) and path.resolve() != own])


def _roll_back(workspace: Workspace) -> None:
    """Undo what interrupted or failed steps did to shared folders."""
    for step, record in list(workspace.history.open.items()):
        folder = str(record.get("folder"))
        if folder not in workspace.graph.folders or record.get("rolled"):
            continue
        chain = workspace.graph.folders[folder]
        position = chain.index(step) if step in chain else len(chain)
        state = workspace.shared_before(folder, position, ()).state()
        leftovers = workspace.leftovers(record, of_this_run=False)
        restore_folder(
            workspace.workdir, folder, state, workspace.fingerprints, leftovers, workspace.set_aside
        )
        workspace.add_event({"event": "rollback", "step": step})


def _times(workspace: Workspace, outcome: Outcome) -> dict[str, float]:
    """Return how long the steps took that ran."""
    return {
        workspace.timing_group(workspace.graph.nodes[name]): facts["seconds"]
        for name, facts in outcome.steps.items()
        if facts["status"] == "done" and "seconds" in facts
    }


def _outcome(workspace: Workspace, results: StepResults, seconds: float) -> Outcome:
    ended = len(results.outputs) + (len(results.steps) - len(results.outputs) if results.allowed else 0)
    whole = results.failure is None and ended == len(workspace.graph.nodes)
    outputs = workspace.bindings.outputs(results.outputs) if whole else {}
    names = [node.id for node in workspace.graph.ordered(loops_first=True)]
    steps = {name: results.steps[name] for name in names if name in results.steps}
    return Outcome(outputs, steps, seconds)
