"""Formats of the report: text for people, annotations for GitHub, SARIF 2.1.0 and JSON."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from isce2_recipe import __version__
from isce2_recipe.files import json_text
from isce2_recipe.lint.catalogue import by_id
from isce2_recipe.problems import Problem, render

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
HOME = "https://github.com/isce2-recipe/isce2-recipe"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def to_text(problems: Sequence[Problem], texts: Mapping[str, str]) -> str:
    """Return each problem with its line and caret."""
    return render(problems, texts)


def summary(problems: Sequence[Problem], counts: Mapping[str, int]) -> str:
    """Return the numbers of problems and of files by their kind, as one sentence."""
    *first, last = [_number(number, name) for name, number in sorted(counts.items(), reverse=True)]
    count = f"{', '.join(first)} and {last}" if first else last
    if not problems:
        return f"{count}, no problems"
    found = Counter[str](problem.severity for problem in problems)
    return f"{', '.join(_number(found[name], name) for name in _LEVELS if found[name])} in {count}"


def _number(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 or name == 'info' else 's'}"


def to_json(problems: Sequence[Problem], _texts: Mapping[str, str]) -> str:
    """Return a list of objects: place, rule, severity, message, hint and, where known, their parts."""
    return json_text([_as_object(problem) for problem in problems], indent=2)


def _as_object(problem: Problem) -> dict[str, Any]:
    found = {
        **problem.place._asdict(),
        "rule": problem.rule,
        "severity": problem.severity,
        "message": problem.message,
        "hint": problem.hint,
    }
    if problem.expected:
        found["expected"] = problem.expected
    if problem.found and not problem.secret:
        found["found"] = problem.found
    if problem.suggestion is not None and problem.suggestion.closest and not problem.secret:
        found["suggestion"] = problem.suggestion.closest
    return found


def to_github(problems: Sequence[Problem], _texts: Mapping[str, str]) -> str:
    """Return workflow commands, which GitHub shows next to the lines of a change."""
    return "\n".join(_annotation(problem) for problem in problems)


def _annotation(problem: Problem) -> str:
    fields = {
        "file": problem.file,
        "line": problem.line,
        "col": problem.column,
        "endLine": problem.place.end_line,
        "endColumn": problem.place.end_column if problem.place.end_line == problem.line else 0,
        "title": problem.rule,
    }
    head = ",".join(f"{key}={_escape(str(value), ',:')}" for key, value in fields.items() if value)
    message = problem.message if problem.hint is None else f"{problem.message}\n{problem.hint}"
    return f"::{_COMMANDS[problem.severity]} {head}::{_escape(message)}"


def _escape(text: str, more: str = "") -> str:
    for char in "%\r\n" + more:
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def to_sarif(problems: Sequence[Problem], _texts: Mapping[str, str]) -> str:
    """Return a SARIF 2.1.0 log, which code-scanning services read."""
    ids = sorted({problem.rule for problem in problems})
    driver = {
        "name": "isce2-recipe",
        "version": __version__,
        "informationUri": HOME,
        "rules": [_sarif_rule(identifier) for identifier in ids],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, ids.index(problem.rule)) for problem in problems],
    }
    return json_text({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _sarif_rule(identifier: str) -> dict[str, Any]:
    rule = by_id()[identifier][0]
    return {
        "id": identifier,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why or rule.title},
        "helpUri": f"{HOME}/blob/main/{rule.help_anchor}",
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"profile": rule.profile},
    }


def _result(problem: Problem, index: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(problem.file)}}
    if problem.line:
        place["region"] = {
            "startLine": problem.line,
            "startColumn": problem.column,
            "endLine": problem.place.end_line,
            "endColumn": problem.place.end_column,
        }
    message = problem.message if problem.hint is None else f"{problem.message} ({problem.hint})"
    return {
        "ruleId": problem.rule,
        "ruleIndex": index,
        "level": _LEVELS[problem.severity],
        "message": {"text": message},
        "locations": [{"physicalLocation": place}],
    }


def _uri(file: str) -> str:
    from urllib.parse import quote

    path = quote(os.fsencode(file))
    return path if not file.startswith("/") else f"file://{path}"


FORMATS: dict[str, Callable[[Sequence[Problem], Mapping[str, str]], str]] = {
    "text": to_text,
    "github": to_github,
    "sarif": to_sarif,
    "json": to_json,
}
