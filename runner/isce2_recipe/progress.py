"""Displays of a run: JSON lines for programs, plain lines for logs, a live tree on a terminal."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Protocol

from isce2_recipe.files import json_text
from isce2_recipe.problems import printable
from isce2_recipe.processes import process_tree
from isce2_recipe.quantities import format_bytes, format_duration
from isce2_recipe.redact import in_values

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

Event = dict[str, Any]
Progress = Callable[[float, str], None]  # reports the fraction of a step that is done, and what it does

_MARKS = {
    "waiting": " ", "running": "»", "done": "✓", "cached": "=", "skipped": "-", "failed": "✗", "blocked": "·",
}  # fmt: skip
_STYLES = {
    "running": "cyan", "done": "green", "cached": "green dim", "skipped": "dim", "failed": "red bold",
    "blocked": "red dim",
}  # fmt: skip
_PLAIN_STEP = 0.25  # smallest difference of a step's fraction between two plain lines
_REFRESH_S = 0.2


def partly(progress: Progress, start: float, end: float) -> Progress:
    """Return a function that reports the progress of a part of a step, which lies between two fractions."""
    return lambda done, text: progress(start + (end - start) * done, text)


class JsonLines:
    """Prints one JSON object a line, as documented in ``docs/events.md``."""

    def __init__(self, stream: IO[str], redact: Callable[[str], str]) -> None:
        self._stream = stream
        self._redact = redact

    def __call__(self, event: Event) -> None:
        """Write one event."""
        if event["event"] == "tick":
            return
        stamped = {"event": event["event"], "time": round(time.time(), 3), **event}
        self._stream.write(printable(json_text(in_values(stamped, self._redact))) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Do nothing."""


class TextOutput(Protocol):
    """A stream that text can be written to."""

    def write(self, text: str, /) -> object:
        """Write text."""

    def flush(self) -> object:
        """Flush what was written."""


class PlainLines:
    """Prints a line for each important event; for logs and pipes."""

    def __init__(self, stream: TextOutput, redact: Callable[[str], str]) -> None:
        self._stream = stream
        self._redact = redact
        self._reported: dict[str, float] = {}
        self._cached = 0

    def __call__(self, event: Event) -> None:
        """Print the line of an event, if it has one."""
        handler = getattr(self, "_on_" + event["event"].replace(".", "_"), None)
        if handler is not None:
            handler(event)

    def _print(self, text: str) -> None:
        self._stream.write(printable(self._redact(text)) + "\n")
        self._stream.flush()

    def _on_run_started(self, event: Event) -> None:
        count = sum(not one.get("loop") for one in event["steps"])
        self._print(f"{event['recipe']} in {event['workdir']}, {count} steps")

    def _on_warning(self, event: Event) -> None:
        self._print(f"warning: {event['message']}")

    def _on_note(self, event: Event) -> None:
        self._print(str(event["message"]))

    def _on_step_started(self, event: Event) -> None:
        again = f" (attempt {event['attempt']})" if event["attempt"] > 1 else ""
        self._reported[event["step"]] = 0.0
        self._print(f"{event['step']}: started{again}: {event['reason']}")

    def _on_step_progress(self, event: Event) -> None:
        if event["fraction"] - self._reported.get(event["step"], 0.0) >= _PLAIN_STEP:
            self._reported[event["step"]] = event["fraction"]
            text = f" {event['text']}" if event["text"] else ""
            self._print(f"{event['step']}: {event['fraction']:.0%}{text}")

    def _on_step_done(self, event: Event) -> None:
        facts = f"{format_duration(event['seconds'])}, {format_bytes(event['memory'])}"
        self._print(f"{event['step']}: done in {facts}")

    def _on_step_cached(self, _event: Event) -> None:
        self._cached += 1

    def _on_step_skipped(self, event: Event) -> None:
        self._print(f"{event['step']}: skipped, {event['reason']}")

    def _on_step_retry(self, event: Event) -> None:
        self._print(_retry(event))

    def _on_step_blocked(self, event: Event) -> None:
        self._print(f"{event['step']}: does not run, {event['reason']}")

    def _on_loop_expanded(self, event: Event) -> None:
        self._print(f"{event['step']}: {event['instances']} instance{'s' * (event['instances'] != 1)}")

    def _on_step_failed(self, event: Event) -> None:
        self._print(f"{event['step']}: failed")

    def close(self) -> None:
        """Print the number of steps that were up to date."""
        if self._cached:
            verb = "step was" if self._cached == 1 else "steps were"
            self._print(f"{self._cached} {verb} up to date")


