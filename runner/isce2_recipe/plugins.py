"""Plug-ins: objects that other packages register as entry points."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from isce2_recipe.errors import InputError


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
