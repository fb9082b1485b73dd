"""The journal of a work directory: JSON lines, appended and synced, which are right after any crash."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isce2_recipe.errors import InputError
from isce2_recipe.files import json_text
from isce2_recipe.journal.files import FileEntry, Manifest
from isce2_recipe.paths import JOURNAL
from isce2_recipe.redact import in_values

VERSION = 1
"""Version of the journal's format."""


@dataclass(frozen=True, slots=True)
class Done:
    """The record of a step that finished."""

    # The step's id; steps of a part have the id of the step that uses it and a slash before their own.
    step: str
    key: str  # its content key
    parts: Mapping[str, Any]  # what the key was made of, JSON
    outputs: Mapping[str, Any]  # what the step returned, as `isce2_recipe.journal.values.encode` writes it
    # Entries of all files it made, by path relative to the work directory; None for a file it deleted.
    files: Mapping[str, FileEntry | None]
    order: int = 0  # position in the journal: a step that finished later has a higher one
    # Times, attempts, memory; never part of a decision.
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def made(self) -> Manifest:
        """Return the files that exist when the step is done."""
        return {name: entry for name, entry in self.files.items() if entry is not None}


@dataclass
class History:
    """The content of a journal."""

    done: dict[str, Done] = field(default_factory=dict)  # the record of the last time that each step finished
    earlier: dict[str, Done] = field(default_factory=dict)  # the record of the time before that
    # Records of attempts that started and did not finish: they failed, or a crash interrupted them.
    open: dict[str, dict[str, Any]] = field(default_factory=dict)
    # The record of each step's last start, with its reason.
    started: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)  # begin and end of every run
    # The record of each loop's last expansion: ``keys`` and ``items``.
    loops: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Fingerprints of the files that runs copied next to the resolved recipe, by relative path.
    copies: dict[str, set[str]] = field(default_factory=dict)
    lines: int = 0

    def add(self, record: dict[str, Any]) -> None:
        """Add the content of one line."""
        self.lines += 1
        handler = _HANDLERS.get(record.get("event", ""))
        if handler is not None:
            handler(self, record)

    def finish(self, done: Done) -> None:
        """Add a step that finished."""
        if done.step in self.done:
            self.earlier[done.step] = self.done[done.step]
        self.done[done.step] = done
        self.open.pop(done.step, None)


def _started(history: History, record: dict[str, Any]) -> None:
    history.open[record["step"]] = record
    history.started[record["step"]] = record


def _failed(history: History, record: dict[str, Any]) -> None:
    # A step that failed in a shared folder leaves it as it is: the folder has to be rolled back.
    if record["step"] in history.open:
        history.open[record["step"]] = {**history.open[record["step"]], "ended": True}


def _rolled_back(history: History, record: dict[str, Any]) -> None:
    if record["step"] in history.open:
        history.open[record["step"]] = {**history.open[record["step"]], "rolled": True}


def _dropped(history: History, record: dict[str, Any]) -> None:
    history.done.pop(record["step"], None)


def _expanded(history: History, record: dict[str, Any]) -> None:
    loop, removed = str(record["step"]), frozenset(record["removed"])
    history.loops[loop] = record
    if removed:
        for known in (history.done, history.earlier, history.open, history.started, history.loops):
            for name in [name for name in known if instance_in(loop, name) in removed]:
                del known[name]


def instance_in(loop: str, step: str) -> str | None:
    """Return the key of the instance of a loop to which a step belongs, or None."""
    return step[len(loop) + 1 :].partition("]")[0] if step.startswith(f"{loop}[") else None


def _finished(history: History, record: dict[str, Any]) -> None:
    if any(name.startswith("/") or (".." in name and ".." in name.split("/")) for name in record["files"]):
        raise ValueError
    files = {
        name: None if item is None else FileEntry.from_json(item) for name, item in record["files"].items()
    }
    history.finish(
        Done(
            record["step"],
            record["key"],
            record["parts"],
            record["outputs"],
            files,
            history.lines,
            record["facts"],
        )
    )


def _copied(history: History, record: dict[str, Any]) -> None:
    for name, digest in record["files"].items():
        history.copies.setdefault(name, set()).add(digest)


def _run(history: History, record: dict[str, Any]) -> None:
    history.runs.append(record)


_HANDLERS: dict[str, Callable[[History, dict[str, Any]], None]] = {
    "start": _started,
    "failed": _failed,
    "rollback": _rolled_back,
    "dropped": _dropped,
    "expanded": _expanded,
    "done": _finished,
    "copied": _copied,
    "run": _run,
    "end": _run,
}


def read(workdir: Path) -> History:
    """Read the journal of a work directory; without one the history is empty.

    A last line that a crash cut short is skipped.

    Raise InputError if the journal was written by a later version.
    """
    history = History()
    for record in _records(workdir / JOURNAL):
        version = record.get("journal", 1) if record.get("event") == "run" else 1
        if not isinstance(version, int) or version > VERSION:
            raise InputError(
                f"{workdir} was written by a later version of isce2-recipe",
                hint="use that version, or another --workdir",
            )
        try:
            history.add(record)
        except (LookupError, TypeError, ValueError, AttributeError):
            raise InputError(
                f"line {history.lines} of {workdir / JOURNAL} is not of a run of isce2-recipe",
                hint="give another --workdir, or delete this one",
            ) from None
    return history


def _records(path: Path) -> Iterator[dict[str, Any]]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    try:  # all at once, which is many times faster
        records = json.loads(b"[" + b",".join(data.splitlines()) + b"]")
    except ValueError:
        records = map(_record, data.splitlines())
    for record in records:
        if isinstance(record, dict):
            yield record


def _record(line: bytes) -> object:
    """Read a line; return None if a crash cut it short."""
    try:
        return json.loads(line)
    except ValueError:
        return None


class Journal:
    """The journal of a run in progress.

    Parameters
    ----------
    workdir : Path
        The run's folder, whose lock the caller holds.
    redact : callable
        Removes secrets from a line.
    """

    def __init__(self, workdir: Path, redact: Callable[[str], str]) -> None:
        path = workdir / JOURNAL
        path.parent.mkdir(parents=True, exist_ok=True)
        self._redact = redact
        self._dirty = False
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._end_last_line()

    def _end_last_line(self) -> None:
        """End a line that a crash cut short, so that the next line is complete."""
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            os.write(self._descriptor, b"\n")

    def append(self, record: dict[str, Any], *, sync: bool = True) -> None:
        """Append one line, and with ``sync`` wait until it is on the disk."""
        line = json_text(in_values(record, self._redact), separators=(",", ":")) + "\n"
        data = line.encode()
        while data:
            data = data[os.write(self._descriptor, data) :]
        self._dirty = True
        if sync:
            self.sync()

    def sync(self) -> None:
        """Wait until everything is on the disk."""
        if self._dirty:
            os.fdatasync(self._descriptor) if hasattr(os, "fdatasync") else os.fsync(self._descriptor)
            self._dirty = False

    def finished(self, done: Done) -> None:
        """Append that a step is done; one `sync` must follow, for several steps at a time."""
        files = {name: None if entry is None else entry.to_json() for name, entry in done.files.items()}
        self.append(
            {
                "event": "done",
                "step": done.step,
                "key": done.key,
                "parts": done.parts,
                "outputs": done.outputs,
                "files": files,
                "facts": done.facts,
            },
            sync=False,
        )

    def close(self) -> None:
        """Close the file."""
        self.sync()
        os.close(self._descriptor)
