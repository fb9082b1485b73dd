"""``rerun``: a product's run once more, from the product alone."""

from __future__ import annotations

from pathlib import Path

import click

from isce2_recipe import __version__
from isce2_recipe.errors import EXIT_OK, InputError


@click.command("rerun", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("product", type=click.Path(path_type=Path))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def rerun_command(product: Path, options: tuple[str, ...]) -> int:
    """Run again what made PRODUCT, a folder or its zip archive, and compare what comes of it.

    Recipe, parameters, source and engine are those of the product. Further OPTIONS are those of run and
    decide over the product's, for example --engine isce2, --looks 10x2 or --source directory:/another/place.
    """
    from isce2_recipe.cli.app import run_command_line
    from isce2_recipe.products.reruns import read_origin

    origin = read_origin(product)
    record = origin.record
    if record["isce2_recipe"] != __version__:
        made = f"{origin.name} was made by isce2-recipe {record['isce2_recipe']}"
        click.echo(f"warning: {made}, this is {__version__}", err=True)
    workdir = _option(options, "--workdir") or f"rerun_{origin.name}"
    folder = Path.cwd() / Path(workdir).expanduser()
    recipe = _unpack(folder, {**origin.files, f"{record['recipe']}.yml": origin.recipe}, record["recipe"])
    words = ["run", str(recipe), "--source", record["source"]]
    words += ["--engine", record["engine"]] if record["engine"] else []
    words += [] if _option(options, "--workdir") else ["--workdir", str(folder)]
    code = run_command_line([*words, *options])
    if code == EXIT_OK and "--dry-run" not in options:
        _compare(product, folder)
    return code


def _unpack(folder: Path, files: dict[str, str], name: str) -> Path:
    """Write the recipe with all that is its own; nothing leaves the folder."""
    home = folder.resolve()
    for place, text in files.items():
        target = (home / place).resolve()
        if not target.is_relative_to(home):
            raise InputError(
                f"the product's recipe uses {place}, outside its own folder",
                hint="unpack its _run.json by hand, and put that file where it belongs",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return folder / f"{name}.yml"


def _compare(product: Path, workdir: Path) -> None:
    """Say whether inputs and outputs are those of the product."""
    from isce2_recipe.products.reading import product_of_run
    from isce2_recipe.products.reruns import changed_inputs, different_files, read_origin

    again = product_of_run(workdir)
    inputs = changed_inputs(read_origin(product), read_origin(again))
    if inputs:
        click.echo(f"warning: not the product's own inputs: {', '.join(inputs)}", err=True)
    differ = different_files(product, again)
    what = f"differs from {product} in {', '.join(differ)}" if differ else f"is {product}, byte for byte"
    click.echo(f"the product made again {what}")


def _option(words: tuple[str, ...], name: str) -> str | None:
    """The value of an option among words."""
    for place, word in enumerate(words):
        if word == name and place + 1 < len(words):
            return words[place + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None
