"""What a run is asked for, and what becomes of its steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from isce2_recipe.errors import RecipeToolError
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
