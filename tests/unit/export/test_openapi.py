"""JSON Schema converted to OpenAPI 3.0: it is valid, and accepts the same values."""

from __future__ import annotations

import pytest
from openapi_schema_validator import OAS30Validator

from isce2_recipe.export.hyp3 import api_schema
from isce2_recipe.recipe import available, load
from isce2_recipe.recipe.parameters import normalise

PARAMETERS = [
    pytest.param(parameter, id=f"{name}-{parameter.name}")
    for name in available()
    if "bucket" in load(name).parameters  # HyP3 needs it
    for parameter in load(name).parameters.values()
]
VALUES = [
    None, True, False, 0, 1, 2, 0.5, -1, 1e9, "", "20x4", "5x1", "VV", "utm", "EPSG:4326", "x", [], [1],
    [1, 1],
    [1.5, 2, 3, 4], [200, 0, 0, 0], {}, {"min_coherence": 0.5}, {"min_coherence": 2}, {"other": 1},
    "S1_136231_IW2_20200604T022312_VV_7C85-BURST", ["S1_136231_IW2_20200604T022312_VV_7C85-BURST"],
]  # fmt: skip


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_the_schemas_of_the_shipped_recipes_are_valid_openapi(parameter):
    schema = api_schema(parameter.schema)
    OAS30Validator.check_schema(schema)
    assert schema["description"]


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_the_interface_accepts_what_the_recipe_accepts(parameter):
    validator = OAS30Validator(api_schema(parameter.schema))
    for value in [*VALUES, *parameter.schema.get("examples", ())]:
        read, wrong = normalise(value, parameter.schema)
        if read is value or (type(read), read) == (
            type(value),
            value,
        ):  # not a text that is converted to another type
            assert validator.is_valid(value) == (not wrong), value


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            {"type": ["string", "null"], "enum": ["a"]},
            {"type": "string", "nullable": True, "enum": ["a", None]},
        ),
        (
            {"type": "number", "exclusiveMinimum": 0},
            {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        ),
        ({"const": 3}, {"enum": [3]}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        (
            {"type": "number", "units": "deg", "description": "Margin."},
            {"type": "number", "description": "Margin. In deg."},
        ),
        (
            {"type": ["integer", "string", "null"]},
            {"anyOf": [{"type": "integer"}, {"type": "string"}], "nullable": True},
        ),
        (
            {"type": "string", "secret": True, "if": {}, "examples": ["b", "c"]},
            {"type": "string", "example": "b"},
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"const": 1}},
                "additionalProperties": {"type": ["null", "string"]},
            },
            {
                "type": "object",
                "properties": {"a": {"enum": [1]}},
                "additionalProperties": {"type": "string", "nullable": True},
            },
        ),
    ],
)
def test_converted_keywords(schema, expected):
    assert api_schema(schema) == expected
    OAS30Validator.check_schema(expected)
