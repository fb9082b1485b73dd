"""Validation of values by JSON Schema (2020-12), with the verdict of ``jsonschema``.

Importing ``jsonschema`` takes 0.1 s, so a value that certainly obeys its schema is recognised without it:
`isce2_recipe.recipe.schema.obeys` knows the everyday keywords, and answers no where it is not sure. What does
not pass goes to ``jsonschema``, whose errors `isce2_recipe.recipe.wording` puts into words.
"""

from __future__ import annotations

from typing import Any

from isce2_recipe.problems import DataPath
from isce2_recipe.recipe.schema import Schema, obeys
from isce2_recipe.recipe.violations import Violation


def not_a_schema(schema: Schema) -> str | None:
    """Return why a parameter's schema is not JSON Schema; None if it is."""
    from isce2_recipe.recipe.wording import schema_error

    error = schema_error(schema)
    return None if error is None else error.message


def validate(value: Any, schema: Schema, home: str, path: DataPath = ()) -> list[Violation]:
    """Return every way in which a value breaks a schema.

    Parameters
    ----------
    value : Any
        Of JSON's types; tuples count as lists.
    schema : mapping
        A shipped schema as a whole, or one whose references name shipped types.
    home : str
        The schema file that it belongs to.
    path : tuple
        Where the value is.
    """
    if obeys(value, schema, home):
        return []
    from isce2_recipe.recipe.wording import violations

    return violations(value, schema, home, path)
