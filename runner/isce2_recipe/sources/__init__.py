"""Sources of a run's inputs: the network, a folder, a simulation, and those of other packages."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any

from isce2_recipe.errors import InputError, UsageError
from isce2_recipe.plugins import importing, plugins
from isce2_recipe.sources.base import FullSource, capabilities_of

DEFAULT_SOURCE = "asf"
GROUP = "isce2_recipe.sources"
"""Entry-point group: the name after ``--source``, and a callable that takes the text after the colon."""

_SHIPPED = {
    "asf": ("isce2_recipe.sources.asf.source", "AsfSource"),
    "directory": ("isce2_recipe.sources.directory", "DirectorySource"),
    "simulated": ("isce2_recipe.sources.simulated.source", "SimulatedSource"),
}


def open_source(text: str) -> FullSource:
    """Return the source that a text of the command line names.

    The text is ``asf``, ``directory:DIR``, ``simulated``, ``simulated:key=value,...``, or the name of a plug-
    in of the entry-point group `GROUP`. The type is that of a source with every capability; what the source
    really has is in `isce2_recipe.sources.base.capabilities_of`. Raise UsageError if there is no such source,
    or it does not accept the text after the colon, and InputError if a plug-in cannot be imported.
    """
    name, _, options = text.partition(":")
    if name in _SHIPPED:
        source: FullSource = _shipped(name).from_text(options)
        return source
    return _plugin(name)(options)


def declared_capabilities(text: str) -> frozenset[str] | None:
    """Return the capabilities that the class of a source has, without opening the source.

    None where they are unknown, because a plug-in's entry point is a function.

    Raise UsageError if there is no such source, and InputError if a plug-in cannot be imported.
    """
    name = text.partition(":")[0]
    made_by = _shipped(name) if name in _SHIPPED else _plugin(name)
    return capabilities_of(made_by) if isinstance(made_by, type) else None


def sources_with(capabilities: Iterable[str]) -> list[str]:
    """Return the names of the known sources that have all of these capabilities."""
    wanted = frozenset(capabilities)
    return [name for name, found in _known_capabilities() if wanted <= found]


def _known_capabilities() -> Iterator[tuple[str, frozenset[str]]]:
    for name in (*_SHIPPED, *plugins(GROUP)):
        try:
            found = declared_capabilities(name)
        except InputError:  # `doctor` reports plug-ins that cannot be imported
            continue
        yield name, found or frozenset()


def _shipped(name: str) -> Any:
    module, class_name = _SHIPPED[name]
    return getattr(import_module(module), class_name)


def _plugin(name: str) -> Callable[[str], FullSource]:
    found = plugins(GROUP)
    if name in found:
        with importing(f"the source '{name}'", found[name].value):
            make: Callable[[str], FullSource] = found[name].load()
        return make
    known = [*_SHIPPED, *found]
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"known sources: {', '.join(known)}"
    raise UsageError(f"there is no source '{name}'", hint=hint)
