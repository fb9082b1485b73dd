"""A file of known problems, so that only new ones are reported. They are compared without their lines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterable
from pathlib import Path

from isce2_recipe.errors import InputError
from isce2_recipe.problems import Problem, whole_file

Key = tuple[str, str, str]


def write(path: Path, problems: Iterable[Problem]) -> int:
    """Write the problems as the baseline, and return their number.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    entries = [
        dict(zip(("file", "rule", "message"), key, strict=True)) for key in sorted(map(_key, problems))
    ]
    text = json.dumps({"version": 1, "findings": entries}, indent=2, ensure_ascii=False)
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as exc:
        raise InputError(f"cannot write '{path}': {exc.strerror}") from None
    return len(entries)


def subtract(
    path: Path, problems: list[Problem], files: Container[str], rules: Container[str]
) -> list[Problem]:
    """Return the problems that are not in the baseline, and one for every entry that is no longer needed.

    Parameters
    ----------
    path : Path
        The baseline.
    problems : list of Problem
        What was found.
    files, rules : container of str
        What was linted, and with which rules. Entries of other existing files and of other rules are ignored.

    Raises
    ------
    InputError
        If the file is not a baseline.
    """
    known = _read(path)
    left: list[Problem] = []
    for problem in problems:
        key = _key(problem)
        if known[key] > 0:
            known[key] -= 1
        else:
            left.append(problem)
    looked = {
        key: count
        for key, count in sorted(known.items())
        if key[1] in rules and (key[0] in files or not Path(key[0]).exists())
    }
    return left + [_gone(path, key) for key, count in looked.items() for _ in range(count)]


def _gone(path: Path, key: Key) -> Problem:
    what = f"{key[0]} no longer violates {key[1]}: {key[2]}"
    place = whole_file(str(path))
    return Problem(place, what, "write the baseline again", rule="IR092", severity="warning")


def _key(problem: Problem) -> Key:
    return problem.file, problem.rule, problem.message


def _read(path: Path) -> Counter[Key]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["findings"]
        return Counter((str(one["file"]), str(one["rule"]), str(one["message"])) for one in entries)
    except (OSError, ValueError, KeyError, TypeError):
        hint = "delete it and run again to write it"
        raise InputError(f"'{path}' is not a baseline of isce2-recipe lint", hint=hint) from None
