"""The text that explains a product to a reader who opens it years later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from isce2_recipe.paths import data_folder

_TEMPLATE = "product/README.md.txt.j2"


def read_text(path: Path) -> str | None:
    """Return a file's text, or None where there is no such file."""
    return path.read_text(encoding="utf-8") if path.is_file() else None


def template_text(
    folders: tuple[Path, ...], read: Callable[[Path], str | None] = read_text, name: str = _TEMPLATE
) -> str:
    """Return a template's text: the first found in the folders, else the one of this package.

    Parameters
    ----------
    read : callable
        Reads a text file; returns None where there is none.
    name : str
        Path of the template in such a folder; by default that of the README.
    """
    texts = (read(folder / name) for folder in (*folders, data_folder("templates")))
    return next(text for text in texts if text is not None)


def write_readme(path: Path, template: str, values: Mapping[str, Any]) -> None:
    """Write the product's README from its template.

    Raises
    ------
    jinja2.UndefinedError
        If the template uses a value that is not there.
    """
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
    path.write_text(environment.from_string(template).render(values, zip=zip), encoding="utf-8")
