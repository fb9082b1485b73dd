"""``list``, ``describe``, ``graph``, ``explain`` and ``diff``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from isce2_recipe import errors
from isce2_recipe.actions.registry import load_registry
from isce2_recipe.cli.parameters import RecipeType
from isce2_recipe.recipe import available, check, load, recipe_error
from isce2_recipe.redact import known_secrets, redactor


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(as_json: bool) -> None:
    """List the recipes that come with isce2-recipe."""
    recipes = {name: load(path) for name, path in available().items()}
    if as_json:
        rows = [
            {"name": name, "summary": one.summary, "path": str(one.path)} for name, one in recipes.items()
        ]
        click.echo(json.dumps(rows, indent=1))
        return
    width = max(map(len, recipes), default=0)
    for name, recipe in recipes.items():
        click.echo(f"{name:<{width}}  {recipe.summary}")


@click.command("describe")
@click.argument("recipe", type=RecipeType())
@click.option(
    "--format", "form", type=click.Choice(["markdown", "json"]), default="markdown", show_default=True
)
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), help="Folder to write NAME.md to."
)
def describe_command(recipe: str, form: str, output: Path | None) -> None:
    """Explain a recipe: parameters, steps, outputs."""
    from isce2_recipe.plan import describing

    found = load(recipe)
    if output is not None:
        note = f"<!-- Made by `isce2-recipe describe {found.name}`; edit the recipe instead. -->\n\n"
        output.mkdir(parents=True, exist_ok=True)
        (output / f"{found.name}.md").write_text(note + describing.page(found), encoding="utf-8")
        return
    if form == "json":
        click.echo(json.dumps(describing.facts(found), indent=1, ensure_ascii=False, default=str))
    else:
        click.echo(describing.page(found), nl=False)


@click.command("graph")
@click.argument("recipe", type=RecipeType())
@click.option(
    "--format",
    "form",
    type=click.Choice(["mermaid", "dot", "svg"]),
    help="By default as --output ends, or mermaid.",
)
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
def graph_command(recipe: str, form: str | None, output: Path | None) -> None:
    """Draw a recipe's steps."""
    from isce2_recipe.plan import drawing, graph

    found = load(recipe)
    registry = load_registry()
    problems = [problem for problem in check(found, registry) if problem.severity == "error"]
    if problems:
        raise recipe_error(tuple(problems), found.texts())
    by_suffix = {".svg": "svg", ".dot": "dot", ".gv": "dot"}
    chosen = form or by_suffix.get(output.suffix if output else "", "mermaid")
    text = drawing.FORMATS[chosen](graph.build(found, registry))
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


@click.command("explain")
@click.argument("workdir", type=click.Path(path_type=Path))
@click.argument("step")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain_command(workdir: Path, step: str, as_json: bool) -> None:
    """Say why a step ran or did not."""
    from isce2_recipe.plan import explaining

    found = explaining.explain(workdir, step)
    _print(json.dumps(found, indent=1, ensure_ascii=False) if as_json else explaining.to_text(found))


@click.command("diff")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff_command(first: Path, second: Path, as_json: bool) -> int:
    """Compare two runs: recipe, parameters, versions, outputs. Exit code 1 where outputs differ."""
    from isce2_recipe.plan import comparing

    found: dict[str, Any] = comparing.compare(first, second)
    text = json.dumps(found, indent=1, ensure_ascii=False) if as_json else comparing.to_text(found)
    _print(text or "no difference")
    return errors.EXIT_INPUT if found["files"] else errors.EXIT_OK


def _print(text: str) -> None:
    click.echo(redactor(known_secrets(os.environ))(text))
