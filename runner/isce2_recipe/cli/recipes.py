"""The commands about recipes: ``list``, ``describe``, ``graph`` and ``new``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.cli.parameters import DESCRIBABLE, RECIPE
from isce2_recipe.cli.printing import echo, echo_row
from isce2_recipe.errors import InputError, UsageError
from isce2_recipe.files import json_text
from isce2_recipe.paths import data_folder
from isce2_recipe.problems import did_you_mean
from isce2_recipe.recipe import available, check, load, recipe_error, shipped_parts

_COMMANDS_HEAD = """\
# Commands

This page is generated with `isce2-recipe describe commands > docs/commands.md`. Parameters of a recipe are
options too; `isce2-recipe run RECIPE --help` lists them.

"""
_SCHEMA = "https://raw.githubusercontent.com/isce2-recipe/isce2-recipe/main/schemas/recipe.schema.json"
_SCHEMA_LINE = re.compile(r"^# yaml-language-server:.*\n", re.MULTILINE)
_NAME_LINE = re.compile(r"^name:.*$", re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_ACTION = re.compile(r"[a-z][a-z0-9_]*\.(?!ya?ml$)[a-z][a-z0-9_]*")


@click.command("list")
@click.option("--actions", is_flag=True, help="List the actions that steps can use instead.")
@click.option("--parts", is_flag=True, help="List the parts that recipes can use as steps instead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(actions: bool, parts: bool, as_json: bool) -> None:
    """List the recipes that come with isce2-recipe.

    `isce2-recipe describe NAME` documents any of them.
    """
    if actions:
        rows = [{"name": name, "summary": one.summary} for name, one in load_registry().items()]
    else:
        files = shipped_parts() if parts else available()
        recipes = {name: load(path, runnable=False) for name, path in files.items()}
        rows = [
            {"name": name, "summary": one.summary, "path": str(one.path)} for name, one in recipes.items()
        ]
    if as_json:
        echo(json.dumps(rows, indent=1))
        return
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        echo_row(f"{row['name']:<{width}}  ", row["summary"])


@click.command("describe")
@click.argument("name", type=DESCRIBABLE)
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "json"]),
    default="markdown",
    show_default=True,
    help="Format of the documentation.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the page to NAME.md in this folder instead of printing it.",
)
def describe_command(name: str, form: str, output: Path | None) -> None:
    """Print the documentation of a recipe, a part or an action: its parameters, steps and outputs.

    NAME is a recipe or its file, a part such as parts/topsapp.yml, or an action such as dem.fetch. The words
    actions and commands print a page of all actions and of all commands.
    """
    from isce2_recipe.plan import describing, describing_actions

    registry = load_registry()
    action = registry.get(name)
    if action is None and _ACTION.fullmatch(name):
        raise InputError(f"there is no action '{name}'", hint=did_you_mean(name, registry))
    if name == "actions" and not Path(name).exists():
        click.echo(describing_actions.catalogue(), nl=False)
        return
    if name == "commands" and not Path(name).exists():
        click.echo(
            _COMMANDS_HEAD + "\n".join(_help_texts(click.get_current_context().find_root(), 2)), nl=False
        )
        return
    if action is not None and form == "json":
        click.echo(json.dumps(describing_actions.facts(action), indent=1, default=str))
        return
    if action is not None:
        click.echo(describing_actions.page(action), nl=False)
        return
    found = load(name, runnable=False)
    if output is not None:
        note = f"<!-- Made by `isce2-recipe describe {found.name}`; edit the recipe instead. -->\n\n"
        output.mkdir(parents=True, exist_ok=True)
        (output / f"{found.name}.md").write_text(note + describing.page(found), encoding="utf-8")
        return
    if form == "json":
        echo(json_text(describing.facts(found), indent=1, default=str))
    else:
        echo(describing.page(found), nl=False)


def _help_texts(context: click.Context, level: int) -> Iterator[str]:
    """Return a section of Markdown with the help text of each command below a group."""
    group = context.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, context, name, terminal_width=100)
        title = f"{'#' * level} {inner.command_path.partition(' ')[2]}"
        yield f"{title}\n\n```text\n{command.get_help(inner)}\n```\n"
        if isinstance(command, click.Group):
            yield from _help_texts(inner, level + 1)


@click.command("graph")
@click.argument("recipe", type=RECIPE)
@click.option(
    "--format",
    "form",
    type=click.Choice(["mermaid", "dot", "svg"]),
    help="Format of the drawing. By default the ending of --output decides, else mermaid.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write instead of printing.",
)
def graph_command(recipe: str, form: str | None, output: Path | None) -> None:
    """Draw the steps of a recipe and the dependencies between them."""
    from isce2_recipe.plan import drawing
    from isce2_recipe.plan.graph import Graph

    found = load(recipe)
    registry = load_registry()
    problems = [problem for problem in check(found, registry) if problem.severity == "error"]
    if problems:
        raise recipe_error(tuple(problems), found.texts())
    by_suffix = {".svg": "svg", ".dot": "dot", ".gv": "dot"}
    chosen = form or by_suffix.get(output.suffix if output else "", "mermaid")
    text = drawing.FORMATS[chosen](Graph(found, registry))
    if output is None:
        echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


@click.command("new")
@click.argument("name")
@click.option("--from", "source", type=RECIPE, metavar="RECIPE", help="Copy this recipe.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def new_command(name: str, source: str | None, force: bool) -> None:
    """Write a new recipe NAME.yml into the current folder.

    The recipe is a small commented example, or with --from a copy of another recipe.
    """
    path = Path(name if name.endswith(".yml") else f"{name}.yml")
    if _NAME.fullmatch(path.stem) is None:
        raise UsageError(
            f"'{path.stem}' is not a valid recipe name", hint="use lower-case letters, digits, _ and -"
        )
    if path.exists() and not force:
        raise InputError(f"{path} already exists", hint="choose another name, or add --force")
    path.write_text(_new_text(path.stem, source), encoding="utf-8")
    echo(f"{path} written; check it with: isce2-recipe lint {path}")


def _new_text(name: str, source: str | None) -> str:
    """Return the text of a new recipe: a copy of another recipe or of the commented example, renamed."""
    if source is None:
        text = (data_folder("templates") / "new" / "example.yml").read_text(encoding="utf-8")
        text = text.replace("example.yml", f"{name}.yml")
    else:
        text = load(source, runnable=False).document.text
    text = _NAME_LINE.sub(f"name: {name}", text, count=1)
    return _SCHEMA_LINE.sub(f"# yaml-language-server: $schema={_SCHEMA}\n", text, count=1)
