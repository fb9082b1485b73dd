"""The command line. Nothing but this package writes to the terminal or reads the current folder."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence

from isce2_recipe import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; by default those of this process.
    """
    prepare_streams()
    gc.disable()  # until steps run: next to nothing that reading and planning makes is garbage
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:  # answered before anything is imported
        sys.stdout.write(f"isce2-recipe, version {__version__}\n")
        return 0
    if words[:1] == ["run"]:  # as is a run in which nothing has changed
        from isce2_recipe.noop_cache import recall

        said = recall(words, os.environ)
        if said is not None and _is_told("\n".join([*said, ""])):
            sys.stderr.write("everything was up to date\n")
            return 0
    if arguments is None and words[:1] == ["lint"]:
        return _without_garbage(words)
    from isce2_recipe.cli.commands import run_command_line

    return run_command_line(words)


def prepare_streams() -> None:
    """Stand in for standard streams that were closed, so that no file takes their place; pass any name on.

    Names of files need not be text: Python stands in for their bytes with what UTF-8 cannot hold.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode))
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="surrogateescape")


def _is_told(text: str) -> bool:
    """Print a text; False where that cannot be done, which the full command then deals with."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, UnicodeError):
        return False
    return True


def _without_garbage(words: Sequence[str]) -> int:
    """Run a short command that is alone in its process: all it makes lives to the end, none is garbage."""
    gc.disable()
    from isce2_recipe.cli.commands import run_command_line

    code = run_command_line(words)
    gc.freeze()
    return code
