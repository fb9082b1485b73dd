"""A recipe that repeats another one for every row of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isce2_recipe.paths import data_folder
from isce2_recipe.recipe.document import dump, parse
from isce2_recipe.recipe.loading import SUFFIXES, build
from isce2_recipe.recipe.model import Recipe
from isce2_recipe.recipe.tables import CheckedRow

LOOP = "rows"
"""The step of a batch, and the folder of the work directories of its rows."""

_ROWS, _ROW = "table_rows", "table_row"


def batch_recipe(
    recipe: Recipe, rows: Sequence[CheckedRow], common: Mapping[str, Any]
) -> tuple[Recipe, dict[str, Any]]:
    """Return a recipe that repeats another one for every row, and the values of its parameters.

    Parameters
    ----------
    recipe : Recipe
        The recipe to repeat.
    rows : sequence of CheckedRow
        The rows of the table.
    common : mapping
        Values of parameters that are the same for all rows.
    """
    columns = [name for name in recipe.parameters if any(name in row.given for row in rows)]
    shared = [name for name in common if name not in columns]
    shipped = recipe.path.resolve().is_relative_to(data_folder("recipes").resolve())
    uses = recipe.path.name if recipe.path.suffix in SUFFIXES else f"{recipe.path.name}.yml"
    each = {"type": "array", "items": {"type": "object"}, "description": "The rows of the table."}
    data = {
        "recipe": 1,
        "name": f"batch_{recipe.name}"[:64],
        "summary": f"{recipe.name} for every row of a table.",
        "parameters": {_ROWS: each, **{name: dict(recipe.parameters[name].schema) for name in shared}},
        "required": [_ROWS],
        "steps": [
            {
                "id": LOOP,
                "for_each": f"{{{{ {_ROWS} }}}}",
                "as": _ROW,
                "key": f"{{{{ {_ROW}.key }}}}",
                "uses": uses,
                "with": {
                    **{name: f"{{{{ {_ROW}.values.{name} }}}}" for name in columns},
                    **{name: f"{{{{ {name} }}}}" for name in shared},
                },
            }
        ],
    }
    folder = recipe.path.parent if not shipped else data_folder("recipes")
    document = parse(dump(data), str(folder / f"batch of {recipe.path.name}"))
    made = build(document, {0: recipe}, recipe.texts())
    listed = [{"key": row.key, "values": {name: row.values[name] for name in columns}} for row in rows]
    return made, {_ROWS: listed, **{name: common[name] for name in shared}}
