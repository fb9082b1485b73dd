"""Values against JSON Schema (2020-12): the keywords our schemas use, with messages for people.

A checker of our own for the everyday keywords, because importing ``jsonschema`` takes 0.1 s, keeps ``lint``
and ``--help`` quick; a test holds both to the same verdict on every recipe of the corpus. The keywords that
combine schemas are left to ``jsonschema``, which is imported where a parameter uses one of them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple

from isce2_recipe.paths import data_folder
from isce2_recipe.problems import DataPath, Mark, Problem, Suggestion, closest, statement, suggest
from isce2_recipe.recipe.patterns import SECONDS, matches

Schema = Mapping[str, Any]


class Violation(NamedTuple):
    """One way in which a value breaks its schema; the parts of a `Problem` that has no place yet.

    Attributes
    ----------
    path : tuple
        Keys and indices that lead to the value at fault.
    keyword : str
        The schema keyword it breaks.
    what : str
        What is wrong, to be read after the value's name; empty where something was expected.
    expected, found : str
        What the schema allows, and what is there instead.
    key : bool
        Whether the key at ``path`` is at fault rather than its value.
    advice : str or None
        What to do.
    suggestion : Suggestion or None
        What may have been meant.
    names : tuple of str
        The keys at fault or missing.
    """

    path: DataPath
    keyword: str
    what: str = ""
    expected: str = ""
    found: str = ""
    key: bool = False
    advice: str | None = None
    suggestion: Suggestion | None = None
    names: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """What is wrong, as text to be read after the value's name."""
        return statement(self.what, self.expected, self.found).strip()

    def problem(self, place: Mark, rule: str, name: str, **fields: Any) -> Problem:
        """Return the violation as a problem at a place; ``name`` is what the value is called there."""
        what = f"{name} {self.what}" if self.what else name
        return Problem(
            place, what, self.advice, rule, expected=self.expected, found=self.found,
            suggestion=self.suggestion, names=self.names, **fields,
        )  # fmt: skip


@lru_cache
def load_schema(file: str) -> dict[str, Any]:
    """One of the shipped schemas by its name below ``schemas/``."""
    loaded: dict[str, Any] = json.loads((data_folder("schemas") / file).read_text(encoding="utf-8"))
    return loaded


def resolve(schema: Schema, home: str) -> tuple[Schema, str]:
    """The schema with its ``$ref`` replaced by what it names, and the file that is at home in.

    Keywords beside ``$ref`` win over the referenced ones.

    Raises
    ------
    KeyError
        If nothing goes by that name.
    """
    if "$ref" not in schema:
        return schema, home
    target, home = _referenced(schema["$ref"], home)
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}, home


_ONLY_TOLD = frozenset(("$ref", "description"))


@lru_cache(maxsize=256)
def _referenced(reference: str, home: str) -> tuple[Schema, str]:
    file, _, pointer = reference.partition("#")
    home = file.rpartition("/")[2] or home
    target: Any = load_schema(home)
    for part in pointer.strip("/").split("/"):
        target = target[part]
    return resolve(target, home)


def validate(value: Any, schema: Schema, home: str, path: DataPath = ()) -> Iterator[Violation]:
    """Every way in which ``value`` breaks ``schema``, which stands in the file ``home``."""
    if "$ref" in schema:
        bare = schema.keys() <= _ONLY_TOLD
        schema, home = _referenced(schema["$ref"], home) if bare else resolve(schema, home)
    if "type" in schema and not _has_type(value, schema["type"]):
        yield Violation(path, "type", expected=_type_words(schema), found=show(value))
        return
    for keyword in schema:
        check = _CHECKS.get(keyword)
        if check is not None:
            yield from check(value, schema, home, path)


def show(value: Any) -> str:
    """A value as users write it, cut to a line."""
    if isinstance(value, str):
        text = f"'{value}'"
    elif isinstance(value, Mapping):
        text = "a mapping"
    else:
        try:
            text = json.dumps(value, ensure_ascii=False)
        except (TypeError, ValueError):
            text = str(value)
    return text if len(text) <= 80 else text[:76] + "..." + text[-1]


def _has_type(value: Any, types: str | list[str]) -> bool:
    return _TYPES[types](value) if isinstance(types, str) else any(_TYPES[name](value) for name in types)


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and value == int(value),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping),
    "null": lambda value: value is None,
}
_TYPE_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


