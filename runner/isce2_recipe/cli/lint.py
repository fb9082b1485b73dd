"""``lint``: check recipes."""

from __future__ import annotations

from typing import Any

import click

from isce2_recipe.cli.printing import echo
from isce2_recipe.lint.rule import DEFAULT_PROFILE


@click.command("lint")
@click.argument("paths", nargs=-1, type=click.Path(allow_dash=True), metavar="PATH...")
@click.option(
    "--format",
    "format",
    default="text",
    show_default=True,
    metavar="text|github|sarif|json",
    help="Format of the report.",
)
@click.option(
    "--select",
    multiple=True,
    metavar="RULES",
    help="Check only these rules: ids, or beginnings of ids, separated by commas.",
)
@click.option("--ignore", multiple=True, metavar="RULES", help="Do not check these rules.")
@click.option(
    "--profile",
    default=DEFAULT_PROFILE,
    show_default=True,
    metavar="min|basic|sar|shared",
    help="Set of rules to check.",
)
@click.option("--fix", is_flag=True, help="Fix in the files what can be fixed safely.")
@click.option(
    "--baseline",
    type=click.Path(),
    metavar="FILE",
    help="File of known problems that are not reported. It is written if it does not exist.",
)
@click.option(
    "--cache/--no-cache", hidden=True, expose_value=False, help="Without effect: nothing is cached."
)
@click.option("--source", metavar="SOURCE", help="Check that this source has what the steps need.")
@click.option("--engine", metavar="ENGINE", help="Check that this engine has the steps that will run.")
@click.option("--stdin-filename", metavar="NAME", help="File name of standard input (-) in the report.")
@click.option("--explain", metavar="RULE", help="Explain a rule and exit.")
def lint_command(**options: Any) -> int:
    """Check recipes for mistakes, without running anything.

    PATH is a recipe, a folder, an XML file of topsApp or stripmapApp, or - for standard input. The rules
    check the grammar, names, types, templates, safety and the values of radar parameters. The exit code is 0
    without problems, and 1 with problems.
    """
    from isce2_recipe.lint import command

    text, code = command.main(**options)
    if text:
        echo(text.rstrip("\n"), err=code == 2)
    return code
