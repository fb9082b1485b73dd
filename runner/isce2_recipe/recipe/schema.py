"""The shipped JSON Schemas (2020-12), and values that certainly obey a schema."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from isce2_recipe.paths import data_folder
from isce2_recipe.recipe.patterns import matches

Schema = Mapping[str, Any]
GRAMMAR = "recipe.schema.json"


@lru_cache
def load_schema(file: str) -> dict[str, Any]:
    """Return one of the shipped schemas by its name below ``schemas/``."""
    loaded: dict[str, Any] = json.loads((data_folder("schemas") / file).read_text(encoding="utf-8"))
    return loaded


def resolve(schema: Schema, home: str) -> tuple[Schema, str]:
    """Return the schema with its ``$ref`` replaced by its target, and the file that contains the target.

    Keywords next to ``$ref`` win over those of the target.

    Raises
    ------
    KeyError
        If the target does not exist.
    """
    if "$ref" not in schema:
        return schema, home
    target, home = _referenced(schema["$ref"], home)
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}, home


@lru_cache(maxsize=256)
def _referenced(reference: str, home: str) -> tuple[Schema, str]:
    file, _, pointer = reference.partition("#")
    home = file.rpartition("/")[2] or home
    target: Any = load_schema(home)
    for part in pointer.strip("/").split("/"):
        target = target[part]
    return resolve(target, home)


def obeys(value: Any, schema: Schema | bool, home: str) -> bool:
    """Return whether a value certainly obeys a schema; False also where that cannot be decided here."""
    if isinstance(schema, bool):
        return schema
    if "$ref" in schema:
        schema, home = _referenced(schema["$ref"], home) if schema.keys() <= _BARE else resolve(schema, home)
    for keyword in schema:
        check = _CHECKS.get(keyword)
        if check is None:
            if keyword not in _WITHOUT_CHECK:
                return False
        elif not check(value, schema, home):
            return False
    return True


_BARE = frozenset(("$ref", "description"))


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number; true and false are none."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: is_number(value) and value == int(value),
    "number": is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping),
    "null": lambda value: value is None,
}
"""What belongs to each type of JSON."""


def is_multiple(value: float, step: float) -> bool:
    """Return whether a number is a multiple of a step, but for rounding."""
    try:
        return abs(value / step - round(value / step)) <= 1e-9
    except OverflowError:
        return value % step == 0


def named_like(pattern: str, name: str) -> bool:
    """Return whether a key matches a pattern of keys; False where that would take too long."""
    try:
        return matches(pattern, name)
    except TimeoutError:
        return False


def extra_keys(value: Mapping[str, Any], schema: Schema) -> list[str]:
    """Return the keys of a mapping that its schema does not name."""
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", ())
    return [key for key in value if key not in known and not any(named_like(one, key) for one in patterns)]


def _parses(reader: Callable[[str], Any], value: str, shape: str) -> bool:
    try:
        reader(value)
    except ValueError:
        return False
    return re.fullmatch(shape, value, re.ASCII) is not None


FORMATS: dict[str, Callable[[str], bool]] = {
    "date": lambda value: _parses(date.fromisoformat, value, r"\d{4}-\d\d-\d\d"),
    "date-time": lambda value: _parses(
        datetime.fromisoformat, value, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
    ),
    "uri": lambda value: re.match(r"[A-Za-z][A-Za-z0-9+.-]*:\S+\Z", value) is not None,
}
"""Formats of texts that are checked."""


def _type(value: Any, schema: Schema, _home: str) -> bool:
    types = schema["type"]
    return TYPES[types](value) if isinstance(types, str) else any(TYPES[name](value) for name in types)


def _among(value: Any, choices: Any) -> bool:
    """Return whether a plain value is certainly one of some choices; true is not 1."""
    return not isinstance(value, list | tuple | Mapping) and any(
        type(value) is type(choice) and value == choice for choice in choices
    )


def _pattern(value: Any, schema: Schema, home: str) -> bool:
    if not isinstance(value, str):
        return True
    try:
        # The grammar's own patterns are known to be quick.
        return matches(schema["pattern"], value, trusted=home == GRAMMAR)
    except (re.error, TimeoutError):
        return False


def _format(value: Any, schema: Schema, _home: str) -> bool:
    holds = FORMATS.get(schema["format"])
    return not isinstance(value, str) or (holds is not None and holds(value))


def _limit(keyword: str, holds: Callable[[Any, Any], bool]) -> Callable[[Any, Schema, str], bool]:
    return lambda value, schema, _home: not is_number(value) or holds(value, schema[keyword])


def _size(
    keyword: str, kinds: tuple[type, ...], holds: Callable[[int, int], bool]
) -> Callable[[Any, Schema, str], bool]:
    def check(value: Any, schema: Schema, _home: str) -> bool:
        size = len(value) if isinstance(value, str | list | tuple) and isinstance(value, kinds) else None
        return size is None or holds(size, schema[keyword])

    return check


def _items(value: Any, schema: Schema, home: str) -> bool:
    if "prefixItems" in schema:
        return False
    return not isinstance(value, list | tuple) or all(obeys(item, schema["items"], home) for item in value)


def _unique(value: Any, schema: Schema, _home: str) -> bool:
    if not schema["uniqueItems"] or not isinstance(value, list | tuple) or len(value) < 2:
        return True
    types = set(map(type, value))
    return types in ({str}, {int}) and len(set(value)) == len(value)


def _properties(value: Any, schema: Schema, home: str) -> bool:
    return not isinstance(value, Mapping) or all(
        obeys(value[name], below, home) for name, below in schema["properties"].items() if name in value
    )


def _additional(value: Any, schema: Schema, home: str) -> bool:
    rest = schema["additionalProperties"]
    return (
        rest is True
        or not isinstance(value, Mapping)
        or all(obeys(value[name], rest, home) for name in extra_keys(value, schema))
    )


def _names(value: Any, schema: Schema, home: str) -> bool:
    return not isinstance(value, Mapping) or all(obeys(key, schema["propertyNames"], home) for key in value)


def _required(value: Any, schema: Schema, _home: str) -> bool:
    return not isinstance(value, Mapping) or all(name in value for name in schema["required"])


def _any_of(value: Any, schema: Schema, home: str) -> bool:
    return any(obeys(value, below, home) for below in schema["anyOf"])


def _if(value: Any, schema: Schema, home: str) -> bool:
    """Return whether both branches hold, or the one that is certain; a condition that fails is not."""
    if obeys(value, schema["if"], home):
        return obeys(value, schema.get("then", True), home)
    # That the condition is not certainly met does not mean that it is not met.
    condition = schema["if"]
    known_to_fail = condition.keys() == {"required"} and not _required(value, condition, home)
    return known_to_fail and obeys(value, schema.get("else", True), home)


_CHECKS: dict[str, Callable[[Any, Schema, str], bool]] = {
    "type": _type,
    "enum": lambda value, schema, _home: _among(value, schema["enum"]),
    "const": lambda value, schema, _home: _among(value, (schema["const"],)),
    "pattern": _pattern,
    "format": _format,
    "minimum": _limit("minimum", lambda value, limit: value >= limit),
    "maximum": _limit("maximum", lambda value, limit: value <= limit),
    "exclusiveMinimum": _limit("exclusiveMinimum", lambda value, limit: value > limit),
    "exclusiveMaximum": _limit("exclusiveMaximum", lambda value, limit: value < limit),
    "multipleOf": lambda value, schema, _home: (
        not is_number(value) or is_multiple(value, schema["multipleOf"])
    ),
    "minLength": _size("minLength", (str,), lambda size, limit: size >= limit),
    "maxLength": _size("maxLength", (str,), lambda size, limit: size <= limit),
    "minItems": _size("minItems", (list, tuple), lambda size, limit: size >= limit),
    "maxItems": _size("maxItems", (list, tuple), lambda size, limit: size <= limit),
    "uniqueItems": _unique,
    "items": _items,
    "propertyNames": _names,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "anyOf": _any_of,
    "if": _if,
}
_WITHOUT_CHECK = frozenset(
    (
        "$ref", "$schema", "$id", "$defs", "then", "else", "title", "description", "default", "examples",
        "units", "secret", "deprecated",
    )
)  # fmt: skip
KEYWORDS = frozenset(_CHECKS) | _WITHOUT_CHECK
"""Keywords of which valid values are recognised without ``jsonschema``."""
