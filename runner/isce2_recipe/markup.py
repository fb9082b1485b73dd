"""Files from the templates of this package; all values in XML, SVG and JSON are escaped."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from isce2_recipe.paths import data_folder

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """Return ``templates/TEMPLATE.j2`` with values filled in, without its line breaks and indentation."""
    return "".join(map(str.strip, render_lines(template, **values).splitlines()))


def render_lines(template: str, **values: Any) -> str:
    """Return the same as it is laid out in the template."""
    return _environment().get_template(f"{template}.j2").render(values)


def render_json(template: str, **values: Any) -> Any:
    """Return the JSON value of a template, in which values are written with the filter ``tojson``."""
    return json.loads(render(template, **values))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(data_folder("templates")),
        undefined=StrictUndefined,
        autoescape=lambda name: name is None or not name.endswith((".txt.j2", ".md.j2")),
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    made.filters["fmt"] = format
    made.policies["json.dumps_kwargs"] = {}
    return made
