"""A run from the lock to the last record."""

from __future__ import annotations

import gc
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from isce2_recipe import __version__, errors, noop_cache, processes
from isce2_recipe.errors import RecipeToolError
from isce2_recipe.files import write_json
from isce2_recipe.journal import checkpoints, lock, times
from isce2_recipe.journal.log import Journal
from isce2_recipe.paths import FINGERPRINTS, SCRATCH
from isce2_recipe.plan.folders import SharedFolder, bring_back
from isce2_recipe.plan.preflight import preflight
from isce2_recipe.plan.project import Project
from isce2_recipe.running import failures, provenance, signals
from isce2_recipe.running.child import marker
from isce2_recipe.running.resources import shortages
from isce2_recipe.running.scheduler import Emit, Scheduler
from isce2_recipe.running.state import Outcome, Report, Request, Selection, select


class RunInterrupted(RecipeToolError):  # noqa: N818 - as its siblings
    """Someone asked the run to end."""

    exit_code = errors.EXIT_INTERRUPTED


def run(project: Project, request: Request, emit: Emit, redact: Callable[[str], str]) -> Outcome:
    """Run a project in its work directory.

    Raises
    ------
    RecipeToolError
        The first failure, after all that is finished has been recorded.
    RunInterrupted
        If a signal ended it.
    """
    selection = select(project, request)
    preflight(project, selection.steps)
    _open_doors(project, selection)
    try:
        return _locked(project, request, selection, emit, redact)
    except OSError as exc:
        raise failures.of_system(exc, f"records in {project.workdir}") from exc


def _locked(
    project: Project,
    request: Request,
    selection: Selection,
    emit: Emit,
    redact: Callable[[str], str],
) -> Outcome:
    began = time.monotonic()
    with lock.hold(project.workdir, redact(" ".join(request.command))) as crashed:
        project.__dict__.pop("history", None)  # what was read before the lock was held may be old
        project.__dict__.pop("prints", None)
        journal = Journal(project.workdir, redact)
        noop_cache.forget(project.workdir)
        try:
            _end_leftovers(project, crashed, emit)
            _roll_back(project, journal)
            checkpoints.remove(project.workdir / SCRATCH)
            report, stopped_by = _carry_out(project, request, selection, journal, emit, redact)
        finally:
            journal.close()
            _save_fingerprints(project, redact)
        outcome = _outcome(project, report, time.monotonic() - began)
        provenance.write(project, outcome.steps, outcome.outputs, request.command, outcome.seconds, redact)
        times.keep(_times(project, outcome))
    if stopped_by:
        raise RunInterrupted(f"interrupted by {signal.Signals(stopped_by).name}; finished steps are kept")
    if report.failure is not None:
        raise report.failure
    return outcome


def _carry_out(
    project: Project,
    request: Request,
    selection: Selection,
    journal: Journal,
    emit: Emit,
    redact: Callable[[str], str],
) -> tuple[Report, int]:
    emit(_run_started(project, selection))
    for said in project.said:
        emit({"event": "note", "message": said})
    for message in shortages(project, selection.steps, request.limits.memory):
        emit({"event": "warning", "message": message})
    _record_begin(journal)
    gc.freeze()  # what was made up to here stays, also in the steps, which share its memory
    gc.enable()
    scheduler = Scheduler(project, journal, selection, request.limits, emit, redact)
    with signals.told(scheduler.stop) as wakeup:
        report = scheduler.run(wakeup)
    journal.append({"event": "end", "time": _now(), "steps": _counts(report.steps)})
    _forget_checkpoints(project)
    return report, scheduler.stopped_by


def _record_begin(journal: Journal) -> None:
    """Note the run's beginning, for the next one to tell a crash of the machine from a clean end."""
    journal.append(
        {
            "event": "run",
            "time": _now(),
            "journal": journal.version(),
            "boot": processes.boot_id(),
            "host": processes.host_name(),
            "version": __version__,
        },
        sync=False,
    )


def _run_started(project: Project, selection: Selection) -> dict[str, Any]:
    return {
        "event": "run.started",
        "recipe": project.recipe.name,
        "workdir": str(project.workdir),
        "source": project.source_text,
        "engine": project.engine_text,
        "steps": [
            {"step": node.id, "uses": node.step.uses, "summary": node.step.summary or node.action.summary}
            for node in project.graph.nodes.values()
            if node.id in selection.steps
        ],
    }


def _open_doors(project: Project, selection: Selection) -> None:
    """Open source and engine where they are used, so that what is wrong with them is said first."""
    used = {use for name in selection.steps for use in project.graph.nodes[name].action.uses}
    if "source" in used:
        _ = project.source
    if "engine" in used:
        _ = project.engine


def _counts(steps: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for facts in steps.values():
        counts[facts["status"]] = counts.get(facts["status"], 0) + 1
    return counts


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _end_leftovers(project: Project, crashed: dict[str, Any] | None, emit: Emit) -> None:
    """End processes that a killed run could not take along, before they write into our files."""
    if crashed is None:
        return
    emit(
        {
            "event": "warning",
            "message": f"process {crashed['pid']} ended without letting go of the work directory; resumed",
        }
    )
    for step in project.history.open:
        group = project.history.groups.get(step)
        if group is not None and group[1] is not None:
            processes.end_orphans(*group, marker(project.workdir))


def _roll_back(project: Project, journal: Journal) -> None:
    """Undo what steps cut off or failed have done to shared folders."""
    history = project.history
    for step, record in list(history.open.items()):
        folder = record.get("folder")
        if folder not in project.graph.folders or record.get("rolled"):
            continue
        chain = project.graph.folders[folder]
        position = chain.index(step) if step in chain else len(chain)
        state = SharedFolder(folder, chain, history).before(position)
        bring_back(project.workdir, folder, state, project.prints)
        undone = {"event": "rollback", "step": step}
        journal.append(undone)
        history.add(undone)


def _save_fingerprints(project: Project, redact: Callable[[str], str]) -> None:
    """Keep what was learnt of files that no step made."""
    prints = project.__dict__.get("prints")
    if prints is None or not prints.learnt:
        return
    path = project.workdir / FINGERPRINTS
    made = {f"{project.workdir}/{name}" for done in project.history.done.values() for name in done.files}
    kept = {
        name: entry.to_json()
        for name, entry in prints.known().items()
        if (name not in made or name in prints.learnt) and redact(name) == name
    }
    with suppress(OSError):  # it only saves time
        write_json(path, kept, indent=None)


def _forget_checkpoints(project: Project) -> None:
    needed = {
        entry.digest
        for done in project.history.done.values()
        for entry in done.files.values()
        if entry is not None
    }
    checkpoints.forget_unneeded(project.workdir, needed)


def _times(project: Project, outcome: Outcome) -> dict[str, float]:
    """How long the steps took that were carried out."""
    return {
        project.kind(project.graph.nodes[name]): facts["seconds"]
        for name, facts in outcome.steps.items()
        if facts["status"] == "done"
    }


def _outcome(project: Project, report: Report, seconds: float) -> Outcome:
    whole = report.failure is None and len(report.outputs) == len(project.graph.nodes)
    outputs = project.names.outputs(report.outputs) if whole else {}
    steps = {name: report.steps[name] for name in project.graph.nodes if name in report.steps}
    return Outcome(outputs, steps, seconds)
