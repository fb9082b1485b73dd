"""Comments that turn a rule off: ``# recipe: ignore[IR012] reason``, on the line itself or above it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from isce2_recipe.lint.catalogue import by_id
from isce2_recipe.problems import Mark, Problem, suggest
from isce2_recipe.recipe.document import Document

_COMMENT = r"(?:^|(?<=\s))#\s*recipe:\s*ignore\[([^\]]*)\]\s*(.*)$"


class Ignore(NamedTuple):
    """One rule that is turned off on one line.

    Attributes
    ----------
    rule : str
        As written.
    line : int
        The line it is for, from 1; for a comment on its own line, the next line that is not a comment.
    mark : Mark
        The comment.
    reason : str
        The reason; may be empty.
    """

    rule: str
    line: int
    mark: Mark
    reason: str


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

    Parameters
    ----------
    problems : list of Problem
        Problems of rules in ``active``.
    document : Document
        The text with the comments.
    active : collection of str
        Ids of the selected rules: only these can show that a comment is not needed.
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
