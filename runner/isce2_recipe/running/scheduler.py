"""The scheduler: it runs the steps of a graph in order, in parallel where possible, and only if necessary."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from isce2_recipe.errors import RecipeToolError, StepFailed
from isce2_recipe.journal import checkpoints
from isce2_recipe.journal.files import Manifest
from isce2_recipe.journal.log import Done
from isce2_recipe.journal.values import decode
from isce2_recipe.paths import LOGS
from isce2_recipe.plan import decide, loops
from isce2_recipe.plan.bindings import skipped_outputs
from isce2_recipe.plan.decide import Decision
from isce2_recipe.plan.folders import SharedFolder, matcher, refuse_foreign_files
from isce2_recipe.plan.keys import Key, changes
from isce2_recipe.plan.nodes import Node
from isce2_recipe.plan.preflight import check_providers, preflight
from isce2_recipe.plan.ready_queue import ReadyQueue
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.recipe.model import Retry
from isce2_recipe.recipe.units import seconds
from isce2_recipe.running import failures, step_folders
from isce2_recipe.running.executor import Ending, Executor, ExecutorFailed, RunningTask, Task
from isce2_recipe.running.losses import Losses, Missing, facts_of, result_of_loop
from isce2_recipe.running.resources import Resources, wanted
from isce2_recipe.running.state import Limits, Selection, StepResults, described
from isce2_recipe.running.step_folders import Lost

Emit = Callable[[dict[str, Any]], None]

_TICK_S = 0.5  # longest wait without an event
_MOST_LOSSES = 5  # attempts at a step that may disappear with their machine
_AHEAD = 64  # steps that are ready and have to run: enough to find some that fit next to the running ones


@dataclass(eq=False)
class _Waiting:
    """A step that is ready and has to run."""

    node: Node
    key: Key
    decision: Decision
    resources: Resources
    missing: Missing
    attempt: int = 1
    not_before: float = 0.0
    losses: int = 0


class Scheduler:
    """Carries out one run.

    Parameters
    ----------
    workspace : Workspace
        The work directory, which the caller holds.
    executor : Executor
        Starts the steps.
    selection : Selection
        The steps that the run is about.
    limits : Limits
        How much may be in use at the same time.
    emit : callable
        Called with every event of the run.
    redact : callable
        Removes secrets from a text.
    keep_going : bool
        Whether steps that do not depend on a failed step still run.
    """

    def __init__(
        self,
        workspace: Workspace,
        executor: Executor,
        selection: Selection,
        limits: Limits,
        emit: Emit,
        redact: Callable[[str], str],
        keep_going: bool = False,
    ) -> None:
        self.results = StepResults()
        self.stopped_by = 0
        self._workspace = workspace
        self._executor = executor
        self._graph = workspace.graph
        self._limits = limits
        self._emit = emit
        self._redact = redact
        self._matches = matcher(workspace.workdir, workspace.fingerprints)
        self._forced = dict(selection.forced)
        self._skipped: set[str] = set()
        self._waiting: list[_Waiting] = []
        self._running: dict[str, tuple[RunningTask, _Waiting]] = {}
        self._stale: set[str] = set()
        self._selection = selection
        self._keep_going = keep_going
        self._queue = ReadyQueue()
        self._losses = Losses(self._graph, workspace.bindings, self._queue, self.results, emit)
        self._enqueue(selection.steps)

    def _enqueue(self, steps: Iterable[str]) -> None:
        """Let steps wait for those of their needs that the run is about."""
        graph, chosen = self._graph, self._selection.steps
        names = list(steps)
        needs = {name: [other for other in graph.needs[name] if other in chosen] for name in names}
        self._queue.add(needs, {name: graph.nodes[name].index for name in names})

    def run(self, wakeup: int) -> StepResults:
        """Run until everything is done, a step has failed or a signal has arrived.

        Parameters
        ----------
        wakeup : int
            File descriptor that becomes readable when a signal arrives.
        """
        try:
            while True:
                self._check_ready()
                self._launch()
                self._stop_late_starters()
                if not self._running and (not self._waiting or self._halted):
                    self.results.allowed = self._losses.all_allowed()
                    return self.results
                self._listen(wakeup)
                self._workspace.beat()
                self._collect()
        finally:
            for running, _ in self._running.values():
                running.kill()

    @property
    def _halted(self) -> bool:
        """Return whether no further step may start."""
        return self.results.failure is not None or bool(self.stopped_by)

    def stop(self, number: int) -> None:
        """Ask all running steps to end; a second call ends them at once."""
        self.stopped_by = number
        self._stop_late_starters(again=True)

    def _stop_late_starters(self, *, again: bool = False) -> None:
        """After a signal stop the steps that are not being stopped yet; on request also the others again."""
        for running, _ in self._running.values() if self.stopped_by else ():
            if again or not running.stopping:
                running.stop("stopped")

    # Deciding which steps have to run.

    def _check_ready(self) -> None:
        while not self._halted and len(self._waiting) < _AHEAD and (name := self._queue.take()) is not None:
            try:
                self._check(self._graph.nodes[name])
            except RecipeToolError as exc:
                self._fail(name, exc, {})

    def _check(self, node: Node) -> None:
        """Skip a step, take its results from the history, or let it wait for its start."""
        workspace = self._workspace
        if node.id in self._graph.instances:
            self._gather(node)
            return
        if not workspace.bindings.wanted(node, self.results.outputs):
            self._skip(node)
            return
        missing = self._losses.of(node)
        if missing is None:
            return
        if node.is_loop:
            self._expand(node)
            return
        self._skipped.discard(node.id)
        key = workspace.key(node, self.results.outputs, self._skipped, missing)
        decision = self._decide(node, key)
        if decision.run:
            self._waiting.append(_Waiting(node, key, decision, self._resources(node), missing))
            return
        done = workspace.history.done[node.id]
        facts = {"reason": decision.reason, "key": key.digest, **facts_of(missing), **done.facts}
        self._settle(node.id, "cached", facts, decode(done.outputs, workspace.workdir))

    # Loops.

    def _expand(self, node: Node) -> None:
        """Add the instances of a loop, whose items are known now."""
        new = loops.expand(self._graph, node, self._workspace.bindings, self.results.outputs)
        self._workspace.note_expansion(node.id)
        try:
            self._forced |= self._selection.grow(self._graph, node.id, new)
        except RecipeToolError as exc:  # an option of the run is wrong, not the step
            self.results.failure = exc
            return
        chosen = [one.id for one in new if one.id in self._selection.steps]
        preflight(self._workspace, frozenset(chosen))
        count = len(self._graph.instances[node.id])
        steps = [described(self._graph.nodes[one]) for one in chosen]
        self._emit({"event": "loop.expanded", "step": node.id, "instances": count, "steps": steps})
        self._enqueue([*chosen, node.id])

    def _gather(self, node: Node) -> None:
        """Give the outputs of the instances of a loop to the steps that read them."""
        instances = self._graph.instances[node.id]
        failed = self._losses.close(node.id)
        inside, done = self._graph.members_of, self.results.outputs
        found = [one for one in instances if one.key not in failed and done.keys() >= set(inside(one))]
        outputs = self._workspace.bindings.gather(node, found, done)
        self._settle(node.id, *result_of_loop(self._graph, self.results, node.id, failed), outputs)

    # Steps that do not run, or have run before.

    def _skip(self, node: Node) -> None:
        lost = step_folders.undo(self._workspace, node, self._skipped)
        if lost is not None:
            self._go_back(lost)
            return
        self._skipped.add(node.id)
        if node.folder is not None and node.id in self._workspace.history.done:
            self._workspace.add_event({"event": "dropped", "step": node.id})
        self._settle(node.id, "skipped", {"reason": "its condition is false"}, skipped_outputs(node))

    def _decide(self, node: Node, key: Key) -> Decision:
        if node.id in self._forced:
            return Decision(True, self._forced[node.id])
        shared = self._shared(node)
        history = self._workspace.history
        decision = decide.decide(node.id, key, history, self._matches, self._workspace.workdir, shared)
        if decision.run and not decision.changes and shared is not None and node.id in history.done:
            for name in reversed(shared[0].steps[: shared[1]]):
                if self.results.steps.get(name, {}).get("status") == "done":
                    return Decision(True, f"{name} ran again before it in {node.folder}")
        return decision

    def _shared(self, node: Node) -> tuple[SharedFolder, int] | None:
        if node.folder is None:
            return None
        shared = self._workspace.shared(node.folder, self._skipped)
        return shared, shared.steps.index(node.id)

    def _evaluate(self, node: Node, value: Any, key: str) -> Any:
        return self._workspace.bindings.setting(node, value, key, self.results.outputs)

    def _resources(self, node: Node) -> Resources:
        return wanted(dict(self._evaluate(node, node.step.resources, "resources")), self._limits.cpus)

    def _settle(self, step: str, status: str, facts: dict[str, Any], outputs: Mapping[str, Any]) -> None:
        """Record the result of a step, so that the steps that wait for it become ready."""
        self.results.outputs[step] = outputs
        self.results.steps[step] = {"status": status, **facts}
        loop = step in self._graph.instances
        event = {"event": "loop.done", "status": status} if loop else {"event": f"step.{status}"}
        self._emit({**event, "step": step, **facts})
        self._queue.finish(step)

    # Starting steps.

    def _launch(self) -> None:
        now = time.monotonic()
        due = [item for item in self._waiting if item.not_before <= now]
        if (
            not due
            or self._halted
            or len(self._running) >= self._limits.jobs
            or not self._executor_is_ready()
        ):
            return
        for item in due:
            if self._halted or len(self._running) >= self._limits.jobs:
                return
            if item not in self._waiting:  # an earlier step has to run again first
                continue
            try:
                used = [other.resources for _, other in self._running.values()]
                if self._executor.fits(item.resources, used):
                    self._waiting.remove(item)
                    self._start(item)
            except ExecutorFailed as exc:
                self.results.failure = exc
            except (RecipeToolError, OSError) as exc:  # it must not wait any longer
                self._waiting = [other for other in self._waiting if other is not item]
                self._fail(item.node.id, exc, {})

    def _executor_is_ready(self) -> bool:
        """Return whether steps can start now; if none ever can, end the run."""
        try:
            return self._executor.ready()
        except RecipeToolError as exc:
            self.results.failure = exc
        except OSError as exc:
            self.results.failure = failures.of_system(exc, f"records in {self._workspace.workdir}")
        return False

    def _start(self, item: _Waiting) -> None:
        node, workdir = item.node, self._workspace.workdir
        own = node.id if node.folder is None else None
        check_providers(self._workspace, [node])  # a plan checks only steps whose condition is known
        refuse_foreign_files(workdir, node.folder or node.place, own, self._workspace.history)
        prepared = self._prepare(item)
        if prepared is None:
            return
        log_path = workdir / LOGS / f"{node.place}.log"
        about = {"step": node.id, "attempt": item.attempt, "reason": item.decision.reason}
        self._record_start(item, about)
        task = self._task(item, prepared)
        timeout = self._evaluate(node, node.step.timeout, "timeout")
        limit = None if timeout is None else seconds(timeout)
        running = self._executor.start(task, log_path, append=item.attempt + item.losses > 1)
        if limit is not None:
            running.limit(limit)
        self._running[node.id] = (running, item)
        self._emit({"event": "step.started", **about, "log": str(log_path), "pid": running.pid})

    def _record_start(self, item: _Waiting, about: dict[str, Any]) -> None:
        changes = [[change.name, change.before, change.after] for change in item.decision.changes]
        facts = {"key": item.key.digest, "folder": item.node.folder, "changes": changes}
        record = {"event": "start", "time": round(time.time(), 3), **about, **facts}
        self._workspace.add_event(record, sync=item.node.folder is not None)

    def _task(self, item: _Waiting, before: Manifest) -> Task:
        node, workdir = item.node, self._workspace.workdir
        if node.folder is not None:
            out = published = workdir / node.folder
        else:
            name = self._executor.scratch_name(node.place)
            out, published = step_folders.scratch(workdir, name), workdir / node.place
        threads = self._executor.threads(item.resources)
        return Task(node, item.key.inputs, out, published, before, threads)

    def _prepare(self, item: _Waiting) -> Manifest | None:
        """Prepare the step's shared folder; return None if earlier steps must run again."""
        found = step_folders.prepare(self._workspace, item.node, item.key, self._skipped)
        if isinstance(found, Lost):
            self._go_back(found)
            return None
        return found

    def _go_back(self, lost: Lost) -> None:
        """Run the steps again that made lost files, and all steps that depend on them."""
        again = lost.again
        self._forced.update(
            dict.fromkeys(
                again, f"{lost.names[0]} is needed in the state after this step and cannot be restored"
            )
        )
        stale = self._graph.descendants(again)
        for name in stale & self.results.outputs.keys():
            del self.results.outputs[name]
        self._stale |= stale & self._running.keys()
        self._waiting = [item for item in self._waiting if item.node.id not in stale]
        self._restart_queue()

    def _restart_queue(self) -> None:
        taken = {*self._running, *(item.node.id for item in self._waiting), *self.results.failures}
        self._queue.restart(self.results.outputs, taken)
        self._losses.restart()

    # Following the running steps.

    def _listen(self, wakeup: int) -> None:
        """Wait for output, progress, the end of a step, a signal or a deadline."""
        by_file: dict[int, RunningTask] = {}
        for running, _ in self._running.values():
            by_file |= dict.fromkeys(running.descriptors(), running)
        now = time.monotonic()
        times = [running.deadline for running, _ in self._running.values()]
        times += [item.not_before for item in self._waiting if item.not_before > now]
        pause = max(0.0, min([_TICK_S, *(moment - now for moment in times)]))
        poll = select.poll()
        for descriptor in (wakeup, *by_file):
            poll.register(descriptor, select.POLLIN)
        readable = poll.poll(1000 * pause)
        for descriptor, _ in readable:
            if descriptor == wakeup:
                os.read(wakeup, 1 << 12)
                continue
            self._progress(by_file[descriptor], descriptor)
        if not readable:
            self._emit({"event": "tick"})

    def _progress(self, running: RunningTask, descriptor: int) -> None:
        for message in running.read(descriptor):
            fraction, text = message["progress"], self._redact(message["text"])
            self._emit(
                {"event": "step.progress", "step": running.task.node.id, "fraction": fraction, "text": text}
            )

    def _collect(self) -> None:
        ended = False
        for name, (running, item) in list(self._running.items()):
            running.check_deadline()
            ending = running.ending()
            if ending is None:
                continue
            ended = True
            del self._running[name]
            if ending.kind == "done":
                self._finish(item, running, ending)
                continue
            if ending.kind == "lost" and item.losses < _MOST_LOSSES and not self._halted:
                self._start_again(item)  # the lost attempt may still write into its scratch folder
                continue
            if running.task.out != running.task.published:
                checkpoints.remove(running.task.out)  # nobody reads it, and the disk may be full
            self._failed(item, running, ending)
        if ended:  # once for all that ended together, and before anything builds on them
            self._workspace.journal.sync()

    def _start_again(self, item: _Waiting) -> None:
        """Start another attempt in place of one that was lost with the machine that ran it."""
        if item.node.id in self._stale:
            self._stale.discard(item.node.id)
            self._restart_queue()
            return
        item.losses += 1
        self._waiting.append(item)

    def _finish(self, item: _Waiting, running: RunningTask, ending: Ending) -> None:
        node = item.node
        if node.id in self._stale:
            self._stale.discard(node.id)
            self._restart_queue()
            return
        try:
            self._check_inputs(item)
            files = dict(ending.files or {})
            if running.task.out != running.task.published:
                step_folders.publish(running.task, files, self._workspace)
            self._record_done(item, replace(ending, files=files))
        except (RecipeToolError, OSError) as exc:
            self._fail(node.id, exc, {})

    def _check_inputs(self, item: _Waiting) -> None:
        """Refuse the outputs of a step if its inputs changed while it ran."""
        now = self._workspace.key(item.node, self.results.outputs, self._skipped, item.missing)
        if now.digest != item.key.digest:
            found = changes(item.key.parts, now.parts)
            what = found[0].name.removeprefix("inputs.") if found else "an input"
            raise StepFailed(
                f"{what} of step {item.node.id} changed while the step ran; its outputs are not used",
                hint="run again when no other program writes to it",
            )

    def _record_done(self, item: _Waiting, ending: Ending) -> None:
        node, workspace = item.node, self._workspace
        facts = {
            "seconds": round(ending.seconds, 3),
            "cpu_seconds": round(ending.cpu_seconds, 3),
            "memory": ending.memory,
            "attempts": item.attempt,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        done = Done(
            node.id,
            item.key.digest,
            item.key.parts,
            ending.outputs or {},
            ending.files or {},
            workspace.history.lines + 1,
            facts,
        )
        workspace.add_done(done)
        self._forced.pop(node.id, None)
        outputs = decode(done.outputs, workspace.workdir)
        reason = {"reason": item.decision.reason, "key": item.key.digest, **facts_of(item.missing)}
        self._settle(node.id, "done", {**reason, **facts}, outputs)

    def _failed(self, item: _Waiting, running: RunningTask, ending: Ending) -> None:
        node = item.node
        retry = Retry(**self._evaluate(node, asdict(node.step.retry), "retry"))
        if ending.kind in retry.on and item.attempt <= int(retry.count) and not self._halted:
            wait = seconds(retry.backoff) * 2 ** (item.attempt - 1)
            error = failures.of_ending(ending, running, self._workspace.workdir)
            about = {"step": node.id, "attempt": item.attempt, "wait": wait}
            self._emit({"event": "step.retry", **about, "message": self._redact(error.message)})
            item.attempt += 1
            item.not_before = time.monotonic() + wait
            self._waiting.append(item)
            return
        facts = {"seconds": round(ending.seconds, 3), "memory": ending.memory, "exit": ending.status}
        self._fail(node.id, failures.of_ending(ending, running, self._workspace.workdir), facts)

    def _fail(self, step: str, found: RecipeToolError | OSError, facts: dict[str, Any]) -> None:
        """Record a failure. Steps that run may finish; others start only if the run is to go on."""
        error = failures.of_system(found, f"step {step}") if isinstance(found, OSError) else found
        self._workspace.add_event({"event": "failed", "step": step})
        self.results.failures[step] = error
        message = self._redact(error.message)
        self.results.steps[step] = {"status": "failed", "reason": message, **facts}
        self._emit({"event": "step.failed", "step": step, "message": message, "hint": error.hint, **facts})
        if self._keep_going or any(one.keep_going for one in self._graph.nodes[step].around()):
            self._losses.add(step)
        elif self.results.failure is None:
            self.results.failure = error
