"""Small helpers that write XML as ESA's products have it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import ArrayLike


def element(name: str, /, *content: object, **attributes: object) -> str:
    """One element; content is text to escape, or elements already written (which start with ``<``)."""
    words = "".join(f" {key.rstrip('_')}={quoteattr(str(value))}" for key, value in attributes.items())
    inner = "".join(text if text.startswith("<") else escape(text) for text in map(str, content))
    return f"<{name}{words}>{inner}</{name}>" if inner else f"<{name}{words}/>"


def fields(**values: object) -> str:
    """Elements of text, in order; numbers as ESA writes them."""
    return "".join(element(name, text(value)) for name, value in values.items())


def text(value: object) -> str:
    """A value in ESA's spelling: ``true``, ``5.405000454334350e+09``, ``2020-06-04T02:23:12.648513``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15e}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S.%f}"
    return str(value)


def numbers(name: str, values: ArrayLike, form: str = "%.6e") -> str:
    """An element with a list of numbers and their count."""
    array = np.asarray(values)
    return element(name, " ".join([form % value for value in array.tolist()]), count=array.size)


def listing(name: str, items: Iterable[str]) -> str:
    """A list element with its count."""
    items = list(items)
    return element(name, *items, count=len(items))
