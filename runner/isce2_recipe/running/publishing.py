"""Puts a recipe's output files where their user wants them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isce2_recipe.copying import link
from isce2_recipe.files import replace_when_complete
from isce2_recipe.journal.values import files_in


def publish(outputs: Mapping[str, Any], folder: Path) -> list[Path]:
    """The files and folders among a recipe's outputs, linked or copied into a folder.

    What is there under the same name is replaced, each file by one rename. Products of several runs lie
    side by side, so that a file's name gets the product's in front where an output ``name`` tells it.
    """
    product = outputs.get("name")
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for path in dict.fromkeys(files_in(dict(outputs))):
        known = not isinstance(product, str) or path.name.startswith(product)
        target = folder / (path.name if known else f"{product}_{path.name}")
        if path.is_dir():
            for file in sorted(found for found in path.rglob("*") if found.is_file()):
                _put(file, target / file.relative_to(path))
        elif path.is_file():
            _put(path, target)
        made.append(target)
    return made


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with replace_when_complete(target) as partial:
        link(source, partial)
