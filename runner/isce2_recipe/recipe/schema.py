"""The shipped JSON Schemas (2020-12), and values that certainly obey a schema."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import Any

from isce2_recipe.paths import data_folder
from isce2_recipe.recipe.patterns import matches

Schema = Mapping[str, Any]
GRAMMAR = "recipe.schema.json"
CLUSTER = "cluster.schema.json"


@lru_cache
def load_schema(file: str) -> dict[str, Any]:
    """Return one of the shipped schemas by its name below ``schemas/``."""
    loaded: dict[str, Any] = json.loads((data_folder("schemas") / file).read_text(encoding="utf-8"))
    return loaded


def resolve(schema: Schema, home: str) -> tuple[Schema, str]:
    """Return the schema with its ``$ref`` replaced by its target, and the file that contains the target.

    Keywords next to ``$ref`` win over those of the target.

    Raise KeyError if the target does not exist.
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
    """Return whether a value certainly obeys a schema; False also if that cannot be decided here."""
    if isinstance(schema, bool):
        return schema
    if "$ref" in schema:
        bare = schema.keys() <= _BARE
        schema, home = _referenced(schema["$ref"], home) if bare else resolve(schema, home)
    for keyword, limit in schema.items():
        check = _CHECKS.get(keyword)
        if check is None:
            if keyword not in _WITHOUT_CHECK:
                return False
        elif not check(value, limit, schema, home):
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
    "day": lambda value: _parses(date.fromisoformat, value, r"\d{8}|\d{4}-\d\d-\d\d"),
    "uri": lambda value: re.match(r"[A-Za-z][A-Za-z0-9+.-]*:\S+\Z", value) is not None,
}
"""Formats of texts that are checked."""


Check = Callable[[Any, Any, Schema, str], bool]
"""Of a value, a keyword's value, the schema with the keyword, and the schema's file."""


def _type(value: Any, names: Any, _schema: Schema, _home: str) -> bool:
    return TYPES[names](value) if isinstance(names, str) else any(TYPES[name](value) for name in names)


def _enum(value: Any, choices: Any, _schema: Schema, _home: str) -> bool:
    """Return whether a plain value is certainly one of some choices; true is not 1."""
    plain = not isinstance(value, list | tuple | Mapping)
    return plain and any(type(value) is type(choice) and value == choice for choice in choices)


def _pattern(value: Any, pattern: str, _schema: Schema, home: str) -> bool:
    try:
        # The grammar's own patterns are known to be fast.
        return not isinstance(value, str) or matches(pattern, value, trusted=home == GRAMMAR)
    except (re.error, TimeoutError):
        return False


def _of_a(kind: str, holds: Callable[[Any, Any], bool]) -> Check:
    """Return a check of values of one type, which all others pass."""
    return lambda value, limit, _schema, _home: not TYPES[kind](value) or holds(value, limit)


def _distinct(items: list[Any], wanted: bool) -> bool:
    plain = set(map(type, items)) <= {str} or set(map(type, items)) <= {int}
    return not wanted or (plain and len(set(items)) == len(items))


def _items(value: Any, below: Schema, schema: Schema, home: str) -> bool:
    if "prefixItems" in schema:
        return False
    return not isinstance(value, list | tuple) or all(obeys(item, below, home) for item in value)


def _properties(value: Any, properties: Any, _schema: Schema, home: str) -> bool:
    return not isinstance(value, Mapping) or all(
        obeys(value[name], below, home) for name, below in properties.items() if name in value
    )


def _additional(value: Any, rest: Schema | bool, schema: Schema, home: str) -> bool:
    if rest is True or not isinstance(value, Mapping):
        return True
    return all(obeys(value[name], rest, home) for name in extra_keys(value, schema))


def _names(value: Any, below: Schema, _schema: Schema, home: str) -> bool:
    return not isinstance(value, Mapping) or all(obeys(key, below, home) for key in value)


def _if(value: Any, condition: Schema, schema: Schema, home: str) -> bool:
    """Return whether the branch holds that certainly applies."""
    if obeys(value, condition, home):
        return obeys(value, schema.get("then", True), home)
    # A condition that is not certainly met may be met all the same, but not one of a missing key.
    fails = condition.keys() == {"required"} and isinstance(value, Mapping)
    return fails and obeys(value, schema.get("else", True), home)


_CHECKS: dict[str, Check] = {
    "type": _type,
    "enum": _enum,
    "const": lambda value, choice, schema, home: _enum(value, (choice,), schema, home),
    "pattern": _pattern,
    "format": _of_a("string", lambda value, name: name in FORMATS and FORMATS[name](value)),
    "minimum": _of_a("number", ge),
    "maximum": _of_a("number", le),
    "exclusiveMinimum": _of_a("number", gt),
    "exclusiveMaximum": _of_a("number", lt),
    "multipleOf": _of_a("number", is_multiple),
    "minLength": _of_a("string", lambda value, limit: len(value) >= limit),
    "maxLength": _of_a("string", lambda value, limit: len(value) <= limit),
    "minItems": _of_a("array", lambda value, limit: len(value) >= limit),
    "maxItems": _of_a("array", lambda value, limit: len(value) <= limit),
    "uniqueItems": _of_a("array", _distinct),
    "items": _items,
    "propertyNames": _names,
    "required": _of_a("object", lambda value, names: all(name in value for name in names)),
    "properties": _properties,
    "additionalProperties": _additional,
    "anyOf": lambda value, schemas, _schema, home: any(obeys(value, below, home) for below in schemas),
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
