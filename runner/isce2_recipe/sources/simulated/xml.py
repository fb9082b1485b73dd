"""Helpers that write XML in the form of ESA's products."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import ArrayLike


def element(name: str, /, *content: object, **attributes: object) -> str:
    """Return one element; content is text to escape, or finished elements, which start with ``<``."""
    attributes_text = "".join(
        f" {key.rstrip('_')}={quoteattr(str(value))}" for key, value in attributes.items()
    )
    inner = "".join(text if text.startswith("<") else escape(text) for text in map(str, content))
    return f"<{name}{attributes_text}>{inner}</{name}>" if inner else f"<{name}{attributes_text}/>"


def fields(**values: object) -> str:
    """Return one element with text per value, in order."""
    return "".join(element(name, text(value)) for name, value in values.items())


def text(value: object) -> str:
    """Return a value in ESA's form: ``true``, ``5.405000454334350e+09``, ``2020-06-04T02:23:12.648513``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15e}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S.%f}"
    return str(value)


def numbers(name: str, values: ArrayLike, form: str = "%.6e") -> str:
    """Return an element with a list of numbers and their count."""
    array = np.asarray(values)
    return element(name, " ".join([form % value for value in array.tolist()]), count=array.size)


def listing(name: str, items: Iterable[str]) -> str:
    """Return a list element with its count."""
    items = list(items)
    return element(name, *items, count=len(items))
