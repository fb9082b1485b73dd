"""Ways in which values break their schemas, as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from isce2_recipe.problems import DataPath, Mark, Problem, Suggestion, statement


class Violation(NamedTuple):
    """One way in which a value breaks its schema; the parts of a `Problem` that has no place yet."""

    path: DataPath  # keys and indices that lead to the value at fault
    keyword: str  # the schema keyword it breaks
    what: str = ""  # what is wrong, to be read after the value's name; empty if something was expected
    # As in `Problem`.
    expected: str = ""
    found: str = ""
    key: bool = False  # whether the key at ``path`` is at fault rather than its value
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


def show(value: Any) -> str:
    """Return a value as users write it, cut to a line."""
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
