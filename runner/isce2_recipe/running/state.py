"""The options of a run, and the results of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from isce2_recipe.errors import RecipeToolError
from isce2_recipe.plan.graph import Graph
from isce2_recipe.running.resources import memory_bytes, processors


@dataclass(frozen=True, slots=True)
class Limits:
    """How many steps, threads and bytes of memory may be in use at the same time."""

    jobs: int
    cpus: int
    memory: float

    @classmethod
    def of_machine(cls, jobs: int | None = None, cpus: int | None = None) -> Limits:
        """Return everything that this machine has, or less."""
        count = cpus or processors()
        return cls(jobs or max(4, count), count, memory_bytes())


@dataclass(frozen=True, slots=True)
class Selection:
    """The steps that a run is about.

    Attributes
    ----------
    steps : frozenset of str
        Steps to check, and to run if necessary.
    forced : mapping
        Steps to run in any case, with the reason.
    """

    steps: frozenset[str]
    forced: Mapping[str, str]


@dataclass
class StepResults:
    """The results of the steps so far.

    Attributes
    ----------
    steps : dict
        By id: status (``done``, ``cached``, ``skipped``, ``failed``), reason and facts.
    outputs : dict
        Outputs of the steps that are done or skipped, files absolute.
    failure : RecipeToolError or None
        The first failure.
    """

    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    failure: RecipeToolError | None = None


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run a options.

    Attributes
    ----------
    limits : Limits
        How much may be in use at the same time.
    force : tuple of str
        Steps to run even if they are up to date.
    start : str or None
        Step to run again, with all steps that depend on it.
    until : str or None
        Last step to run, with all steps that it needs.
    command : tuple of str
        The command line, for the records.
    """

    limits: Limits
    force: tuple[str, ...] = ()
    start: str | None = None
    until: str | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run.

    Attributes
    ----------
    outputs : mapping
        The recipe's outputs, files absolute.
    steps : mapping
        Status, reason and facts by step.
    seconds : float
        Wall time.
    """

    outputs: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0


def select(graph: Graph, options: RunOptions) -> Selection:
    """Return the steps that a run with some options is about.

    Raises
    ------
    RecipeError
        If an option names a step that does not exist.
    """
    steps = set(graph.nodes)
    forced: dict[str, str] = {}
    if options.until is not None:
        steps = graph.ancestors(graph.select(options.until))
    if options.start is not None:
        again = graph.descendants(graph.select(options.start))
        forced |= dict.fromkeys(again, f"--from {options.start}")
    for name in options.force:
        forced |= dict.fromkeys(graph.select(name), "--force")
    return Selection(frozenset(steps), {name: why for name, why in forced.items() if name in steps})
