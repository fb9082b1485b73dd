"""The grammar of recipes: all that keeps a document from being a recipe, parts aside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from isce2_recipe.expressions import RESERVED as WORDS
from isce2_recipe.problems import DataPath, Edit, Problem, suggest
from isce2_recipe.recipe.document import Document, at, label
from isce2_recipe.recipe.parameters import normalise
from isce2_recipe.recipe.patterns import compile_pattern
from isce2_recipe.recipe.repair import Repaired, repair
from isce2_recipe.recipe.schema import GRAMMAR, KEYWORDS, load_schema, obeys, resolve
from isce2_recipe.recipe.validating import not_a_schema, validate
from isce2_recipe.recipe.violations import Violation

RESERVED = frozenset(("logs", "parts", "set-aside", "templates"))
"""Names below the work directory that are the runner's own."""

_RULES = {"additionalProperties": "IR001", "required": "IR002", "propertyNames": "IR010"}
_PLAIN_MARKS = {"minItems": "IR004", "minLength": "IR004"}


def violations_of(document: Document) -> list[Violation]:
    """Return every way in which a document breaks the schema of recipes."""
    if document.data is None:
        return []
    return validate(document.data, load_schema(GRAMMAR), GRAMMAR)


def grammar_problems(document: Document, violations: list[Violation]) -> Iterator[Problem]:
    """Yield all that keeps a document from being a recipe, parts aside.

    Parameters
    ----------
    document : Document
        With the parameters that it takes over.
    violations : list of Violation
        What `violations_of` found in it.
    """
    broken: set[str | int] = set()
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


def _grammar_problem(document: Document, violation: Violation) -> Problem:
    path = violation.path
    rule = _rule(document, violation)
    if rule == "IR008":
        violation = violation._replace(advice="this version reads recipe: 1")
        return violation.problem(document.mark(path), rule, "recipe")
    if violation.keyword == "additionalProperties":
        return _unexpected_key(document, violation)
    if violation.keyword == "propertyNames" and len(path) == 1:
        what = f"a file of kind parameters cannot have the key '{path[-1]}'"
        return document.problem(path, "IR001", what, key=True, names=(str(path[-1]),))
    if violation.keyword == "propertyNames":
        return violation._replace(found="").problem(document.key_mark(path), rule, f"'{path[-1]}'")
    if rule == "IR004" and at(document.data, path) is None:
        return document.problem(
            path, rule, f"{label(path)} is empty", key=True, advice="fill it in or remove it"
        )
    at_key = violation.key or violation.keyword in ("required", "minItems")
    place = document.key_mark(path) if at_key else document.mark(path)
    return violation.problem(place, rule, label(path))


def _unexpected_key(document: Document, violation: Violation) -> Problem:
    """Return the problem of a key that does not exist; `lint --fix` renames it to the one meant."""
    *parent, name = violation.path
    place = document.key_mark(violation.path)
    meant = violation.suggestion.closest if violation.suggestion is not None else None
    edits = () if meant is None else (Edit(place, meant),)
    what = f"unexpected key '{name}' in {label(tuple(parent))}"
    return Problem(
        place, what, rule="IR001", suggestion=violation.suggestion, names=violation.names, edits=edits
    )


def _rule(document: Document, violation: Violation) -> str:
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


def _is_blank(document: Document, path: DataPath) -> bool:
    return at(document.data, path) is None and document.source(path) == ""


def _name_problems(document: Document) -> Iterator[Problem]:
    """Yield problems of names that are taken twice or that name nothing."""
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
        ("parameters", ["steps", "run", *WORDS]),
        ("variables", ["steps", "run", *WORDS]),
    ):
        for name in _names(data.get(kind)):
            if name in taken:
                yield document.problem((kind, name), "IR003", f"the name '{name}' is taken", key=True)
    yield from _step_name_problems(document, [*enumerate(_list(data.get("steps")))])


def _step_name_problems(document: Document, steps: list[tuple[int, Any]]) -> Iterator[Problem]:
    """Yield problems of step ids and folders that another step or the runner has taken."""
    first: dict[str, int] = {}
    for index, step in steps:
        yield from _loop_problems(document, index, step if isinstance(step, dict) else {})
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


_LOOP_KEYS = {"as": "for_each", "key": "for_each", "min_done": "partial"}
"""Keys of a step that mean something only next to another one."""


