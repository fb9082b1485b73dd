"""Diagnostics as values: what is wrong with a text, where, and what was expected. Text is made last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""From the gravest to the mildest."""

MAX_PROBLEMS = 100
"""Most problems of one kind, and of one file, that are reported."""

_MOST_NAMES = 12
"""How many known names a hint lists."""

_MOST_COMPARED = 200
"""How many known names are compared with a wrong one, for a suggestion."""

_WIDEST = 200
"""Most characters of a source line, and of a word in a message, that are shown."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


DataPath = tuple[str | int, ...]
"""The keys and indices that lead to a value within a document."""


class Mark(NamedTuple):
    """A stretch of a text file. Lines and columns count from 1; the end column is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


def whole_file(file: str) -> Mark:
    """Return the mark of a file as a whole; an empty name means no file at all."""
    return Mark(file, 0, 0, 0, 0)


class Edit(NamedTuple):
    """A stretch of text and its replacement."""

    mark: Mark
    text: str


class Suggestion(NamedTuple):
    """What may have been meant by a name that does not exist."""

    closest: str | None  # the existing name most like it, where one is similar enough
    known: tuple[str, ...] = ()  # all names that exist

    @property
    def text(self) -> str:
        """The closest name as a question, or else a list of the names that exist."""
        if self.closest is not None:
            return f"did you mean '{self.closest}'?"
        more = len(self.known) - _MOST_NAMES
        names = ", ".join(self.known[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
        return f"known are {names}" if names else "there are none"


class Problem(NamedTuple):
    """A diagnostic of the loader, the checker or the linter, as data."""

    place: Mark  # line 0 means the file as a whole, or no file at all
    # What is wrong, as a statement; where something was expected, the name of the value that is wrong.
    what: str
    advice: str | None = None  # what to do about it
    rule: str = ""  # ``IR001`` and so on; empty only inside a lint rule, whose id the linter fills in
    severity: Severity = "error"  # only errors stop a plan or a run
    # What should be there, and what is there instead; empty if the statement is complete.
    expected: str = ""
    found: str = ""
    suggestion: Suggestion | None = None  # what may have been meant
    names: tuple[str, ...] = ()  # the names at fault: what does not exist, or what is missing
    lacks: bool = False  # whether something is missing rather than wrong
    # Whether the value is secret: what was found is not shown then, nor what it resembles.
    secret: bool = False
    # How ``lint --fix`` repairs it; only where that cannot change what the recipe means.
    edits: tuple[Edit, ...] = ()

    @property
    def message(self) -> str:
        """What is wrong, as text."""
        return statement(self.what, self.expected, "" if self.secret else self.found)

    @property
    def hint(self) -> str | None:
        """What to do, as text."""
        if self.advice is not None or self.suggestion is None or self.secret:
            return self.advice
        return self.suggestion.text

    @property
    def file(self) -> str:
        """The file, as the user named it."""
        return self.place.file

    @property
    def line(self) -> int:
        """The line on which it begins, from 1."""
        return self.place.line

    @property
    def column(self) -> int:
        """The column at which it begins, from 1."""
        return self.place.column

    @property
    def position(self) -> str:
        """``file:line:column``, or as much of it as is known."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


def statement(what: str, expected: str, found: str) -> str:
    """Return what is wrong as one sentence.

    Parameters
    ----------
    what : str
        A statement, or the name of a value where something was expected of it.
    expected, found : str
        What should be there, and what is there instead; each may be empty.
    """
    if expected:
        what = f"{what} must be {expected}"
    return f"{what}{', instead got ' if expected else ': '}{found}" if found else what


def suggest(name: str, known: Iterable[str]) -> Suggestion:
    """Return what may have been meant by a name that does not exist."""
    names = tuple(known)
    return Suggestion(closest(name, names), names)


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like ``name``, or None where none is similar enough."""
    from difflib import get_close_matches

    folded = {one.lower().replace("-", "_"): one for one in islice(known, _MOST_COMPARED)}
    found = get_close_matches(name[:_WIDEST].lower().replace("-", "_"), folded, 1, 0.6)
    return folded[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the closest known name, or else all of them."""
    return suggest(name, known).text


def render(problems: Iterable[Problem], texts: Mapping[str, str]) -> str:
    """Return problems as text: place, message, rule, source line, a caret below it, and hint.

    Parameters
    ----------
    problems : iterable of Problem
        In the order in which they are printed.
    texts : mapping
        Contents of the files by the names the problems use; lines of other files are not shown.
    """
    lines = {name: lines_of(text) for name, text in texts.items()}
    shown = list(islice(problems, MAX_PROBLEMS + 1))
    found = [_render_one(problem, lines.get(problem.file, [])) for problem in shown[:MAX_PROBLEMS]]
    more = [f"only the first {MAX_PROBLEMS} problems are shown"] if len(shown) > MAX_PROBLEMS else []
    return "\n".join(found + more)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text as editors count them: other separators, such as U+2028, end no line."""
    found = _LINE_END.split(text)
    return found if found[-1] else found[:-1]


def printable(text: str) -> str:
    r"""Return a text, which may be JSON, with what a terminal obeys or does not show as ``\uXXXX``."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _render_one(problem: Problem, lines: list[str]) -> str:
    severity = "" if problem.severity == "error" else f"{problem.severity}: "
    head = f"{problem.position}: " if problem.position else "error: "
    parts = [f"{head}{severity}{problem.message} [{problem.rule}]"]
    if 0 < problem.line <= len(lines) and not problem.secret:
        parts += _excerpt(problem.place, lines[problem.line - 1])
    if problem.hint:
        parts.append(f"  hint: {problem.hint}")
    return "\n".join(parts)


def _excerpt(place: Mark, line: str) -> list[str]:
    """Return the source line and carets below the stretch; tabs stay tabs so that carets line up."""
    begin = place.column - 1
    end = place.end_column - 1 if place.end_line == place.line else len(line)
    if len(line) > _WIDEST:
        first = max(0, begin - _WIDEST // 4)
        line, begin, end = line[first : first + _WIDEST], begin - first, min(end - first, _WIDEST)
    before, word = printable(line[:begin]), printable(line[begin:end])
    line = before + word + printable(line[max(begin, end) :])
    begin, end = len(before), len(before) + len(word)
    gutter = f"{place.line:>4} | "
    indent = "".join("\t" if char == "\t" else " " * _cells(char) for char in line[:begin])
    carets = "^" * max(1, _cells(line[begin:end]))
    return [gutter + line, " " * (len(gutter) - 2) + "| " + indent + carets]


def _cells(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
