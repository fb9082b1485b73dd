"""Steps in the order of the recipe, each after everything it needs."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

Position = tuple[int, ...]


class ReadyQueue:
    """The steps that nobody has taken yet; `take` returns those whose needs are finished.

    It may grow: `add` adds steps, also further needs of a step that was taken already.
    """

    def __init__(self) -> None:
        self._needs: dict[str, tuple[str, ...]] = {}
        self._positions: dict[str, Position] = {}
        self._finished: set[str] = set()
        self._open: dict[str, int] = {}
        self._dependents: dict[str, list[str]] = {}
        self._ready: list[tuple[Position, str]] = []

    def add(self, needs: Mapping[str, Iterable[str]], positions: Mapping[str, Position]) -> None:
        """Add steps, or new needs of steps; of several ready steps the first one by position is taken.

        Parameters
        ----------
        needs : mapping
            For each step the steps that have to be finished before it.
        positions : mapping
            Position of each step in the recipe.
        """
        self._needs |= {step: tuple(others) for step, others in needs.items()}
        self._positions |= positions
        for step in needs:
            self._watch(step)

    def _watch(self, step: str) -> None:
        left = [other for other in self._needs[step] if other not in self._finished]
        self._open[step] = len(left)
        for other in left:
            self._dependents.setdefault(other, []).append(step)
        if not left:
            heapq.heappush(self._ready, (self._positions[step], step))

    def restart(self, finished: Collection[str], taken: Collection[str]) -> None:
        """Begin again with steps that are finished, and others that are taken already."""
        self._finished = set(finished)
        self._open, self._dependents, self._ready = {}, {}, []
        for step in self._needs:
            if step not in self._finished and step not in taken:
                self._watch(step)

    def take(self) -> str | None:
        """Return the next step, or None while all others wait for steps that are not finished."""
        return heapq.heappop(self._ready)[1] if self._ready else None

    def finish(self, step: str) -> None:
        """Note that a step is finished, so that those that wait for it become ready."""
        self._finished.add(step)
        for other in self.drop(step):
            self.settle(other)

    def waiting_for(self, step: str) -> list[str]:
        """Return the steps that need a step, finished or not."""
        return [other for other, needs in self._needs.items() if step in needs]

    def drop(self, step: str) -> list[str]:
        """Return the steps that still wait for a step, which nothing will finish."""
        return self._dependents.pop(step, [])

    def settle(self, step: str) -> None:
        """Note that a step waits for one less."""
        self._open[step] -= 1
        if not self._open[step]:
            heapq.heappush(self._ready, (self._positions[step], step))


def in_order(needs: Mapping[str, Iterable[str]], positions: Mapping[str, Position]) -> list[str]:
    """Return all steps, each after everything it needs and otherwise in the order of the recipe.

    Raise graphlib.CycleError if steps wait for each other in a circle.
    """
    queue = ReadyQueue()
    queue.add(needs, positions)
    order = []
    while (step := queue.take()) is not None:
        order.append(step)
        queue.finish(step)
    if len(order) < len(needs):
        TopologicalSorter({step: list(others) for step, others in needs.items()}).prepare()
        raise CycleError("a step needs one that does not exist", [])
    return order
