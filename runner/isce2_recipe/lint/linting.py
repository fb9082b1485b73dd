"""The linter: it reads recipes and reports their problems."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from isce2_recipe.errors import InputError, UsageError
from isce2_recipe.files import read_bounded
from isce2_recipe.lint.catalogue import RULES, chosen
from isce2_recipe.lint.ignoring import apply_ignores
from isce2_recipe.lint.rule import (
    DEFAULT_PROFILE,
    NO_PROVIDERS,
    Profile,
    Providers,
    Subject,
    find_providers,
)
from isce2_recipe.problems import MAX_PROBLEMS, Edit, Mark, Problem
from isce2_recipe.recipe import isce2_xml
from isce2_recipe.recipe.checking import check_reading, check_scope
from isce2_recipe.recipe.isce2_xml import XmlProblem
from isce2_recipe.recipe.loading import MAX_BYTES, SUFFIXES, Reader, Reading, available, shipped_parts
from isce2_recipe.recipe.rendering import check_null_defaults, check_samples
from isce2_recipe.sandbox import budget

STDIN = "-"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MOST_FILES = 200_000  # that are searched below a folder, which takes a few seconds
MANY_FILES = 64
"""Number of files from which several processes are faster than one."""


class Options(NamedTuple):
    """What to check."""

    profile: Profile = DEFAULT_PROFILE  # ``min``, ``basic``, ``sar`` or ``shared``
    # Only these rules (ids or their beginnings); empty means those of the profile.
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()  # rules not to check
    # The source and the engine that the recipes are to run with, if they are known.
    source: str | None = None
    engine: str | None = None

    @property
    def active(self) -> frozenset[str]:
        """Return the ids of the selected rules."""
        return chosen(self.profile, self.select, self.ignore)

    def linter(self, actions: Mapping[str, Any]) -> Linter:
        """Return a linter with these options."""
        return Linter(actions, self.active, find_providers(self.source, self.engine))


class Report(NamedTuple):
    """The result of linting one text."""

    file: str
    text: str
    problems: tuple[Problem, ...]  # in the order of the text
    edits: tuple[Edit, ...] = ()  # repairs of the problems that can be fixed
    parts: tuple[str, ...] = ()  # files of the parts it uses


class Linter:
    """A linter of texts with the same rules (``active`` has their ids) and actions; it reads parts once."""

    def __init__(
        self, actions: Mapping[str, Any], active: frozenset[str], providers: Providers = NO_PROVIDERS
    ) -> None:
        self.actions = actions
        self.active = active
        self.providers = providers
        self.reader = Reader()

    def lint(self, text: str, file: str) -> Report:
        """Return the problems of one text, with its ignore comments applied, or of an ISCE2 XML."""
        if text.lstrip().startswith("<") or file.lower().endswith(".xml"):
            return self._lint_xml(text, file)
        with budget():
            reading = self.reader.read(text, file)
            found, in_parts = self._found(reading)
        own = [problem for problem in found if problem.rule in self.active and problem.file == file]
        # If the grammar is wrong, most rules do not run, so their comments may still be needed.
        checked = self.active if reading.recipe is not None else frozenset[str]()
        kept, hygiene, unneeded = apply_ignores(list(dict.fromkeys(own)), reading.document, checked)
        kept += [problem for problem in (*hygiene, *in_parts) if problem.rule in self.active]
        edits = [edit for problem in kept for edit in problem.edits]
        edits += [Edit(mark, "") for mark in unneeded if "IR090" in self.active]
        problems = tuple(sorted(kept, key=_order)[: MAX_PROBLEMS + 1])
        parts = tuple(name for name in reading.texts if name != file)
        return Report(file, text, problems, tuple(edits), parts)

    def _lint_xml(self, text: str, file: str) -> Report:
        """Return the problems of an application's XML, with its catalogues."""
        application = isce2_xml.read_text(text, Path(file).parent, file)
        found = application.problems() if "IR032" in self.active else []
        return Report(file, text, tuple(_of_xml(problem, text.splitlines(), file) for problem in found))

    def lint_bytes(self, data: bytes, file: str) -> Report:
        """Return the problems of a file's content, which need not be text."""
        try:
            text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError as exc:
            line = data[: exc.start].count(b"\n") + 1
            what = f"'{file}' is not a text in UTF-8"
            problem = Problem(Mark(file, line, 1, line, 2), what, "save it in UTF-8", "IR009")
            return Report(file, "", (problem,) if problem.rule in self.active else ())
        return self.lint(text, file)

    def lint_file(self, file: str) -> Report:
        """Return the problems of one file."""
        return self.lint_bytes(read_bytes(Path(file)), file)

    def _found(self, reading: Reading) -> tuple[list[Problem], list[Problem]]:
        """Return all problems, and apart those that parts have only with the values given to them here."""
        found = list(reading.problems)
        in_parts: list[Problem] = []
        subject = Subject(reading.document, reading.recipe, self.actions, self.providers)
        if subject.scope is not None:
            found += check_scope(subject.scope)
            wrong = {problem.position for problem in found if problem.severity == "error"}
            for problem in check_samples(subject.scope, subject.samples):
                if problem.position not in wrong:
                    (found if problem.file == reading.document.file else in_parts).append(problem)
            wrong = {problem.position for problem in found if problem.severity == "error"}
            nulls = check_null_defaults(subject.scope)
            found += [problem for problem in nulls if problem.position not in wrong]
        else:
            found += check_reading(reading, self.actions, parts=False)
        for rule in RULES:
            if rule.id in self.active:
                found += rule.problems(subject)
        return found, in_parts


