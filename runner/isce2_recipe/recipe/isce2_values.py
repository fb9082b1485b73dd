"""Values of ISCE2's properties: texts that are read as ISCE2 reads them.

A Python literal is evaluated; other text stays as it is, so ``false`` is no boolean. A list has Python's
syntax, or its items are separated by commas or else by white space, with or without brackets.
Source: ISCE2 2.6.5, ``components/iscesys/Parsers/Parser.py`` and ``Component/Configurable.py``.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Mapping
from typing import Any


class WrongValueError(ValueError):
    """A value that ISCE2 refuses or misunderstands; the text is what it expects."""


def wanted(text: str, entry: Mapping[str, Any]) -> str | None:
    """Return what ISCE2 accepts in place of a property's text; None where it accepts the text."""
    try:
        convert(text, entry)
    except WrongValueError as exc:
        return str(exc)
    return None


def python_value(text: str) -> Any:
    """Return the value of a Python literal; other text as it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about numbers and escapes in text that is no literal
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text.strip()


def convert(text: str, entry: Mapping[str, Any]) -> Any:
    """Return the typed value of a property's text.

    Raise ValueError if ISCE2 refuses or misunderstands the text; the message is what it expects.
    """
    value = python_value(text)
    if not entry.get("list"):
        return _one(value, entry)
    items = [_one(item, entry) for item in _items(value)]
    if "length" in entry and items and len(items) != entry["length"]:
        raise WrongValueError(f"a list of {entry['length']} numbers")
    if entry.get("length") == 4 and items and not _is_snwe(*items):
        raise WrongValueError("south, north, west, east")
    return items


def _items(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return list(value)
    if not isinstance(value, str):
        return [] if value is None else [value]
    if value[:1] in ("[", "("):
        value = value[1:].rstrip(" ])")
    items = [item.strip() for item in value.split("," if "," in value else None)]
    if any(item[:1] in ("'", '"') for item in items):
        raise WrongValueError("a list such as ['a', 'b'], with quotes around every text or around none")
    return [item for item in items if item]


def _is_snwe(south: float, north: float, west: float, east: float) -> bool:
    return -90 <= south < north <= 90 and -180 <= west < east <= 360


def _one(value: Any, entry: Mapping[str, Any]) -> Any:
    kind = entry["type"]
    if kind == "boolean":
        return _boolean(value)
    if kind in ("integer", "number"):
        return _number(value, entry)
    if value is None or isinstance(value, (list, tuple, dict, set)):
        raise WrongValueError("a text")
    choices = {choice.lower(): choice for choice in entry.get("choices", ())}
    if choices and str(value).lower() not in choices:
        raise WrongValueError(f"one of {', '.join(filter(None, choices.values()))}")
    return choices.get(str(value).lower(), str(value))


def _boolean(value: Any) -> bool:
    text = str(value).lower()
    if value in (0, 1) or text in ("true", "yes"):
        return bool(value)
    is_no = text in ("false", "no", "off", "none")
    raise WrongValueError("False (ISCE2 takes any other text as True)" if is_no else "True or False")


def _number(value: Any, entry: Mapping[str, Any]) -> float:
    whole = entry["type"] == "integer"
    try:
        number = float(value)
        wrong = isinstance(value, bool) or not math.isfinite(number) or (whole and number != int(number))
    except (ValueError, TypeError, OverflowError):
        wrong = True
    if wrong:
        raise WrongValueError("a whole number" if whole else "a number")
    if number < entry.get("minimum", number):
        raise WrongValueError(f"at least {entry['minimum']}")
    if number > entry.get("maximum", number):
        raise WrongValueError(f"at most {entry['maximum']}")
    return int(number) if whole else number
