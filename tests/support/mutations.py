"""Random mistakes in recipes: in the structure of the YAML, in expressions, and in single characters."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

from isce2_recipe.recipe.document import dump, parse

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1.5, 10**400, 1e300, float("inf"), "", " ", "x", "é" * 300, ".", "..", "../x",
    "/tmp/x", "a\0b", "2h", "20:4", "NO", "20x4", "5 ms", "pair", "{{", "}}", "{{ x }}",
    "{ steps.pair.bounds }}", "{{ steps }}", "{{ steps.dem }}", "{{ steps.dem.geotiff }}",
    "{{ run.engine }}", "{{ run.record }}", "{{ 1 / 0 }}", "{{ 1e400 }}", "{{ (0 - 1) ** 0.5 }}",
    "{{ [1][5] }}", "{{ none }}", "{{ {} }}", "{% if x %}", "{# x #}", "__class__", [], [None], [[[]]], {},
    {"a": 1}, {"$ref": "nowhere"}, {"$ref": "types.schema.json#/$defs/looks"}, {"oneOf": [{"$ref": "#/x"}]},
    "dem.fetch", "parts/finish.yml", "insar_tops.yml", "parts", "isce", "steps",
    "types.schema.json#/$defs/none",
)  # fmt: skip
"""Values to put in the place of others."""

WORDS = (
    "{", "}", "{{", "}}", "{%", "%}", "|", ".", "..", "[", "]", "(", ")", "'", " and ", " not ", " if ",
    " else ", " is ", " in ", "~", "+", "*", "**", "/", "%", "//", "0", "1e999", "none", "steps.",
    "| join(1, 2, 3, 4, 5)", "| round('x')", "| default", "| replace('a')", "| sum", "| first", "| length",
    "| dictsort", "| int(base='x')", "| burst_date", "| map('x')", "is divisibleby", "is divisibleby(0)",
    ".__class__", "[0]", "['x']", "()", " - ", ", ", ":", "#",
)  # fmt: skip
"""Pieces to put into expressions."""

CHARACTERS = " \t\n\r-:#{}[]|>&*!%@`'\",?\x00\x07\x85\u2028\ufeffé0aA_~"
"""Characters to put into texts."""


def mutated(text: str, seed: int) -> str:
    """Return the text of a recipe with one to three random mistakes; equal seeds make equal ones."""
    draw = random.Random(seed)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        text = draw.choice((_structure, _structure, _expression, _characters))(text, draw)
    return text


def _structure(text: str, draw: random.Random) -> str:
    data = parse(text, "").data
    places = list(_places(data))
    if not places:
        return text
    draw.choice(_CHANGES)(draw, *draw.choice(places), places)
    return dump(data)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield value, key
        yield from _places(item)


def _replace(draw: random.Random, holder: Any, key: Any, _places: object) -> None:
    holder[key] = copy.deepcopy(draw.choice(VALUES))


def _copy(draw: random.Random, holder: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    other, name = draw.choice(places)
    holder[key] = copy.deepcopy(other[name])


def _remove(_draw: random.Random, holder: Any, key: Any, _places: object) -> None:
    del holder[key]


def _wrap(draw: random.Random, holder: Any, key: Any, _places: object) -> None:
    holder[key] = draw.choice(
        ([holder[key]], {"a": holder[key]}, str(holder[key]), [holder[key], holder[key]])
    )


def _rename(draw: random.Random, holder: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    if isinstance(holder, dict):
        name = draw.choice(
            (str(draw.choice(places)[1]), "x", "", "steps", "if", "default", "$ref", key[:-1], "a b")
        )
        holder[name] = holder.pop(key)


def _repeat(_draw: random.Random, holder: Any, key: Any, _places: object) -> None:
    if isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))


_CHANGES: tuple[Callable[[random.Random, Any, Any, Any], None], ...] = (
    _replace, _replace, _copy, _remove, _wrap, _rename, _repeat,
)  # fmt: skip


def _expression(text: str, draw: random.Random) -> str:
    found = list(re.finditer(r"\{\{.*?\}\}", text))
    if not found:
        return text
    one = draw.choice(found)
    inside = one[0]
    first, last = sorted((draw.randrange(len(inside) + 1), draw.randrange(len(inside) + 1)))
    changed = draw.choice(
        (
            inside[:first] + inside[min(last, first + 1) :],
            inside[:first] + draw.choice(WORDS) + inside[first:],
            inside[:-2] + draw.choice(WORDS) + inside[-2:],
            inside[:2] + draw.choice(WORDS) + inside[2:],
            draw.choice(found)[0],
        )
    )
    return text[: one.start()] + changed + text[one.end() :]


def _characters(text: str, draw: random.Random) -> str:
    lines = text.split("\n")
    place, line = draw.randrange(len(text) + 1), draw.randrange(len(lines))
    return draw.choice(
        (
            text[:place] + text[place + 1 :],
            text[:place] + draw.choice(CHARACTERS) + text[place:],
            text[:place] + draw.choice(CHARACTERS) + text[place + 1 :],
            text[:place],
            "\n".join(lines[:line] + lines[line + 1 :]),
            "\n".join([*lines[:line], draw.choice(lines), *lines[line:]]),
            "\n".join([*lines[:line], draw.choice((" ", "  ", "- ")) + lines[line], *lines[line + 1 :]]),
        )
    )
