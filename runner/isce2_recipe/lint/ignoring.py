"""Problems that are not reported: those of ignored rules, and the known ones in a baseline.

A comment ``# recipe: ignore[IR012] reason`` turns a rule off, on its line or the line below. A baseline is a
file of problems, which are compared without their lines.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from isce2_recipe.errors import InputError
from isce2_recipe.files import json_text
from isce2_recipe.lint.catalogue import by_id
from isce2_recipe.problems import Mark, Problem, suggest, whole_file
from isce2_recipe.recipe.document import Document

_COMMENT = r"(?:^|(?<=\s))#\s*recipe:\s*ignore\[([^\]]*)\]\s*(.*)$"


class Ignore(NamedTuple):
    """One rule that is turned off on one line."""

    rule: str  # as written
    # The line it is for, from 1; for a comment on its own line, the next line that is not a comment.
    line: int
    mark: Mark  # the comment
    reason: str  # may be empty


def read_ignores(document: Document) -> list[Ignore]:
    """Return all ignore comments of a text."""
    found: list[Ignore] = []
    for number, line in enumerate(document.lines, 1):
        match = re.search(_COMMENT, line) if "# recipe:" in line or "#recipe:" in line else None
        if match is None or _is_quoted(document, number, match.start() + 1):
            continue
        mark = Mark(document.file, number, match.start() + 1, number, len(line) + 1)
        target = number if line[: match.start()].strip() else _next_line(document, number)
        names = [name.strip() for name in match[1].split(",") if name.strip()]
        found += [Ignore(name, target, mark, match[2].strip()) for name in names]
    return found


def _is_quoted(document: Document, line: int, column: int) -> bool:
    """Return whether a place is inside a value, where there are no comments."""
    for _, node in document.nodes.values():
        if node.id == "scalar" and node.start_mark.line < line <= node.end_mark.line + 1:
            begin = (node.start_mark.line + 1, node.start_mark.column + 1)
            end = (node.end_mark.line + 1, node.end_mark.column + 1)
            if begin <= (line, column) < end:
                return True
    return False


def _next_line(document: Document, number: int) -> int:
    for index in range(number, len(document.lines)):
        stripped = document.lines[index].strip()
        if stripped and not stripped.startswith("#"):
            return index + 1
    return number


def apply_ignores(
    problems: list[Problem], document: Document, active: Collection[str]
) -> tuple[list[Problem], list[Problem], list[Mark]]:
    """Return the remaining problems, problems of ignore comments, and the comments no longer needed.

    The problems are those of the selected rules (``active``): only these show that a comment is not needed.
    """
    ignores = read_ignores(document)
    used: set[Ignore] = set()
    kept: list[Problem] = []
    for problem in problems:
        silencing = [one for one in ignores if one.rule == problem.rule and one.line == problem.line]
        used.update(silencing)
        if not silencing:
            kept.append(problem)
    own = [problem for one in ignores for problem in _own_problems(one, one in used, active)]
    needed = {one.mark for one in ignores if one in used or one.rule not in active}
    return kept, own, [mark for mark in dict.fromkeys(one.mark for one in ignores) if mark not in needed]


def _own_problems(ignore: Ignore, used: bool, active: Collection[str]) -> Iterator[Problem]:
    if ignore.rule not in by_id():
        what = f"there is no rule '{ignore.rule}'"
        yield Problem(ignore.mark, what, rule="IR091", suggestion=suggest(ignore.rule, by_id()))
    elif not used and ignore.rule in active:
        what = f"nothing breaks {ignore.rule} here, the comment is not needed"
        yield Problem(ignore.mark, what, "remove it", rule="IR090", severity="warning")
    if not ignore.reason:
        what = f"{ignore.rule} is ignored without a reason"
        yield Problem(ignore.mark, what, rule="IR093", severity="info")


_Key = tuple[str, str, str]


def write_baseline(path: Path, problems: Iterable[Problem]) -> int:
    """Write the problems as the baseline, and return their number; raise InputError if this fails."""
    entries = [
        dict(zip(("file", "rule", "message"), key, strict=True)) for key in sorted(map(_key, problems))
    ]
    text = json_text({"version": 1, "findings": entries}, indent=2)
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as exc:
        raise InputError(f"cannot write '{path}': {exc.strerror}") from None
    return len(entries)


def subtract_baseline(
    path: Path, problems: list[Problem], files: Container[str], rules: Container[str]
) -> list[Problem]:
    """Return the problems that are not in the baseline, and one for every entry that is no longer needed.

    Entries of existing files that are not in ``files``, and of rules not in ``rules``, are ignored. Raise
    InputError if the file is not a baseline.
    """
    known = _read_baseline(path)
    left: list[Problem] = []
    for problem in problems:
        key = _key(problem)
        if known[key] > 0:
            known[key] -= 1
        else:
            left.append(problem)
    unneeded = {
        key: count
        for key, count in sorted(known.items())
        if key[1] in rules and (key[0] in files or not Path(key[0]).exists())
    }
    return left + [_gone(path, key) for key, count in unneeded.items() for _ in range(count)]


def _gone(path: Path, key: _Key) -> Problem:
    what = f"{key[0]} no longer violates {key[1]}: {key[2]}"
    place = whole_file(str(path))
    return Problem(place, what, "write the baseline again", rule="IR092", severity="warning")


def _key(problem: Problem) -> _Key:
    return problem.file, problem.rule, problem.message


def _read_baseline(path: Path) -> Counter[_Key]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["findings"]
        return Counter((str(one["file"]), str(one["rule"]), str(one["message"])) for one in entries)
    except (OSError, ValueError, KeyError, TypeError):
        hint = "delete it and run again to write it"
        raise InputError(f"'{path}' is not a baseline of isce2-recipe lint", hint=hint) from None
