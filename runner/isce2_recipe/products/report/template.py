"""The report's template; light, for plans."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from isce2_recipe.paths import data_folder
from isce2_recipe.products.readme import read_if_there

_TEMPLATE = "report/run.html.j2"


def template_text(folders: tuple[Path, ...], read: Callable[[Path], str | None] = read_if_there) -> str:
    """The page's template: the first found in the folders, else the one that comes with the package."""
    texts = (read(folder / _TEMPLATE) for folder in (*folders, data_folder("templates")))
    return next(text for text in texts if text is not None)
