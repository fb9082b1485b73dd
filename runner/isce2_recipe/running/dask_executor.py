"""The executor that runs steps in the workers of a Dask cluster.

A worker only runs steps; this program judges, publishes and records them, as for steps of its own. Each
attempt at a step has a folder and a scratch folder of its own, so that nothing a lost worker still writes can
become part of a result.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from isce2_recipe.errors import RecipeToolError, StepFailed
from isce2_recipe.journal import checkpoints
from isce2_recipe.paths import ATTEMPTS
from isce2_recipe.plan.nodes import Node
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.quantities import format_bytes
from isce2_recipe.recipe.units import seconds
from isce2_recipe.running import dask_cluster
from isce2_recipe.running.attempts import Attempt, await_leftovers, end_processes
from isce2_recipe.running.dask_cluster import Connection
from isce2_recipe.running.dask_task import DaskTask
from isce2_recipe.running.executor import ExecutorFailed, Task
from isce2_recipe.running.local import open_log
from isce2_recipe.running.reports import ChildReport
from isce2_recipe.running.resources import Resources
from isce2_recipe.running.step_server import facts_of, request_to_json

_TICK_S = 0.1
_ASK_S = 1.0  # between two questions which workers there are
_TAKES_PART = 1e-9  # of the resource that workers have that take part in the run


@dataclass
class _Workers:
    """The workers that take part in the run, and those that cannot. Two threads use it."""

    lock: Lock = field(default_factory=Lock)
    joined: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: bool = False
    present: int = 0
    none_since: float = field(default_factory=time.monotonic)
    ended: int = 0

    def remove_others(self, present: Collection[str]) -> list[str]:
        """Remove the workers that are not there any more; return messages for the user."""
        messages = []
        with self.lock:
            self.present = len(present)
            for address in [one for one in (*self.joined, *self.refused) if one not in present]:
                self.refused.pop(address, None)
                if gone := self.joined.pop(address, None):
                    self.ended += 1
                    messages.append(f"the worker {address} on {gone['host']} has ended")
            if self.joined:
                self.none_since = time.monotonic()
        return messages

    def add(self, address: str, answer: dict[str, Any]) -> list[str]:
        """Note what a worker answers; return messages for the user."""
        with self.lock:
            self.seen = True
            if "error" not in answer:
                self.joined[address] = answer
                self.none_since = time.monotonic()
                return []
            self.refused[address] = answer
        hint = f"; {answer['hint']}" if "hint" in answer else ""
        return [f"the worker {address} is not used: it {answer['error']}{hint}"]

    @property
    def all_refused(self) -> bool:
        """Return whether no worker has ever taken part, and none of those that are there can."""
        with self.lock:
            return not self.ended and not self.joined and 0 < self.present <= len(self.refused)

    def all(self) -> list[dict[str, Any]]:
        """Return what the workers have that take part."""
        with self.lock:
            return list(self.joined.values())

    def takes_part(self, worker: str | None, ended: int) -> bool:
        """Return whether a worker still takes part; for None, whether all do that did at some time."""
        with self.lock:
            return self.ended == ended if worker is None else worker in self.joined

    def on(self, host: str) -> str | None:
        """Return the address of a worker on a host."""
        with self.lock:
            return next((name for name, facts in self.joined.items() if facts["host"] == host), None)


class DaskExecutor:
    """Starts tasks in the workers of a Dask cluster, to which it connects when the first step has to run.

    Parameters
    ----------
    text : str
        As for `isce2_recipe.running.dask_cluster.connect`.
    workspace : Workspace
        The work directory of the run.
    redact : callable
        Removes secrets from what steps print.
    report : callable
        Receives messages for the user.
    """

    def __init__(
        self,
        text: str,
        workspace: Workspace,
        redact: Callable[[str], str],
        report: Callable[[str], None],
    ) -> None:
        self._text = text
        self._workspace = workspace
        self._redact = redact
        self._report = report
        self._name = f"isce2-recipe-{secrets.token_hex(6)}"
        self._folder = workspace.workdir / ATTEMPTS / self._name
        self._workers = _Workers()
        self._messages: deque[str] = deque()
        self._tasks: dict[str, DaskTask] = {}
        self._over = Event()
        self._threads: list[Thread] = []
        self._link: Connection | None = None
        self._lost_at = 0.0
        self._waiting_said = False

    # The connection.

    def _connected(self) -> Connection:
        if self._link is None:
            self._link = dask_cluster.connect(self._text)
            self._refuse_timeouts(self._link)
            self._folder.mkdir(parents=True)
            proof = self._folder / "proof"
            content = secrets.token_hex(16)
            proof.write_text(content)
            run = {
                "proof": str(proof),
                "content": content,
                "request": request_to_json(self._workspace.request),
                "facts": facts_of(self._workspace),
                "secrets": sorted(self._workspace.request.secrets),
            }
            self._workers.none_since = time.monotonic()
            self._threads = [
                Thread(target=self._watch_workers, args=(self._link, run), daemon=True),
                Thread(target=self._watch_tasks, daemon=True),
            ]
            for thread in self._threads:
                thread.start()
        return self._link

    def _refuse_timeouts(self, link: Connection) -> None:
        """Refuse steps that may take longer than a worker lives, as far as this is known before the run."""
        for node in self._workspace.graph.nodes.values():
            link.refuse_timeout(node.id, self._timeout(node))

    def _timeout(self, node: Node) -> float:
        with suppress(KeyError, RecipeToolError):  # it depends on the output of a step
            value = self._workspace.bindings.setting(node, node.step.timeout, "timeout", {})
            return 0.0 if value is None else seconds(value)
        return 0.0

    def _watch_workers(self, link: Connection, run: dict[str, Any]) -> None:
        """Let every worker that appears take part in the run."""
        asked: set[str] = set()
        while not self._over.is_set():
            try:
                # Unlike scheduler_info, this is never a cached answer without workers.
                present = link.client.sync(link.client.scheduler.identity, n_workers=-1)["workers"]
                link.ask_again()
            except Exception:  # the scheduler does not answer, which the client's status shows
                self._over.wait(_ASK_S)
                continue
            self._messages.extend(self._workers.remove_others(present))
            asked.intersection_update(present)
            for address in present:
                if address not in asked:  # each in its own thread: one that has just ended does not answer
                    asked.add(address)
                    Thread(target=self._ask, args=(link, address, run, asked), daemon=True).start()
            self._over.wait(_ASK_S)

    def _ask(self, link: Connection, address: str, run: dict[str, Any], asked: set[str]) -> None:
        """Ask a worker to take part, if it has the same version; one that does not answer is asked again."""
        from importlib.metadata import PackageNotFoundError, version

        from isce2_recipe import __version__
        from isce2_recipe.running.dask_worker import join

        try:
            found = link.client.run(version, "isce2-recipe", workers=[address])[address]
            same = found == __version__
            answer = link.client.run(join, self._name, run, workers=[address])[address] if same else None
        except PackageNotFoundError:
            found, answer = "(none)", None
        except Exception as exc:  # anything that Python raises there
            if isinstance(exc, OSError):  # it has just ended, or the connection to it
                asked.discard(address)
            else:
                hint = "the worker's log has the details"
                failed = {"error": f"cannot take part: {type(exc).__name__}: {exc}", "hint": hint}
                self._messages.extend(self._workers.add(address, failed))
            return
        hint = f"install isce2-recipe {__version__} there, and start the worker again"
        other = {"error": f"has isce2-recipe {found}, this run has {__version__}", "hint": hint}
        self._messages.extend(self._workers.add(address, answer or other))

    def _watch_tasks(self) -> None:
        """Wake the scheduler when a worker has written something."""
        while not self._over.wait(_TICK_S):
            for task in list(self._tasks.values()):
                if task.has_news():
                    task.wake()

    # The interface of executors.

    def ready(self) -> bool:
        """Connect to the scheduler, and return whether workers take part.

        Raise RecipeToolError if no scheduler answers or no worker is left.
        """
        link = self._connected()
        while self._messages:
            self._report(self._messages.popleft())
        if not self._scheduler_answers(link):
            return False
        if not self._workers.all():
            self._refuse_to_wait(link)
            return False
        self._waiting_said = False
        return True

    def fits(self, asked: Resources, used: Sequence[Resources]) -> bool:
        """Return whether the workers that take part have enough for one more step.

        Raise RecipeToolError if no worker will ever have enough.
        """
        workers = self._workers.all()
        if not workers:  # the last one has ended at this moment
            return False
        self._refuse_impossible(asked, workers, self._connected())
        cpus = sum(max(1, one.cpus) for one in used) + max(1, asked.cpus)
        memory = sum(one.memory for one in used) + asked.memory
        return bool(
            len(used) < sum(one["slots"] for one in workers)
            and cpus <= sum(one["cpus"] for one in workers)
            and memory <= sum(one["memory"] for one in workers)
        )

    def _scheduler_answers(self, link: Connection) -> bool:
        status = str(link.client.status)
        if status == "running":
            self._lost_at = 0.0
            return True
        if not self._lost_at:
            self._lost_at = time.monotonic()
            self._report(f"the connection to the Dask scheduler {link.where} is lost; waiting for it")
        if status == "closed":
            raise StepFailed(
                f"the Dask scheduler {link.where} has ended",
                hint="finished steps are kept; start it and its workers again, or run without --executor",
            )
        return False

    def _refuse_to_wait(self, link: Connection) -> None:
        """Report that there is no worker; after a long time, end the run."""
        if link.failures and not self._workers.seen:
            raise StepFailed(f"{link.where} cannot start workers: {link.failures[-1]}")
        refused = list(self._workers.refused.items())
        if self._workers.all_refused and link.file is None:
            address, answer = refused[0]
            raise StepFailed(
                f"no worker of {link.where} can take part in the run; {address} {answer['error']}",
                hint=answer.get("hint"),
            )
        if not self._waiting_said:
            self._waiting_said = True
            self._report(f"waiting for a worker of {link.where}")
        if time.monotonic() - self._workers.none_since > link.wait:
            why = refused[0][1]["error"] if refused else "".join(link.failures[-1:])
            raise StepFailed(
                f"no worker is left at {link.where}" + (f": {why}" if why else ""),
                hint=f"start workers, for example with: dask worker {link.client.scheduler.address}",
            )

    def _refuse_impossible(
        self, asked: Resources, workers: Sequence[Mapping[str, Any]], link: Connection
    ) -> None:
        """Refuse a step that none of the workers can ever take: Dask would wait for ever."""
        if any(asked.cpus <= one["cpus"] and asked.memory <= one["memory"] for one in workers):
            return
        cpus, memory = max(one["cpus"] for one in workers), max(one["memory"] for one in workers)
        lacks, has = [], []
        if asked.cpus > cpus or asked.memory <= memory:
            lacks.append(f"{asked.cpus} cpus")
            has.append(f"{cpus:g} cpus")
        if asked.memory > memory or asked.cpus <= cpus:
            lacks.append(f"{format_bytes(asked.memory)} of memory")
            has.append(f"{format_bytes(memory)} of memory")
        raise StepFailed(
            f"no worker of {link.where} can ever take a step that needs {' and '.join(lacks)}: the largest "
            f"has {' and '.join(has)}",
            hint="start a larger worker (dask worker --nthreads N --memory-limit BYTES, or --resources "
            '"cpus=N memory=BYTES"), or lower the resources of the step',
        )

    def threads(self, asked: Resources) -> int:
        """Return the threads that the recipe asks for, or those of the smallest worker."""
        return asked.cpus or max(1, int(min((one["cpus"] for one in self._workers.all()), default=1)))

    def scratch_name(self, step: str) -> str:
        """Return a new name: an earlier attempt may still be running somewhere."""
        return f"{step}.{secrets.token_hex(6)}"

    def start(self, task: Task, log_path: Path, *, append: bool) -> DaskTask:
        """Start a task; see `isce2_recipe.running.executor.Executor.start`."""
        from isce2_recipe.running.dask_worker import run_step

        link = self._connected()
        takes_part = partial(self._workers.takes_part, ended=self._workers.ended)
        token = secrets.token_hex(6)
        attempt = Attempt.new(self._folder, token)
        asked = self._asked(task)
        resources: dict[str, float] = {self._name: _TAKES_PART, "cpus": float(max(1, asked.cpus))}
        if asked.memory:
            resources["memory"] = asked.memory
        try:
            future = link.client.submit(
                run_step, self._name, task.to_json(self._workspace.workdir), str(attempt.folder),
                key=f"{task.node.id}-{token}", resources=resources, pure=False, retries=0,
            )  # fmt: skip
        except Exception as exc:  # the connection was lost in this moment
            raise ExecutorFailed(f"{link.where} does not accept step {task.node.id}: {exc}") from exc
        log = open_log(log_path, append=append)
        report = ChildReport(lambda data: os.write(log, data), self._redact)
        wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        running = DaskTask(
            task, log_path, attempt, future, wakeup, report, takes_part, self._end_elsewhere,
            link.refuse_timeout, log,
        )  # fmt: skip
        self._tasks = {name: one for name, one in self._tasks.items() if not one.closed} | {token: running}
        future.add_done_callback(lambda _: running.wake())
        return running

    def _asked(self, task: Task) -> Resources:
        from isce2_recipe.running.resources import wanted

        setting = self._workspace.bindings.setting
        return wanted(dict(setting(task.node, task.node.step.resources, "resources", {})), 1 << 30)

    def _end_elsewhere(self, host: str, server: str) -> bool:
        """End what a lost step server has left on a host; return whether that was possible."""
        from isce2_recipe.processes import host_name
        from isce2_recipe.running.dask_worker import end_attempt

        if host == host_name():
            end_processes(server)
            return True
        address, link = self._workers.on(host), self._link
        if address is None or link is None:
            return False
        with suppress(Exception):  # that worker has ended too
            return bool(link.client.run(end_attempt, server, workers=[address])[address] == host)
        return False

    def close(self) -> None:
        """End the connection and the threads; delete the folders of the attempts."""
        from isce2_recipe.running.dask_worker import leave

        self._over.set()
        link, self._link = self._link, None
        if link is None:
            return
        for task in self._tasks.values():
            task.kill()
        if link.client.status == "running" and self._workers.joined:
            with suppress(Exception):  # a worker or the scheduler ends at this moment
                link.client.run(leave, self._name, workers=list(self._workers.joined), on_error="ignore")
        link.close()
        for thread in self._threads:
            thread.join(_TICK_S)
        if next(await_leftovers(self._workspace.workdir, 0.0), None) is None:  # else the next run must wait
            with suppress(OSError):  # a lost attempt still writes
                checkpoints.remove(self._folder)
