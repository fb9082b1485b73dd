"""Errors of ``jsonschema`` as violations in words for people, each at its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, TypeChecker, ValidationError
from jsonschema.exceptions import SchemaError
from jsonschema.validators import extend
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from isce2_recipe.problems import MAX_PROBLEMS, DataPath, Suggestion, closest, suggest
from isce2_recipe.recipe.patterns import SECONDS, matches
from isce2_recipe.recipe.schema import (
    CLUSTER,
    FORMATS,
    GRAMMAR,
    TYPES,
    Schema,
    extra_keys,
    is_multiple,
    is_number,
    load_schema,
    named_like,
    resolve,
)
from isce2_recipe.recipe.violations import Violation, show

_TYPE_WORDS = {
    "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "array": "a list", "object": "a mapping", "null": "null",
}  # fmt: skip
_FORMAT_WORDS = {
    "date": "a date such as 2020-06-04", "date-time": "a date and time such as 2020-06-04T02:23:12Z",
    "day": "a date such as 2020-06-04 or 20200604", "uri": "a URL",
}  # fmt: skip
_LIMITS = {
    "minimum": "at least", "maximum": "at most", "exclusiveMinimum": "above", "exclusiveMaximum": "below",
}  # fmt: skip
_SIZES = {
    "minLength": ("at least", "character"), "maxLength": ("at most", "character"),
    "minItems": ("at least", "item"), "maxItems": ("at most", "item"),
}  # fmt: skip
_TOO_SLOW = f"cannot be compared with its pattern within {SECONDS:g} s"
_FASTER = "write the pattern without repetitions inside repetitions, or give a maxLength"


def violations(value: Any, schema: Schema, home: str, path: DataPath) -> list[Violation]:
    """Return every way in which a value breaks a schema; see `isce2_recipe.recipe.validating.validate`."""
    error = schema_error(schema) if schema is not load_schema(home) else None
    if error is not None:
        keyword = str(error.path[0] if error.path else error.validator)
        return [Violation(path, keyword, "has a schema that is not JSON Schema", found=error.message)]
    validator = _validator()(schema, registry=_registry(), format_checker=_formats())
    return list(_worded(validator.iter_errors(value), home, path))


def schema_error(schema: Schema) -> SchemaError | None:
    """Return what is wrong with a schema as JSON Schema; None if it is right."""
    try:
        _validator().check_schema(schema)
    except SchemaError as exc:
        return exc
    return None


def _worded(errors: Iterable[ValidationError], home: str, path: DataPath) -> Iterator[Violation]:
    """Yield the violations behind errors of one value; after a wrong type nothing else counts."""
    found = list(islice(errors, MAX_PROBLEMS))
    mistyped = {(tuple(one.relative_path), id(one.schema)) for one in found if one.validator == "type"}
    done = set()
    for error in found:
        place = (tuple(error.relative_path), id(error.schema))
        if place in mistyped and error.validator != "type":
            continue
        if (*place, error.validator) in done and error.validator in _TOGETHER:
            continue
        done.add((*place, error.validator))
        yield from _violations_of(error, home, (*path, *error.relative_path))


def _violations_of(error: ValidationError, home: str, path: DataPath) -> Iterator[Violation]:
    words = _WORDS.get(str(error.validator))
    if words is not None:
        found = words(error, home, path)
    else:
        found = iter([Violation(path, str(error.validator), "is not allowed", found=error.message)])
    if _is_of_a_key(error):
        name = str(error.instance)
        found = (one._replace(path=(*path, name), keyword="propertyNames", key=True) for one in found)
    yield from found


def _is_of_a_key(error: ValidationError) -> bool:
    """Return whether an error is about the name of a key."""
    steps = [None, *error.relative_schema_path]
    return any(
        step == "propertyNames" and before not in ("properties", "$defs") for before, step in pairwise(steps)
    )


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


def _expecting(
    words: Callable[[ValidationError], str],
) -> Callable[[ValidationError, str, DataPath], Iterator[Violation]]:
    """Return a function that words an error by what was expected."""

    def worded(error: ValidationError, _home: str, path: DataPath) -> Iterator[Violation]:
        yield Violation(path, str(error.validator), expected=words(error), found=show(error.instance))

    return worded


def _enum(error: ValidationError, _home: str, path: DataPath) -> Iterator[Violation]:
    choices = tuple(one if isinstance(one, str) else show(one) for one in error.validator_value)
    match = closest(error.instance, choices) if isinstance(error.instance, str) else None
    suggestion = None if match is None else Suggestion(match, choices)
    expected = choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    found = show(error.instance)
    yield Violation(path, "enum", expected=expected, found=found, suggestion=suggestion)


def _pattern(error: ValidationError, _home: str, path: DataPath) -> Iterator[Violation]:
    wanted, found = error.validator_value, show(error.instance)
    if error.cause is not None:
        yield Violation(path, "pattern", f"{_TOO_SLOW}, {wanted}", found=found, advice=_FASTER)
        return
    expected = _with_example(error.schema) if "title" in error.schema else f"text that matches {wanted}"
    yield Violation(path, "pattern", expected=expected, found=found)


def _limit(error: ValidationError) -> str:
    unit = f" {error.schema['units']}" if "units" in error.schema else ""
    return f"{_LIMITS[str(error.validator)]} {error.validator_value}{unit}"


def _size(error: ValidationError, _home: str, path: DataPath) -> Iterator[Violation]:
    words, unit = _SIZES[str(error.validator)]
    limit = error.validator_value
    expected = f"{words} {limit} {unit}{'' if limit == 1 else 's'} long"
    yield Violation(path, str(error.validator), expected=expected, found=str(len(error.instance)))


def _unique(error: ValidationError, _home: str, path: DataPath) -> Iterator[Violation]:
    seen: set[str] = set()
    for index, item in enumerate(error.instance):
        text = json.dumps(item, sort_keys=True)
        if text in seen:
            yield Violation((*path, index), "uniqueItems", "is in the list twice", found=show(item))
        seen.add(text)
    if len(seen) == len(error.instance):  # 1 and 1.0
        yield Violation(path, "uniqueItems", "has an item twice", found=show(error.instance))


def _required(error: ValidationError, _home: str, path: DataPath) -> Iterator[Violation]:
    for name in error.validator_value:
        if name not in error.instance:
            yield Violation(path, "required", f"is missing the key '{name}'", names=(name,))


def _additional(error: ValidationError, _home: str, path: DataPath) -> Iterator[Violation]:
    known = error.schema.get("properties", {})
    for name in map(str, extra_keys(error.instance, error.schema)):
        suggestion = suggest(name, [key for key in known if key not in error.instance] or known)
        yield Violation(
            (*path, name), "additionalProperties", f"has no key '{name}'", key=True,
            suggestion=suggestion, names=(name,),
        )  # fmt: skip


def _any_of(error: ValidationError, home: str, path: DataPath) -> Iterator[Violation]:
    """Yield the violations of the nearest alternative: one of the right type, else all in one sentence."""
    alternatives = error.validator_value
    attempts = [
        list(_worded([one for one in error.context if one.schema_path[0] == index], home, path))
        for index in range(len(alternatives))
    ]
    right_type = [
        found for found in attempts if all(one.keyword != "type" or one.path != path for one in found)
    ]
    deeper = [found for found in right_type if any(one.path != path for one in found)]
    if deeper or (len(right_type) == 1 and not isinstance(error.instance, str)):
        yield from (deeper or right_type)[0]
        return
    words = dict.fromkeys(_alternative(resolve(below, home)[0]) for below in alternatives)
    yield Violation(path, "anyOf", expected=" or ".join(words), found=show(error.instance))


def _alternative(schema: Schema) -> str:
    if "title" in schema:
        return _with_example(schema)
    if "enum" in schema:
        return "one of " + ", ".join(str(choice) for choice in schema["enum"])
    if "const" in schema:
        return show(schema["const"])
    words = _type_words(schema) if "type" in schema else "something else"
    return f"{words} above {schema['exclusiveMinimum']}" if "exclusiveMinimum" in schema else words


_TOGETHER = frozenset(("required", "additionalProperties", "uniqueItems"))
"""Keywords of which the first error of a value words all."""

_WORDS: dict[str, Callable[[ValidationError, str, DataPath], Iterator[Violation]]] = {
    "type": _expecting(lambda error: _type_words(error.schema)),
    "enum": _enum,
    "const": _expecting(lambda error: show(error.validator_value)),
    "pattern": _pattern,
    "format": _expecting(lambda error: _FORMAT_WORDS[error.validator_value]),
    "multipleOf": _expecting(lambda error: f"a multiple of {error.validator_value}"),
    "uniqueItems": _unique,
    "required": _required,
    "additionalProperties": _additional,
    "anyOf": _any_of,
    **dict.fromkeys(_LIMITS, _expecting(_limit)),
    **dict.fromkeys(_SIZES, _size),
}


@lru_cache(maxsize=1)
def _validator() -> Any:
    """Return the class of ``jsonschema`` with our types and tolerance, and patterns that end in time."""

    def pattern(_: Any, wanted: str, value: Any, __: Schema) -> Iterator[ValidationError]:
        try:
            if isinstance(value, str) and not matches(wanted, value):
                yield ValidationError("does not match")
        except re.error:
            return  # Reported where the pattern is written.
        except TimeoutError as exc:
            yield ValidationError("takes too long", cause=exc)

    def named(validator: Any, wanted: Schema, value: Any, _: Schema) -> Iterator[ValidationError]:
        for name in value if isinstance(value, Mapping) else ():
            for one, below in wanted.items():
                if named_like(one, name):
                    yield from validator.descend(value[name], below, path=name, schema_path=one)

    def additional(validator: Any, rest: Any, value: Any, schema: Schema) -> Iterator[ValidationError]:
        for name in extra_keys(value, schema) if isinstance(value, Mapping) else ():
            if rest is False:
                yield ValidationError(f"'{name}' is not expected")
                return
            yield from validator.descend(value[name], rest, path=name)

    def multiple(_: Any, step: float, value: Any, __: Schema) -> Iterator[ValidationError]:
        if is_number(value) and not is_multiple(value, step):
            yield ValidationError(f"is not a multiple of {step}")

    types = TypeChecker({name: lambda _, value, holds=holds: holds(value) for name, holds in TYPES.items()})
    keywords = {
        "pattern": pattern, "patternProperties": named, "additionalProperties": additional,
        "multipleOf": multiple,
    }  # fmt: skip
    return extend(Draft202012Validator, keywords, type_checker=types)


@lru_cache(maxsize=1)
def _formats() -> FormatChecker:
    checker = FormatChecker(())
    for name, holds in FORMATS.items():
        checker.checks(name)(lambda value, holds=holds: not isinstance(value, str) or holds(value))
    return checker


@lru_cache(maxsize=1)
def _registry() -> Any:
    """Return the shipped types by the names under which parameters refer to them, and the other schemas."""
    resources = {
        name: Resource.from_contents(load_schema(name), default_specification=DRAFT202012)
        for name in ("types.schema.json", GRAMMAR, CLUSTER)
    }
    names = ("types.schema.json", "schemas/types.schema.json", "../schemas/types.schema.json")
    types = [(name, resources["types.schema.json"]) for name in names]
    return Registry().with_resources([*types, *((name, resources[name]) for name in (GRAMMAR, CLUSTER))])
