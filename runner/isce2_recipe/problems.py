"""One finding about a text: where it is, which rule it breaks, and what to do. And how it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "info"]


class Mark(NamedTuple):
    """A stretch of a text file. Lines and columns count from 1; the end column is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


class Problem(NamedTuple):
    """A finding of the loader, the checker or the linter.

    Attributes
    ----------
    file : str
        As the user named it.
    line, column, end_line, end_column : int
        Counted from 1, the end column exclusive. Line 0 means the file as a whole, or no file at all.
    rule : str
        ``IR001`` and so on.
    severity : str
        ``error``, ``warning`` or ``info``. Only errors stop a plan or a run.
    message : str
        What is wrong, naming the thing.
    hint : str or None
        What to do about it.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    rule: str
    severity: Severity
    message: str
    hint: str | None = None

    @classmethod
    def at(
        cls, mark: Mark, rule: str, message: str, *, hint: str | None = None, severity: Severity = "error"
    ) -> Problem:
        """A problem at a place in a text."""
        return cls(*mark, rule, severity, message, hint)

    @property
    def place(self) -> str:
        """``file:line:column``, or as much of it as is known."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


def render(problems: Iterable[Problem], texts: Mapping[str, str]) -> str:
    """The problems as text: place, message, rule, the source line, a caret below it, and the hint.

    Parameters
    ----------
    problems : iterable of Problem
        In the order they shall appear.
    texts : mapping
        Contents of the files by the names the problems use; without a file's text its lines are left out.
    """
    lines = {name: text.splitlines() for name, text in texts.items()}
    return "\n".join(_render_one(problem, lines.get(problem.file, [])) for problem in problems)


def _render_one(problem: Problem, lines: list[str]) -> str:
    word = "" if problem.severity == "error" else f"{problem.severity}: "
    head = f"{problem.place}: " if problem.place else ""
    parts = [f"{head}{word}{problem.message} [{problem.rule}]"]
    if 0 < problem.line <= len(lines):
        parts += _excerpt(problem, lines[problem.line - 1])
    if problem.hint:
        parts.append(f"  hint: {problem.hint}")
    return "\n".join(parts)


def _excerpt(problem: Problem, line: str) -> list[str]:
    """The source line and carets below the stretch; tabs stay tabs so that the carets stay below it."""
    begin = problem.column - 1
    end = problem.end_column - 1 if problem.end_line == problem.line else len(line)
    gutter = f"{problem.line:>4} | "
    indent = "".join("\t" if char == "\t" else " " * _cells(char) for char in line[:begin])
    carets = "^" * max(1, _cells(line[begin:end]))
    return [gutter + line, " " * (len(gutter) - 2) + "| " + indent + carets]


def _cells(text: str) -> int:
    """How many places a text takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
