"""An engine that computes nothing and records the steps that it is asked to run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from isce2_recipe.engines.base import Applications, AppSteps, select_steps
from isce2_recipe.recipe import isce2_xml


class RehearsalEngine:
    """``--engine rehearsal``."""

    name = "rehearsal"

    def version(self) -> str:
        """Return the version, which is part of the content key of every step that uses the engine."""
        return "1.0"

    @classmethod
    def applications(cls) -> Applications:
        """Return the steps of topsApp. A recipe that needs others is refused before it runs."""
        return {"topsApp": isce2_xml.steps("topsApp")}

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
        steps = select_steps(self.name, self.applications(), AppSteps(app, start, end))
        with (folder / "rehearsal.txt").open("a", encoding="utf-8") as file:
            for index, step in enumerate(steps, 1):
                file.write(f"{app} {config.name} {step}\n")
                log.info("%s with %d threads", step, cpus)
                progress(index / len(steps), step)
