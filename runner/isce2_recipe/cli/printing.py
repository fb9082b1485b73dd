"""Printing on the terminal, which never obeys characters of a recipe, a file name or a product."""

from __future__ import annotations

import click

from isce2_recipe.problems import printable


def echo(text: str, *, nl: bool = True, err: bool = False) -> None:
    """Print a text with its control characters escaped, on standard output or standard error."""
    click.echo(printable(text), nl=nl, err=err)
