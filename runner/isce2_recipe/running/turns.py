"""Whose turn it is: which steps have everything behind them that they wait for."""

from __future__ import annotations

import heapq
from collections.abc import Collection

from isce2_recipe.plan.graph import Graph


class Turns:
    """The steps of a run that nobody has looked at yet, in the order of the recipe.

    Parameters
    ----------
    graph : Graph
        All steps.
    steps : collection of str
        Those the run is about.
    """

    def __init__(self, graph: Graph, steps: Collection[str]) -> None:
        self._needs = {name: needs for name, needs in graph.needs.items() if name in steps}
        self._names = list(graph.nodes)
        self._order = {name: index for index, name in enumerate(self._names)}
        self._dependents: dict[str, list[str]] = {name: [] for name in self._names}
        for name, needs in self._needs.items():
            for other in needs:
                self._dependents[other].append(name)
        self._missing: dict[str, int] = {}
        self._ready: list[int] = []
        self.count((), ())

    def count(self, done: Collection[str], taken: Collection[str]) -> None:
        """Find out anew who waits for how many: ``done`` is behind everyone, ``taken`` had its turn."""
        self._missing = {
            name: sum(other not in done for other in needs)
            for name, needs in self._needs.items()
            if name not in done and name not in taken
        }
        self._ready = [self._order[name] for name, count in self._missing.items() if not count]
        heapq.heapify(self._ready)

    def take(self) -> str | None:
        """The next step, if one has its turn."""
        if not self._ready:
            return None
        name = self._names[heapq.heappop(self._ready)]
        del self._missing[name]
        return name

    def free(self, step: str) -> None:
        """Let those go on that waited for a step."""
        for name in self._dependents[step]:
            if name in self._missing:
                self._missing[name] -= 1
                if not self._missing[name]:
                    heapq.heappush(self._ready, self._order[name])
