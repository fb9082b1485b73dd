"""Engines compute the steps of a run: ISCE2, the builtin engine, and those of other packages."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from isce2_recipe.engines.base import Applications, AppSteps, Engine, select_steps
from isce2_recipe.errors import EngineMissing, InputError, UsageError
from isce2_recipe.plugins import importing, plugins

GROUP = "isce2_recipe.engines"
"""Entry-point group: the name after ``--engine``, and a callable without arguments."""

_AUTO = "auto"
_SHIPPED = ("isce2", "builtin")
_INSTALL = {"isce2": " (conda install -c conda-forge isce2)"}


def open_engine(text: str, report: Callable[[str], None] = lambda _text: None) -> Engine:
    """Return the engine that a text of the command line names.

    Parameters
    ----------
    text : str
        ``isce2``, ``builtin``, ``auto`` (ISCE2 where it works, else builtin), or the name of a plug-in of the
        entry-point group `GROUP`.
    report : callable, optional
        Receives one sentence about what ``auto`` chose and why.

    Raises
    ------
    UsageError
        If there is no such engine.
    EngineMissing
        If ISCE2 is requested by name but is not installed or does not work.
    """
    check_name(text)
    if text == _AUTO:
        return _auto(report)
    engine: Engine = _class_of(text).find() if text == "isce2" else _class_of(text)()
    return engine


def published_steps(text: str) -> Applications | None:
    """Return the applications and steps of an engine without opening it.

    None where they are unknown: for ``auto``, and for a plug-in that does not publish them.

    Raises
    ------
    UsageError
        If there is no such engine.
    InputError
        If a plug-in cannot be imported.
    """
    check_name(text)
    if text == _AUTO:
        return None
    return applications_of(_class_of(text))


def applications_of(engine: object) -> Applications | None:
    """Return the applications and steps that an engine, or a class of engines, publishes, if it does."""
    publish = getattr(engine, "applications", None)
    return None if publish is None else publish()


def check_steps(name: str, applications: Applications | None, wanted: AppSteps) -> None:
    """Check that an engine can run the wanted steps; an engine that publishes none is not checked.

    Raises
    ------
    InputError
        If it cannot. The hint names the engines that can.
    """
    if applications is not None:
        others = [f"--engine {other}{_INSTALL.get(other, '')}" for other in _engines_with(wanted)]
        select_steps(name, applications, wanted, others)


def _engines_with(wanted: AppSteps) -> Iterator[str]:
    for name in chain(_SHIPPED, _plugged()):
        try:
            applications = published_steps(name)
            if applications is not None:
                select_steps(name, applications, wanted)
                yield name
        except InputError:
            continue


def _plugged() -> Iterator[str]:
    """Yield the names of plug-ins; the search for them, which takes a while, begins with the first."""
    yield from plugins(GROUP)


def is_runnable(wanted: AppSteps) -> bool:
    """Return whether an engine has these steps, or may have them because it publishes none."""
    unknown = (name for name in _plugged() if published_steps(name) is None)
    return next(_engines_with(wanted), None) is not None or next(unknown, None) is not None


def places(text: str, environment: Mapping[str, str]) -> list[Path] | None:
    """Return all files and folders that decide which engine, and which version of it, a text names.

    They need not exist, because an engine may be installed later. None where they are unknown.
    """
    if text == "builtin":
        return []
    if text not in (_AUTO, *_SHIPPED):
        return None
    from isce2_recipe.engines.isce2 import places as places_of_isce2

    return list(places_of_isce2(environment))


def check_name(text: str) -> None:
    """Check that there is an engine of that name, without opening it.

    Raises
    ------
    UsageError
        If there is none.
    """
    if text in (_AUTO, *_SHIPPED) or text in (found := plugins(GROUP)):
        return
    known = [_AUTO, *_SHIPPED, *found]
    close = difflib.get_close_matches(text, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"known engines: {', '.join(known)}"
    raise UsageError(f"there is no engine '{text}'", hint=hint)


def _class_of(name: str) -> Any:
    """Return the class of an engine, or the callable of a plug-in that makes one."""
    if name == "builtin":
        from isce2_recipe.engines.builtin import BuiltinEngine

        return BuiltinEngine
    if name == "isce2":
        from isce2_recipe.engines.isce2 import Isce2Engine

        return Isce2Engine
    point = plugins(GROUP)[name]
    with importing(f"the engine '{name}'", point.value):
        return point.load()


def _auto(report: Callable[[str], None]) -> Engine:
    try:
        engine = open_engine("isce2")
    except EngineMissing as exc:
        report(f"{exc.message}; using the builtin engine")
        return open_engine("builtin")
    report(f"using ISCE2 {engine.version()}")
    return engine
