"""Reads files and shipped recipes into recipes, or into all that is wrong with their grammar."""

from __future__ import annotations

from collections.abc import Container, Mapping
from itertools import islice, pairwise
from os.path import isfile
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from isce2_recipe.errors import InputError, RecipeError
from isce2_recipe.files import read_bounded
from isce2_recipe.paths import data_folder
from isce2_recipe.problems import MAX_PROBLEMS, DataPath, Problem, closest, render
from isce2_recipe.recipe.document import Document, at, parse
from isce2_recipe.recipe.grammar import grammar_problems, inline, violations_of, without_mistakes
from isce2_recipe.recipe.model import Parameter, Recipe, Retry, Step
from isce2_recipe.recipe.repair import Repaired
from isce2_recipe.recipe.schema import GRAMMAR
from isce2_recipe.recipe.taking_over import KEY, Entry, entries, write_out
from isce2_recipe.sandbox import budget

SUFFIXES = (".yml", ".yaml")

MAX_BYTES = 1_000_000
"""Largest recipe or part."""

MAX_STEPS = 10_000
"""Most steps of a recipe with all parts unfolded."""

MAX_NESTED = 20
"""Most parts that are used within each other."""


class Reading(NamedTuple):
    """The result of reading a recipe: the recipe where its grammar is right, and all problems."""

    recipe: Recipe | None  # None where a problem is an error
    document: Document  # the parsed text, as far as it could be parsed, with the parameters it takes over
    problems: tuple[Problem, ...]  # of this file and of its parts
    # Contents of all files read, for `isce2_recipe.problems.render`.
    texts: Mapping[str, str] = MappingProxyType({})
    # Where there is no recipe: what is left of it without its mistakes, for finding others.
    partial: Recipe | None = None
    repaired: Repaired | None = None  # what was removed for that


def available() -> dict[str, Path]:
    """Return the files of the shipped recipes by name."""
    folder = data_folder("recipes")
    return {path.stem: path for path in sorted(folder.glob("*.yml"))}


def shipped_parts() -> dict[str, Path]:
    """Return the files of the shipped parts by the names with which steps use them."""
    return {f"parts/{path.name}": path for path in sorted((data_folder("recipes") / "parts").glob("*.yml"))}


def find(name: str) -> Path:
    """Return the file of a recipe or part, given by its path or by the name of a shipped one.

    Raise InputError if there is neither such a file nor such a recipe.
    """
    path = Path(name)
    if isfile(path):  # noqa: PTH113 - unlike Path.is_file, it accepts names that no file can have
        return path
    shipped = available()
    if name in shipped:
        return shipped[name]
    if name in shipped_parts():
        return shipped_parts()[name]
    if path.suffix in SUFFIXES or "/" in name:
        raise InputError(f"there is no recipe file '{name}'", hint=_hint(path.stem, shipped))
    raise InputError(f"there is no recipe '{name}'", hint=_hint(name, shipped))


def _hint(name: str, shipped: Mapping[str, Path]) -> str:
    match = closest(name, shipped)
    if match is not None:
        return f"did you mean '{match}'?"
    return "shipped recipes are " + ", ".join(shipped) if shipped else "give the path of a recipe's file"


def recipe_error(problems: tuple[Problem, ...], texts: Mapping[str, str]) -> RecipeError:
    """Return an error that shows all problems, each with its line and caret."""
    return RecipeError(render(problems, texts), problems=problems)


def read(path: Path) -> Reading:
    """Read a recipe's file. Problems are returned, not raised.

    Raise InputError if the file is missing or not UTF-8 text.
    """
    text = _read_file(path)
    with budget():
        return read_text(text, str(path))


def _read_file(path: Path) -> str:
    try:
        return read_bounded(path, MAX_BYTES).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise InputError(f"'{path}' is not a text in UTF-8") from None
    except OSError as exc:
        raise InputError(f"cannot read '{path}': {exc.strerror}") from None


