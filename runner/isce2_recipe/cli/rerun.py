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


@click.command("rerun", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("product", type=click.Path(path_type=Path))
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[RUN OPTIONS]...")
def rerun_command(product: Path, options: tuple[str, ...]) -> int:
    """Make a product again and compare the two.

    PRODUCT is a folder or a zip archive. The recipe, parameters, source and engine are read from it.

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
    workdir = _option(options, "--workdir") or f"rerun_{origin.name}"
    folder = Path.cwd() / Path(workdir).expanduser()
    recipe = _write_recipe(
        folder, {**origin.files, f"{record['recipe']}.yml": origin.recipe}, record["recipe"]
    )
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


def _write_recipe(folder: Path, files: dict[str, str], name: str) -> Path:
    """Write the recipe, its parts and its templates into a folder; refuse every other file of the product."""
    home = folder.resolve()
    for place in files:
        parts = PurePosixPath(place).parts
        target = home / place
        hidden = any(part.startswith(".") or "\0" in part or "\\" in part for part in parts)
        known = place.endswith(SUFFIXES) or (parts[0] == "templates" and len(parts) > 1)
        if hidden or not known or place.startswith("/") or target.resolve() != target:
            raise InputError(
                f"the product's recipe uses {place}, which is outside the recipe's folder, or neither a part "
                "nor a template",
                hint="extract the recipe from the product's _run.json and put that file where it belongs",
            )
    for place, text in files.items():
        target = home / place
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text(target, text)
    return folder / f"{name}.yml"


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
