"""IR001 to IR009: the grammar and YAML's traps."""

from __future__ import annotations

import re
from collections.abc import Iterator

from isce2_recipe.lint.rule import Rule, Subject, reported, rule
from isce2_recipe.problems import Edit, Problem
from isce2_recipe.recipe.document import resolve_scalar

UNEXPECTED_KEY = reported(
    "IR001",
    "error",
    "min",
    """A key that the grammar does not know.

    Unknown keys are never ignored: a mistyped `timout` would otherwise silently leave a step without a limit.
    `--fix` renames the key where only one known key is close.

        - id: dem
          uses: dem.fetch
          timout: 10 min     # timeout
    """,
    fixable=True,
)

MISSING_KEY = reported(
    "IR002",
    "error",
    "min",
    """A key that must be there is missing.

    A recipe needs `recipe`, `name` and `steps`; a step needs `id` and `uses`.
    """,
)

DUPLICATE_KEY = reported(
    "IR003",
    "error",
    "min",
    """A name is used twice.

    YAML readers keep the last of two equal keys without a word. Also reported: a variable named like a
    parameter, names only `steps` and `run` may have, and neighbouring keys that differ in nothing but case,
    `_` and `-`.
    """,
)

EMPTY = reported(
    "IR004",
    "error",
    "min",
    """A section without content.

    An empty section is nearly always something forgotten. Fill it in or leave it out.
    """,
)

WRONG_VALUE = reported(
    "IR005",
    "error",
    "min",
    """A value of the wrong kind.

    What each key may hold is in `schemas/recipe.schema.json`, which editors read too. A number in quotes
    where a number is wanted is a warning: it works, but it reads like text.
    """,
)

NOT_CLEAN = reported(
    "IR007",
    "error",
    "min",
    """A tab in the indentation or an unresolved merge conflict.

    YAML allows no tabs in indentation, and conflict markers are never part of a recipe.
    """,
)

GRAMMAR_VERSION = reported(
    "IR008",
    "error",
    "min",
    """The recipe's version is not one this program reads.

    `recipe: 1` is the version of the grammar. Within a version keys may be added, but none changes its
    meaning or goes away.
    """,
)

NOT_YAML = reported(
    "IR009",
    "error",
    "min",
    """The text is not YAML, or uses more of YAML than a recipe may.

    Tags, several documents in one file, and aliases that grow without bound have no place in a recipe. Each
    part that begins with a key at the left edge is read by itself too, so that a mistake does not hide those
    in the parts after it; within a part the first one counts.
    """,
)


@rule("IR003", "warning", "basic")
def near_duplicates(subject: Subject) -> Iterator[Problem]:
    """Two keys of one mapping that differ in nothing but case, `_` and `-`."""
    seen: dict[tuple[object, ...], str] = {}
    for path in subject.document.nodes:
        if not path or not isinstance(path[-1], str):
            continue
        other = seen.setdefault((path[:-1], path[-1].lower().replace("-", "_")), path[-1])
        if other != path[-1]:
            yield subject.at_key(path, f"'{path[-1]}' differs from '{other}' in case, '_' or '-' only")


@rule("IR005", "warning", "basic", fixable=True)
def number_in_quotes(subject: Subject) -> Iterator[Problem]:
    """A number or truth value in quotes where the parameter wants the bare value."""
    parameters = subject.data.get("parameters")
    for name, schema in parameters.items() if isinstance(parameters, dict) else ():
        path = ("parameters", name, "default")
        value = schema.get("default") if isinstance(schema, dict) else None
        if not isinstance(value, str) or schema.get("type") not in ("integer", "number", "boolean"):
            continue
        if not isinstance(resolve_scalar(value), str) and not subject.document.is_plain(path):
            mark = subject.document.mark(path)
            edits = (Edit(mark, value),)
            yield subject.at(
                path, f"{name} is of type {schema['type']}, '{value}' in quotes is text", edits=edits
            )


_TRAPS = (
    (r"[-+]?\d+(:[0-5]?\d)+(\.\d*)?", "YAML 1.1 reads it as a number in base 60"),
    (r"[-+]?0\d+", "some readers take a leading zero for octal, and here the zero is lost"),
    (r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|y|Y|n|N", "YAML 1.1 reads it as true or false"),
    (r"\d{4}-\d\d?-\d\d?", "YAML 1.1 reads it as a date"),
    (r"[-+]?\d+[eE][-+]?\d+", "YAML 1.1 reads it as text, 1.2 as a number"),
    (r"\d+\.\d*0", "the last zero is lost if it is meant as a version"),
    (r"0o[0-7]+|0b[01_]+|[-+]?\d[\d_]*_[\d_]*", "YAML 1.1 and 1.2 disagree about it"),
)
_HARMLESS = r"[-+]?[1-9]\d*(\.\d*[1-9])?|0(\.\d*[1-9])?|[a-zA-Z_]{4,}"
"""What most scalars are: plain numbers, and words too long for a trap."""

_TRAP_STARTS = frozenset("0123456789+-yYnNoO")


@rule("IR006", "warning", "basic", fixable=True)
def yaml_trap(subject: Subject) -> Iterator[Problem]:
    """An unquoted value that YAML readers disagree about.

    We read YAML by version 1.2's core rules, so that `20:4`, `NO` and `2020-06-04` mean what they look like.
    Editors and other programs often follow 1.1, where they are 1204, false and a date object. Quotes settle
    it; `--fix` adds them where that keeps the value's type.

        polarization: NO      # "NO"
        start: 2020-06-04     # "2020-06-04"
    """
    for path, value in subject.scalars:
        if value is None or value is True or value is False:
            continue
        if isinstance(value, str) and (value[:1] not in _TRAP_STARTS or " " in value):
            continue
        source = subject.document.source(path)
        if re.fullmatch(_HARMLESS, source) or not subject.document.is_plain(path):
            continue
        for pattern, why in _TRAPS:
            if re.fullmatch(pattern, source) and not _is_version_like_number(path, source, value):
                yield _trap(subject, path, source, value, why)
                break


def _is_version_like_number(path: tuple[object, ...], source: str, value: object) -> bool:
    """Whether ``1.20`` or ``0.50`` is plainly a number: only keys that speak of versions make it a trap."""
    return isinstance(value, float) and "e" not in source.lower() and "version" not in str(path[-1])


def _trap(subject: Subject, path: tuple[str | int, ...], source: str, value: object, why: str) -> Problem:
    edits = (Edit(subject.document.mark(path), f'"{source}"'),) if isinstance(value, str) else ()
    hint = (
        f'write "{source}"'
        if isinstance(value, str)
        else "write the number plainly, or put quotes around text"
    )
    return subject.at(path, f"{source} is a trap: {why}", hint, edits=edits)


RULES: tuple[Rule, ...] = (
    UNEXPECTED_KEY, MISSING_KEY, DUPLICATE_KEY, near_duplicates, EMPTY, WRONG_VALUE, number_in_quotes,
    yaml_trap, NOT_CLEAN, GRAMMAR_VERSION, NOT_YAML,
)  # fmt: skip
