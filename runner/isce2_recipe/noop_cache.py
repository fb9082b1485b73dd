"""The no-op cache: it lets a command that has nothing to do end at once.

The command line asks this module before it imports anything else, so it imports little. It trusts nothing
that the complete check of a run would not trust as well: within one start of the machine, a file is unchanged
while its size, times of modification and change, and inode are the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from isce2_recipe import __version__
from isce2_recipe.files import json_text, locked, write_json, write_text
from isce2_recipe.paths import LOCK, NOOP_CACHE, RUN_RECORD
from isce2_recipe.processes import boot_id

_MOST_FOLDERS = 64
"""Number of work directories that are searched where the command line names none."""

_MANY_STEPS = 200

UP_TO_DATE = "nothing it depends on has changed"
"""The reason of a step that does not run."""

_WORKDIR = "ISCE2_RECIPE_WORKDIR"
_PREFIX = "ISCE2_RECIPE_"
_VARIABLES = ("PATH", "ISCE_HOME", "CONDA_PREFIX", "PYTHONPATH", "HOME")

BEGAN_NS = time.time_ns()
"""The time at which this process began, ns since 1970, before it read any file of the recipe."""

Signature = list[int] | None
"""Size in bytes, times of modification and change in ns, and inode; empty for `THERE`; None where missing."""

THERE: Final[list[int]] = []
"""The signature of something that may change as long as it exists."""

RACY_NS = 20_000_000
"""Time within which a file may change again without new times, ns: one tick of the file system."""


class CannotTellError(Exception):
    """The file system cannot show whether a file is what the command read. Never seen by a user."""


def steady(path: str | Path) -> tuple[str, Signature]:
    """Return the absolute path and signature of a file that nobody has changed since this process began.

    Raise CannotTellError if it is missing, or may have changed since.
    """
    found = signature(str(path))
    if found is None or max(found[1:3]) > BEGAN_NS - RACY_NS:
        raise CannotTellError
    return str(Path(path).absolute()), found


def code(packages: Iterable[str]) -> Iterator[str]:
    """Yield the files of all modules imported from some packages, and the folders of installed packages.

    The folders change with every package that is installed, replaced or removed.
    """
    wanted = frozenset(packages)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and name.partition(".")[0] in wanted:
            yield file
    for folder in dict.fromkeys(sys.path):
        if Path(folder).name in ("site-packages", "dist-packages") and Path(folder).is_dir():
            yield folder


def question(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return a fingerprint of everything in the command line and environment that a run depends on."""
    names = sorted(name for name in environment if name.startswith(_PREFIX) or name in _VARIABLES)
    program = [__version__, sys.version, sys.prefix, boot_id(), str(Path.cwd())]
    asked = [program, list(arguments), [[name, environment[name]] for name in names]]
    return hashlib.blake2b(json.dumps(asked).encode(), digest_size=20).hexdigest()


def write(
    workdir: Path,
    asked: str,
    watched: Mapping[str, Signature],
    messages: Iterable[str],
    *,
    ran: bool,
    only_today: bool = False,
) -> None:
    """Record the signatures of all that a run read, the messages it printed, and whether any step ran.

    ``only_today`` says that a step may do something else on another day.
    """
    entry = {"asked": asked, "messages": list(messages), "ran": ran, "watched": watched}
    if only_today:
        entry["day"] = _today()
    with suppress(OSError):  # the cache only saves time
        write_json(workdir / NOOP_CACHE, entry, indent=None)


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())


def forget(workdir: Path) -> None:
    """Delete the cache of a work directory, so that the next run checks every step."""
    (workdir / NOOP_CACHE).unlink(missing_ok=True)


def recall(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str] | None:
    """Return the messages of a run that has nothing to do; None where this cannot be decided here."""
    if not arguments or arguments[0] != "run" or "--json" in arguments:
        return None
    try:
        asked = question(arguments, environment)
    except OSError:  # the current folder was deleted
        return None
    for folder in _folders(arguments, environment):
        try:
            entry = json.loads((folder / NOOP_CACHE).read_bytes())
        except (OSError, ValueError):
            continue
        same = entry["asked"] == asked and entry.get("day", _today()) == _today()
        if same and _untouched(entry["watched"]) and _record(folder, entry):
            messages: list[str] = entry["messages"]
            return messages
    return None


def _record(folder: Path, entry: dict[str, Any]) -> bool:
    """Note in the run's record that nothing ran this time; return False while another run is active."""
    if not entry["ran"]:
        return True
    try:
        with locked(folder / LOCK, blocking=False):
            if (folder / LOCK).stat().st_size:  # the last holder was killed
                return False
            record = json.loads((folder / RUN_RECORD).read_bytes())
            for step in record["steps"].values():
                if step["status"] == "done":
                    step |= {"status": "cached", "reason": UP_TO_DATE}
            write_text(folder / RUN_RECORD, to_text(record))
            write_json(folder / NOOP_CACHE, {**entry, "ran": False}, indent=None)
    except (OSError, ValueError, LookupError):
        return False
    return True


def to_text(record: Mapping[str, Any]) -> str:
    """Return a run's record as JSON, indented for people unless it has very many steps."""
    indent = 1 if len(record["steps"]) <= _MANY_STEPS else None
    return json_text(record, indent=indent) + "\n"


def _folders(arguments: Sequence[str], environment: Mapping[str, str]) -> list[Path]:
    """Return the work directories that a command line may mean."""
    for index, argument in enumerate(arguments):
        if argument == "--workdir" and index + 1 < len(arguments):
            return [Path(arguments[index + 1]).expanduser()]
        if argument.startswith("--workdir="):
            return [Path(argument.partition("=")[2]).expanduser()]
    if environment.get(_WORKDIR):
        return [Path(environment[_WORKDIR]).expanduser()]
    with os.scandir() as inside:
        found = [Path(item.name) for item in inside if item.is_dir() and "_" in item.name]
    return found[:_MOST_FOLDERS]


def _untouched(watched: Mapping[str, Signature]) -> bool:
    return all(_is(signature(path), expected) for path, expected in watched.items())


def _is(found: Signature, expected: Signature) -> bool:
    return found == expected or (expected == THERE and found is not None)


def signature(path: str) -> Signature:
    """Return the signature of a file or folder, or of the target of a link; None where it is missing."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
