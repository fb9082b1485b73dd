"""The options of a run, and the results of its steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from isce2_recipe.errors import RecipeToolError
from isce2_recipe.plan.graph import Graph
from isce2_recipe.plan.nodes import Node
from isce2_recipe.running.resources import memory_bytes, processors

_NO_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How many steps, threads and bytes of memory may be in use at the same time."""

    jobs: int
    cpus: int
    memory: float

    @classmethod
    def of_cluster(cls, jobs: int | None = None, cpus: int | None = None) -> Limits:
        """Return what the user allows of a cluster; the executor knows what it has."""
        return cls(jobs or _NO_LIMIT, cpus or _NO_LIMIT, float("inf"))

    @classmethod
    def of_machine(cls, jobs: int | None = None, cpus: int | None = None) -> Limits:
        """Return everything that this machine has, or less."""
        count = cpus or processors()
        return cls(jobs or max(4, count), count, memory_bytes())


@dataclass
class Selection:
    """The steps that a run is about. It grows with the graph."""

    steps: set[str]  # steps to check, and to run if necessary
    forced: dict[str, str]  # steps to run in any case, with the reason
    until: str | None = None  # complete name of the last step to run, with all that it needs
    # Complete names of steps to run in any case, with the reason.
    again: dict[str, str] = field(default_factory=dict)

    def grow(self, graph: Graph, loop: str, new: Sequence[Node]) -> dict[str, str]:
        """Take the steps of a loop that was expanded; return those to run in any case.

        Raise RecipeError if an option names an instance that no loop has.
        """
        for name in filter(None, [self.until, *self.again]):
            graph.select(name)
        names = [node.id for node in new]
        if self.until is not None:
            needed = graph.ancestors(_start(graph, self.until))
            names = [name for name in names if name in needed]
        self.steps.update(names)
        forced = dict.fromkeys(names, self.forced[loop]) if loop in self.forced else {}
        for pattern, why in self.again.items():
            found = graph.matching(pattern, names)
            forced |= dict.fromkeys(_again(graph, found, why) if found else (), why)
        self.forced |= forced
        return {name: why for name, why in forced.items() if name in self.steps}


def _start(graph: Graph, pattern: str) -> list[str]:
    """Return the steps of a complete name, and the loops in which there may be more."""
    return [*graph.matching(pattern, graph.nodes), *graph.pending(pattern)]


def _again(graph: Graph, found: Collection[str], why: str) -> Collection[str]:
    return graph.descendants(found) if why.startswith(_FROM) else found


_FROM = "--from "


@dataclass
class StepResults:
    """The results of the steps so far."""

    # By id: status (``done``, ``cached``, ``skipped``, ``failed``, ``blocked``), reason and facts.
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Outputs of the steps that are done or skipped, files absolute.
    outputs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failure: RecipeToolError | None = None  # the first failure after which no other step may start
    # All failures by step, in the order in which they happened.
    failures: dict[str, RecipeToolError] = field(default_factory=dict)
    # Whether the recipe allows that the failed instances are missing, because as many as it wants are done.
    allowed: bool = False


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run a plan."""

    limits: Limits  # how much may be in use at the same time
    force: tuple[str, ...] = ()  # steps to run even if they are up to date
    start: str | None = None  # step to run again, with all steps that depend on it
    until: str | None = None  # last step to run, with all steps that it needs
    command: tuple[str, ...] = ()  # the command line, for the records
    keep_going: bool = False  # whether steps that do not depend on a failed step still run
    executor: str = "local"  # as `isce2_recipe.running.executors.open_executor` reads it


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run."""

    outputs: Mapping[str, Any] = field(default_factory=dict)  # the recipe's outputs, files absolute
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # status, reason and facts by step
    seconds: float = 0.0  # wall time


def select(graph: Graph, options: RunOptions) -> Selection:
    """Return the steps that a run with some options is about.

    Raise RecipeError if an option names a step that does not exist.
    """
    steps = set(graph.nodes)
    forced: dict[str, str] = {}
    until = None
    if options.until is not None:
        graph.select(options.until)
        until = graph.complete(options.until)
        steps = graph.ancestors(_start(graph, until))
    named = [(name, "--force") for name in options.force]
    named = [(options.start, f"{_FROM}{options.start}"), *named] if options.start is not None else named
    again = {graph.complete(name): why for name, why in named}
    for name, why in named:
        forced |= dict.fromkeys(_again(graph, graph.select(name), why), why)
        loops = graph.pending(graph.complete(name)) if why != "--force" else []
        forced |= dict.fromkeys(graph.descendants(loops) - set(loops), why)
    return Selection(steps, {name: why for name, why in forced.items() if name in steps}, until, again)


def described(node: Node) -> dict[str, Any]:
    """Return a step as the events of a run describe it."""
    about = {"step": node.id, "uses": node.uses, "summary": node.summary}
    return {**about, "loop": True} if node.is_loop else about
