"""The text that explains a product to whoever opens it years later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isce2_recipe.paths import data_folder

_TEMPLATE = Path("product", "README.md.txt.j2")


def template_text(folders: tuple[Path, ...]) -> str:
    """The README's template: the first found in the folders, else the one that comes with the package."""
    own = data_folder("templates") / _TEMPLATE
    found = [folder / _TEMPLATE for folder in folders if (folder / _TEMPLATE).is_file()]
    return next(iter(found), own).read_text(encoding="utf-8")


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