def _type_words(schema: Schema) -> str:
    types = schema["type"]
    names = [types] if isinstance(types, str) else list(types)
    if "string" in names and "title" in schema:
        return _with_example(schema)
    return " or ".join(_TYPE_WORDS[name] for name in names)


def _with_example(schema: Schema) -> str:
    words = f"a {schema['title']}" if schema["title"][0] not in "aeiouA{" else f"an {schema['title']}"
    examples = schema.get("examples")
    if not examples:
        return words
    shown = examples if isinstance(examples[0], str) else examples[:1]
    return f"{words} such as {', '.join(map(str, shown[:3]))}"


def _equal(a: Any, b: Any) -> bool:
    """Equality of JSON values: true is not 1."""
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def _enum(value: Any, schema: Schema, _home: str, path: DataPath) -> Iterator[Violation]:
    allowed = schema["enum"]
    if not any(_equal(value, choice) for choice in allowed):
        choices = tuple(str(choice) for choice in allowed)
        match = closest(value, choices) if isinstance(value, str) else None
        suggestion = None if match is None else Suggestion(match, choices)
        expected = f"one of {', '.join(choices)}"
        yield Violation(path, "enum", expected=expected, found=show(value), suggestion=suggestion)


def _const(value: Any, schema: Schema, _home: str, path: DataPath) -> Iterator[Violation]:
    if not _equal(value, schema["const"]):
        yield Violation(path, "const", expected=show(schema["const"]), found=show(value))


_TOO_SLOW = f"cannot be compared with its pattern within {SECONDS:g} s"
_FASTER = "write the pattern without repetitions inside repetitions, or give a maxLength"


def _pattern(value: Any, schema: Schema, home: str, path: DataPath) -> Iterator[Violation]:
    if not isinstance(value, str):
        return
    try:
        # The grammar's own patterns are known to be quick.
        found = matches(schema["pattern"], value, trusted=home == "recipe.schema.json")
    except re.error:
        return  # Reported where the pattern is written.
    except TimeoutError:
        yield Violation(
            path, "pattern", f"{_TOO_SLOW}, {schema['pattern']}", found=show(value), advice=_FASTER
        )
        return
    if not found:
        expected = _with_example(schema) if "title" in schema else f"text that matches {schema['pattern']}"
        yield Violation(path, "pattern", expected=expected, found=show(value))


def _format(value: Any, schema: Schema, _home: str, path: DataPath) -> Iterator[Violation]:
    if not isinstance(value, str):
        return
    kind = schema["format"]
    if kind == "date" and not _parses(date.fromisoformat, value, r"\d{4}-\d\d-\d\d"):
        yield Violation(path, "format", expected="a date such as 2020-06-04", found=show(value))
    if kind == "date-time" and not _parses(
        datetime.fromisoformat, value, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
    ):
        expected = "a date and time such as 2020-06-04T02:23:12Z"
        yield Violation(path, "format", expected=expected, found=show(value))
    if kind == "uri" and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:\S+\Z", value):
        yield Violation(path, "format", expected="a URL", found=show(value))


def _parses(reader: Callable[[str], Any], value: str, shape: str) -> bool:
    try:
        reader(value)
    except ValueError:
        return False
    return re.fullmatch(shape, value, re.ASCII) is not None


def _limit(keyword: str, holds: Callable[[Any, Any], bool], words: str) -> Callable[..., Iterator[Violation]]:
    """A check of a number against a limit."""

    def check(value: Any, schema: Schema, _home: str, path: DataPath) -> Iterator[Violation]:
        if _is_number(value) and not holds(value, schema[keyword]):
            unit = f" {schema['units']}" if "units" in schema else ""
            expected = f"{words} {schema[keyword]}{unit}"
            yield Violation(path, keyword, expected=expected, found=show(value))

    return check


def _size(
    keyword: str, kinds: tuple[type, ...], holds: Callable[[int, int], bool], words: str
) -> Callable[..., Iterator[Violation]]:
    """A check of a length against a limit."""
    unit = "character" if kinds == (str,) else "item"

    def check(value: Any, schema: Schema, _home: str, path: DataPath) -> Iterator[Violation]:
        limit = schema[keyword]
        size: int = (
            len(value) if isinstance(value, str | list | tuple) and isinstance(value, kinds) else limit
        )
        if not holds(size, limit):
            expected = f"{words} {limit} {unit}{'' if limit == 1 else 's'} long"
            yield Violation(path, keyword, expected=expected, found=str(size))

    return check


