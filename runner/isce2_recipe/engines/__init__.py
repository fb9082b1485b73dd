"""What computes: ISCE2 itself, or the builtin engine, behind one door."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from isce2_recipe.engines.base import Engine
from isce2_recipe.errors import EngineMissing, UsageError
from isce2_recipe.plugins import importing

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_PLUGINS = "isce2_recipe.engines"
_KNOWN = ("auto", "isce2", "builtin")


def open_engine(text: str, say: Callable[[str], None] = lambda _text: None) -> Engine:
    """The engine that a word of the command line names.

    Parameters
    ----------
    text : str
        ``isce2``, ``builtin``, ``auto`` (ISCE2 where it works, else builtin), or the name of a plug-in of the
        entry-point group ``isce2_recipe.engines`` (a callable without arguments).
    say : callable, optional
        Told in one sentence what ``auto`` chose and why.

    Raises
    ------
    UsageError
        If there is no such engine.
    EngineMissing
        If ISCE2 is asked for by name and is not installed or does not work.
    """
    check_name(text)
    if text == "builtin":
        return _builtin()
    if text == "isce2":
        return _isce2()
    if text == "auto":
        return _auto(say)
    point = _plugins()[text]
    with importing(f"the engine '{text}'", point.value):
        make = point.load()
    engine: Engine = make()
    return engine


def places(text: str, environment: Mapping[str, str]) -> list[Path] | None:
    """All files and folders that decide which engine a word gives, and which version of it.

    Whether they are there or not: an engine may appear where there was none. None where it cannot be told.
    """
    if text == "builtin":
        return []
    if text not in _KNOWN:
        return None
    from isce2_recipe.engines.isce2 import places as places_of_isce2

    return list(places_of_isce2(environment))


def check_name(text: str) -> None:
    """See that there is an engine of that name, without opening it.

    Raises
    ------
    UsageError
        If there is not.
    """
    if text in _KNOWN or text in (plugins := _plugins()):
        return
    known = [*_KNOWN, *plugins]
    close = difflib.get_close_matches(text, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"known engines: {', '.join(known)}"
    raise UsageError(f"there is no engine '{text}'", hint=hint)


def _builtin() -> Engine:
    from isce2_recipe.engines.builtin import BuiltinEngine

    return BuiltinEngine()


def _isce2() -> Engine:
    from isce2_recipe.engines.isce2 import Isce2Engine

    return Isce2Engine.find()


def _auto(say: Callable[[str], None]) -> Engine:
    try:
        engine = _isce2()
    except EngineMissing as exc:
        say(f"{exc.message}; using the builtin engine")
        return _builtin()
    say(f"using ISCE2 {engine.version()}")
    return engine


def _plugins() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {each.name: each for each in entry_points(group=_PLUGINS)}
