"""Safe repairs of a text at its marks, which keep comments and layout."""

from __future__ import annotations

import re
from collections.abc import Iterable

from isce2_recipe.lint.linting import Linter, Report
from isce2_recipe.problems import Edit

MAX_ROUNDS = 5
"""Number of rounds; a fix may make another one possible."""


def fix_text(text: str, file: str, linter: Linter) -> tuple[str, Report]:
    """Return the text with all safe fixes made, and the report of what is left."""
    report = linter.lint(text, file)
    for _ in range(MAX_ROUNDS):
        if not report.edits:
            break
        fixed = apply_edits(text, report.edits)
        again = Linter(linter.actions, linter.active, linter.providers).lint(fixed, file)
        if _errors(again) > _errors(report):
            # The fix causes new errors.
            break
        text, report = fixed, again
    return text, report


def _errors(report: Report) -> int:
    return sum(problem.severity == "error" for problem in report.problems)


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return the text with stretches replaced; of overlapping edits only the last is made."""
    lines = re.findall(r"[^\n]*\n|[^\n]+$", text)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    limit = len(text) + 1
    for begin, end, new in sorted(set(_offsets(edits, starts)), reverse=True):
        if end <= limit:
            text = _replace(text, begin, end, new)
            limit = begin
    return text


def _replace(text: str, begin: int, end: int, new: str) -> str:
    """Replace a stretch; a removed comment also removes the blanks before it, and its line if empty."""
    if new == "" and text[begin : begin + 1] == "#":
        while begin > 0 and text[begin - 1] in " \t":
            begin -= 1
        if (begin == 0 or text[begin - 1] == "\n") and text[end : end + 1] == "\n":
            end += 1
    return text[:begin] + new + text[end:]


def _offsets(edits: Iterable[Edit], starts: list[int]) -> Iterable[tuple[int, int, str]]:
    for edit in edits:
        begin = starts[edit.mark.line - 1] + edit.mark.column - 1
        yield begin, starts[edit.mark.end_line - 1] + edit.mark.end_column - 1, edit.text
