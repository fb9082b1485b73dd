"""From a file or a shipped recipe's name to a recipe, or to all that is wrong with its grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from isce2_recipe.errors import InputError, RecipeError
from isce2_recipe.paths import data_folder
from isce2_recipe.problems import Edit, Problem, closest, render, suggest
from isce2_recipe.recipe import schema as json_schema
from isce2_recipe.recipe.document import Document, at, label, parse
from isce2_recipe.recipe.looked import look
from isce2_recipe.recipe.model import Parameter, Recipe, Retry, Step
from isce2_recipe.recipe.patterns import compile_pattern
from isce2_recipe.recipe.repair import Repaired, repair

GRAMMAR = "recipe.schema.json"
SUFFIXES = (".yml", ".yaml")
RESERVED = frozenset(("logs", "parts", "templates"))
"""Names below the work directory that are the runner's own."""

_RULES = {"additionalProperties": "IR001", "required": "IR002", "propertyNames": "IR010"}
_PLAIN_MARKS = {"minItems": "IR004", "minLength": "IR004"}


class Reading(NamedTuple):
    """What came of reading a recipe: the recipe where its grammar is right, and all problems.

    Attributes
    ----------
    recipe : Recipe or None
        None where a problem is an error.
    document : Document
        The text taken apart, as far as that went.
    problems : tuple of Problem
        Of this file and of its parts.
    texts : dict
        Contents of all files read, for `isce2_recipe.problems.render`.
    partial : Recipe or None
        Where there is no recipe: what is left of it without its mistakes, for finding others.
    repaired : Repaired or None
        What was cut out for that.
    """

    recipe: Recipe | None
    document: Document
    problems: tuple[Problem, ...]
    texts: Mapping[str, str] = MappingProxyType({})
    partial: Recipe | None = None
    repaired: Repaired | None = None


def available() -> dict[str, Path]:
    """The shipped recipes by name."""
    folder = data_folder("recipes")
    return {path.stem: path for path in sorted(folder.glob("*.yml"))}


def find(name: str) -> Path:
    """The file of a recipe given by path or by a shipped recipe's name.

    Raises
    ------
    InputError
        If there is neither such a file nor such a recipe.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = available()
    if name in shipped:
        return shipped[name]
    if path.suffix in SUFFIXES or "/" in name:
        raise InputError(f"there is no recipe file '{name}'", hint=_hint(path.stem, shipped))
    raise InputError(f"there is no recipe '{name}'", hint=_hint(name, shipped))


def _hint(name: str, shipped: Mapping[str, Path]) -> str:
    match = closest(name, shipped)
    if match is not None:
        return f"did you mean '{match}'?"
    return "shipped recipes are " + ", ".join(shipped) if shipped else "give the path of a recipe's file"


def recipe_error(problems: tuple[Problem, ...], texts: Mapping[str, str]) -> RecipeError:
    """An error that shows all problems, each with its line and caret."""
    return RecipeError(render(problems, texts), problems=problems)


def read(path: Path) -> Reading:
    """What is in a file. Problems come back, they are not raised.

    Raises
    ------
    InputError
        If the file is missing or not UTF-8 text.
    """
    return read_text(_read_file(path), str(path))


def _read_file(path: Path) -> str:
    try:
        return look(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"'{path}' is not a text in UTF-8") from None
    except OSError as exc:
        raise InputError(f"cannot read '{path}': {exc.strerror}") from None


def read_text(text: str, file: str) -> Reading:
    """What a recipe's text says; ``file`` is the name it goes by and where its parts are looked for."""
    return Reader().read(text, file)


class Reader:
    """Reads recipes and their parts, each part once, noting which are open so that no part uses itself."""

    def __init__(self) -> None:
        self.open: list[Path] = []
        self.done: dict[Path, Reading] = {}

    def read(self, text: str, file: str) -> Reading:
        """What a recipe's text says; ``file`` is its name and where its parts are looked for."""
        document = parse(text, file)
        problems = sort_problems([*document.problems, *grammar_problems(document)])
        repaired = None
        if any(problem.severity == "error" for problem in problems):
            repaired = _repaired(document)
            if repaired is None:
                return Reading(None, document, tuple(problems), {file: text})
        usable = document if repaired is None else repaired.document
        here = Path(file).resolve()
        self.open.append(here)
        parts, more, texts = self._parts(usable)
        self.open.remove(here)
        problems += more
        good = not any(problem.severity == "error" for problem in problems)
        built = build(usable, parts)
        found = (built, None) if good else (None, built)
        return Reading(found[0], document, tuple(problems), {file: text, **texts}, found[1], repaired)

    def _parts(self, document: Document) -> tuple[dict[int, Recipe], list[Problem], dict[str, str]]:
        parts: dict[int, Recipe] = {}
        problems: list[Problem] = []
        texts: dict[str, str] = {}
        for index, step in enumerate(document.data["steps"]):
            if not step["uses"].endswith(SUFFIXES):
                continue
            path = find_part(step["uses"], document.file)
            if path is None or path.resolve() in self.open:
                what = f"there is no part '{step['uses']}'" if path is None else "a part cannot use itself"
                problems.append(
                    document.problem(("steps", index, "uses"), "IR030", what, advice=_part_hint(path))
                )
                continue
            try:
                reading = self._part(path)
            except InputError as exc:
                problems.append(document.problem(("steps", index, "uses"), "IR030", exc.message))
                continue
            problems += reading.problems
            texts |= reading.texts
            if reading.recipe is not None:
                parts[index] = reading.recipe
        return parts, problems, texts

    def _part(self, path: Path) -> Reading:
        known = path.resolve()
        if known in self.done:
            return Reading(self.done[known].recipe, self.done[known].document, ())
        self.done[known] = self.read(_read_file(path), str(path))
        return self.done[known]


