"""The command line. Nothing but this package writes to the terminal or reads the current folder."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from isce2_recipe import __version__

asked: list[str] = []
"""The words of this process where what comes of them may be remembered."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; by default those of this process.
    """
    gc.disable()  # until steps run: next to nothing that reading and planning makes is garbage
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:  # answered before anything is imported
        sys.stdout.write(f"isce2-recipe, version {__version__}\n")
        return 0
    if words[:1] == ["run"]:  # as is a run in which nothing has changed
        from isce2_recipe.memo import recall

        said = recall(words, os.environ)
        if said is not None:
            sys.stdout.write("\n".join([*said, ""]))
            sys.stdout.flush()
            sys.stderr.write("everything was up to date\n")
            return 0
    if arguments is None and words[:1] == ["lint"]:
        return _lint(words)
    from isce2_recipe.cli.app import run_command_line

    return run_command_line(words)


def _lint(words: Sequence[str]) -> int:
    """Lint, unless nothing has changed since that was last done."""
    from isce2_recipe.memo import recall_findings

    known = recall_findings(words, os.environ)
    if known is not None:
        said, code = known
        sys.stdout.write(said.rstrip("\n") + "\n" if said else "")
        sys.stdout.flush()
        return code
    asked[:] = words
    return _without_garbage(words)


def _without_garbage(words: Sequence[str]) -> int:
    """Run a short command that is alone in its process: all it makes lives to the end, none is garbage."""
    gc.disable()
    from isce2_recipe.cli.app import run_command_line

    code = run_command_line(words)
    gc.freeze()
    return code
