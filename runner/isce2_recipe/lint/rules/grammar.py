"""IR001 to IR009: the structure of recipes, and YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator

from isce2_recipe.lint.rule import Subject, rule
from isce2_recipe.problems import DataPath, Edit, Problem
from isce2_recipe.recipe.document import resolve_scalar


@rule("IR003", "warning", "basic")
def near_duplicates(subject: Subject) -> Iterator[Problem]:
    """Two keys of a mapping differ only in case, `_` or `-`."""
    seen: dict[tuple[object, ...], str] = {}
    for path in subject.document.nodes:
        if not path or not isinstance(path[-1], str):
            continue
        other = seen.setdefault((path[:-1], path[-1].lower().replace("-", "_")), path[-1])
        if other != path[-1]:
            yield subject.at_key(path, f"'{path[-1]}' differs from '{other}' only in case, '_' or '-'")


@rule("IR005", "warning", "basic", fixable=True)
def number_in_quotes(subject: Subject) -> Iterator[Problem]:
    """A default is in quotes although the parameter is a number or a boolean."""
    for name, schema in subject.declared.items():
        path = ("parameters", name, "default")
        value = schema.get("default")
        if not isinstance(value, str) or schema.get("type") not in ("integer", "number", "boolean"):
            continue
        if path not in subject.document.nodes:
            continue  # reported in the part that declares it
        if not isinstance(resolve_scalar(value), str) and not subject.document.is_plain(path):
            mark = subject.document.mark(path)
            edits = (Edit(mark, value),)
            yield subject.at(
                path, f"{name} has the type {schema['type']}, but '{value}' in quotes is text", edits=edits
            )


_AMBIGUOUS = (
    (r"[-+]?\d+(:[0-5]?\d)+(\.\d*)?", "YAML 1.1 reads it as a number in base 60"),
    (r"[-+]?0\d+", "some readers take a number with a leading zero as octal, others drop the zero"),
    (r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|y|Y|n|N", "YAML 1.1 reads it as true or false"),
    (r"\d{4}-\d\d?-\d\d?", "YAML 1.1 reads it as a date"),
    (r"[-+]?\d+[eE][-+]?\d+", "YAML 1.1 reads it as text, and YAML 1.2 as a number"),
    (r"\d+\.\d*0", "the last zero is lost, which changes a version"),
    (r"0o[0-7]+|0b[01_]+|[-+]?\d[\d_]*_[\d_]*", "YAML 1.1 and 1.2 read it differently"),
)
_UNAMBIGUOUS = r"[-+]?[1-9]\d*(\.\d*[1-9])?|0(\.\d*[1-9])?|[a-zA-Z_]{4,}"
"""Plain numbers, and words that are too long to be ambiguous: a fast first check."""

_AMBIGUOUS_STARTS = frozenset("0123456789+-yYnNoO")


@rule("IR006", "warning", "basic", fixable=True)
def ambiguous_value(subject: Subject) -> Iterator[Problem]:
    """An unquoted value is read differently by different YAML readers.

    isce2-recipe reads `20:4`, `NO` and `2020-06-04` as text, as YAML 1.2 says. Editors and other programs
    often follow YAML 1.1, where these are the number 1204, false and a date. Quotes make the value
    unambiguous; `--fix` adds them if the type of the value stays the same.

        polarization: NO      # "NO"
        start: 2020-06-04     # "2020-06-04"
    """
    for path, value in subject.scalars:
        if value is None or value is True or value is False:
            continue
        if isinstance(value, str) and (value[:1] not in _AMBIGUOUS_STARTS or " " in value):
            continue
        source = subject.document.source(path)
        if re.fullmatch(_UNAMBIGUOUS, source) or not subject.document.is_plain(path):
            continue
        for pattern, why in _AMBIGUOUS:
            if re.fullmatch(pattern, source) and not _is_version_like_number(path, source, value):
                yield _ambiguous(subject, path, source, value, why)
                break


def _is_version_like_number(path: tuple[object, ...], source: str, value: object) -> bool:
    """Return whether ``1.20`` is certainly a number: it is ambiguous only for keys that name a version."""
    return isinstance(value, float) and "e" not in source.lower() and "version" not in str(path[-1])


def _ambiguous(subject: Subject, path: DataPath, source: str, value: object, why: str) -> Problem:
    edits = (Edit(subject.document.mark(path), f'"{source}"'),) if isinstance(value, str) else ()
    hint = (
        f'write "{source}"'
        if isinstance(value, str)
        else "write the number in decimal digits, or put text in quotes"
    )
    return subject.at(path, f"{source} is ambiguous: {why}", hint, edits=edits)
