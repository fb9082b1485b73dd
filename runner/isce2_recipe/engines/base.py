"""An engine runs the steps of ISCE2's applications in a folder."""

from __future__ import annotations

import difflib
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from isce2_recipe.errors import InputError

Applications = Mapping[str, tuple[str, ...]]
"""Steps by application, in the order in which they run."""


class AppSteps(NamedTuple):
    """The first and the last step of an application to run; None means the application's own."""

    app: str
    start: str | None = None
    end: str | None = None


class Engine(Protocol):
    """The interface of ISCE2, of the builtin engine and of engines from other packages."""

    name: str
    """The name after ``--engine``, for example ``isce2``."""

    def version(self) -> str:
        """Return the engine's version; part of the content key of every step that uses the engine."""

    @classmethod
    def applications(cls) -> Applications:
        """Return the applications and steps that it can run.

        It is a method of the class so that recipes can be checked where the engine is not installed.
        """

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
        """Run the steps ``start`` to ``end``, both included, of an ISCE2 application.

        Parameters
        ----------
        app : str
            One of its `applications`.
        config : Path
            The application's XML.
        folder : Path
            The work folder. Relative paths in the XML are relative to it, and outputs go there.
        start, end : str or None
            Names of steps; None means the first or the last.

        Raises
        ------
        EngineFailed
            With the last lines of output, the log's path and what to do.
        InputError
            If it does not have these steps (see `select_steps`), or if the XML or a file that it names cannot
            be used.
        """


def can_keep_only_looks(engine: Engine) -> bool:
    """Return whether `Engine.run` takes ``looks_only``, with which it writes no raster of full resolution.

    The argument is optional, so that engines of other packages need not have it.
    """
    return "looks_only" in inspect.signature(engine.run).parameters


def select_steps(
    name: str, applications: Applications, wanted: AppSteps, others: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the names of the wanted steps, in order.

    ``others`` says for the hint how to run the same with other engines.

    Raises
    ------
    InputError
        If the engine lacks the application or one of the steps, or if the start comes after the end.
    """
    remedy = f"use {' or '.join(others)}" if others else ""
    steps = applications.get(wanted.app)
    if steps is None:
        known = f"the engine {name} runs {', '.join(applications)}"
        raise InputError(f"the engine {name} cannot run {wanted.app}", hint=remedy or known)
    order = f"the steps of {wanted.app} with the engine {name} are {', '.join(steps)}"
    for step in (wanted.start, wanted.end):
        if step is not None and step not in steps:
            close = difflib.get_close_matches(step, steps, 1)
            meant = f"did you mean '{close[0]}'?" if close else ""
            hint = "; ".join(filter(None, (remedy or meant, order)))
            raise InputError(f"the engine {name} has no step '{step}' of {wanted.app}", hint=hint)
    first = 0 if wanted.start is None else steps.index(wanted.start)
    last = len(steps) - 1 if wanted.end is None else steps.index(wanted.end)
    if first > last:
        raise InputError(f"step '{wanted.start}' of {wanted.app} comes after step '{wanted.end}'", hint=order)
    return steps[first : last + 1]