def _of_xml(found: XmlProblem, lines: list[str], file: str) -> Problem:
    """Return a problem of an application's XML, which covers its line; lines are those of the file."""
    line = lines[found.line - 1] if found.file == file and found.line <= len(lines) else ""
    begin, end = len(line) - len(line.lstrip()) + 1, max(len(line.rstrip()), 1) + 1
    place = Mark(found.file or file, found.line, begin, found.line, end)
    return Problem(
        place, found.what, None, "IR032", found.severity, found.expected, found.found, found.suggestion
    )


def _order(problem: Problem) -> tuple[str, int, int, str]:
    return problem.file, problem.line, problem.column, problem.rule


def collect(paths: Iterable[str]) -> list[str]:
    """Return the recipe files at paths: files as they are, and YAML files with ``recipe:`` of folders.

    Raise UsageError if there is nothing at a path, or no recipe in a folder.
    """
    found: list[str] = []
    for text in paths:
        path = Path(text)
        if os.path.isdir(path):  # noqa: PTH112 - unlike Path.is_dir, it accepts names that no folder can have
            files = sorted(_yaml_files(path, text))
            recipes = [str(one) for one in files if _is_recipe(one)]
            if not recipes:
                raise UsageError(f"there are no recipes in '{text}'", hint="a recipe begins with: recipe: 1")
            found += recipes
        elif os.path.isfile(path):  # noqa: PTH113
            found.append(text)
        elif text in (shipped := available() | shipped_parts()):
            found.append(str(shipped[text]))
        else:
            raise UsageError(f"there is no file or folder '{text}'")
    return list(dict.fromkeys(found))


def _yaml_files(folder: Path, text: str) -> Iterator[Path]:
    """Yield the YAML files below a folder; hidden folders are left out."""
    count = 0
    for place, folders, names in os.walk(folder):
        count += len(folders) + len(names)
        if count > _MOST_FILES:
            what = f"'{text}' has more than {_MOST_FILES:,} files and folders"
            raise UsageError(what, hint="name the folders that have recipes")
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place) / name for name in names if name.endswith(SUFFIXES))


def _is_recipe(path: Path) -> bool:
    hidden = any(part.startswith(".") and part not in (".", "..") for part in path.parts)
    size = path.stat().st_size if path.is_file() else MAX_BYTES + 1
    lines = [] if hidden or size > MAX_BYTES else read_bytes(path).removeprefix(BYTE_ORDER_MARK).splitlines()
    return any(line.startswith(b"recipe:") for line in lines)


def read_bytes(path: Path) -> bytes:
    """Return the content of a file."""
    try:
        return read_bounded(path, MAX_BYTES)
    except OSError as exc:
        raise InputError(f"cannot read '{path}': {exc.strerror}") from None


def lint_files(files: Iterable[str], linter: Linter, *, jobs: int = 1) -> list[Report]:
    """Return a report for every file in order, and for the parts they use.

    More than one process (``jobs``) needs a program without threads.
    """
    reports: list[Report] = []
    todo = list(files)
    seen: set[Path] = set()
    while todo:
        named = {Path(file).resolve(): file for file in dict.fromkeys(todo)}
        new = {path: file for path, file in named.items() if path not in seen}
        seen.update(new)
        made = _lint_all(list(new.values()), linter, jobs)
        reports += made
        todo = [part for report in made for part in report.parts]
    return reports


def _lint_all(files: list[str], linter: Linter, jobs: int) -> list[Report]:
    if jobs == 1 or len(files) < MANY_FILES:
        return [linter.lint_file(file) for file in files]
    from multiprocessing import get_context

    with get_context("fork").Pool(jobs) as pool:
        return pool.map(linter.lint_file, files, chunksize=len(files) // (4 * jobs) + 1)


def lint_paths(paths: Collection[str | Path], options: Options | None = None) -> list[Problem]:
    """Return the problems of all recipes at the paths, in the order of files and lines.

    Parameters
    ----------
    paths : collection of str or Path
        Files, or folders to be searched for recipes.
    options : Options, optional
        The rules to apply; by default those of the default profile.

    Raises
    ------
    UsageError
        If there is nothing at a path, or the options name what does not exist.
    InputError
        If a file cannot be read.
    """
    from isce2_recipe.actions.registry import load_registry

    linter = (options or Options()).linter(load_registry())
    reports = lint_files(collect(str(path) for path in paths), linter)
    return [problem for report in reports for problem in report.problems]
