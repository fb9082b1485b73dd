"""The sandbox of expressions and templates: Jinja2 without access to Python, and its filters.

No attribute of a Python object is ever read and nothing is called; results have a limited size.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path, PurePath
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, Undefined
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import LoopContext
from jinja2.sandbox import SandboxedEnvironment

from isce2_recipe.types import BurstName, Looks

FAILURES = (TypeError, ValueError, ArithmeticError, LookupError, RecursionError)
"""Exceptions of Python that an expression may raise."""

MAX_TEXT = 100_000
"""Longest text, in characters, that an expression may give."""

MAX_BITS = 4096
"""Largest whole number, in bits, that an expression may give."""

_LOOP_FIELDS = frozenset(("index", "index0", "first", "last", "length"))
_PATH_FIELDS = frozenset(("name", "stem", "suffix", "parent"))
_KEPT_FILTERS = (
    "abs", "count", "default", "dictsort", "first", "float", "int", "join", "last", "length", "list", "lower",
    "max", "min", "reverse", "round", "sort", "string", "sum", "trim", "unique", "upper",
)  # fmt: skip


class _Environment(SandboxedEnvironment):
    """A sandbox in which a dot reads a field of a record and never a Python attribute."""

    intercepted_binops = frozenset(("*", "**", "%", "+"))

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self._field(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(argument, str) and not isinstance(obj, Mapping):
            return self._field(obj, argument)
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(f"there is no item {argument!r}", obj, argument)

    def _field(self, obj: Any, name: str) -> Any:
        if isinstance(obj, Undefined):
            raise UndefinedError(str(obj._undefined_message))
        if isinstance(obj, Mapping):
            if name in obj:
                return obj[name]
        elif name in _readable_fields(obj):
            return getattr(obj, name)
        known = list(obj) if isinstance(obj, Mapping) else []
        hint = f"; known are {', '.join(map(str, known))}" if known else ""
        return self.undefined(f"there is no '{name}' here{hint}", obj, name)

    def is_safe_callable(self, _obj: Any) -> bool:
        return False

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" and not (_small(left) and _small(right)):
            raise SecurityError("the power is too large")
        if operator == "*" and not (_is_number(left) and _is_number(right)):
            raise SecurityError("'*' multiplies numbers only")
        if operator == "%" and isinstance(left, str):
            raise SecurityError("'%' is for numbers")
        result = super().call_binop(context, operator, left, right)
        return checked(result)


def checked(result: Any) -> Any:
    """Return the result, or raise SecurityError if it is too large."""
    if isinstance(result, str | list) and len(result) > MAX_TEXT:
        raise SecurityError("the result is too long")
    if isinstance(result, int) and result.bit_length() > MAX_BITS:
        raise SecurityError("the result is too large")
    return result


def _readable_fields(obj: Any) -> Collection[str]:
    """Return the names that a dot may read of an object that is not a mapping."""
    if is_dataclass(obj):
        return [field.name for field in fields(obj)]
    if isinstance(obj, PurePath):
        return _PATH_FIELDS
    return _LOOP_FIELDS if isinstance(obj, LoopContext) else ()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _small(value: Any) -> bool:
    return _is_number(value) and abs(value) < 1000


def range_looks(text: str) -> int:
    """Return the looks in range: 20 of ``20x4``."""
    return Looks.parse(text).range


def azimuth_looks(text: str) -> int:
    """Return the looks in azimuth: 4 of ``20x4``."""
    return Looks.parse(text).azimuth


def pixel_size(text: str) -> int:
    """Return the pixel size of looks on the map, metres: 80 for ``20x4``."""
    return Looks.parse(text).pixel_m


def basename(path: str | Path) -> str:
    """Return the last part of a path."""
    return PurePath(path).name


def stem(path: str | Path) -> str:
    """Return the last part of a path without its extension."""
    return PurePath(path).stem


def burst_date(name: str) -> str:
    """Return the day of a burst name, as 2020-06-04."""
    return BurstName.parse(name).start.date().isoformat()


def burst_polarization(name: str) -> str:
    """Return the polarization of a burst name."""
    return BurstName.parse(name).polarization


def replace(text: str, old: str, new: str) -> str:
    """Return the text with every ``old`` replaced by ``new``."""
    if len(text) * (len(new) + 1) > MAX_TEXT:
        raise SecurityError("the result is too long")
    return str(text).replace(old, new)


FILTERS = {
    "replace": replace,
    "range_looks": range_looks,
    "azimuth_looks": azimuth_looks,
    "pixel_size": pixel_size,
    "basename": basename,
    "stem": stem,
    "burst_date": burst_date,
    "burst_polarization": burst_polarization,
}
"""Our own filters, next to those of Jinja2 that are kept."""

RETURNS: dict[str, Any] = {
    "range_looks": int, "azimuth_looks": int, "pixel_size": int, "basename": str, "stem": str,
    "burst_date": str, "burst_polarization": str, "count": int, "length": int, "int": int, "float": float,
    "string": str, "join": str, "lower": str, "upper": str, "replace": str, "trim": str,
}  # fmt: skip
"""Result types of filters that always give the same type."""


def environment(loader: BaseLoader | None = None) -> SandboxedEnvironment:
    """Return the sandbox that recipes and templates share.

    Parameters
    ----------
    loader : jinja2.BaseLoader, optional
        Source of templates and of what they include. Values in ``*.xml.j2`` are escaped.
    """
    made = _Environment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=_is_markup,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters = {name: made.filters[name] for name in _KEPT_FILTERS} | FILTERS
    made.globals = {}
    return made


def _is_markup(name: str | None) -> bool:
    """Return whether values in a template of this name need XML's escapes."""
    return name is not None and name.endswith((".xml.j2", ".html.j2", ".svg.j2"))
