"""Types of inputs, outputs and expressions, and which type is accepted in place of another.

Types are Python annotations: those of action signatures and output dataclasses, and those made here from JSON
Schema. ``Any`` is an unknown type, which is accepted everywhere.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache, wraps
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from isce2_recipe.types import Constraint

NONE = type(None)
_JSON_TYPES: dict[str, Any] = {
    "string": str, "integer": int, "number": float, "boolean": bool, "object": dict[str, Any], "null": NONE,
}  # fmt: skip
_WORDS: dict[Any, str] = {
    str: "text", int: "a whole number", float: "a number", bool: "true or false", Path: "a file",
    NONE: "null", dict: "a mapping", list: "a list",
}  # fmt: skip

_PLURALS: dict[Any, str] = {int: "whole numbers", float: "numbers", Path: "files"}

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

TypeOf = Callable[[tuple[str, ...]], Any]
"""Returns the type of a name with its fields; Any if it is not known."""


def _remembered(function: FunctionT) -> FunctionT:
    """Return the function with a cache, which skips types whose metadata cannot be hashed."""
    kept = lru_cache(maxsize=4096)(function)

    @wraps(function)
    def recall(*types: Any) -> Any:
        try:
            return kept(*types)
        except TypeError:
            return function(*types)

    return cast(FunctionT, recall)


def of_schema(schema: Mapping[str, Any]) -> Any:
    """Return the type of the values that a JSON Schema without references allows."""
    if "enum" in schema and all(isinstance(choice, str | int | float | None) for choice in schema["enum"]):
        choices = tuple(choice for choice in schema["enum"] if choice is not None)
        return union([Literal[choices], *[NONE] * (None in schema["enum"])]) if choices else NONE
    names = schema.get("type", ())
    names = (names,) if isinstance(names, str) else tuple(names)
    found = [_of_type(name, schema) for name in names]
    return union(found) if found else Any


def _of_type(name: str, schema: Mapping[str, Any]) -> Any:
    if name != "array":
        return _JSON_TYPES[name]
    item = of_schema(schema.get("items", {}))
    return types.GenericAlias(list, (item,))


def union(members: list[Any]) -> Any:
    """Return the union of types."""
    return Any if Any in members else Union[tuple(members)]  # noqa: UP007


@_remembered
def members(annotation: Any) -> tuple[Any, ...]:
    """Return the alternatives of a type without ``Annotated``; None is among them as its class."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return members(get_args(annotation)[0])
    if origin is Union or origin is types.UnionType:
        return tuple(found for member in get_args(annotation) for found in members(member))
    return (NONE if annotation is None else annotation,)


def without_none(annotation: Any) -> Any:
    """Return the type without null."""
    kept = [member for member in members(annotation) if member is not NONE]
    return union(kept) if kept else NONE


@_remembered
def accepts(expected: Any, actual: Any) -> bool:
    """Return whether every value of type ``actual`` is accepted as ``expected``, as far as is known."""
    wanted = members(expected)
    return all(any(_accepts_one(want, have) for want in wanted) for have in members(actual))


def _accepts_one(want: Any, have: Any) -> bool:
    if want is have or want is Any or have is Any or want is object:
        return True
    if get_origin(have) is Literal:
        return _accepts_choices(want, get_args(have))
    if get_origin(want) is Literal:
        return have in {type(choice) for choice in get_args(want)}
    return _accepts_class(get_origin(want) or want, get_origin(have) or have) and all(
        accepts(a, b) for a, b in zip(_arguments(want), _arguments(have), strict=False)
    )


def _accepts_class(want: Any, have: Any) -> bool:
    """Return whether a class is accepted: whole numbers as numbers, text as a file, but not true as 1."""
    if (want is float and have is int) or (want is Path and have is str):
        return True
    if not (isinstance(want, type) and isinstance(have, type)):
        return True
    return issubclass(have, want) and not (want is int and have is bool)


def _arguments(annotation: Any) -> tuple[Any, ...]:
    """Return the types of items; for a tuple, that of its first."""
    return get_args(annotation)[:1] if get_origin(annotation) is tuple else get_args(annotation)


def _accepts_choices(want: Any, choices: tuple[Any, ...]) -> bool:
    if get_origin(want) is Literal:
        return set(choices) <= set(get_args(want))
    return all(_accepts_one(want, type(choice)) for choice in choices)


def fits(value: Any, expected: Any) -> bool:
    """Return whether a value without expressions is accepted as ``expected``."""
    if get_origin(expected) is Annotated:
        kind, *more = get_args(expected)
        rules = [one for one in more if isinstance(one, Constraint) and isinstance(value, str)]
        return fits(value, kind) and all(rule.holds(value) for rule in rules)
    return any(_fits_one(value, want) for want in members(expected))


def _fits_one(value: Any, want: Any) -> bool:
    if want is Any or want is object:
        return True
    if get_origin(want) is Literal:
        return value in get_args(want) and type(value) in {type(choice) for choice in get_args(want)}
    base = get_origin(want) or want
    if isinstance(value, list) and isinstance(base, type) and issubclass(list, base):
        return all(fits(item, below) for item in value for below in _arguments(want)[:1])
    if isinstance(value, Mapping) and isinstance(base, type) and issubclass(dict, base):
        return all(fits(item, below) for item in value.values() for below in get_args(want)[1:2])
    return _accepts_one(want, type(value))


def words(annotation: Any, *, plural: bool = False) -> str:
    """Return a type in words, as of one value or of several."""
    rules = [one for one in getattr(annotation, "__metadata__", ()) if isinstance(one, Constraint)]
    if rules:
        return rules[0].words
    found = dict.fromkeys(_words_one(member, plural) for member in members(annotation))
    return " or ".join(found)


def _words_one(member: Any, plural: bool) -> str:
    if get_origin(member) is Literal:
        # Sorted, because typing's cache gives equal types the order of the first one in the process.
        return "one of " + ", ".join(sorted(map(str, get_args(member))))
    if get_origin(member) is list and get_args(member)[0] is not Any:
        return f"a list of {words(get_args(member)[0], plural=True)}"
    base = get_origin(member) or member
    if plural and base in _PLURALS:
        return _PLURALS[base]
    return _WORDS.get(base, getattr(base, "__name__", str(base)))


def list_of(found: list[Any]) -> Any:
    """Return the type of a list with items of some types."""
    item = union(found) if found else Any
    return types.GenericAlias(list, (item,))


def item_of(annotation: Any) -> Any:
    """Return the type of the items of a list; Any if it is not known."""
    lists = [member for member in members(annotation) if get_origin(member) is list]
    return union([get_args(member)[0] for member in lists]) if lists else Any


def chain_type(annotation: Any, names: Iterable[str]) -> Any:
    """Return the type of a field of a field, and so on; Any if it is not known or does not exist."""
    try:
        for name in names:
            annotation = field_type(annotation, name)
    except KeyError:
        return Any
    return annotation


def field_type(annotation: Any, name: str) -> Any:
    """Return the type of a field of a record; Any if it is not known, KeyError if it does not exist."""
    found = [member for member in members(annotation) if member is not NONE]
    if len(found) != 1:
        return Any
    only = found[0]
    if is_dataclass(only) and isinstance(only, type):
        if name not in (field.name for field in fields(only)):
            raise KeyError(name)
        return get_type_hints(only)[name]
    if only is Path:
        return {"name": str, "stem": str, "suffix": str, "parent": Path}[name]
    if only in (str, int, float, bool) or get_origin(only) in (list, Literal):
        raise KeyError(name)
    return Any