def read_text(text: str, file: str) -> Reading:
    """Read a recipe's text; ``file`` is its name, and parts are searched for next to it."""
    return Reader().read(text, file)


class Reader:
    """Reads recipes and their parts, each part once, noting which are open so that no part uses itself."""

    def __init__(self) -> None:
        self.open: list[Path] = []
        self.done: dict[Path, Reading] = {}
        self.circular: set[tuple[Path, Path]] = set()

    def read(self, text: str, file: str) -> Reading:
        """Read a recipe's text; ``file`` is its name, and parts are searched for next to it."""
        document = parse(text, file)
        violations = violations_of(document)
        here = Path(file).resolve()
        self.open.append(here)
        used = _Used(self, document)
        wrong = {violation.path for violation in violations}
        parts = used.parts(wrong)
        sources = used.sources()
        document, taken = write_out(document, sources, parts) if sources else (document, [])
        self.open.remove(here)
        found = islice(grammar_problems(document, violations), MAX_PROBLEMS)
        problems = sort_problems([*document.problems, *found])
        repaired = None
        if any(problem.severity == "error" for problem in problems):
            repaired = without_mistakes(document, violations)
            if repaired is None:
                return Reading(None, document, tuple(problems), {file: text, **used.texts})
        problems += [*used.problems, *taken]
        good = not any(problem.severity == "error" for problem in problems)
        built = build(document if repaired is None else repaired.document, parts, used.texts)
        whole, partial = (built, None) if good else (None, built)
        texts = {file: text, **used.texts}
        return Reading(whole, document, tuple(problems), texts, partial, repaired)

    def part(self, path: Path) -> Reading:
        """Read a part, whose problems are returned the first time only."""
        known = path.resolve()
        if known in self.done:
            return self.done[known]._replace(problems=())
        self.done[known] = self.read(_read_file(path), str(path))
        return self.done[known]


class _Used:
    """The parts that one document uses in its steps or takes parameters over from."""

    def __init__(self, reader: Reader, document: Document) -> None:
        self.reader = reader
        self.document = document
        self.problems: list[Problem] = []
        self.texts: dict[str, str] = {}

    def parts(self, wrong: Container[DataPath]) -> dict[int, Recipe]:
        """Return the parts that steps use, by the step's index; steps at ``wrong`` paths are skipped."""
        steps = at(self.document.data, ("steps",))
        found = {}
        total = 0
        for index, step in enumerate(steps if isinstance(steps, list) else ()):
            path: DataPath = ("steps", index, "uses")
            uses = step.get("uses") if isinstance(step, dict) else None
            if isinstance(uses, str) and uses.endswith(SUFFIXES) and path not in wrong:
                reading = self._read(path, uses)
                part = reading.recipe if reading is not None else None
                total += 0 if part is None else part.unfolded
                if part is not None and part.depth >= MAX_NESTED:
                    self._too_deep(path)
                    continue
                if total > MAX_STEPS:
                    advice = "use fewer parts within parts"
                    self._report(path, f"the recipe has more than {MAX_STEPS:,} steps with its parts", advice)
                    break
                if part is not None and part.steps:
                    found[index] = part
                elif part is not None:
                    self._report(path, f"'{uses}' has no steps, it only declares parameters", f"use {KEY}")
        return found

    def sources(self) -> dict[Entry, Recipe]:
        """Return the parts that parameters are taken over from."""
        found = {}
        for entry in entries(self.document):
            reading = self._read((*entry.path, "part"), entry.part)
            part = reading and (reading.recipe or reading.partial)
            if part is not None:
                found[entry] = part
        return found

    def _read(self, path: DataPath, uses: str) -> Reading | None:
        file = find_part(uses, self.document.file)
        if file is None:
            advice = "parts are searched for next to the recipe, then among the shipped recipes"
            self._report(path, f"there is no part '{uses}'", advice)
            return None
        place, above = file.resolve(), self.reader.open
        if place in above:
            circle = [*above[above.index(place) :], place]
            self.reader.circular.update(pairwise(circle))
        if (above[-1], place) in self.reader.circular:
            self._report_circle(path, uses, place)
            return None
        if len(self.reader.open) > 4 * MAX_NESTED:
            self._too_deep(path)
            return None
        try:
            reading = self.reader.part(file)
        except InputError as exc:
            self._report(path, exc.message, None)
            self.texts[str(file)] = ""
            return None
        self.problems += reading.problems
        self.texts |= reading.texts
        if (above[-1], place) in self.reader.circular:
            self._report_circle(path, uses, place)
        return reading

    def _too_deep(self, path: DataPath) -> None:
        self._report(path, f"more than {MAX_NESTED} parts are used within each other", "use fewer levels")

    def _report_circle(self, path: DataPath, uses: str, place: Path) -> None:
        itself = place == self.reader.open[-1]
        what = "a part cannot use itself" if itself else f"a part cannot use itself: {uses} uses this one"
        self._report(path, what, "move the common steps into a part of their own")

    def _report(self, path: DataPath, what: str, advice: str | None) -> None:
        self.problems.append(self.document.problem(path, "IR030", what, advice=advice))


