"""The interface between the scheduler and the executors that start steps.

The scheduler alone decides which steps are up to date, publishes their files and records them. An executor
starts tasks; for each of them it returns an object with which the scheduler follows the task and stops it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from isce2_recipe.errors import StepFailed
from isce2_recipe.journal.files import FileEntry, Manifest
from isce2_recipe.journal.values import decode, encode
from isce2_recipe.plan.graph import Graph
from isce2_recipe.plan.keys import complete
from isce2_recipe.plan.nodes import Instance, Node
from isce2_recipe.running.resources import Resources


@dataclass(frozen=True, slots=True)
class Task:
    """An attempt at a step, with everything that its process needs beyond the request for the run."""

    node: Node
    inputs: Mapping[str, Any]  # the arguments of its action
    out: Path  # the folder into which it writes: its scratch folder, or the shared folder
    published: Path  # the folder in which later steps find its files
    before: Mapping[str, FileEntry]  # content of its shared folder at the start; empty for other steps
    cpus: int  # number of threads that it may use

    @property
    def programs_in(self) -> str | None:
        """Return the folder that the programs of the step carry as a mark; None if it starts no programs."""
        return None if self.node.action.executes is None else str(self.out)

    def to_json(self, workdir: Path) -> dict[str, Any]:
        """Return the task as JSON, for executors that start it in another program.

        That program reads the few facts at the top; only the process of the step reads the ``task``, a text:
        so the former changes little of its own memory, which every step then would have to copy.
        """
        return {
            "step": self.node.id,
            "shared": self.out == self.published,
            "programs_in": self.programs_in,
            "preload": bool(self.node.action.uses),
            "cpus": self.cpus,
            "task": json.dumps(self._own_json(workdir)),
        }

    def _own_json(self, workdir: Path) -> dict[str, Any]:
        return {
            "step": self.node.id,
            "instances": [encode(one, workdir) for one in self.node.instances],
            "inputs": encode(self.inputs, workdir),
            "out": str(self.out),
            "published": str(self.published),
            "before": {name: entry.to_json() for name, entry in self.before.items()},
            "cpus": self.cpus,
        }

    @classmethod
    def from_json(cls, request: Mapping[str, Any], graph: Graph, workdir: Path, base: Path) -> Task:
        """Return the task that `to_json` wrote for the same graph, work directory and base folder."""
        task = json.loads(request["task"])
        instances = [Instance(**decode(one, workdir)) for one in task["instances"]]
        node = graph.locate(task["step"], instances)
        before: Manifest = {name: FileEntry.from_json(entry) for name, entry in task["before"].items()}
        inputs = complete(node, decode(task["inputs"], workdir), base)
        return cls(node, inputs, Path(task["out"]), Path(task["published"]), before, task["cpus"])


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt at a step ended."""

    # ``done``, or the kind of failure: ``input``, ``source``, ``engine``, ``timeout``, ``crash``, ``memory``,
    # ``disk``, ``bug``, ``stopped``; ``lost`` if the machine or the program that ran it has disappeared: the
    # step then starts again, and what the lost attempt still writes is not used; ``doubtful`` if it was lost
    # and may still write into a shared folder: the step fails.
    kind: str
    # What it returned, and entries of the files it made, if it succeeded.
    outputs: Mapping[str, Any] | None = None
    files: Mapping[str, FileEntry | None] | None = None
    error: Mapping[str, Any] = field(default_factory=dict)  # the error that it sent, if any
    # Wall and processor time.
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory: int = 0  # peak resident memory of its largest process, bytes
    status: int = 0  # exit code; minus the number of the signal that ended it


class RunningTask(Protocol):
    """A task that an executor has started."""

    task: Task
    pid: int  # process id of the step on the machine where it runs, for people and for the journal
    log_path: Path  # the file that receives everything the step prints
    # Times of `time.monotonic`; after the deadline the task is stopped.
    started: float
    deadline: float
    stopping: str  # why the task is being stopped; empty while it is not

    @property
    def tail(self) -> Sequence[str]:
        """Return the last lines that the step printed."""

    def descriptors(self) -> list[int]:
        """Return the file descriptors that become readable when the task has something to report."""

    def read(self, descriptor: int) -> list[dict[str, Any]]:
        """Read from one of the descriptors; return reports of progress (``progress``, ``text``)."""

    def limit(self, seconds: float) -> None:
        """Let the task end this long after the step has started."""

    def stop(self, why: str) -> None:
        """Ask the task to end (``stopped`` or ``timeout``); a second call ends it at once."""

    def check_deadline(self) -> None:
        """Stop the task if its deadline has passed."""

    def ending(self) -> Ending | None:
        """Return how the task ended, or None while it runs. Afterwards nothing of it is left running."""

    def kill(self) -> None:
        """End the task at once; the run is over."""


class ExecutorFailed(StepFailed):
    """An executor cannot start any step any more."""


class Executor(Protocol):
    """Starts tasks. All methods are called by one thread."""

    def ready(self) -> bool:
        """Return whether steps can start now; the first call, when a step has to run, opens the executor.

        Raise RecipeToolError if no step can ever start: this ends the run.
        """

    def fits(self, asked: Resources, used: Sequence[Resources]) -> bool:
        """Return whether a step can start now, in addition to the steps that use the other resources.

        Raise RecipeToolError if it can never start.
        """

    def threads(self, asked: Resources) -> int:
        """Return the number of threads that a step may use."""

    def scratch_name(self, step: str) -> str:
        """Return the name of the scratch folder of a new attempt at a step."""

    def start(self, task: Task, log_path: Path, *, append: bool) -> RunningTask:
        """Start a task; raise ExecutorFailed if no step can start any more.

        Parameters
        ----------
        task : Task
            What to run.
        log_path : Path
            The file that receives everything the step prints, secrets removed.
        append : bool
            Whether the log already has output of an earlier attempt.
        """

    def close(self) -> None:
        """Free everything; the run is over, and no task runs any more."""
