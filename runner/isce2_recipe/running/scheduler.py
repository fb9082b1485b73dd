"""Runs the steps of a graph: in order, side by side where they may be, each only where it has to."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from isce2_recipe import processes
from isce2_recipe.errors import RecipeToolError, StepFailed
from isce2_recipe.journal import checkpoints
from isce2_recipe.journal.files import Entry, Manifest
from isce2_recipe.journal.log import Done, Journal
from isce2_recipe.journal.values import decode
from isce2_recipe.paths import LOGS
from isce2_recipe.plan import decide
from isce2_recipe.plan.decide import Verdict
from isce2_recipe.plan.folders import matcher, refuse_strangers
from isce2_recipe.plan.graph import Node
from isce2_recipe.plan.keys import Key, changes
from isce2_recipe.plan.names import skipped_outputs
from isce2_recipe.plan.project import Project
from isce2_recipe.recipe.model import Retry
from isce2_recipe.recipe.units import seconds
from isce2_recipe.running import failures, placing, preparing, worker
from isce2_recipe.running.child import Task
from isce2_recipe.running.preparing import Lost
from isce2_recipe.running.resources import Resources, wanted
from isce2_recipe.running.state import Limits, Report, Selection
from isce2_recipe.running.turns import Turns
from isce2_recipe.running.worker import Ending, Worker

Emit = Callable[[dict[str, Any]], None]

_TICK_S = 0.5  # between looks at the clock while nothing happens
_AHEAD = 64  # steps that have to run and are ready: enough to choose from those that fit beside the others


@dataclass
class _Waiting:
    """A step that has to run and waits for its turn."""

    node: Node
    key: Key
    verdict: Verdict
    resources: Resources
    attempt: int = 1
    not_before: float = 0.0


class Scheduler:
    """Carries out one run. The work directory's lock is held by the caller.

    Parameters
    ----------
    project : Project
        What to run.
    journal : Journal
        Where to record it.
    selection : Selection
        Which steps.
    limits : Limits
        How much at a time.
    emit : callable
        Told of everything that happens.
    redact : callable
        Takes secrets out of a text.
    """

    def __init__(
        self,
        project: Project,
        journal: Journal,
        selection: Selection,
        limits: Limits,
        emit: Emit,
        redact: Callable[[str], str],
    ) -> None:
        self.report = Report()
        self.stopped_by = 0
        self._project = project
        self._graph = project.graph
        self._journal = journal
        self._selection = selection
        self._limits = limits
        self._emit = emit
        self._redact = redact
        self._matches = matcher(project.workdir, project.prints)
        self._forced = dict(selection.forced)
        self._skipped: set[str] = set()
        self._waiting: list[_Waiting] = []
        self._workers: dict[str, tuple[Worker, _Waiting]] = {}
        self._stale: set[str] = set()
        self._turns = Turns(self._graph, selection.steps)

    def run(self, wakeup: int) -> Report:
        """Run until all is done, something failed or a signal came.

        Parameters
        ----------
        wakeup : int
            File that can be read when a signal has arrived.
        """
        try:
            while True:
                self._look_at_ready()
                self._launch()
                self._stop_late_starters()
                if not self._workers and (not self._waiting or self._halted):
                    return self.report
                self._listen(wakeup)
                self._collect()
        finally:
            for running, _ in self._workers.values():
                processes.kill_group(running.pid)

    @property
    def _halted(self) -> bool:
        """Whether nothing new is to be started."""
        return self.report.failure is not None or bool(self.stopped_by)

    def stop(self, number: int) -> None:
        """End all running steps: at the first call with grace, at the second at once."""
        self.stopped_by = number
        for running, _ in self._workers.values():
            running.stop("stopped")

    def _stop_late_starters(self) -> None:
        """End the step that was being started when a signal came: it was not among the running ones yet."""
        if self.stopped_by:
            for running, _ in self._workers.values():
                if not running.stopping:
                    running.stop("stopped")

    # What is to be done with each step.

    def _look_at_ready(self) -> None:
        while not self._halted and len(self._waiting) < _AHEAD and (name := self._turns.take()) is not None:
            try:
                self._look_at(self._graph.nodes[name])
            except RecipeToolError as exc:
                self._fail(name, exc, {})

    def _look_at(self, node: Node) -> None:
        if not self._project.names.wanted(node, self.report.outputs):
            lost = preparing.undo(self._project, node, self._skipped)
            if lost is not None:
                self._go_back(lost)
                return
            self._skipped.add(node.id)
            if node.folder is not None and node.id in self._project.history.done:
                self._record({"event": "dropped", "step": node.id})
            self._settle(node.id, "skipped", skipped_outputs(node), {"reason": "its condition is false"})
            return
        self._skipped.discard(node.id)
        key = self._project.key(node, self.report.outputs, self._skipped)
        verdict = self._judge(node, key)
        if verdict.run:
            self._waiting.append(_Waiting(node, key, verdict, self._resources(node)))
            return
        done = self._project.history.done[node.id]
        outputs = decode(done.outputs, self._project.workdir)
        facts = {"reason": verdict.reason, "key": key.digest, **done.facts}
        self._settle(node.id, "cached", outputs, facts)

    def _judge(self, node: Node, key: Key) -> Verdict:
        if node.id in self._forced:
            return Verdict(True, self._forced[node.id])
        shared = self._shared(node)
        project = self._project
        verdict = decide.judge(node.id, key, project.history, self._matches, project.workdir, shared)
        if verdict.run and not verdict.changes and shared is not None and node.id in project.history.done:
            for name in reversed(shared[0].steps[: shared[1]]):
                if self.report.steps.get(name, {}).get("status") == "done":
                    return Verdict(True, f"{name} ran again before it in {node.folder}")
        return verdict

    def _shared(self, node: Node) -> Any:
        if node.folder is None:
            return None
        shared = self._project.shared(node.folder, self._skipped)
        return shared, shared.steps.index(node.id)

    def _setting(self, node: Node, value: Any, key: str) -> Any:
        return self._project.names.setting(node, value, key, self.report.outputs)

    def _resources(self, node: Node) -> Resources:
        return wanted(dict(self._setting(node, node.step.resources, "resources")), self._limits.cpus)

    def _settle(self, step: str, status: str, outputs: dict[str, Any], facts: dict[str, Any]) -> None:
        """Note what became of a step and free those that waited for it."""
        self.report.outputs[step] = outputs
        self.report.steps[step] = {"status": status, **facts}
        self._emit({"event": f"step.{status}", "step": step, **facts})
        self._turns.free(step)

    # Starting steps.

    def _launch(self) -> None:
        now = time.monotonic()
        if len(self._workers) >= self._limits.jobs:
            return
        for item in list(self._waiting):
            if self._halted or len(self._workers) >= self._limits.jobs:
                return
            if item.not_before <= now and self._fits(item.resources):
                self._waiting.remove(item)
                try:
                    self._start(item)
                except RecipeToolError as exc:
                    self._fail(item.node.id, exc, {})
                except OSError as exc:
                    self._fail(item.node.id, failures.of_system(exc, f"step {item.node.id}"), {})

    def _fits(self, asked: Resources) -> bool:
        if not self._workers:
            return True
        used = [item.resources for _, item in self._workers.values()]
        cpus = sum(one.cpus for one in used) + asked.cpus
        memory = sum(one.memory for one in used) + asked.memory
        return cpus <= self._limits.cpus and memory <= self._limits.memory

    def _start(self, item: _Waiting) -> None:
        node, workdir = item.node, self._project.workdir
        refuse_strangers(workdir, node.folder or node.id, self._project.history)
        prepared = self._prepare(item)
        if prepared is None:
            return
        log_path = workdir / LOGS / f"{node.id}.log"
        self._record_start(item)
        task = self._task(item, prepared)
        since = processes.ticks()
        running = worker.start(self._project, task, self._redact, log_path, again=item.attempt > 1)
        group = {"event": "pid", "step": node.id, "pid": running.pid, "since": since}
        self._journal.append(group, sync=False)
        timeout = self._setting(node, node.step.timeout, "timeout")
        if timeout is not None:
            running.deadline = running.started + seconds(timeout)
        self._workers[node.id] = (running, item)
        self._emit(
            {
                "event": "step.started",
                "step": node.id,
                "attempt": item.attempt,
                "reason": item.verdict.reason,
                "log": str(log_path),
                "pid": running.pid,
            }
        )

    def _record_start(self, item: _Waiting) -> None:
        node = item.node
        record = {
            "event": "start",
            "step": node.id,
            "key": item.key.digest,
            "folder": node.folder,
            "attempt": item.attempt,
            "reason": item.verdict.reason,
            "changes": [[change.name, change.before, change.after] for change in item.verdict.changes],
        }
        self._journal.append(record, sync=node.folder is not None)
        self._project.history.add(record)

    def _task(self, item: _Waiting, before: Manifest) -> Task:
        node, workdir = item.node, self._project.workdir
        if node.folder is not None:
            out = published = workdir / node.folder
        else:
            out, published = placing.scratch(workdir, node.id), workdir / node.id
        threads = item.resources.cpus or self._limits.cpus
        return Task(node, item.key.inputs, out, published, before, threads)

    def _prepare(self, item: _Waiting) -> Manifest | None:
        """Its shared folder as it should be before it; None where steps before must run again."""
        found = preparing.prepare(self._project, item.node, item.key, self._skipped)
        if isinstance(found, Lost):
            self._go_back(found)
            return None
        return found

    def _go_back(self, lost: Lost) -> None:
        """Have the steps run again from the one on that last wrote the first of the lost files."""
        again = lost.again
        self._forced.update(dict.fromkeys(again, f"{lost.names[0]} is needed as this step left it"))
        stale = self._graph.descendants(again)
        for name in stale & self.report.outputs.keys():
            del self.report.outputs[name]
        self._stale |= stale & self._workers.keys()
        self._waiting = [item for item in self._waiting if item.node.id not in stale]
        self._count_again()

    def _count_again(self) -> None:
        taken = {*self._workers, *(item.node.id for item in self._waiting)}
        self._turns.count(self.report.outputs, taken)

    # What comes of running steps.

    def _listen(self, wakeup: int) -> None:
        """Wait for output, progress, the end of a step, a signal or a time limit."""
        by_file: dict[int, Worker] = {}
        for running, _ in self._workers.values():
            by_file |= dict.fromkeys(running.open_pipes(), running)
        now = time.monotonic()
        times = [running.deadline for running, _ in self._workers.values()]
        times += [item.not_before for item in self._waiting if item.not_before > now]
        pause = max(0.0, min([_TICK_S, *(moment - now for moment in times)]))
        readable, _, _ = select.select([wakeup, *by_file], [], [], pause)
        for descriptor in readable:
            if descriptor == wakeup:
                os.read(wakeup, 1 << 12)
                continue
            self._progress(by_file[descriptor], descriptor)
        if not readable:
            self._emit({"event": "tick"})

    def _progress(self, running: Worker, descriptor: int) -> None:
        for message in running.read(descriptor):
            fraction, text = message["progress"], self._redact(message["text"])
            self._emit(
                {"event": "step.progress", "step": running.task.node.id, "fraction": fraction, "text": text}
            )

    def _collect(self) -> None:
        ended = False
        for name, (running, item) in list(self._workers.items()):
            running.overdue()
            ending = running.reap()
            if ending is None:
                continue
            ended = True
            del self._workers[name]
            if ending.kind == "done":
                self._finish(item, running, ending)
                continue
            if running.task.out != running.task.published:
                checkpoints.remove(running.task.out)  # nobody will read it, and the disk may be full
            self._failed(item, running, ending)
        if ended:  # once for all that ended together, and before anything builds on them
            self._journal.sync()

    def _finish(self, item: _Waiting, running: Worker, ending: Ending) -> None:
        node = item.node
        if node.id in self._stale:
            self._stale.discard(node.id)
            self._count_again()
            return
        try:
            self._check_inputs(item)
            files = ending.files or {}
            if running.task.out != running.task.published:
                placing.publish(running.task, files, self._project.workdir)
            self._record_done(item, ending, files)
        except RecipeToolError as exc:
            self._fail(node.id, exc, {})
        except OSError as exc:
            self._fail(node.id, failures.of_system(exc, f"step {node.id}"), {})

    def _check_inputs(self, item: _Waiting) -> None:
        """Refuse outputs of inputs that were not the same from the first to the last moment."""
        now = self._project.key(item.node, self.report.outputs, self._skipped)
        if now.digest != item.key.digest:
            found = changes(item.key.parts, now.parts)
            what = found[0].name.removeprefix("inputs.") if found else "an input"
            raise StepFailed(
                f"{what} of step {item.node.id} changed while the step ran; its outputs are not used",
                hint="run again when nothing else writes to it",
            )

    def _record_done(self, item: _Waiting, ending: Ending, files: dict[str, Entry | None]) -> None:
        node, history = item.node, self._project.history
        facts = {
            "seconds": round(ending.seconds, 3),
            "cpu_seconds": round(ending.cpu_seconds, 3),
            "memory": ending.memory,
            "attempts": item.attempt,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        history.lines += 1
        done = Done(
            node.id,
            item.key.digest,
            item.key.parts,
            ending.outputs or {},
            files,
            history.lines,
            facts,
        )
        self._journal.finished(done)
        history.finish(done)
        for name, entry in done.made.items():
            if entry.stat[3]:
                self._project.prints.learn(f"{self._project.workdir}/{name}", entry)
        self._forced.pop(node.id, None)
        outputs = decode(done.outputs, self._project.workdir)
        reason = {"reason": item.verdict.reason, "key": item.key.digest}
        self._settle(node.id, "done", outputs, {**reason, **facts})

    def _failed(self, item: _Waiting, running: Worker, ending: Ending) -> None:
        node = item.node
        retry = Retry(**self._setting(node, asdict(node.step.retry), "retry"))
        if ending.kind in retry.on and item.attempt <= int(retry.count) and not self._halted:
            wait = seconds(retry.backoff) * 2 ** (item.attempt - 1)
            error = failures.of_ending(ending, running, self._project)
            self._emit(
                {
                    "event": "step.retry",
                    "step": node.id,
                    "attempt": item.attempt,
                    "wait": wait,
                    "message": self._redact(error.message),
                }
            )
            item.attempt += 1
            item.not_before = time.monotonic() + wait
            self._waiting.append(item)
            return
        facts = {"seconds": round(ending.seconds, 3), "memory": ending.memory, "exit": ending.status}
        self._fail(node.id, failures.of_ending(ending, running, self._project), facts)

    def _record(self, record: dict[str, Any]) -> None:
        self._journal.append(record)
        self._project.history.add(record)

    def _fail(self, step: str, error: RecipeToolError, facts: dict[str, Any]) -> None:
        """Note a failure. What runs besides may finish, nothing new is started."""
        self._record({"event": "failed", "step": step})
        if self.report.failure is None:
            self.report.failure = error
        message = self._redact(error.message)
        self.report.steps[step] = {"status": "failed", "reason": message, **facts}
        self._emit({"event": "step.failed", "step": step, "message": message, "hint": error.hint, **facts})