def _retry(event: Event) -> str:
    return f"{event['message']}; trying again in {format_duration(event['wait'])}"


@dataclass
class _Row:
    """The state of a step, or of a part."""

    id: str
    summary: str
    state: str = "waiting"
    fraction: float | None = None
    text: str = ""
    began: float = 0.0
    seconds: float = 0.0
    memory: float = 0.0
    pid: int = 0
    part: bool = False


class Tree:
    """Shows the steps as a live tree: state, percent, elapsed time, peak memory."""

    _counted = "steps"

    def __init__(self, stream: IO[str], redact: Callable[[str], str]) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False)
        self._redact = redact
        self._rows: dict[str, _Row] = {}
        self._live: Live | None = None
        self._next = 0.0
        self._began = time.monotonic()
        self._title = ""

    def __call__(self, event: Event) -> None:
        """Show an event."""
        handler = getattr(self, "_on_" + event["event"].replace(".", "_"), None)
        if handler is not None:
            handler(event)
        now = time.monotonic()
        if self._live is not None and (now >= self._next or event["event"] != "step.progress"):
            if event["event"].startswith("step.cached") and now < self._next:
                return
            self._next = now + _REFRESH_S
            self._live.update(self._picture(now), refresh=True)

    def _on_run_started(self, event: Event) -> None:
        from rich.live import Live

        self._rows = dict(_rows(event["steps"]))
        self._title = f"{event['recipe']} in {event['workdir']}"
        # No refresh thread, because the runner forks.
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="ellipsis")
        self._live.start()

    def _on_warning(self, event: Event) -> None:
        self._console.print(
            f"warning: {printable(self._redact(event['message']))}", style="yellow", markup=False
        )

    def _on_note(self, event: Event) -> None:
        self._console.print(printable(self._redact(event["message"])), markup=False)

    def _on_loop_expanded(self, event: Event) -> None:
        before, self._rows = self._rows, {}
        for name, row in before.items():
            self._rows[name] = row
            if name == event["step"]:
                self._rows |= _rows(event["steps"])

    def _on_loop_done(self, event: Event) -> None:
        row = self._rows[event["step"]]
        row.state, row.summary = event["status"], event["reason"]

    def _on_step_started(self, event: Event) -> None:
        row = self._rows[event["step"]]
        row.state, row.began, row.fraction, row.pid = "running", time.monotonic(), None, event["pid"]
        row.text = f"attempt {event['attempt']}" if event["attempt"] > 1 else ""

    def _on_step_progress(self, event: Event) -> None:
        row = self._rows[event["step"]]
        row.fraction, row.text = event["fraction"], event["text"]

    def _on_step_retry(self, event: Event) -> None:
        self._console.print(printable(self._redact(_retry(event))), style="yellow", markup=False)
        self._rows[event["step"]].state = "waiting"

    def _settled(self, event: Event) -> None:
        row = self._rows[event["step"]]
        row.state, row.text, row.fraction = event["event"].partition(".")[2], "", None
        row.seconds, row.memory = event.get("seconds", 0.0), event.get("memory", 0.0)

    _on_step_done = _on_step_cached = _on_step_skipped = _on_step_failed = _on_step_blocked = _settled

    def _picture(self, now: float) -> Group:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column()
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True, justify="right")
        for row in self._visible():
            name = "  " * (row.id.count("/") + row.id.count("[")) + row.id.rpartition("/")[2]
            cells = _MARKS[row.state], _escape(name), self._detail(row), self._time(row, now), _memory(row)
            table.add_row(*cells, style=_STYLES.get(row.state, ""))
        steps = [row for row in self._rows.values() if not row.part]
        ended = sum(row.state not in ("waiting", "running") for row in steps)
        title = Text(printable(self._title), style="bold", overflow="fold")
        # This line is last and short, so that the ^C which a terminal shows after it fits into it.
        count = Text(
            f"{ended} of {len(steps)} {self._counted}, {format_duration(now - self._began)}", style="bold"
        )
        return Group(title, table, count)

    def _visible(self) -> list[_Row]:
        """Return all rows, or the most important ones if the terminal is too small."""
        rows = list(self._rows.values())
        room = max(4, self._console.height - 4)
        if len(rows) <= room:
            return rows
        active = [row for row in rows if row.state in ("running", "failed")]
        waiting = [row for row in rows if row.state == "waiting" and not row.part]
        done = [row for row in rows if row.state == "done"][::-1]
        chosen = {row.id for row in [*active, *done[:3], *waiting, *done[3:]][:room]}
        return [row for row in rows if row.id in chosen]

    def _detail(self, row: _Row) -> str:
        if row.state != "running":
            return _escape("up to date" if row.state == "cached" and not row.part else row.summary)
        if row.fraction is None:
            return _escape(row.text or row.summary)
        filled = round(20 * row.fraction)
        bar = f"{'━' * filled}[dim]{'━' * (20 - filled)}[/]"
        return f"{bar} {row.fraction:4.0%} {_escape(self._redact(row.text))}"

    def _time(self, row: _Row, now: float) -> str:
        seconds = now - row.began if row.state == "running" else row.seconds
        return format_duration(seconds) if row.state in ("running", "done", "failed") else ""

    def close(self) -> None:
        """Leave the last state on the screen."""
        if self._live is not None:
            self._live.update(self._picture(time.monotonic()), refresh=True)
            self._live.stop()
            self._live = None


