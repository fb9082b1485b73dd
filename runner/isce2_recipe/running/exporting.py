"""Exports the output files of a recipe into a folder of the user."""

from __future__ import annotations

import filecmp
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from isce2_recipe.copying import link
from isce2_recipe.errors import InputError
from isce2_recipe.files import replace_when_complete
from isce2_recipe.journal.values import files_in


def export(
    outputs: Mapping[str, Any], folder: Path, workdir: Path, *, overwrite: bool = False
) -> dict[Path, Path]:
    """Link or copy the files among a recipe's outputs into a folder; return the exported file of each.

    If there is an output ``name``, the names of all files begin with it, so that products of several runs can
    share a folder. Files of the same name, as those of all instances of a loop, keep their folders below the
    work directory.

    Raises
    ------
    InputError
        If the folder has a file of the same name with different content, and ``overwrite`` is not set;
        nothing is exported then. Files that accompany the same product, such as its report, are replaced.
    """
    targets = {source: folder / place for source, place in _places(outputs, workdir)}
    if not overwrite:
        _check_targets(outputs.get("name"), targets, folder, workdir)
    for source, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        with replace_when_complete(target) as partial:
            link(source, partial)
    return targets


def _places(outputs: Mapping[str, Any], workdir: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each file among the outputs, those in folders too, and its place in the folder of exports."""
    product = outputs.get("name")
    found = dict.fromkeys(files_in(dict(outputs)))
    names = Counter(path.name for path in found)
    for path in found:
        known = not isinstance(product, str) or path.name.startswith(product)
        place = Path(path.name if known else f"{product}_{path.name}")
        if names[path.name] > 1 and path.is_relative_to(workdir):
            place = path.relative_to(workdir)
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                yield file, place / file.relative_to(path)


def _check_targets(product: object, targets: Mapping[Path, Path], folder: Path, workdir: Path) -> None:
    """Raise an `InputError` if the export would replace a file of another product."""
    there = {source: target for source, target in targets.items() if target.exists()}
    if isinstance(product, str):
        # Reports have times: without its own files, they say nothing of which product is there.
        own = [source for source in there if any(part.startswith(product) for part in source.parts)]
        there = {source: there[source] for source in own or there}
    changed = [
        target
        for source, target in there.items()
        if target.is_dir() or not filecmp.cmp(source, target, shallow=False)
    ]
    if changed:
        others = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        raise InputError(
            f"{changed[0]}{others} differs from what this run made; nothing was exported to {folder}",
            hint=f"give --publish another folder, or add --overwrite; what this run made is in {workdir}",
        )
