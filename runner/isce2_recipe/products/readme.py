"""The text that explains a product to whoever opens it years later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isce2_recipe.paths import data_folder

_TEMPLATE = "product/README.md.txt.j2"


def write_readme(path: Path, values: Mapping[str, Any]) -> None:
    """Fill in the product's README.

    Raises
    ------
    jinja2.UndefinedError
        If the template names a value that is not there.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(data_folder("templates")),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(_TEMPLATE).render(values, zip=zip)
    path.write_text(text, encoding="utf-8")
