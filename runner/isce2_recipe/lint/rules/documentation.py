"""IR010 to IR019: names and documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from isce2_recipe.lint.rule import Subject, rule
from isce2_recipe.problems import DataPath, Edit, Mark, Problem
from isce2_recipe.recipe.schema import GRAMMAR, load_schema


@rule("IR011", "info", "shared")
def step_without_summary(subject: Subject) -> Iterator[Problem]:
    """A step has no summary.

    `plan`, the progress display and the documentation page show the `summary` of each step.
    """
    for step in subject.steps:
        if not step.summary:
            hint = "add a summary: a few words about what the step does"
            yield Problem(step.mark, f"the step '{step.id}' has no summary", hint)


@rule("IR012", "warning", "shared")
def parameter_without_description(subject: Subject) -> Iterator[Problem]:
    """A parameter has no description.

    `--help`, the documentation page and editors show the description. A type of `types.schema.json` has one
    already.
    """
    for parameter in subject.parameters:
        if not parameter.description:
            yield Problem(
                parameter.mark,
                f"the parameter '{parameter.name}' has no description",
                "add a description: what the parameter changes",
            )


@rule("IR013", "info", "shared")
def key_order(subject: Subject) -> Iterator[Problem]:
    """Keys are not in the usual order.

    Recipes are easier to read if all have the same order: `recipe`, `name`, `summary`, `documentation`,
    `parameters`, `required`, `variables`, `steps`, `outputs`; and in a step `id` and `uses` first.
    """
    top = list(load_schema(GRAMMAR)["properties"])
    yield from _out_of_order(subject, (), list(subject.data), top)
    for step in subject.steps:
        keys = list(subject.data["steps"][step.index])
        first = ["id", "uses"]
        yield from _out_of_order(subject, step.path, [key for key in keys if key in first], first)


def _out_of_order(subject: Subject, path: DataPath, keys: list[str], order: list[str]) -> Iterator[Problem]:
    known = [key for key in keys if key in order]
    for before, after in pairwise(known):
        if order.index(after) < order.index(before):
            yield subject.at_key((*path, after), f"'{after}' usually comes before '{before}'")
            return


@rule("IR014", "warning", "shared")
def provenance(subject: Subject) -> Iterator[Problem]:
    """The recipe lacks authors, a licence or references.

    A shared recipe names its `authors` (or `maintainers`), its `license` as an SPDX identifier, and
    `references` with well-formed DOIs or https addresses. Recipes in a folder `parts` are exempt.
    """
    documentation = subject.data.get("documentation")
    documentation = documentation if isinstance(documentation, dict) else {}
    where = ("documentation",) if documentation else ("name",)
    missing = [key for key in ("license", "references") if key not in documentation]
    if not {"authors", "maintainers"} & set(documentation):
        missing.insert(0, "authors")
    part = Path(subject.document.file).resolve().parent.name == "parts"
    if missing and subject.recipe is not None and not part:
        yield subject.at_key(where, f"the documentation has no {', '.join(missing)}")
    references = documentation.get("references")
    for index, text in enumerate(references if isinstance(references, list) else ()):
        if isinstance(text, str) and not _is_reference(text):
            path = ("documentation", "references", index)
            yield subject.at(path, f"'{text}' is not a DOI, an https address or a citation with a year")


def _is_reference(text: str) -> bool:
    if text.lower().startswith(("doi:", "10.", "https://doi.org/")):
        return re.search(r"10\.\d{4,9}/\S+\Z", text) is not None
    return "https://" in text or re.search(r"\b(19|20)\d\d\b", text) is not None


_PLACEHOLDER = r"\b(TO" r"DO|FIX" r"ME|X" r"XX|TBD)\b|<[A-Z][A-Z_ ]+>|CHANGE_?ME"
# At least one of these is in every line with a placeholder; a fast first check.
_PLACEHOLDER_PARTS = ("TODO", "FIXME", "XXX", "TBD", "<", "CHANGE")


@rule("IR015", "warning", "basic")
def unfinished(subject: Subject) -> Iterator[Problem]:
    """The recipe is unfinished: it contains a marker such as TBD, or a placeholder such as `<NAME>`."""
    if not any(part in subject.document.text for part in _PLACEHOLDER_PARTS):
        return
    for number, line in enumerate(subject.document.lines, 1):
        found = re.search(_PLACEHOLDER, line)
        if found:
            mark = Mark(subject.document.file, number, found.start() + 1, number, found.end() + 1)
            yield Problem(mark, f"'{found[0]}' is a marker or placeholder", "finish this part of the recipe")


@rule("IR016", "warning", "basic")
def file_name(subject: Subject) -> Iterator[Problem]:
    """The file does not have the name of the recipe, or does not end in `.yml`.

    `isce2-recipe run NAME` finds a shipped recipe by its file name, so both names must be the same.
    """
    path = Path(subject.document.file)
    name = subject.data.get("name")
    if path.suffix not in (".yml", ".yaml") or not isinstance(name, str):
        return
    if path.suffix == ".yaml":
        yield subject.at(
            ("name",), f"the file name ends in '{path.suffix}'", "file names of recipes end in .yml"
        )
    if path.stem.removesuffix(".isce2-recipe") != name:
        yield subject.at(
            ("name",), f"the recipe '{name}' is in the file '{path.name}'", f"rename the file to {name}.yml"
        )


@rule("IR017", "warning", "shared")
def outdated_page(subject: Subject) -> Iterator[Problem]:
    """The documentation page of the recipe lacks a parameter.

    The page is `docs/recipes/NAME.md`, next to the folder of the recipe. `isce2-recipe describe` writes it.
    """
    if subject.recipe is None:
        return
    folder = Path(subject.document.file).parent.parent
    page = folder / "docs" / "recipes" / f"{subject.recipe.name}.md"
    if not page.is_file():
        return
    text = page.read_text(encoding="utf-8", errors="replace")
    for parameter in subject.recipe.parameters.values():
        if parameter.name not in text:
            hint = f"update the page with: isce2-recipe describe {subject.recipe.name}"
            yield Problem(
                parameter.mark, f"{page.name} does not mention the parameter '{parameter.name}'", hint
            )


@rule("IR018", "warning", "basic")
def recipe_without_summary(subject: Subject) -> Iterator[Problem]:
    """The recipe has no summary.

    The summary is one sentence about the result of the recipe; `isce2-recipe list` shows it.
    """
    if subject.recipe is not None and not subject.recipe.summary:
        yield subject.at(
            ("name",), f"the recipe '{subject.recipe.name}' has no summary", "add one sentence: summary: ..."
        )


_SCHEMA_LINE = re.compile(r"^#\s*yaml-language-server:\s*\$schema=\S*recipe\.schema\.json\s*$")


@rule("IR019", "info", "shared", fixable=True)
def schema_line(subject: Subject) -> Iterator[Problem]:
    """The line that names the schema for editors is missing.

    With this line, editors with a YAML language server complete keys and mark mistakes while you type.
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
        "the line that names the schema for editors is missing",
        f"begin the file with: {line.strip()}",
        edits=(Edit(start, line),),
    )
