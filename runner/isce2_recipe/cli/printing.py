"""Printing on the terminal, which never obeys characters of a recipe, a file name or a product."""

from __future__ import annotations

import shutil
import sys
import textwrap

import click

from isce2_recipe.problems import printable


def echo(text: str, *, nl: bool = True, err: bool = False) -> None:
    """Print a text with its control characters escaped, on standard output or standard error."""
    click.echo(printable(text), nl=nl, err=err)


def echo_row(start: str, text: str) -> None:
    """Print a text after a start; on a terminal, further lines are indented by the start's length.

    Only spaces end a line, so that names and paths stay whole; other streams get one line.
    """
    lines = [text]
    if sys.stdout.isatty():
        width = max(20, shutil.get_terminal_size().columns - 1 - len(start))
        lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
    for number, line in enumerate(lines):
        echo(f"{start if number == 0 else '':<{len(start)}}{line}")
