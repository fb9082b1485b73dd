"""Remembers what was found, so that the same command is answered at once while nothing changes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from isce2_recipe import actions, noop_cache
from isce2_recipe.actions.registry import Registry
from isce2_recipe.noop_cache import CannotTellError, Signature, signature, steady
from isce2_recipe.paths import data_folder

_MOST = 5000
"""Files and folders to watch: what looked at more of them is not remembered."""


def remember(
    words: Sequence[str],
    registry: Registry,
    looked: Mapping[str, Signature],
    said: str,
    code: int,
) -> None:
    """Let the next command with the same words be answered at once, if that can be done safely.

    Parameters
    ----------
    words : sequence of str
        The command line.
    registry : Registry
        The actions known.
    looked : mapping
        Every path that was looked at, as it was then.
    said : str
        What the command printed.
    code : int
        Its exit code.
    """
    with suppress(CannotTellError, OSError):
        watched = dict(_watched(registry, looked))
        if len(watched) <= _MOST:
            noop_cache.write_findings(noop_cache.question(words, os.environ), watched, said, code)


def _watched(registry: Registry, looked: Mapping[str, Signature]) -> Iterator[tuple[str, Signature]]:
    yield from map(steady, noop_cache.code(_makers(registry)))
    # Actions appear with a package in any of these folders, or with a file among ours.
    yield from map(steady, [*(one for one in sys.path if Path(one).is_dir()), actions.__path__[0]])
    yield from map(steady, data_folder("schemas").rglob("*.json"))
    for path, found in looked.items():
        if found is None and signature(path) is None:
            yield str(Path(path).absolute()), None
            continue
        place, now = steady(path)
        if now != found:
            raise CannotTellError
        yield place, now


def _makers(registry: Registry) -> Iterable[str]:
    """Packages of the code that decides: this one, and those of actions."""
    return {module.partition(".")[0] for module in (__name__, *registry.installed.values())}