def _multiple(value: Any, schema: Schema, _home: str, path: DataPath) -> Iterator[Violation]:
    step = schema["multipleOf"]
    if _is_number(value) and abs(value / step - round(value / step)) > 1e-9:
        yield Violation(path, "multipleOf", expected=f"a multiple of {step}", found=show(value))


def _unique(value: Any, schema: Schema, _home: str, path: DataPath) -> Iterator[Violation]:
    if not isinstance(value, list | tuple) or not schema["uniqueItems"]:
        return
    seen: list[Any] = []
    for index, item in enumerate(value):
        if any(_equal(item, other) for other in seen):
            yield Violation((*path, index), "uniqueItems", "is in the list twice", found=show(item))
        seen.append(item)


def _items(value: Any, schema: Schema, home: str, path: DataPath) -> Iterator[Violation]:
    if isinstance(value, list | tuple):
        first = len(schema.get("prefixItems", ()))
        for index, item in enumerate(value[first:], first):
            yield from validate(item, schema["items"], home, (*path, index))


def _required(value: Any, schema: Schema, _home: str, path: DataPath) -> Iterator[Violation]:
    if isinstance(value, Mapping):
        for name in schema["required"]:
            if name not in value:
                yield Violation(path, "required", f"is missing the key '{name}'", names=(name,))


def _properties(value: Any, schema: Schema, home: str, path: DataPath) -> Iterator[Violation]:
    if isinstance(value, Mapping):
        for name, below in schema["properties"].items():
            if name in value:
                yield from validate(value[name], below, home, (*path, name))


def _named_like(pattern: str, name: str) -> bool:
    """Whether a key is one of those that a pattern means; one that would take too long is not."""
    try:
        return matches(pattern, name)
    except TimeoutError:
        return False


def _additional(value: Any, schema: Schema, home: str, path: DataPath) -> Iterator[Violation]:
    if not isinstance(value, Mapping):
        return
    known, rest = schema.get("properties", {}), schema["additionalProperties"]
    if rest is True:
        return
    patterns = schema.get("patternProperties")
    for name in value:
        if name in known or (patterns and any(_named_like(one, name) for one in patterns)):
            continue
        if rest is False:
            suggestion = suggest(str(name), [key for key in known if key not in value] or known)
            yield Violation(
                (*path, name), "additionalProperties", f"has no key '{name}'", key=True,
                suggestion=suggestion, names=(str(name),),
            )  # fmt: skip
        else:
            yield from validate(value[name], rest, home, (*path, name))


def _names(value: Any, schema: Schema, home: str, path: DataPath) -> Iterator[Violation]:
    if isinstance(value, Mapping):
        for name in value:
            for violation in validate(name, schema["propertyNames"], home, (*path, name)):
                yield violation._replace(keyword="propertyNames", key=True)


def _any_of(value: Any, schema: Schema, home: str, path: DataPath) -> Iterator[Violation]:
    """Of the alternatives the one that comes nearest: of the right type, else all of them in words."""
    attempts: list[list[Violation]] = []
    for below in schema["anyOf"]:
        attempts.append(list(validate(value, below, home, path)))
        if not attempts[-1]:
            return
    right_type = [
        found for found in attempts if all(one.keyword != "type" or one.path != path for one in found)
    ]
    deeper = [found for found in right_type if any(one.path != path for one in found)]
    if deeper or (len(right_type) == 1 and not isinstance(value, str)):
        yield from (deeper or right_type)[0]
        return
    alternatives = dict.fromkeys(_alternative(resolve(below, home)[0]) for below in schema["anyOf"])
    yield Violation(path, "anyOf", expected=" or ".join(alternatives), found=show(value))


def _alternative(schema: Schema) -> str:
    if "title" in schema:
        return _with_example(schema)
    if "enum" in schema:
        return "one of " + ", ".join(str(choice) for choice in schema["enum"])
    if "const" in schema:
        return show(schema["const"])
    words = _type_words(schema) if "type" in schema else "something else"
    return f"{words} above {schema['exclusiveMinimum']}" if "exclusiveMinimum" in schema else words


