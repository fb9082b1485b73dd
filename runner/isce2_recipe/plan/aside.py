"""Files of the user in a work directory, which are moved out of the way of steps and never deleted."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from isce2_recipe.journal.files import walk
from isce2_recipe.paths import RESOLVED_RECIPE, RUN_RECORD, SET_ASIDE
from isce2_recipe.recipe.document import dump

Known = Callable[[str, str, os.stat_result], bool]
"""Returns for name, path and status of a file whether a step made it as it is."""

_MOST_NAMES = 3  # that the warning lists


def move(workdir: Path, names: Sequence[str], warn: Callable[[str], None]) -> None:
    """Move files and folders to a new folder below ``set-aside``, and warn.

    Parameters
    ----------
    workdir : Path
        The work directory.
    names : sequence of str
        Their paths relative to it; a folder is moved with its content.
    warn : callable
        Receives the message.
    """
    outer: list[str] = []
    for name in sorted(names, key=lambda one: one.split("/")):
        if not outer or not name.startswith(f"{outer[-1]}/"):
            outer.append(name)
    if not outer:
        return
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    folders = (workdir / SET_ASIDE / f"{stamp}-{number}" for number in count(1))
    target = next(folder for folder in folders if not folder.exists())
    for name in outer:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (workdir / name).rename(target / name)
    more = f" and {len(outer) - _MOST_NAMES} more" if len(outer) > _MOST_NAMES else ""
    found = "it was found" if len(outer) == 1 else "they were found"
    warn(f"no step made {', '.join(outer[:_MOST_NAMES])}{more} as {found}: moved to {target}")


def or_record(known: Known) -> Known:
    """Return a function that knows the records too that a batch writes into the folder of a row."""
    return lambda name, path, status: known(name, path, status) or _is_record_of_row(Path(path))


def _is_record_of_row(path: Path) -> bool:
    """Return whether a file is the record or the recipe of a row as a batch wrote it."""
    record, recipe = path.with_name(RUN_RECORD), path.with_name(RESOLVED_RECIPE)
    if path not in (record, recipe):
        return False
    with suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
        found = json.loads(record.read_bytes())
        if found["batch"]["row"] == path.parent.name:
            if path == recipe:
                return path.read_text(encoding="utf-8") == dump(found["recipe"]["resolved"])
            return record.stat().st_mtime_ns <= recipe.stat().st_mtime_ns  # a batch writes the recipe last
    return False


def foreign(workdir: Path, place: str, known: Known) -> list[str]:
    """Return what is in the place of a step's own folder besides known files; also if it is no folder."""
    path = workdir / place
    try:
        status = path.lstat()
    except OSError:
        return []
    if not stat.S_ISDIR(status.st_mode):
        return [] if known(place, str(path), status) else [place]
    return [one[0] for one in walk(path, f"{place}/") if not known(*one)]