def _loop_problems(document: Document, index: int, step: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield problems of the keys that repeat a step."""
    path: DataPath = ("steps", index)
    for key, other in _LOOP_KEYS.items():
        if key in step and other not in step:
            what = f"'{key}' means nothing without '{other}'"
            advice = "add partial: allowed" if other == "partial" else f"add {other}, or remove it"
            yield document.problem((*path, key), "IR002", what, key=True, advice=advice)
    if "for_each" not in step:
        return
    data, name = document.data, step.get("as", "item")
    taken = [*_names(data.get("parameters")), *_names(data.get("variables")), "steps", "run", *WORDS]
    if name in taken:
        what = f"the name '{name}' of the items is taken"
        key = "as" if "as" in step else "for_each"
        yield document.problem((*path, key), "IR003", what, advice="give the items another name with as")
    uses = step.get("uses")
    if "folder" in step and isinstance(uses, str) and not uses.endswith((".yml", ".yaml")):
        what = "all instances of the step would write into one shared folder"
        advice = "repeat a part: the shared folders of its steps belong to one instance each"
        yield document.problem((*path, "folder"), "IR071", what, key=True, advice=advice)


def _names(value: Any) -> list[str]:
    return list(value) if isinstance(value, dict) else []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _parameter_problems(document: Document, broken: set[str | int]) -> Iterator[Problem]:
    """Yield problems of parameters: unknown types, wrong patterns, defaults that are not allowed."""
    parameters = document.data.get("parameters")
    for name, schema in parameters.items() if isinstance(parameters, dict) else ():
        if isinstance(schema, dict) and name not in broken:
            yield from _one_parameter(document, ("parameters", name), schema)


def _one_parameter(document: Document, path: DataPath, schema: dict[str, Any]) -> Iterator[Problem]:
    wrong = [
        problem for place, one in _schemas(schema) for problem in _one_schema(document, (*path, *place), one)
    ]
    yield from wrong
    full = _full(schema)
    if full is None and not wrong:
        yield _unknown_type(document, path, schema)
    if full is None or wrong:
        return
    plain = load_schema(GRAMMAR)["$defs"]["parameter"]
    if not full.keys() <= KEYWORDS or not all(obeys(one, plain, GRAMMAR) for _, one in _schemas(schema)):
        what = not_a_schema(full)
        if what:
            yield document.problem(path, "IR005", f"{label(path)} is not JSON Schema", found=what)
            return
    for place, value in _sample_values(schema):
        for violation in normalise(value, full)[1]:
            mark = document.mark((*path, *place, *violation.path))
            name = f"{label((*path, *place))} breaks the parameter's own schema: it"
            yield violation.problem(mark, "IR026", name)


def _schemas(schema: Any, path: DataPath = ()) -> Iterator[tuple[DataPath, dict[str, Any]]]:
    """Yield a schema and all schemas in it, with their places."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for keyword, below in schema.items():
        if keyword in _OF_NAMES and isinstance(below, dict):
            for name, one in below.items():
                yield from _schemas(one, (*path, keyword, name))
        elif keyword in _LISTS and isinstance(below, list):
            for index, one in enumerate(below):
                yield from _schemas(one, (*path, keyword, index))
        elif keyword in _SINGLE:
            yield from _schemas(below, (*path, keyword))


def _one_schema(document: Document, path: DataPath, schema: dict[str, Any]) -> Iterator[Problem]:
    """Yield references of a schema that name nothing, and patterns that are no regular expressions."""
    for keyword in ("$dynamicRef", "$id", "$anchor", "$dynamicAnchor", "$schema"):
        if keyword in schema:
            what = f"{label(path)} cannot have the key '{keyword}'"
            yield document.problem((*path, keyword), "IR005", what, key=True)
    if "$ref" in schema and (not _is_type(schema["$ref"]) or _full({"$ref": schema["$ref"]}) is None):
        yield _unknown_type(document, path, schema)
    patterns = [((*path, "patternProperties", one), one) for one in _names(schema.get("patternProperties"))]
    for place, pattern in [((*path, "pattern"), schema.get("pattern")), *patterns]:
        try:
            compile_pattern(pattern if isinstance(pattern, str) else "")
        except re.error as exc:
            what = f"{label(place)} is not a regular expression"
            yield document.problem(place, "IR005", what, key=place[-1] != "pattern", found=str(exc))


def _is_type(reference: object) -> bool:
    """Return whether a reference has the form of those to shared types."""
    pattern = load_schema(GRAMMAR)["$defs"]["parameter"]["properties"]["$ref"]["pattern"]
    return isinstance(reference, str) and re.match(pattern, reference) is not None


_OF_NAMES = frozenset(("properties", "patternProperties", "$defs", "dependentSchemas"))
_LISTS = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_SINGLE = frozenset(
    (
        "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
        "unevaluatedItems", "unevaluatedProperties",
    )
)  # fmt: skip
"""Keywords whose values are schemas: by name, in lists, and single ones."""


def _unknown_type(document: Document, path: DataPath, schema: dict[str, Any]) -> Problem:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    known = list(load_schema("types.schema.json")["$defs"])
    what = f"there is no type '{name}' in types.schema.json"
    return document.problem((*path, "$ref"), "IR005", what, suggestion=suggest(name, known), names=(name,))


def _sample_values(schema: dict[str, Any]) -> Iterator[tuple[DataPath, Any]]:
    if "default" in schema:
        yield ("default",), schema["default"]
    for index, example in enumerate(_list(schema.get("examples"))):
        yield ("examples", index), example


def inline(schema: Mapping[str, Any], home: str) -> dict[str, Any]:
    """Return a schema with every ``$ref`` in it filled in; raise KeyError if a reference names nothing."""
    full, home = resolve(schema, home)
    result = dict(full)
    for keyword, below in full.items():
        if keyword in _SINGLE and isinstance(below, Mapping):
            result[keyword] = inline(below, home)
        elif keyword in _LISTS:
            result[keyword] = [inline(one, home) if isinstance(one, Mapping) else one for one in below]
        elif keyword in _OF_NAMES:
            result[keyword] = {
                name: inline(one, home) if isinstance(one, Mapping) else one for name, one in below.items()
            }
    return result


def without_mistakes(document: Document, violations: list[Violation]) -> Repaired | None:
    """Return the document without its mistakes; None where what is left breaks the grammar too."""
    repaired = repair(document, violations)
    if repaired is None or violations_of(repaired.document):
        return None
    parameters = repaired.document.data.get("parameters", {})
    for name, schema in parameters.items():
        if _full(schema) is None:
            parameters[name] = {}
    return repaired


def _full(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a parameter's schema with its references filled in; None where one names nothing."""
    try:
        return inline(schema, GRAMMAR)
    except (LookupError, TypeError, AttributeError, OSError, ValueError, RecursionError):
        return None
