"""The command line. Only this package writes to the terminal and reads the current folder."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from isce2_recipe import __version__

if TYPE_CHECKING:
    from typing_extensions import Buffer


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of this process, and return its exit code."""
    prepare_streams()
    if arguments is None:
        _let_signals_interrupt()
    gc.disable()  # reading and planning make almost no garbage; a run enables the collector before its steps
    args = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _main(args)
    except KeyboardInterrupt:  # while modules were imported
        code = _INTERRUPTED
    if arguments is None:
        _ignore_signals()
    lost = _report_lost_output()
    if arguments is None and args[:1] == ["lint"]:
        gc.freeze()  # skips the last collection when the process ends
    return lost or code


def _let_signals_interrupt() -> None:
    """Let the first signal that ends a program interrupt this one, and others wait until it has ended.

    A user who goes on gets an immediate end. Signals that the caller ignores, as ``nohup`` does, remain so.
    """
    received = []

    def interrupt(number: int, _frame: object) -> None:
        received.append(number)
        if len(received) == 1:
            raise KeyboardInterrupt
        if len(received) > _PATIENCE:
            os._exit(_INTERRUPTED)

    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def _ignore_signals() -> None:
    """Ignore signals while the interpreter ends, when it would restore their default effect."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


def _main(args: list[str]) -> int:
    if args == ["--version"]:  # needs no imports
        sys.stdout.write(f"isce2-recipe, version {__version__}\n")
        return 0
    if args[:1] == ["run"]:  # a run in which nothing has changed needs few imports
        from isce2_recipe.noop_cache import recall

        summary = recall(args, os.environ)
        if summary is not None:
            sys.stdout.write("\n".join([*summary, ""]))
            sys.stderr.write("everything was up to date\n")
            return 0
    from isce2_recipe.cli.commands import run_command_line

    return run_command_line(args)


_INTERRUPTED = 130  # the exit code, as in `errors`, which is not imported here
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE = 4  # signals that wait for an orderly end


class _Output(io.FileIO):
    """A standard stream whose failure does not end a run: what follows is dropped, and the error is kept."""

    lost: OSError | None = None

    def write(self, data: Buffer, /) -> int | None:  # type: ignore[override]
        """Write data, or drop it if the stream has failed."""
        try:
            return super().write(data)
        except OSError as exc:
            self.lost = exc
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            return memoryview(data).nbytes


def _report_lost_output() -> int:
    """Report that standard output could not be written; a reader that ends early is no failure."""
    with suppress(ValueError):  # somebody has closed it
        sys.stdout.flush()
    stream = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    lost = stream.lost if isinstance(stream, _Output) else None
    if lost is None or isinstance(lost, BrokenPipeError):
        return 0
    sys.stderr.write(f"error: standard output cannot be written: {lost.strerror}\n")
    return 3


def prepare_streams() -> None:
    """Open the null device for closed standard streams, and let the others outlive their readers.

    Without this, the next file that is opened would become the closed stream. Names of files that are not
    text are written to standard output as their bytes.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        buffer = getattr(stream, "buffer", None)
        if isinstance(stream, io.TextIOWrapper) and isinstance(getattr(buffer, "raw", buffer), io.FileIO):
            setattr(sys, name, _lasting(stream))
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode))


def _lasting(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """Return a stream like another one that does not fail."""
    return io.TextIOWrapper(
        io.BufferedWriter(_Output(stream.fileno(), "w", closefd=False)),
        stream.encoding,
        "surrogateescape" if stream.errors == "strict" else stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
