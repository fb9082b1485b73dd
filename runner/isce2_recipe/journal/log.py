"""The journal: one JSON object a line, appended and synced, so that it tells the truth after any crash."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isce2_recipe.errors import InputError
from isce2_recipe.journal.files import Entry, Manifest
from isce2_recipe.paths import JOURNAL

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was finished.

    Attributes
    ----------
    step : str
        Its id; steps of a part have the part's id and a slash before theirs.
    key : str
        Content key.
    parts : dict
        What the key was made of, JSON.
    outputs : dict
        What it returned, as `isce2_recipe.journal.values.encode` writes it.
    files : dict
        Entries of every file it made, by path relative to the work directory; None for a file it took away.
    order : int
        Position in the journal: what was finished later has a higher one.
    facts : dict
        Times, attempts, memory; never part of a decision.
    """

    step: str
    key: str
    parts: dict[str, Any]
    outputs: dict[str, Any]
    files: dict[str, Entry | None]
    order: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def made(self) -> Manifest:
        """The files that are there when the step is done."""
        return {name: entry for name, entry in self.files.items() if entry is not None}


@dataclass
class History:
    """What the journal says.

    Attributes
    ----------
    done : dict
        The last time each step was finished.
    earlier : dict
        The time before that.
    open : dict
        Records of attempts that were begun and neither finished nor given up: those a crash cut off.
    started : dict
        The record of each step's last start, with its reason.
    groups : dict
        Process group of each step's last start, and when it began.
    runs : list of dict
        Begin and end of every run.
    """

    done: dict[str, Done] = field(default_factory=dict)
    earlier: dict[str, Done] = field(default_factory=dict)
    open: dict[str, dict[str, Any]] = field(default_factory=dict)
    started: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, tuple[int, str]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    lines: int = 0

    def add(self, record: dict[str, Any]) -> None:
        """Take in one line."""
        self.lines += 1
        handler = _HANDLERS.get(record.get("event", ""))
        if handler is not None:
            handler(self, record)

    def finish(self, done: Done) -> None:
        """Note that a step was finished."""
        if done.step in self.done:
            self.earlier[done.step] = self.done[done.step]
        self.done[done.step] = done
        self.open.pop(done.step, None)


def _started(history: History, record: dict[str, Any]) -> None:
    history.open[record["step"]] = record
    history.started[record["step"]] = record


def _failed(history: History, record: dict[str, Any]) -> None:
    # A step that writes in place leaves its folder as it was when it failed: still to be rolled back.
    if record["step"] in history.open:
        history.open[record["step"]] = {**history.open[record["step"]], "ended": True}


def _rolled_back(history: History, record: dict[str, Any]) -> None:
    if record["step"] in history.open:
        history.open[record["step"]] = {**history.open[record["step"]], "rolled": True}


def _dropped(history: History, record: dict[str, Any]) -> None:
    history.done.pop(record["step"], None)


def _pid(history: History, record: dict[str, Any]) -> None:
    history.groups[record["step"]] = (record["pid"], record["since"])


def _finished(history: History, record: dict[str, Any]) -> None:
    files = {name: None if item is None else Entry.from_json(item) for name, item in record["files"].items()}
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


def _run(history: History, record: dict[str, Any]) -> None:
    history.runs.append(record)


_HANDLERS: dict[str, Callable[[History, dict[str, Any]], None]] = {
    "start": _started,
    "failed": _failed,
    "rollback": _rolled_back,
    "dropped": _dropped,
    "pid": _pid,
    "done": _finished,
    "run": _run,
    "end": _run,
}


def read(workdir: Path) -> History:
    """What the journal of a work directory says; nothing where there is none.

    A last line that a crash cut short is passed over.

    Raises
    ------
    InputError
        If the journal was written by a later version.
    """
    history = History()
    for record in _records(workdir / JOURNAL):
        if record.get("event") == "run" and record.get("journal", 1) > _VERSION:
            raise InputError(
                f"{workdir} was written by a later version of isce2-recipe",
                hint="use that version, or another --workdir",
            )
        history.add(record)
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
    """What a line says; None where a crash cut it short."""
    try:
        return json.loads(line)
    except ValueError:
        return None


class Journal:
    """The journal of a run in progress.

    Parameters
    ----------
    workdir : Path
        The run's folder, whose lock is held.
    redact : callable
        Takes secrets out of a line.
    """

    def __init__(self, workdir: Path, redact: Callable[[str], str]) -> None:
        path = workdir / JOURNAL
        path.parent.mkdir(parents=True, exist_ok=True)
        self._redact = redact
        self._dirty = False
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._heal()

    def _heal(self) -> None:
        """End a line that a crash cut short, so that the next one stands by itself."""
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            os.write(self._descriptor, b"\n")

    def append(self, record: dict[str, Any], *, sync: bool = True) -> None:
        """Write one line, and with ``sync`` wait until the disk has it."""
        line = self._redact(json.dumps(record, separators=(",", ":"), ensure_ascii=False)) + "\n"
        data = line.encode()
        while data:
            data = data[os.write(self._descriptor, data) :]
        self._dirty = True
        if sync:
            self.sync()

    def sync(self) -> None:
        """Wait until the disk has all that was written."""
        if self._dirty:
            os.fdatasync(self._descriptor) if hasattr(os, "fdatasync") else os.fsync(self._descriptor)
            self._dirty = False

    def finished(self, done: Done) -> None:
        """Write that a step is done; to be followed by `sync`, for several steps at a time."""
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
        """Let go of the file."""
        self.sync()
        os.close(self._descriptor)

    @staticmethod
    def version() -> int:
        """Of the format."""
        return _VERSION
