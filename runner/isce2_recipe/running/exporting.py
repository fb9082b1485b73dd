"""Exports the output files of a recipe into a folder of the user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isce2_recipe.copying import link
from isce2_recipe.files import replace_when_complete
from isce2_recipe.journal.values import files_in


def export(outputs: Mapping[str, Any], folder: Path, workdir: Path) -> list[Path]:
    """Link or copy the files and folders among a recipe's outputs into a folder; return their new paths.

    An existing file of the same name is replaced. If there is an output ``name``, the names of all files
    begin with it, so that products of several runs can share a folder. Files of the same name, as those of
    all instances of a loop, keep their folders below the work directory.
    """
    product = outputs.get("name")
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    found = dict.fromkeys(files_in(dict(outputs)))
    names = Counter(path.name for path in found)
    for path in found:
        known = not isinstance(product, str) or path.name.startswith(product)
        target = folder / (path.name if known else f"{product}_{path.name}")
        if names[path.name] > 1 and path.is_relative_to(workdir):
            target = folder / path.relative_to(workdir)
        if path.is_dir():
            for file in sorted(one for one in path.rglob("*") if one.is_file()):
                _export_file(file, target / file.relative_to(path))
        elif path.is_file():
            _export_file(path, target)
        made.append(target)
    return made


def _export_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with replace_when_complete(target) as partial:
        link(source, partial)
