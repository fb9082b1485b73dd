"""What a command that need not be done again looked at, so that the next one can tell in a blink.

Light on purpose: the command line asks here before it imports anything. Nothing is taken on trust that the
full look at a run would not take on trust as well: within one start of the machine, a file is untouched while
size, times of modification and change, and inode say so.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from isce2_recipe import __version__
from isce2_recipe.paths import LOCK, MEMO, RUN_RECORD, cache_folder
from isce2_recipe.processes import boot_id

_MOST_FOLDERS = 64
"""Work directories looked into where the command line names none."""

_MANY_STEPS = 200

UP_TO_DATE = "nothing it depends on has changed"
"""The reason of a step that does not run."""

_WORKDIR = "ISCE2_RECIPE_WORKDIR"
_PREFIX = "ISCE2_RECIPE_"
_VARIABLES = ("PATH", "ISCE_HOME", "CONDA_PREFIX", "PYTHONPATH", "HOME")

BEGAN_NS = time.time_ns()
"""When this process began, as nearly as the recipe's reading needs."""

Signature = list[int] | None
"""Size, times of modification and change, inode; nothing but its being there; or None: it is not there."""

THERE: list[int] = []
"""The signature of something that may change as long as it is there."""

RACY_NS = 20_000_000
"""A file changed within this time of being looked at may change again within one tick of the file system's
clock."""


class CannotTellError(Exception):
    """The file system cannot tell whether something is still what the command saw; never seen outside."""


def steady(path: str | Path) -> tuple[str, Signature]:
    """The absolute path and signature of what nobody touched since this process began, which saw it so.

    Raises
    ------
    CannotTellError
        If it is not there, or was touched since.
    """
    found = signature(str(path))
    if found is None or max(found[1:3]) > BEGAN_NS - RACY_NS:
        raise CannotTellError
    return str(Path(path).absolute()), found


def code(packages: Iterable[str]) -> Iterator[str]:
    """Files of all that was imported from some packages, and the folders of installed packages.

    The folders change with whatever is installed, replaced or removed.
    """
    wanted = frozenset(packages)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and name.partition(".")[0] in wanted:
            yield file
    for folder in dict.fromkeys(sys.path):
        if Path(folder).name in ("site-packages", "dist-packages") and Path(folder).is_dir():
            yield folder


def question(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """Fingerprint of all on the command line and in the environment that a run depends on."""
    names = sorted(name for name in environment if name.startswith(_PREFIX) or name in _VARIABLES)
    program = [__version__, sys.version, sys.prefix, boot_id(), str(Path.cwd())]
    asked = [program, list(words), [[name, environment[name]] for name in names]]
    return hashlib.blake2b(json.dumps(asked).encode(), digest_size=20).hexdigest()


def write(
    workdir: Path, asked: str, watched: Mapping[str, Signature], said: Iterable[str], *, ran: bool
) -> None:
    """Remember what was looked at, what the run told its user, and whether any step ran."""
    memo = {"asked": asked, "said": list(said), "ran": ran, "watched": watched}
    with suppress(OSError):  # it only saves time
        _replace(workdir / MEMO, json.dumps(memo))


def _replace(path: Path, text: str) -> None:
    partial = path.with_suffix(".part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def forget(workdir: Path) -> None:
    """Have the next run look for itself."""
    (workdir / MEMO).unlink(missing_ok=True)


def recall(words: Sequence[str], environment: Mapping[str, str]) -> list[str] | None:
    """What a run would tell its user, where all is as it was; None where that cannot be told."""
    if not words or words[0] != "run" or "--json" in words:
        return None
    try:
        asked = question(words, environment)
    except OSError:  # the current folder is gone
        return None
    for folder in _folders(words, environment):
        try:
            memo = json.loads((folder / MEMO).read_bytes())
        except (OSError, ValueError):
            continue
        if memo["asked"] == asked and _untouched(memo["watched"]) and _record(folder, memo):
            said: list[str] = memo["said"]
            return said
    return None


_LINTED = "linted"
_MOST_LINTED = 200
"""Commands whose findings are kept; those asked last stay."""


def _linted(asked: str) -> Path:
    return cache_folder() / _LINTED / f"{asked}.json"


def recall_findings(words: Sequence[str], environment: Mapping[str, str]) -> tuple[str, int] | None:
    """What linting would print and its exit code, where all is as it was; None where that cannot be told."""
    try:
        memo = json.loads(_linted(question(words, environment)).read_bytes())
        return (memo["said"], memo["code"]) if _untouched(memo["watched"]) else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def write_findings(asked: str, watched: Mapping[str, Signature], said: str, code: int) -> None:
    """Remember what linting looked at and found."""
    with suppress(OSError):  # it only saves time
        path = _linted(asked)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        partial.write_text(json.dumps({"said": said, "code": code, "watched": watched}), encoding="utf-8")
        partial.replace(path)
        kept = sorted(path.parent.iterdir(), key=lambda one: one.stat().st_mtime_ns)
        for old in kept[:-_MOST_LINTED]:
            old.unlink(missing_ok=True)


def _record(folder: Path, memo: dict[str, Any]) -> bool:
    """Note in the run's record that nothing ran this time; False where another run is at work."""
    if not memo["ran"]:
        return True
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.pread(descriptor, 1, 0):  # someone died holding it
            return False
        record = json.loads((folder / RUN_RECORD).read_bytes())
        for step in record["steps"].values():
            if step["status"] == "done":
                step |= {"status": "cached", "reason": UP_TO_DATE}
        _replace(folder / RUN_RECORD, to_text(record))
        _replace(folder / MEMO, json.dumps({**memo, "ran": False}))
    except (OSError, ValueError, LookupError):
        return False
    finally:
        os.close(descriptor)
    return True


def to_text(record: Mapping[str, Any]) -> str:
    """A run's record as it is written: for people, unless there is too much of it."""
    indent = 1 if len(record["steps"]) <= _MANY_STEPS else None
    return json.dumps(record, indent=indent, ensure_ascii=False) + "\n"


def _folders(words: Sequence[str], environment: Mapping[str, str]) -> list[Path]:
    """Work directories this command line may mean."""
    for index, word in enumerate(words):
        if word == "--workdir" and index + 1 < len(words):
            return [Path(words[index + 1]).expanduser()]
        if word.startswith("--workdir="):
            return [Path(word.partition("=")[2]).expanduser()]
    if environment.get(_WORKDIR):
        return [Path(environment[_WORKDIR]).expanduser()]
    with os.scandir() as inside:
        found = [Path(item.name) for item in inside if item.is_dir() and "_" in item.name]
    return found[:_MOST_FOLDERS]


def _untouched(watched: Mapping[str, Signature]) -> bool:
    return all(_is(signature(path), item) for path, item in watched.items())


def _is(found: Signature, expected: Signature) -> bool:
    return found == expected or (expected == THERE and found is not None)


def signature(path: str) -> Signature:
    """What the file system says of a file or folder now, or of what a link leads to."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