class RowTable(Tree):
    """Shows a batch as a live table of its rows, each with the step that it is at."""

    _counted = "rows"

    def _on_run_started(self, event: Event) -> None:
        self._left = Counter(_row_of(one["step"]) for one in event["steps"] if not one.get("loop"))
        self._total = dict(self._left)
        self._seconds: dict[str, float] = {}
        rows = [{"step": name, "summary": f"{count} steps"} for name, count in self._left.items()]
        super()._on_run_started({**event, "steps": rows})

    def _on_loop_expanded(self, event: Event) -> None:
        new = Counter(_row_of(one["step"]) for one in event["steps"] if not one.get("loop"))
        self._left += new
        self._total = {name: count + new[name] for name, count in self._total.items()}

    def _on_loop_done(self, event: Event) -> None:
        """Do nothing: the rows are done when all their steps are."""

    def _on_step_started(self, event: Event) -> None:
        row = self._row(event)
        row.pid, row.text = event["pid"], _step_of(event["step"])
        if row.state == "waiting":
            row.state, row.began = "running", time.monotonic()

    def _on_step_progress(self, event: Event) -> None:
        row = self._row(event)
        row.fraction = self._fraction(row.id, event["fraction"])
        row.text = f"{_step_of(event['step'])}: {event['text']}"

    def _on_step_retry(self, event: Event) -> None:
        self._console.print(printable(self._redact(_retry(event))), style="yellow", markup=False)

    def _on_step_settled(self, event: Event) -> None:
        row, state = self._row(event), event["event"].partition(".")[2]
        self._left[row.id] -= 1
        row.fraction = self._fraction(row.id, 0.0)
        if state == "done":
            self._seconds[row.id] = self._seconds.get(row.id, 0.0) + event["seconds"]
            row.memory = max(row.memory, event["memory"])
        if state == "failed":
            row.state, row.summary = "failed", f"{_step_of(event['step'])}: {self._redact(event['message'])}"
        elif not self._left[row.id] and row.state != "failed":
            row.state = "done" if row.id in self._seconds else "cached"
        if row.state != "running":
            row.seconds = self._seconds.get(row.id, 0.0)

    _on_step_done = _on_step_cached = _on_step_skipped = _on_step_failed = _on_step_blocked = _on_step_settled

    def _row(self, event: Event) -> _Row:
        return self._rows[_row_of(event["step"])]

    def _fraction(self, row: str, of_step: float) -> float:
        total = self._total[row]
        return (total - self._left[row] + of_step) / total


def _row_of(step: str) -> str:
    """Return the row of a batch that a step belongs to: the outermost instance around it."""
    return step[: step.find("]") + 1] if "]" in step else step


def _step_of(step: str) -> str:
    return step[step.find("]") + 2 :] if "]" in step else step


def _rows(steps: Iterable[Mapping[str, Any]]) -> dict[str, _Row]:
    """Return the rows of some steps, each part and loop before its steps."""
    rows: dict[str, _Row] = {}
    loops = {one["step"]: one["summary"] for one in steps if one.get("loop")}
    for one in steps:
        name = one["step"]
        for end in [index for index, character in enumerate(name) if character in "/["]:
            group = name[:end]
            rows.setdefault(group, _Row(group, loops.get(group, ""), part=True))
        rows.setdefault(name, _Row(name, one["summary"], part=name in loops))
    return rows


def _memory(row: _Row) -> str:
    size = max(map(_resident, process_tree(row.pid))) if row.state == "running" else row.memory
    row.memory = max(row.memory, size)
    return format_bytes(row.memory) if row.memory and row.state in ("running", "done", "failed") else ""


def _resident(pid: int) -> float:
    """Return the resident memory of a process, bytes; 0 if the system does not show it."""
    try:
        with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123
            return float(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    except (OSError, ValueError, IndexError):
        return 0.0


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(printable(text))
