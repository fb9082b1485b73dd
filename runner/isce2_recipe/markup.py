"""XML and SVG from the templates of this package, in which all values are escaped."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from isce2_recipe.paths import data_folder

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """Return ``templates/TEMPLATE.j2`` with values filled in, without its line breaks and indentation."""
    text = _environment().get_template(f"{template}.j2").render(values)
    return "".join(map(str.strip, text.splitlines()))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(data_folder("templates")), undefined=StrictUndefined, autoescape=True
    )
    made.filters["fmt"] = format
    return made
