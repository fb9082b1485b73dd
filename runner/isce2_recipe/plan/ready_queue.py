"""Steps in the order of the recipe, each after everything it needs."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping
from graphlib import TopologicalSorter


class ReadyQueue:
    """The steps that nobody has taken yet; `take` returns those whose needs are finished.

    Parameters
    ----------
    needs : mapping
        For each step the steps that have to be finished before it.
    positions : mapping
        Position of each step in the recipe; of several ready steps the first one is taken.

    Raises
    ------
    graphlib.CycleError
        If steps wait for each other in a circle.
    """

    def __init__(self, needs: Mapping[str, Iterable[str]], positions: Mapping[str, int]) -> None:
        self._needs = needs
        self._positions = positions
        self.restart((), ())

    def restart(self, finished: Collection[str], taken: Collection[str]) -> None:
        """Begin again with steps that are finished, and others that are taken already."""
        self._taken = frozenset(taken)
        self._sorter: TopologicalSorter[str] = TopologicalSorter(
            {
                step: [other for other in needs if other not in finished]
                for step, needs in self._needs.items()
                if step not in finished
            }
        )
        self._sorter.prepare()
        self._ready: list[tuple[int, str]] = []

    def take(self) -> str | None:
        """Return the next step, or None while all others wait for steps that are not finished."""
        for step in self._sorter.get_ready():
            if step not in self._taken:
                heapq.heappush(self._ready, (self._positions[step], step))
        return heapq.heappop(self._ready)[1] if self._ready else None

    def finish(self, step: str) -> None:
        """Note that a step is finished, so that those that wait for it become ready."""
        self._sorter.done(step)


def in_order(needs: Mapping[str, Iterable[str]], positions: Mapping[str, int]) -> list[str]:
    """Return all steps, each after everything it needs and otherwise in the order of the recipe.

    Raises
    ------
    graphlib.CycleError
        If steps wait for each other in a circle.
    """
    queue = ReadyQueue(needs, positions)
    order = []
    while (step := queue.take()) is not None:
        order.append(step)
        queue.finish(step)
    return order
