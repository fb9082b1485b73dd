"""``rerun``: make a product again, from nothing but the product."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from isce2_recipe import __version__
from isce2_recipe.cli.printing import echo
from isce2_recipe.errors import EXIT_OK, InputError, UsageError
from isce2_recipe.files import write_text
from isce2_recipe.recipe.loading import SUFFIXES

if TYPE_CHECKING:
    from isce2_recipe.products.reruns import Origin

_ALLOW = "--allow-commands"


@click.command("rerun", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("product", type=click.Path(path_type=Path))
@click.option(
    "--allow-commands", is_flag=True, help="Run the commands and the Python code that the product contains."
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[RUN OPTIONS]...")
def rerun_command(product: Path, options: tuple[str, ...], allow_commands: bool) -> int:
    """Make a product again and compare the two.

    PRODUCT is a folder or a zip archive. The recipe, parameters, source and engine are read from it. If the
    recipe runs commands or Python code of its author, nothing runs without --allow-commands.

    RUN OPTIONS are options of isce2-recipe run, which replace what the product records: for example
    --engine isce2, --looks 10x2 or --source directory:/another/place.
    """
    from isce2_recipe.cli.commands import run_command_line
    from isce2_recipe.products.reruns import read_origin

    origin = read_origin(product)
    record = origin.record
    if record["isce2_recipe"] != __version__:
        made = f"{origin.name} was made by isce2-recipe {record['isce2_recipe']}"
        echo(f"warning: {made}, this is {__version__}", err=True)
    _check_providers(origin, options)
    allowed = allow_commands or _ALLOW in options
    options = tuple(option for option in options if option != _ALLOW)
    workdir = _option(options, "--workdir") or f"rerun_{origin.name}"
    folder = Path.cwd() / Path(workdir).expanduser()
    recipe = _write_recipe(
        folder, {**origin.files, f"{record['recipe']}.yml": origin.recipe}, record["recipe"]
    )
    if "--dry-run" not in options:
        _ask_for_consent(recipe, product, allowed=allowed)
    arguments = ["run", str(recipe), f"--source={record['source']}"]
    arguments += [f"--engine={record['engine']}"] if record["engine"] else []
    arguments += [] if _option(options, "--workdir") else ["--workdir", str(folder)]
    code = run_command_line([*arguments, *options])
    if code == EXIT_OK and "--dry-run" not in options:
        _print_comparison(product, folder)
    return code


def _check_providers(origin: Origin, options: tuple[str, ...]) -> None:
    """Refuse a record that names a source or an engine that does not exist here."""
    from isce2_recipe import engines, sources

    try:
        if origin.record["engine"] and _option(options, "--engine") is None:
            engines.check_name(origin.record["engine"])
        if _option(options, "--source") is None:
            sources.declared_capabilities(origin.record["source"])
    except UsageError as exc:
        raise InputError(
            f"{origin.name} was made with what is not here: {exc.message}", hint=exc.hint
        ) from None


def _ask_for_consent(recipe: Path, product: Path, *, allowed: bool) -> None:
    """Print the commands of a product's recipe, or refuse them if the user has not allowed them.

    Raise InputError if there are commands that are not allowed.
    """
    from isce2_recipe.plan.request import executed
    from isce2_recipe.recipe import load

    commands = list(executed(load(recipe)))
    if not commands:
        return
    listed = "".join(f"\n  - step '{step}' runs {command}" for step, command in commands)
    if not allowed:
        raise InputError(
            f"the recipe of {product} runs commands or code of its author:{listed}",
            hint=f"if you trust them, add {_ALLOW}; --dry-run shows the plan and runs nothing",
        )
    echo(f"warning: commands and code of {product} are run:{listed}", err=True)


def _write_recipe(folder: Path, files: dict[str, str], name: str) -> Path:
    """Write the recipe with its parts, templates and Python files; refuse every other file of the product.

    A file of the user's is never replaced, and Python files are written only into a folder of their own.
    """
    home = folder.resolve()
    known_folder = not folder.exists() or not any(folder.iterdir()) or (folder / f"{name}.yml").is_file()
    for place, text in files.items():
        parts = PurePosixPath(place).parts
        target = home / place
        hidden = any(part.startswith(".") or "\0" in part or "\\" in part for part in parts)
        known = place.endswith((*SUFFIXES, ".py")) or (parts[0] == "templates" and len(parts) > 1)
        if hidden or not known or place.startswith("/") or target.resolve() != target:
            raise InputError(
                f"the product's recipe uses {place}, which is outside the recipe's folder, or neither a part "
                "nor a template nor a Python file",
                hint="extract the recipe from the product's _run.json and put that file where it belongs",
            )
        old = _text_of(target)
        if (old is not None and old != text) or (place.endswith(".py") and not known_folder):
            what = f"it has another file {place}" if old is not None else "it holds other files"
            raise InputError(
                f"the recipe of the product cannot be written into {folder}, because {what}",
                hint="give --workdir a new folder",
            )
    for place, text in files.items():
        target = home / place
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text(target, text)
    return folder / f"{name}.yml"


def _text_of(path: Path) -> str | None:
    """Return the text of a file; None if there is none, and no text of a recipe if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        return "\0"


def _print_comparison(product: Path, workdir: Path) -> None:
    """Print whether the inputs and the outputs are those of the product."""
    from isce2_recipe.products.reading import product_of_run
    from isce2_recipe.products.reruns import changed_inputs, different_files, read_origin

    new_product = product_of_run(workdir)
    inputs = changed_inputs(read_origin(product), read_origin(new_product))
    if inputs:
        echo(f"warning: these inputs differ from the product's inputs: {', '.join(inputs)}", err=True)
    files = different_files(product, new_product)
    result = f"differs from {product} in {', '.join(files)}" if files else f"is {product}, byte for byte"
    echo(f"the new product {result}")


def _option(arguments: tuple[str, ...], name: str) -> str | None:
    """Return the value of an option among arguments."""
    for place, argument in enumerate(arguments):
        if argument == name and place + 1 < len(arguments):
            return arguments[place + 1]
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
    return None
