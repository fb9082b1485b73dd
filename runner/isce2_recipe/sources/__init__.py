"""Where inputs come from: the network, a folder, or a simulation."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from isce2_recipe.errors import UsageError
from isce2_recipe.plugins import importing
from isce2_recipe.sources.base import Source

_PLUGINS = "isce2_recipe.sources"
_KNOWN = ("asf", "directory", "simulated")


def open_source(text: str) -> Source:
    """The source that a word of the command line names.

    Parameters
    ----------
    text : str
        ``asf``, ``directory:DIR``, ``simulated``, ``simulated:key=value,...``, or the name of a plug-in of
        the entry-point group ``isce2_recipe.sources`` (a callable that takes what follows the colon).

    Raises
    ------
    UsageError
        If there is no such source, or what follows its name makes no sense.
    """
    name, _, rest = text.partition(":")
    if name == "simulated":
        from isce2_recipe.sources.simulated.options import SimulationOptions
        from isce2_recipe.sources.simulated.source import SimulatedSource

        return SimulatedSource(SimulationOptions.parse(rest))
    if name == "directory":
        return _directory(rest)
    if name == "asf":
        return _asf(rest)
    return _plugin(name, rest)


def _asf(rest: str) -> Source:
    from isce2_recipe.sources.asf import AsfSource

    if rest:
        raise UsageError(f"the source asf takes no options, instead got '{rest}'")
    return AsfSource(os.environ)


def _directory(rest: str) -> Source:
    from isce2_recipe.sources.directory import DirectorySource

    if not rest:
        raise UsageError("the source directory needs a folder", hint="write directory:DIR")
    return DirectorySource(Path(rest).expanduser())


def _plugin(name: str, rest: str) -> Source:
    from importlib.metadata import entry_points

    plugins = {each.name: each for each in entry_points(group=_PLUGINS)}
    if name in plugins:
        with importing(f"the source '{name}'", plugins[name].value):
            make = plugins[name].load()
        source: Source = make(rest)
        return source
    known = [*_KNOWN, *plugins]
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"known sources: {', '.join(known)}"
    raise UsageError(f"there is no source '{name}'", hint=hint)
