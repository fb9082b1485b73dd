"""What other packages add through entry points, loaded at a door where their mistakes are told from ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from isce2_recipe.errors import InputError


@contextmanager
def importing(what: str, module: str) -> Iterator[None]:
    """Blame the package behind a module for whatever keeps that from being imported.

    Parameters
    ----------
    what : str
        What it offers, for the message.
    module : str
        As its entry point names it.

    Raises
    ------
    InputError
        In place of any error.
    """
    try:
        yield
    except Exception as exc:
        why = f"{type(exc).__name__}: {exc}"
        message = f"{what} of the package behind '{module}' cannot be imported: {why}"
        raise InputError(message, hint="install the package again, or remove it") from exc
