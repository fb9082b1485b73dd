"""Plug-ins: objects that other packages register as entry points."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from isce2_recipe.errors import InputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def plugins(group: str) -> Mapping[str, EntryPoint]:
    """Return the entry points of a group by name."""
    return _of_group(group, tuple(sys.path))


@lru_cache(maxsize=64)  # A search reads the metadata of all installed packages.
def _of_group(group: str, _path: tuple[str, ...]) -> Mapping[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in sorted(entry_points(group=group), key=lambda point: point.value)}


@contextmanager
def importing(what: str, module: str) -> Iterator[None]:
    """Report any error of the block as an import error of a plug-in's package.

    Parameters
    ----------
    what : str
        The name of the plug-in, for the message.
    module : str
        The value of its entry point.

    Raises
    ------
    InputError
        In place of any error of the block.
    """
    try:
        yield
    except Exception as exc:
        why = f"{type(exc).__name__}: {exc}"
        message = f"{what} of the package behind '{module}' cannot be imported: {why}"
        raise InputError(message, hint="reinstall the package, or remove it") from exc
