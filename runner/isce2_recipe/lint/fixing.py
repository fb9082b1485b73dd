"""Puts right what can be put right safely, by changing the text at its marks: comments and layout stay."""

from __future__ import annotations

from collections.abc import Iterable

from isce2_recipe.lint.linting import Linter, Report
from isce2_recipe.problems import Edit

MAX_ROUNDS = 5
"""A fix may make room for another; after this many rounds enough is enough."""


def fix_text(text: str, file: str, linter: Linter) -> tuple[str, Report]:
    """The text with all safe fixes made, and what is left to report."""
    report = linter.lint(text, file)
    for _ in range(MAX_ROUNDS):
        if not report.edits:
            break
        fixed = apply_edits(text, report.edits)
        again = Linter(linter.actions, linter.active, linter.providers).lint(fixed, file)
        if _errors(again) > _errors(report):
            # A fix that makes things worse is none.
            break
        text, report = fixed, again
    return text, report


def _errors(report: Report) -> int:
    return sum(problem.severity == "error" for problem in report.problems)


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text with stretches replaced, from the end to the beginning; of overlapping edits one is made."""
    lines = text.splitlines(keepends=True)
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
    """A comment taken out takes the blanks before it along, and its line where that is left empty."""
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
