"""``lint``."""

from __future__ import annotations

from typing import Any

import click


@click.command("lint")
@click.argument("paths", nargs=-1, type=click.Path(allow_dash=True), metavar="PATH...")
@click.option("--format", "format", default="text", show_default=True, metavar="text|github|sarif|json")
@click.option("--select", multiple=True, metavar="RULES", help="Only these rules: ids or beginnings of ids.")
@click.option("--ignore", multiple=True, metavar="RULES", help="Not these rules.")
@click.option("--profile", default=None, metavar="min|basic|sar|shared", help="Which rules to hold to.")
@click.option("--fix", is_flag=True, help="Put right in place what can be put right safely.")
@click.option(
    "--baseline",
    type=click.Path(),
    metavar="FILE",
    help="Known findings, not reported; written where it is missing.",
)
@click.option("--cache/--no-cache", default=True, help="Whether to answer from memory while nothing changes.")
@click.option("--stdin-filename", metavar="NAME", help="What standard input (-) is called.")
@click.option("--explain", metavar="RULE", help="Explain a rule.")
def lint_command(profile: str | None, cache: bool, **options: Any) -> int:
    """Check recipes: grammar, names, types, templates, safety, and what makes sense for radar data."""
    from isce2_recipe.cli import asked
    from isce2_recipe.lint import command
    from isce2_recipe.lint.rule import DEFAULT_PROFILE

    words = asked if cache else ()
    text, code = command.main(profile=profile or DEFAULT_PROFILE, words=words, **options)
    if text:
        click.echo(text.rstrip("\n"), err=code == 2)
    return code
