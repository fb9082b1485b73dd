"""An engine that computes nothing and records the steps that it is asked to run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from isce2_recipe.engines.base import TOPS_STEPS
from isce2_recipe.errors import InputError


class RehearsalEngine:
    """``--engine rehearsal``."""

    name = "rehearsal"

    def version(self) -> str:
        """Return the version, which is part of the content key of every step that uses the engine."""
        return "1.0"

    def run(
        self,
        app: str,
        config: Path,
        *,
        folder: Path,
        start: str | None,
        end: str | None,
        log: logging.Logger,
        progress: Callable[[float, str], None],
        cpus: int,
    ) -> None:
        """Append the names of the steps to ``rehearsal.txt``."""
        if app != "topsApp":
            raise InputError(f"the engine rehearsal can only run topsApp, not {app}")
        first, last = TOPS_STEPS.index(start or TOPS_STEPS[0]), TOPS_STEPS.index(end or TOPS_STEPS[-1])
        steps = TOPS_STEPS[first : last + 1]
        with (folder / "rehearsal.txt").open("a", encoding="utf-8") as file:
            for index, step in enumerate(steps, 1):
                file.write(f"{app} {config.name} {step}\n")
                log.info("%s with %d threads", step, cpus)
                progress(index / len(steps), step)
