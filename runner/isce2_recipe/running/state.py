"""What a run is asked for, and what becomes of its steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from isce2_recipe.errors import RecipeToolError
from isce2_recipe.plan.project import Project
from isce2_recipe.running.resources import memory_bytes, processors


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may run at a time."""

    jobs: int
    cpus: int
    memory: float

    @classmethod
    def of_machine(cls, jobs: int | None = None, cpus: int | None = None) -> Limits:
        """All this machine has, or less."""
        count = cpus or processors()
        return cls(jobs or max(4, count), count, memory_bytes())


@dataclass(frozen=True, slots=True)
class Selection:
    """Which steps to carry out.

    Attributes
    ----------
    steps : frozenset of str
        Those to look at.
    forced : dict
        Those to run in any case, with the reason.
    """

    steps: frozenset[str]
    forced: dict[str, str]


@dataclass
class Report:
    """What became of the steps.

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
class Request:
    """How to run a project.

    Attributes
    ----------
    limits : Limits
        How much at a time.
    force : tuple of str
        Steps to run even if they are up to date.
    start : str or None
        Step to run again with all that depends on it.
    until : str or None
        Last step to run, with all it needs.
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
    """What a run came to.

    Attributes
    ----------
    outputs : dict
        The recipe's outputs, files absolute.
    steps : dict
        Status, reason and facts by step.
    seconds : float
        Wall time.
    """

    outputs: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0


def select(project: Project, request: Request) -> Selection:
    """The steps a request is about.

    Raises
    ------
    RecipeError
        If it names a step that is not there.
    """
    graph = project.graph
    steps = set(graph.nodes)
    forced: dict[str, str] = {}
    if request.until is not None:
        steps = graph.ancestors(graph.select(request.until))
    if request.start is not None:
        again = graph.descendants(graph.select(request.start))
        forced |= dict.fromkeys(again, f"--from {request.start}")
    for name in request.force:
        forced |= dict.fromkeys(graph.select(name), "--force")
    return Selection(frozenset(steps), {name: why for name, why in forced.items() if name in steps})
