"""Exports the output files of a recipe into a folder of the user."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isce2_recipe.copying import link
from isce2_recipe.files import replace_when_complete
from isce2_recipe.journal.values import files_in


def export(outputs: Mapping[str, Any], folder: Path) -> list[Path]:
    """Link or copy the files and folders among a recipe's outputs into a folder; return their new paths.

    An existing file of the same name is replaced. If there is an output ``name``, the names of all files
    begin with it, so that products of several runs can share a folder.
    """
    product = outputs.get("name")
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for path in dict.fromkeys(files_in(dict(outputs))):
        known = not isinstance(product, str) or path.name.startswith(product)
        target = folder / (path.name if known else f"{product}_{path.name}")
        if path.is_dir():
            for file in sorted(found for found in path.rglob("*") if found.is_file()):
                _export_file(file, target / file.relative_to(path))
        elif path.is_file():
            _export_file(path, target)
        made.append(target)
    return made


def _export_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with replace_when_complete(target) as partial:
        link(source, partial)
