"""Steps that failed or cannot run while others go on, and the loops that lack instances for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from isce2_recipe.errors import StepFailed
from isce2_recipe.journal.log import instance_in
from isce2_recipe.plan.bindings import Bindings
from isce2_recipe.plan.graph import Graph
from isce2_recipe.plan.nodes import Node, loops_around
from isce2_recipe.plan.ready_queue import ReadyQueue
from isce2_recipe.recipe.units import at_least
from isce2_recipe.running.state import StepResults

Missing = Mapping[str, Sequence[str]]
"""Keys of the failed instances by loop."""

_MOST_LISTED = 50  # failures that a message lists


def facts_of(missing: Missing) -> dict[str, Any]:
    """Return what the record of a step says about instances that it lacks."""
    return {"missing": {loop: list(keys) for loop, keys in missing.items()}} if missing else {}


class Losses:
    """Keeps account of the steps that failed, or that cannot run because of a failure.

    Parameters
    ----------
    graph, bindings, queue : Graph, Bindings, ReadyQueue
        The steps of the run.
    results : StepResults
        Receives the steps that cannot run.
    emit : callable
        Called with the events about them.
    """

    def __init__(
        self,
        graph: Graph,
        bindings: Bindings,
        queue: ReadyQueue,
        results: StepResults,
        emit: Callable[[dict[str, Any]], None],
    ) -> None:
        self._graph = graph
        self._bindings = bindings
        self._queue = queue
        self._results = results
        self._emit = emit
        self._lost: dict[str, None] = {}
        self._missing: dict[str, tuple[str, ...]] = {}

    def add(self, failed: str) -> None:
        """Note that a step failed, and let the run go on with the steps that do not need it."""
        todo = [failed]
        while todo:
            name = todo.pop()
            self._lost[name] = None
            for other in self._queue.drop(name):
                if self._graph.nodes[other].is_loop and instance_in(other, name) is not None:
                    self._queue.settle(other)  # a loop waits only for the end of its instances
                elif other not in self._results.steps:
                    self._record(other, f"{name} {self._results.steps[name]['status']}")
                    todo.append(other)

    def restart(self) -> None:
        """Note all lost steps again in a queue that began again."""
        for name in [name for name in self._lost if name in self._results.failures]:
            self.add(name)

    def _record(self, name: str, why: str) -> None:
        self._results.steps[name] = {"status": "blocked", "reason": why}
        self._emit({"event": "step.blocked", "step": name, "reason": why})

    def close(self, loop: str) -> tuple[str, ...]:
        """Return the keys of the failed instances of a loop whose instances have all ended."""
        failed = set()
        for name in self._lost:
            key = instance_in(loop, name)
            inner = (
                [one for one in loops_around(name) if one.startswith(f"{loop}[")] if key is not None else []
            )
            if key is not None and not any(map(self._is_allowed, inner)):
                failed.add(key)
        found = tuple(one.key for one in self._graph.instances[loop] if one.key in failed)
        self._missing.pop(loop, None)
        if found:
            self._missing[loop] = found
        return found

    def of(self, node: Node) -> Missing | None:
        """Return the failed instances of the loops that a step reads; None if it cannot run without them."""
        missing = {loop: self._missing[loop] for loop in self._graph.needs[node.id] if loop in self._missing}
        allowing = [(step, scope) for step, scope in node.scopes() if step.partial]
        for loop, keys in missing.items():
            total = len(self._graph.instances[loop])
            what = f"{len(keys)} of {total} instances of {loop} failed"
            wanted = None if not allowing else self._bindings.min_done(*allowing[0])
            if not allowing or (wanted is not None and total - len(keys) < at_least(wanted, total)):
                self._record(node.id, what if wanted is None else f"{what}, and min_done is {wanted}")
                self.add(node.id)
                return None
        return missing

    def _is_allowed(self, loop: str, *, counted: bool = False) -> bool:
        """Return whether all steps that read a loop ran without its failed instances."""
        outside = [name for name in self._queue.waiting_for(loop) if instance_in(name, loop) is None]
        return bool(outside) and all(
            name not in self._lost
            and any(
                step.partial and (step.min_done is not None or not counted)
                for step in self._graph.nodes[name].around()
            )
            for name in outside
        )

    def all_allowed(self) -> bool:
        """Return whether everything that was lost may be missing, because enough instances are done."""
        return all(
            any(self._is_allowed(loop, counted=True) for loop in loops_around(name)) for name in self._lost
        )


def result_of_loop(
    graph: Graph, results: StepResults, loop: str, failed: Sequence[str]
) -> tuple[str, dict[str, Any]]:
    """Return the status of a loop whose instances have ended, and the facts about it."""
    total = len(graph.instances[loop])
    count = f"{total} instance{'s' * (total != 1)}"
    facts: dict[str, Any] = {"reason": count, "instances": total}
    if failed:
        facts |= {"reason": f"{count}, {len(failed)} failed", "missing": list(failed)}
    statuses = {one["status"] for name in graph.members(loop) if (one := results.steps.get(name)) is not None}
    return next((one for one in ("done", "cached") if one in statuses), "skipped"), facts


def error_of(results: StepResults) -> StepFailed:
    """Return the error of a run that went on after failures: a table of all failed steps."""
    failures = results.failures
    width = max(map(len, failures))
    lines = []
    for name, error in list(failures.items())[:_MOST_LISTED]:
        first = error.message.partition("\n")[0].removeprefix(f"step {name}: ").removeprefix(f"step {name} ")
        lines.append(f"  {name:<{width}}  {first}")
    if len(failures) > _MOST_LISTED:
        lines.append(f"  and {len(failures) - _MOST_LISTED} more")
    count = f"{len(failures)} step{'s' * (len(failures) != 1)} failed"
    blocked = sum(facts["status"] == "blocked" for facts in results.steps.values())
    rest = f", and {blocked} that need{'s' * (blocked == 1)} them did not run" if blocked else ""
    return StepFailed("\n".join([f"{count}{rest}:", *lines]))
