"""The command ``isce2-recipe lint`` without a terminal: it returns text and exit code."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import cast

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.errors import EXIT_INPUT, EXIT_OK, EXIT_USAGE, InputError, UsageError
from isce2_recipe.lint.catalogue import explain as explain_rule
from isce2_recipe.lint.catalogue import markdown
from isce2_recipe.lint.formats import FORMATS, summary
from isce2_recipe.lint.ignoring import subtract_baseline, write_baseline
from isce2_recipe.lint.linting import (
    BYTE_ORDER_MARK,
    STDIN,
    Linter,
    Options,
    Report,
    collect,
    lint_files,
    read_bytes,
)
from isce2_recipe.lint.rule import DEFAULT_PROFILE, Profile
from isce2_recipe.problems import Edit, Problem, did_you_mean
from isce2_recipe.recipe.loading import MAX_BYTES

_MAX_ROUNDS = 5  # of fixes; one may make another possible


def main(
    paths: Sequence[str],
    format: str = "text",
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    profile: str = DEFAULT_PROFILE,
    fix: bool = False,
    baseline: str | None = None,
    stdin_filename: str | None = None,
    explain: str | None = None,
    source: str | None = None,
    engine: str | None = None,
) -> tuple[str, int]:
    """Return the text to print and the exit code: 0 for no problems, 1 for problems, 2 for other errors.

    Paths are files, folders to search, or ``-`` for standard input, which ``stdin_filename`` names in
    messages. Known problems in the file ``baseline`` are not reported; it is written if it does not exist.
    ``explain`` is the id of a rule, or ``all`` for the page of all rules; nothing is linted then. What the
    given source and engine lack is a problem. See `Options` for the rest.
    """
    try:
        if explain is not None:
            return (markdown() if explain.lower() == "all" else explain_rule(explain)), EXIT_OK
        options = Options(cast(Profile, profile), _words(select), _words(ignore), source, engine)
        return _lint(paths, format, options, fix, baseline, stdin_filename)
    except (UsageError, InputError) as exc:
        return f"error: {exc}", EXIT_USAGE


def _words(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for value in values for word in value.replace(",", " ").split())


def _lint(
    paths: Sequence[str],
    form: str,
    options: Options,
    fix: bool,
    baseline: str | None,
    stdin_filename: str | None,
) -> tuple[str, int]:
    if form not in FORMATS:
        raise UsageError(f"there is no format '{form}'", hint=did_you_mean(form, list(FORMATS)))
    if not paths:
        raise UsageError("nothing to lint", hint="name recipes, folders of recipes, or - for standard input")
    reports = _reports(paths, options.linter(load_registry()), fix, stdin_filename)
    found = [problem for report in reports for problem in report.problems]
    problems = list({(one.position, one.rule, one.message): one for one in found}.values())
    texts = {report.file: report.text for report in reports}
    if baseline is not None and not Path(baseline).exists():
        count = write_baseline(Path(baseline), problems)
        return f"{baseline} written; known problems: {count}", EXIT_OK
    if baseline is not None:
        problems = _without_known(Path(baseline), problems, texts, options)
    text = FORMATS[form](problems, texts)
    if form == "text":
        used = {Path(part).resolve() for report in reports for part in report.parts}
        kinds = Counter(_kind(Path(report.file), used) for report in reports)
        text = "\n\n".join(filter(None, (text, summary(problems, kinds))))
    return text, EXIT_INPUT if problems else EXIT_OK


def _kind(file: Path, used: Container[Path]) -> str:
    """Return what a linted file is."""
    if file.suffix.lower() == ".xml":
        return "XML file"
    return "part" if file.resolve() in used or file.parent.name == "parts" else "recipe"


def _without_known(
    baseline: Path, problems: list[Problem], files: Container[str], options: Options
) -> list[Problem]:
    left = subtract_baseline(baseline, problems, files, options.active)
    return [problem for problem in left if problem.rule in options.active]


def _reports(paths: Sequence[str], linter: Linter, fix: bool, stdin_filename: str | None) -> list[Report]:
    if STDIN in paths:
        if len(paths) > 1 or fix:
            raise UsageError("standard input is linted alone and cannot be fixed in place")
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise InputError(f"standard input is larger than {MAX_BYTES:,} bytes")
        return [linter.lint_bytes(data, stdin_filename or "<stdin>")]
    files = collect(paths)
    if not fix:
        return lint_files(files, linter, jobs=min(4, os.cpu_count() or 1))
    return [_fix_file(Path(file), file, linter) for file in files]


def _fix_file(path: Path, file: str, linter: Linter) -> Report:
    try:
        # Bytes, not text, so that line ends stay the same.
        content = read_bytes(path)
        mark = BYTE_ORDER_MARK if content.startswith(BYTE_ORDER_MARK) else b""
        before = content.removeprefix(mark).decode("utf-8")
        after, report = fix_text(before, file, linter)
        if after != before:
            path.write_bytes(mark + after.encode("utf-8"))
    except UnicodeDecodeError:
        return linter.lint_file(file)
    except OSError as exc:
        raise InputError(f"cannot fix '{path}': {exc.strerror}") from None
    return report


def fix_text(text: str, file: str, linter: Linter) -> tuple[str, Report]:
    """Return the text with all safe fixes made, and the report of what is left."""
    report = linter.lint(text, file)
    for _ in range(_MAX_ROUNDS):
        if not report.edits:
            break
        fixed = _apply_edits(text, report.edits)
        again = Linter(linter.actions, linter.active, linter.providers).lint(fixed, file)
        if _errors(again) > _errors(report):
            # The fix causes new errors.
            break
        text, report = fixed, again
    return text, report


def _errors(report: Report) -> int:
    return sum(problem.severity == "error" for problem in report.problems)


def _apply_edits(text: str, edits: Iterable[Edit]) -> str:
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
