"""Report of the steps of an application: time and memory of each, and a message while a step is silent."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from isce2_recipe.processes import process_tree
from isce2_recipe.quantities import format_bytes, format_duration

SILENCE_S = 30.0
"""Time without output after which a message states that the step still runs."""

_SAMPLE_S = 0.5
_MAXRSS_UNIT = 1024  # bytes; getrusage(2) on Linux
_RESET_PEAK = "5"  # proc(5), clear_refs


class StepReport:
    """Prints wall time, processor time and peak memory of each step, and of all of them at the end.

    It is a stream for everything that is printed during the run, so that it can detect silence: after
    ``silence_s`` without output it prints a message. A step begins when `progress` receives its name.
    """

    def __init__(
        self, app: str, steps: Sequence[str], stream: IO[str], *, silence_s: float = SILENCE_S
    ) -> None:
        self._app = app
        self._steps = frozenset(steps)
        self._stream = stream
        self._silence_s = silence_s
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._start = self._step_start = self._printed = time.monotonic()
        self._cpu_start = self._cpu = self._step_cpu = _cpu_seconds()
        self._peak = self._step_peak = 0
        self._step = ""
        self._done = 0
        self._position = ""

    def __enter__(self) -> Self:
        _reset_peaks()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        with self._lock:
            self._finish_step("done" if kind is None else "stopped")
            if kind is None:
                now = time.monotonic()
                facts = _facts(now - self._start, self._cpu - self._cpu_start, self._peak)
                self._print(f"{self._app}: {self._done} step{'s' * (self._done != 1)} done in {facts}")

    def write(self, text: str) -> int:
        """Write text to the output."""
        with self._lock:
            self._printed = time.monotonic()
            return self._stream.write(text)

    def flush(self) -> None:
        """Flush the output."""
        self._stream.flush()

    def progress(self, fraction: float, text: str) -> None:
        """Receive the progress of the engine; ``text`` begins with the name of the step."""
        step = text.partition(":")[0]
        with self._lock:
            if step in self._steps and step != self._step:
                self._finish_step("done")
                self._step = step
                _reset_peaks()
            self._position = f"{fraction:.0%} of {self._app}" + (f", {text}" if text != step else "")

    def _finish_step(self, ending: str) -> None:
        self._sample()
        now = time.monotonic()
        if self._step:
            facts = _facts(now - self._step_start, self._cpu - self._step_cpu, self._step_peak)
            self._print(f"{self._step}: {ending} {'in' if ending == 'done' else 'after'} {facts}")
            self._done += ending == "done"
        self._step_start, self._step_cpu, self._step_peak = now, self._cpu, 0

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            with self._lock:
                self._sample()
                now = time.monotonic()
                if now - self._printed >= self._silence_s:
                    running = f"{self._step or self._app}: still running"
                    self._print(
                        f"{running} after {format_duration(now - self._step_start)}; {self._position}"
                    )

    def _sample(self) -> None:
        # The time of a child that has just ended can be missing for a moment, until it is waited for.
        self._cpu = max(self._cpu, _cpu_seconds())
        self._step_peak = max(self._step_peak, *map(_peak_bytes, process_tree(os.getpid())))
        self._peak = max(self._peak, self._step_peak)

    def _print(self, text: str) -> None:
        self.write(f"{text}\n")
        self.flush()


def _facts(seconds: float, cpu_seconds: float, peak: int) -> str:
    memory = f", peak memory {format_bytes(peak)}" if peak else ""
    return f"{format_duration(seconds)}, processor time {format_duration(cpu_seconds)}{memory}"


def _cpu_seconds() -> float:
    """Return the processor time of this process and all that it started, including running ones."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, *others = process_tree(os.getpid())
    running = sum(_clock_ticks(pid) for pid in others if pid != own) / os.sysconf("SC_CLK_TCK")
    return sum(usage.ru_utime + usage.ru_stime for usage in usages) + running


def _clock_ticks(pid: int) -> int:
    """Return the processor time of a process and its children that have ended; 0 if it cannot be read."""
    with suppress(OSError, ValueError):
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return sum(map(int, text[text.rindex(")") + 2 :].split()[11:15]))  # proc(5), fields 14 to 17
    return 0


def _peak_bytes(pid: int) -> int:
    """Return the peak memory of a process since `_reset_peaks`; 0 if it cannot be read."""
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * _MAXRSS_UNIT
    return 0


def _reset_peaks() -> None:
    """Have the kernel measure peak memory from now on, where it can."""
    for pid in process_tree(os.getpid()):
        with suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK, encoding="ascii")
