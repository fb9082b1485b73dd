"""IR010 to IR019: names and what a reader is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from isce2_recipe.lint.rule import Rule, Subject, reported, rule
from isce2_recipe.problems import Edit, Mark, Problem
from isce2_recipe.recipe.loading import GRAMMAR
from isce2_recipe.recipe.looked import look
from isce2_recipe.recipe.schema import load_schema

NAMES = reported(
    "IR010",
    "error",
    "min",
    """A name that is not well formed, or a step id that is taken.

    Names are lower-case letters, digits and `_`, and begin with a letter (a recipe's may hold `-`). Step ids
    name folders of the work directory, so each is used once.
    """,
)


@rule("IR011", "info", "shared")
def step_without_summary(subject: Subject) -> Iterator[Problem]:
    """A step does not say what it is for.

    `plan`, the progress display and the documentation page show the step's `summary`.
    """
    for step in subject.steps:
        if not step.summary:
            hint = "add a summary of a few words"
            yield Problem(step.mark, f"step '{step.id}' has no summary", hint)


@rule("IR012", "warning", "shared")
def parameter_without_description(subject: Subject) -> Iterator[Problem]:
    """A parameter has no description.

    The description is what `--help`, the documentation page and editors show. A type of `types.schema.json`
    brings one along.
    """
    for parameter in subject.recipe.parameters.values() if subject.recipe else ():
        if not parameter.description:
            yield Problem(
                parameter.mark, f"parameter '{parameter.name}' has no description", "say what it changes"
            )


@rule("IR013", "info", "shared")
def key_order(subject: Subject) -> Iterator[Problem]:
    """Keys are not in the usual order.

    Recipes read alike when their keys come in the order of the grammar: `recipe`, `name`, `summary`,
    `documentation`, `parameters`, `required`, `variables`, `steps`, `outputs`; in a step `id`, `uses` first.
    """
    top = list(load_schema(GRAMMAR)["properties"])
    yield from _out_of_order(subject, (), list(subject.data), top)
    for step in subject.steps:
        keys = list(subject.data["steps"][step.index])
        wanted = ["id", "uses"]
        yield from _out_of_order(subject, step.path, [key for key in keys if key in wanted], wanted)


def _out_of_order(
    subject: Subject, path: tuple[str | int, ...], keys: list[str], order: list[str]
) -> Iterator[Problem]:
    known = [key for key in keys if key in order]
    for before, after in pairwise(known):
        if order.index(after) < order.index(before):
            yield subject.at_key((*path, after), f"'{after}' usually comes before '{before}'")
            return


@rule("IR014", "warning", "shared")
def provenance(subject: Subject) -> Iterator[Problem]:
    """The recipe does not say who made it, under which licence, or what it builds on.

    A shared recipe names its `authors` (or `maintainers`), its `license` as an SPDX identifier, and
    `references` with well-formed DOIs or https addresses. Parts, in a folder of that name, belong to the
    recipes that use them.
    """
    documentation = subject.data.get("documentation")
    documentation = documentation if isinstance(documentation, dict) else {}
    where = ("documentation",) if documentation else ("name",)
    missing = [key for key in ("license", "references") if key not in documentation]
    if not {"authors", "maintainers"} & set(documentation):
        missing.insert(0, "authors")
    part = Path(subject.document.file).resolve().parent.name == "parts"
    if missing and subject.recipe is not None and not part:
        yield subject.at_key(where, f"documentation has no {', '.join(missing)}")
    references = documentation.get("references")
    for index, text in enumerate(references if isinstance(references, list) else ()):
        if isinstance(text, str) and not _is_reference(text):
            path = ("documentation", "references", index)
            yield subject.at(
                path, f"'{text}' is neither a DOI nor an https address nor a citation with a year"
            )


def _is_reference(text: str) -> bool:
    if text.lower().startswith(("doi:", "10.", "https://doi.org/")):
        return re.search(r"10\.\d{4,9}/\S+\Z", text) is not None
    return "https://" in text or re.search(r"\b(19|20)\d\d\b", text) is not None


_LEFTOVERS = r"\b(TO" r"DO|FIX" r"ME|X" r"XX|TBD)\b|<[A-Z][A-Z_ ]+>|CHANGE_?ME"


_LEFTOVER_WORDS = ("TODO", "FIXME", "XXX", "TBD", "<", "CHANGE")


@rule("IR015", "warning", "basic")
def leftovers(subject: Subject) -> Iterator[Problem]:
    """Something is left to be done: a marker such as TBD, or a place holder such as `<NAME>`."""
    if not any(word in subject.document.text for word in _LEFTOVER_WORDS):
        return
    for number, line in enumerate(subject.document.lines, 1):
        found = re.search(_LEFTOVERS, line)
        if found:
            mark = Mark(subject.document.file, number, found.start() + 1, number, found.end() + 1)
            yield Problem(mark, f"'{found[0]}' is left to be done")


@rule("IR016", "warning", "basic")
def file_name(subject: Subject) -> Iterator[Problem]:
    """The file is not named after the recipe, or does not end in `.yml`.

    `isce2-recipe run NAME` finds a shipped recipe by its file's name; a file of another name would run under
    two names.
    """
    path = Path(subject.document.file)
    name = subject.data.get("name")
    if path.suffix not in (".yml", ".yaml") or not isinstance(name, str):
        return
    if path.suffix == ".yaml":
        yield subject.at(("name",), f"the file ends in '{path.suffix}'", "recipes end in .yml")
    if path.stem.removesuffix(".isce2-recipe") != name:
        yield subject.at(
            ("name",), f"recipe '{name}' is in a file named '{path.name}'", f"rename it to {name}.yml"
        )


@rule("IR017", "warning", "shared")
def outdated_page(subject: Subject) -> Iterator[Problem]:
    """The recipe's documentation page does not know all of its parameters.

    `docs/recipes/NAME.md` beside the folder of the recipes is made by `isce2-recipe describe`; make it again.
    """
    if subject.recipe is None:
        return
    folder = Path(subject.document.file).parent.parent
    page = folder / "docs" / "recipes" / f"{subject.recipe.name}.md"
    if not look(page).is_file():
        return
    text = page.read_text(encoding="utf-8", errors="replace")
    for parameter in subject.recipe.parameters.values():
        if parameter.name not in text:
            hint = f"make the page again: isce2-recipe describe {subject.recipe.name}"
            yield Problem(parameter.mark, f"{page.name} does not mention parameter '{parameter.name}'", hint)


@rule("IR018", "warning", "basic")
def recipe_without_summary(subject: Subject) -> Iterator[Problem]:
    """The recipe does not say in one sentence what it delivers.

    `isce2-recipe list` shows the summary, and a reader decides by it.
    """
    if subject.recipe is not None and not subject.recipe.summary:
        yield subject.at(
            ("name",), f"recipe '{subject.recipe.name}' has no summary", "add a sentence: summary: ..."
        )


_SCHEMA_LINE = re.compile(r"^#\s*yaml-language-server:\s*\$schema=\S*recipe\.schema\.json\s*$")


@rule("IR019", "info", "shared", fixable=True)
def schema_line(subject: Subject) -> Iterator[Problem]:
    """The line that gives editors completion and checks is missing.

    With it, editors that speak to the YAML language server complete keys and underline mistakes while typing.
    `--fix` adds it.

        # yaml-language-server: $schema=../schemas/recipe.schema.json
    """
    if subject.recipe is None or any(_SCHEMA_LINE.match(line) for line in subject.document.lines[:10]):
        return
    start = Mark(subject.document.file, 1, 1, 1, 1)
    depth = "../../" if Path(subject.document.file).parent.name == "parts" else "../"
    line = f"# yaml-language-server: $schema={depth}schemas/recipe.schema.json\n"
    yield Problem(
        start,
        "no line tells editors the schema",
        f"begin the file with: {line.strip()}",
        edits=(Edit(start, line),),
    )


RULES: tuple[Rule, ...] = (
    NAMES, step_without_summary, parameter_without_description, key_order, provenance, leftovers, file_name,
    outdated_page, recipe_without_summary, schema_line,
)  # fmt: skip
