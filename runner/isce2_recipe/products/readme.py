"""The text that explains a product to whoever opens it years later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from isce2_recipe.paths import data_folder

_TEMPLATE = "README.md.txt.j2"


def read_if_there(path: Path) -> str | None:
    """A file's text; None where there is none."""
    return path.read_text(encoding="utf-8") if path.is_file() else None


def template_text(
    folders: tuple[Path, ...], read: Callable[[Path], str | None] = read_if_there, name: str = _TEMPLATE
) -> str:
    """The README's template: the first found in the folders, else the one that comes with the package.

    Parameters
    ----------
    read : callable
        Reads a text file; None where there is none.
    name : str
        Of the template, in the folder ``product``.
    """
    texts = (read(folder / "product" / name) for folder in (*folders, data_folder("templates")))
    return next(text for text in texts if text is not None)


def write_readme(path: Path, template: str, values: Mapping[str, Any]) -> None:
    """Fill in the product's README.

    Raises
    ------
    jinja2.UndefinedError
        If the template names a value that is not there.
    """
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
    path.write_text(environment.from_string(template).render(values, zip=zip), encoding="utf-8")
