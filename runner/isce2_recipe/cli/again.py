"""``rerun``: a product's run once more, from the product alone."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import click

from isce2_recipe.errors import InputError
from isce2_recipe.paths import PRODUCT_RECORD


@click.command("rerun", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("product", type=click.Path(path_type=Path))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def rerun_command(product: Path, options: tuple[str, ...]) -> int:
    """Run again what made PRODUCT, a folder or its zip archive.

    Recipe, parameters, source and engine are those of the product. Further OPTIONS are those of run and
    decide over the product's, for example --engine isce2 or --looks 10x2.
    """
    from isce2_recipe.cli.app import run_command_line
    from isce2_recipe.recipe.document import dump

    name, record = read_record(product)
    workdir = _option(options, "--workdir") or f"rerun_{name}"
    folder = Path.cwd() / workdir
    folder.mkdir(parents=True, exist_ok=True)
    recipe = folder / f"{record['recipe']}.yml"
    recipe.write_text(dump(record["document"]), encoding="utf-8")
    words = ["run", str(recipe), "--source", record["source"]]
    words += ["--engine", record["engine"]] if record["engine"] else []
    words += [] if _option(options, "--workdir") else ["--workdir", str(folder)]
    return run_command_line([*words, *options])


def _option(words: tuple[str, ...], name: str) -> str | None:
    """The value of an option among words."""
    for place, word in enumerate(words):
        if word == name and place + 1 < len(words):
            return words[place + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def read_record(product: Path) -> tuple[str, dict[str, Any]]:
    """A product's name and the record of its run.

    Raises
    ------
    InputError
        If there is no such product, or it carries no record.
    """
    text, name = _archived(product) if product.is_file() else _unpacked(product)
    try:
        record = json.loads(text)
        complete = {"recipe", "source", "engine", "document"} <= record.keys()
    except (ValueError, AttributeError):
        complete = False
    if not complete:
        raise InputError(
            f"{name}{PRODUCT_RECORD} in {product} cannot be read", hint="take the product's archive"
        )
    return name, record


def _unpacked(folder: Path) -> tuple[str, str]:
    found = sorted(folder.glob(f"*{PRODUCT_RECORD}"))
    if len(found) != 1:
        raise _no_record(folder)
    return found[0].read_text(encoding="utf-8"), found[0].name.removesuffix(PRODUCT_RECORD)


def _archived(path: Path) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            found = [name for name in archive.namelist() if name.endswith(PRODUCT_RECORD)]
            if len(found) != 1:
                raise _no_record(path)
            name = found[0].rpartition("/")[2].removesuffix(PRODUCT_RECORD)
            return archive.read(found[0]).decode(), name
    except zipfile.BadZipFile:
        raise InputError(f"{path} is neither a product's folder nor its zip archive") from None


def _no_record(path: Path) -> InputError:
    there = "holds no record of a run" if path.exists() else "does not exist"
    return InputError(
        f"{path} {there}", hint=f"give the folder or archive of a product that has a file ...{PRODUCT_RECORD}"
    )
