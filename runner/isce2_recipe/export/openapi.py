"""Conversion of a parameter's JSON Schema to OpenAPI 3.0, for services with an OpenAPI interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_UNCHANGED = frozenset(
    (
        "description", "default", "enum", "format", "pattern", "minLength", "maxLength", "minimum", "maximum",
        "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
    )
)  # fmt: skip
_COMBINED = frozenset(("allOf", "anyOf", "oneOf"))


def api_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema (JSON Schema 2020-12 without references) in OpenAPI 3.0's dialect of JSON Schema.

    Keywords that OpenAPI does not have (``if``, ``contains``, ``prefixItems``, ...) are omitted; the recipe
    checks all values again. The unit is added to the description, because values are numbers in that unit.
    """
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _UNCHANGED:
            found[key] = value
        elif key in _COMBINED:
            found[key] = [api_schema(one) for one in value]
        elif key in _CONVERTED:
            found |= _CONVERTED[key](value)
    if found.get("type") == "array":
        found.setdefault("items", {})
    if found.get("nullable") and "enum" in found and None not in found["enum"]:
        found["enum"] = [*found["enum"], None]
    if "units" in schema:
        found["description"] = f"{schema.get('description', '')} In {schema['units']}.".strip()
    return found


def _type(value: Any) -> dict[str, Any]:
    """Convert ``type``: null becomes ``nullable``, several types become alternatives."""
    types = [value] if isinstance(value, str) else [one for one in value if one != "null"]
    null = {"nullable": True} if "null" in value and not isinstance(value, str) else {}
    if len(types) == 1:
        return {"type": types[0], **null}
    return {"anyOf": [_type(one) | ({"items": {}} if one == "array" else {}) for one in types], **null}


def _properties(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"properties": {name: api_schema(one) for name, one in value.items()}}


def _additional_properties(value: Any) -> dict[str, Any]:
    return {"additionalProperties": value if isinstance(value, bool) else api_schema(value)}


_CONVERTED = {
    "type": _type,
    "const": lambda value: {"enum": [value]},
    "examples": lambda value: {"example": value[0]} if value else {},
    "exclusiveMinimum": lambda value: {"minimum": value, "exclusiveMinimum": True},
    "exclusiveMaximum": lambda value: {"maximum": value, "exclusiveMaximum": True},
    "items": lambda value: {"items": {} if isinstance(value, bool) else api_schema(value)},
    "not": lambda value: {"not": api_schema(value)},
    "properties": _properties,
    "required": lambda value: {"required": list(value)},
    "additionalProperties": _additional_properties,
}