_COMBINING: dict[str, tuple[str, ...]] = {
    "if": ("then", "else"), "contains": ("minContains", "maxContains"),
    **dict.fromkeys(
        (
            "allOf", "oneOf", "not", "prefixItems", "patternProperties", "dependentRequired", "minProperties",
            "maxProperties",
        ),
        (),
    ),
}  # fmt: skip
"""Keywords of parameters that `jsonschema` judges, each with those that mean nothing without it."""


def _if(value: Any, schema: Schema, home: str, path: DataPath) -> Iterator[Violation]:
    if home != "recipe.schema.json":
        yield from _combined("if", value, schema, home, path)
        return
    holds = next(validate(value, schema["if"], home, path), None) is None
    yield from validate(value, schema["then" if holds else "else"], home, path)


def _combined(keyword: str, value: Any, schema: Schema, _home: str, path: DataPath) -> Iterator[Violation]:
    from jsonschema.exceptions import SchemaError

    rules = {one: schema[one] for one in (keyword, *_COMBINING[keyword]) if one in schema}
    try:
        _validator().check_schema(rules)
        wrong = list(_validator()(rules, registry=_registry()).iter_errors(value))
    except SchemaError as exc:
        keyword = str(exc.path[0] if exc.path else exc.validator)
        yield Violation(path, keyword, "has a schema that is not JSON Schema", found=exc.message)
        return
    for error in wrong:
        place = (*path, *error.absolute_path)
        yield Violation(place, error.validator, "is not allowed", found=error.message)


@lru_cache(maxsize=1)
def _validator() -> Any:
    """The class of `jsonschema`, with patterns as everywhere here."""
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend

    def pattern(_: Any, wanted: str, value: Any, schema: Schema) -> Iterator[ValidationError]:
        for violation in _pattern(value, {**schema, "pattern": wanted}, "", ()):
            yield ValidationError(
                statement(violation.what or show(value), violation.expected, violation.found)
            )

    def named_like(validator: Any, wanted: Schema, value: Any, _: Schema) -> Iterator[ValidationError]:
        for name in value if isinstance(value, Mapping) else ():
            for one, below in wanted.items():
                if _named_like(one, name):
                    yield from validator.descend(value[name], below, path=name, schema_path=one)

    return extend(Draft202012Validator, {"pattern": pattern, "patternProperties": named_like})


@lru_cache(maxsize=1)
def _registry() -> Any:
    """The shipped types, by the names under which parameters refer to them."""
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    types = Resource.from_contents(load_schema("types.schema.json"), default_specification=DRAFT202012)
    names = ("types.schema.json", "schemas/types.schema.json", "../schemas/types.schema.json")
    return Registry().with_resources((name, types) for name in names)


_CHECKS: dict[str, Callable[[Any, Schema, str, DataPath], Iterator[Violation]]] = {
    "const": _const,
    "enum": _enum,
    "pattern": _pattern,
    "format": _format,
    "minimum": _limit("minimum", lambda value, limit: value >= limit, "at least"),
    "maximum": _limit("maximum", lambda value, limit: value <= limit, "at most"),
    "exclusiveMinimum": _limit("exclusiveMinimum", lambda value, limit: value > limit, "above"),
    "exclusiveMaximum": _limit("exclusiveMaximum", lambda value, limit: value < limit, "below"),
    "multipleOf": _multiple,
    "minLength": _size("minLength", (str,), lambda size, limit: size >= limit, "at least"),
    "maxLength": _size("maxLength", (str,), lambda size, limit: size <= limit, "at most"),
    "minItems": _size("minItems", (list, tuple), lambda size, limit: size >= limit, "at least"),
    "maxItems": _size("maxItems", (list, tuple), lambda size, limit: size <= limit, "at most"),
    "uniqueItems": _unique,
    "items": _items,
    "propertyNames": _names,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "anyOf": _any_of,
    **{keyword: partial(_combined, keyword) for keyword in _COMBINING},
    "if": _if,
}
KEYWORDS = frozenset(_CHECKS) | {
    "$ref", "$schema", "$id", "$defs", "then", "else", "type", "title", "description", "default", "examples",
    "units", "secret", "deprecated",
}  # fmt: skip
"""All keywords the shipped schemas may use; a test holds them to it."""
