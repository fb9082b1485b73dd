"""The command line. Only this package writes to the terminal and reads the current folder."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence

from isce2_recipe import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of this process, and return its exit code."""
    prepare_streams()
    gc.disable()  # reading and planning make almost no garbage; a run enables the collector before its steps
    args = list(sys.argv[1:] if arguments is None else arguments)
    if args == ["--version"]:  # needs no imports
        sys.stdout.write(f"isce2-recipe, version {__version__}\n")
        return 0
    if args[:1] == ["run"]:  # a run in which nothing has changed needs few imports
        from isce2_recipe.noop_cache import recall

        summary = recall(args, os.environ)
        if summary is not None and _print("\n".join([*summary, ""])):
            sys.stderr.write("everything was up to date\n")
            return 0
    from isce2_recipe.cli.commands import run_command_line

    code = run_command_line(args)
    if arguments is None and args[:1] == ["lint"]:
        gc.freeze()  # skips the last collection when the process ends
    return code


def prepare_streams() -> None:
    """Open the null device for closed standard streams, and let standard output accept any file name.

    Without this, the next file that is opened would become the closed stream. Names of files that are not
    text are written as their bytes.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode))
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="surrogateescape")


def _print(text: str) -> bool:
    """Print a text and return whether this succeeded; if not, the full command reports the error."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, UnicodeError):
        return False
    return True