def _repaired(document: Document) -> Repaired | None:
    """The document without its mistakes, where that leaves something that follows the grammar."""
    grammar = json_schema.load_schema(GRAMMAR)
    repaired = repair(document, json_schema.validate(document.data, grammar, GRAMMAR))
    if repaired is None or any(json_schema.validate(repaired.document.data, grammar, GRAMMAR)):
        return None
    parameters = repaired.document.data.get("parameters", {})
    for name, schema in parameters.items():
        if _full(schema) is None:
            parameters[name] = {}
    return repaired


def _full(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """A parameter's schema with its references filled in; None where one names nothing."""
    try:
        return inline(schema, GRAMMAR)
    except (LookupError, TypeError, AttributeError, OSError, ValueError):
        return None


def find_part(uses: str, file: str) -> Path | None:
    """The file of a part: beside the recipe or the folder of parts that uses it, else among the shipped."""
    beside = Path(file).parent
    folders = [beside, data_folder("recipes")]
    if beside.name == "parts":
        folders.insert(1, beside.parent)
    return next((folder / uses for folder in folders if look(folder / uses).is_file()), None)


def _part_hint(path: Path | None) -> str:
    if path is not None:
        return "take the common steps into a part of their own"
    return "parts are looked for beside the recipe, then among the shipped recipes"


def sort_problems(problems: list[Problem]) -> list[Problem]:
    """In the order of the text, without repetitions."""
    return sorted(
        dict.fromkeys(problems),
        key=lambda problem: (problem.file, problem.line, problem.column, problem.rule),
    )


def grammar_problems(document: Document) -> Iterator[Problem]:
    """All that keeps a document from being a recipe, parts aside."""
    if document.data is None:
        return
    broken: set[str | int] = set()
    violations = list(json_schema.validate(document.data, json_schema.load_schema(GRAMMAR), GRAMMAR))
    meant = {
        (one.path[:-1], one.suggestion.closest)
        for one in violations
        if one.keyword == "additionalProperties" and one.suggestion is not None
    }
    for violation in violations:
        # A key that is missing because it is misspelt is reported once.
        misspelt = violation.keyword == "required" and (violation.path, violation.names[0]) in meant
        if not misspelt:
            yield _grammar_problem(document, violation)
        if violation.path[:1] == ("parameters",):
            broken.update(violation.path[1:2])
    if isinstance(document.data, dict):
        yield from _name_problems(document)
        yield from _parameter_problems(document, broken)


def _grammar_problem(document: Document, violation: json_schema.Violation) -> Problem:
    path = violation.path
    rule = _rule(document, violation)
    if rule == "IR008":
        violation = violation._replace(advice="this version reads recipe: 1")
        return violation.problem(document.mark(path), rule, "recipe")
    if violation.keyword == "additionalProperties":
        return _unexpected_key(document, violation)
    if violation.keyword == "propertyNames":
        return violation._replace(found="").problem(document.key_mark(path), rule, f"'{path[-1]}'")
    if rule == "IR004" and at(document.data, path) is None:
        return document.problem(
            path, rule, f"{label(path)} is empty", key=True, advice="fill it in or leave it out"
        )
    at_key = violation.key or violation.keyword in ("required", "minItems")
    place = document.key_mark(path) if at_key else document.mark(path)
    return violation.problem(place, rule, label(path))


def _unexpected_key(document: Document, violation: json_schema.Violation) -> Problem:
    """Return the problem of a key that does not exist; `lint --fix` renames it to the one meant."""
    *parent, name = violation.path
    place = document.key_mark(violation.path)
    meant = violation.suggestion.closest if violation.suggestion is not None else None
    edits = () if meant is None else (Edit(place, meant),)
    what = f"unexpected key '{name}' in {label(tuple(parent))}"
    return Problem(
        place, what, rule="IR001", suggestion=violation.suggestion, names=violation.names, edits=edits
    )


def _rule(document: Document, violation: json_schema.Violation) -> str:
    path = violation.path
    if path == ("recipe",):
        return "IR008"
    if path[-1:] == ("id",) or path == ("name",):
        return "IR010"
    if violation.keyword in _PLAIN_MARKS or (
        violation.keyword in ("type", "anyOf") and _is_blank(document, path)
    ):
        return "IR004"
    return _RULES.get(violation.keyword, "IR005")


def _is_blank(document: Document, path: json_schema.Path) -> bool:
    return at(document.data, path) is None and document.source(path) == ""


def _name_problems(document: Document) -> Iterator[Problem]:
    """Names that are taken twice or that name nothing."""
    data = document.data
    parameters = _names(data.get("parameters"))
    for index, name in enumerate(_list(data.get("required"))):
        if isinstance(name, str) and name not in parameters:
            what = f"required names no parameter: '{name}'"
            yield document.problem(
                ("required", index), "IR021", what, suggestion=suggest(name, parameters), names=(name,)
            )
    for kind, taken in (
        ("variables", parameters),
        ("parameters", ["steps", "run"]),
        ("variables", ["steps", "run"]),
    ):
        for name in _names(data.get(kind)):
            if name in taken:
                yield document.problem((kind, name), "IR003", f"the name '{name}' is taken", key=True)
    yield from _step_name_problems(document, [*enumerate(_list(data.get("steps")))])


def _step_name_problems(document: Document, steps: list[tuple[int, Any]]) -> Iterator[Problem]:
    """Step ids and folders that are taken: by another step or by the runner."""
    first: dict[str, int] = {}
    for index, step in steps:
        if isinstance(step, dict) and isinstance(step.get("folder"), str) and step["folder"] in RESERVED:
            what = f"steps cannot share '{step['folder']}': that folder is the runner's own"
            yield document.problem(("steps", index, "folder"), "IR010", what, advice="choose another name")
        name = step.get("id") if isinstance(step, dict) else None
        if isinstance(name, str) and name in RESERVED:
            what = f"a step cannot be called '{name}': the folder of that name is the runner's own"
            yield document.problem(("steps", index, "id"), "IR010", what, advice="choose another name")
        if isinstance(name, str) and first.setdefault(name, index) != index:
            line = document.mark(("steps", first[name], "id")).line
            what = f"step id '{name}' is taken by the step on line {line}"
            yield document.problem(("steps", index, "id"), "IR010", what)


def _names(value: Any) -> list[str]:
    return list(value) if isinstance(value, dict) else []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _parameter_problems(document: Document, broken: set[str | int]) -> Iterator[Problem]:
    """Parameter schemas that name unknown types, have wrong patterns, or forbid their own default."""
    parameters = document.data.get("parameters")
    for name, schema in parameters.items() if isinstance(parameters, dict) else ():
        if isinstance(schema, dict) and name not in broken:
            yield from _one_parameter(document, ("parameters", name), schema)


def _one_parameter(document: Document, path: json_schema.Path, schema: dict[str, Any]) -> Iterator[Problem]:
    full = _full(schema)
    if full is None:
        yield _unknown_type(document, path, schema)
        return
    if isinstance(schema.get("pattern"), str):
        try:
            compile_pattern(schema["pattern"])
        except re.error as exc:
            what = "pattern is not a regular expression"
            yield document.problem((*path, "pattern"), "IR005", what, found=str(exc))
    for place, value in _sample_values(schema):
        from isce2_recipe.recipe.parameters import normalise

        for violation in normalise(value, full)[1]:
            mark = document.mark((*path, *place, *violation.path))
            name = f"{label((*path, *place))} breaks the parameter's own schema: it"
            yield violation.problem(mark, "IR026", name)


def _unknown_type(document: Document, path: json_schema.Path, schema: dict[str, Any]) -> Problem:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    known = list(json_schema.load_schema("types.schema.json")["$defs"])
    what = f"there is no type '{name}' in types.schema.json"
    return document.problem((*path, "$ref"), "IR005", what, suggestion=suggest(name, known), names=(name,))


def _sample_values(schema: dict[str, Any]) -> Iterator[tuple[json_schema.Path, Any]]:
    if "default" in schema:
        yield ("default",), schema["default"]
    for index, example in enumerate(_list(schema.get("examples"))):
        yield ("examples", index), example


def inline(schema: Mapping[str, Any], home: str) -> dict[str, Any]:
    """A schema with every ``$ref`` in it filled in.

    Raises
    ------
    KeyError
        If a reference names nothing.
    """
    full, home = json_schema.resolve(schema, home)
    result = dict(full)
    for keyword in ("items", "additionalProperties"):
        if isinstance(result.get(keyword), Mapping):
            result[keyword] = inline(result[keyword], home)
    if isinstance(result.get("properties"), Mapping):
        result["properties"] = {name: inline(below, home) for name, below in result["properties"].items()}
    return result


def build(document: Document, parts: Mapping[int, Recipe]) -> Recipe:
    """The frozen recipe of a document that has no problems."""
    data = document.data
    required = tuple(data.get("required", ()))
    parameters = {
        name: Parameter(
            name, inline(schema, GRAMMAR), name in required, document.key_mark(("parameters", name))
        )
        for name, schema in data.get("parameters", {}).items()
    }
    steps = tuple(_step(document, index, parts.get(index)) for index in range(len(data["steps"])))
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
    )