def find_part(uses: str, file: str) -> Path | None:
    """Return the file of a part: next to the recipe or the folder of parts that uses it, else shipped."""
    here = Path(file).parent
    folders = [here, data_folder("recipes")]
    if here.name == "parts":
        folders.insert(1, here.parent)
    for folder in folders:
        path = folder / uses
        # A part of a stranger is no other file of this machine.
        there = isfile(path)  # noqa: PTH113
        if there and path.resolve().is_relative_to(folder.resolve().parent):
            return path
    return None


def sort_problems(problems: list[Problem]) -> list[Problem]:
    """Return problems in the order of the text, without repetitions."""
    return sorted(
        dict.fromkeys(problems),
        key=lambda problem: (problem.file, problem.line, problem.column, problem.rule),
    )


def build(document: Document, parts: Mapping[int, Recipe], sources: Mapping[str, str]) -> Recipe:
    """Return the frozen recipe of a document that has no problems; ``sources`` are texts of its parts."""
    data = document.data
    required = tuple(data.get("required", ()))
    parameters = {
        name: Parameter(
            name, inline(schema, GRAMMAR), name in required, document.key_mark(("parameters", name))
        )
        for name, schema in data.get("parameters", {}).items()
    }
    steps = tuple(_step(document, index, parts.get(index)) for index in range(len(data.get("steps", ()))))
    return Recipe(
        name=data["name"],
        path=Path(document.file),
        summary=data.get("summary", ""),
        documentation=data.get("documentation", {}),
        parameters=parameters,
        required=required,
        variables=data.get("variables", {}),
        steps=steps,
        outputs=data.get("outputs", {}),
        document=document,
        by_id={step.id: step for step in reversed(steps)},
        sources=sources,
        depth=1 + max((step.part.depth for step in steps if step.part is not None), default=0),
        unfolded=sum(1 if step.part is None else step.part.unfolded for step in steps),
    )


def _step(document: Document, index: int, part: Recipe | None) -> Step:
    data = document.data["steps"][index]
    return Step(
        id=data["id"],
        uses=data["uses"],
        with_=data.get("with", {}),
        when=data.get("when", True),
        needs=tuple(data.get("needs", ())),
        folder=data.get("folder"),
        timeout=data.get("timeout"),
        retry=Retry(**data.get("retry", {})),
        resources=data.get("resources", {}),
        summary=data.get("summary", ""),
        index=index,
        mark=document.mark(("steps", index, "id")),
        part=part,
        for_each=data.get("for_each"),
        item=data.get("as", "item"),
        key=data.get("key"),
        keep_going=data.get("on_failure") == "continue",
        partial=data.get("partial") == "allowed",
        min_done=data.get("min_done"),
    )
