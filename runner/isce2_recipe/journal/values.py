"""Values that steps pass to each other, as JSON: files are relative to the work directory."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from isce2_recipe.errors import InputError

FILE = "$file"
"""The key of a mapping that stands for a file in JSON."""
_PLAIN = (str, int, float, bool)


def encode(value: object, workdir: Path, relocate: tuple[Path, Path] | None = None) -> Any:
    """Return a value as JSON.

    Parameters
    ----------
    value : object
        A str, int, float, bool, None, Path, date, NumPy scalar, or a list, tuple, dict or record of them.
    workdir : Path
        Files below it are written relative to it.
    relocate : tuple of Path, optional
        ``(scratch, published)``: files below the first are written as if below the second.

    Raises
    ------
    InputError
        If a value is of another type.
    """
    if isinstance(value, Path):
        return {FILE: _relative(value, workdir, relocate)}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple) and not is_record(type(value)):
        return [encode(item, workdir, relocate) for item in value]
    if isinstance(value, Mapping):
        return {str(key): encode(item, workdir, relocate) for key, item in value.items()}
    return encode(_as_plain(value), workdir, relocate)


def is_record(kind: object) -> bool:
    """Return whether a type has named fields: a dataclass or a named tuple."""
    return isinstance(kind, type) and (is_dataclass(kind) or hasattr(kind, "_fields"))


def _as_plain(value: object) -> Any:
    kind: Any = type(value)
    if is_record(kind):
        return {name: getattr(value, name) for name in _hints(kind)}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if hasattr(value, "item"):  # a NumPy scalar
        return value.item()
    raise InputError(f"a step cannot return a value of type {type(value).__name__}")


def _relative(path: Path, workdir: Path, relocate: tuple[Path, Path] | None) -> str:
    if relocate is not None and path.is_relative_to(relocate[0]):
        path = relocate[1] / path.relative_to(relocate[0])
    return str(path.relative_to(workdir)) if path.is_relative_to(workdir) else str(path)


def decode(value: Any, workdir: Path) -> Any:
    """Return the value that `encode` wrote, with absolute files and with records as dicts."""
    if isinstance(value, dict):
        if value.keys() == {FILE}:
            return workdir / value[FILE]
        return {
            key: decode(item, workdir) if isinstance(item, dict | list) else item
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [decode(item, workdir) for item in value]
    return value


def files_in(value: object) -> list[Path]:
    """Return all files in a value, in order."""
    if isinstance(value, Path):
        return [value]
    if isinstance(value, Mapping):
        return [file for item in value.values() for file in files_in(item)]
    if isinstance(value, list | tuple):
        return [file for item in value for file in files_in(item)]
    return []


def coerce(value: Any, annotation: Any, base: Path) -> Any:
    """Return a value of a recipe with the type that an action's signature demands.

    Where the annotation demands it, texts become Paths (relative ones below ``base``), lists become tuples,
    dicts dataclasses, whole numbers floats, and files texts. All other values are returned unchanged.
    """
    return value if type(value) is annotation and annotation in _PLAIN else _coerce(value, annotation, base)


def _coerce(value: Any, annotation: Any, base: Path) -> Any:
    origin = get_origin(annotation)
    if origin is Annotated:
        return coerce(value, get_args(annotation)[0], base)
    if origin in (Union, types.UnionType):
        return _coerce_union(value, get_args(annotation), base)
    if annotation is Path:
        return base / value if isinstance(value, str) else value
    if annotation is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if annotation is str and isinstance(value, Path):
        return str(value)
    return _coerce_container(value, annotation, origin, base)


def _coerce_union(value: Any, choices: tuple[Any, ...], base: Path) -> Any:
    if value is None or type(value) in choices:
        return value
    wanted = [choice for choice in choices if choice is not type(None)]
    if len(wanted) > 1:  # the one that has the value's form
        lists = [choice for choice in wanted if (get_origin(choice) is list) == isinstance(value, list)]
        wanted = lists if isinstance(value, list) else [choice for choice in lists if choice is Path]
    return coerce(value, wanted[0], base) if len(wanted) == 1 else value


def _coerce_container(value: Any, annotation: Any, origin: Any, base: Path) -> Any:
    arguments = get_args(annotation)
    if origin is list and isinstance(value, list | tuple):
        return [coerce(item, arguments[0], base) for item in value]
    if origin is tuple and isinstance(value, list | tuple):
        kinds = arguments[:1] * len(value) if arguments[1:] == (...,) else arguments
        return tuple(coerce(item, kind, base) for item, kind in zip(value, kinds, strict=False))
    if origin is dict and isinstance(value, dict):
        return {key: coerce(item, arguments[1], base) for key, item in value.items()}
    if is_record(annotation):
        return _build(annotation, value, base)
    return value


@cache
def _hints(record: Any) -> Mapping[str, Any]:
    """Return the types of a record's fields by name."""
    return get_type_hints(record)


def _build(kind: Callable[..., Any], value: Any, base: Path) -> Any:
    hints = _hints(kind)
    if isinstance(value, dict):
        return kind(**{key: coerce(item, hints[key], base) for key, item in value.items()})
    if isinstance(value, list):
        return kind(*(coerce(item, hint, base) for item, hint in zip(value, hints.values(), strict=True)))
    return value
