"""Values of a recipe's parameters, from the command line's text or from Python, checked all together."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

from isce2_recipe.errors import ParameterError, RecipeError
from isce2_recipe.expressions import ExpressionError, evaluate
from isce2_recipe.problems import Problem, render, suggest, whole_file
from isce2_recipe.recipe import units
from isce2_recipe.recipe.document import MOST_DIGITS, Document, label, parse
from isce2_recipe.recipe.model import Parameter, Recipe
from isce2_recipe.recipe.validating import validate
from isce2_recipe.recipe.violations import Violation

_WORDS = {
    "true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip
_NONE = frozenset(("none", "null", "~", ""))
_HOME = "types.schema.json"


class Given(dict[str, Any]):
    """Values of parameters as the user gave them.

    Attributes
    ----------
    written : dict
        The file of each value that was read from a file.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written: dict[str, Document] = {}


def texts(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the contents of the files that values were read from, for `isce2_recipe.problems.render`."""
    return {document.file: document.text for document in _written(given).values()}


def _written(given: Mapping[str, Any]) -> Mapping[str, Document]:
    return given.written if isinstance(given, Given) else {}


class _UnreadableError(ValueError):
    """A text cannot be read as any of the schema's types."""


def resolve_parameters(
    recipe: Recipe, given: Mapping[str, Any], wanted: Container[str] | None = None
) -> dict[str, Any]:
    """Return a value for every parameter of the recipe, in the recipe's order.

    Text is read by the parameter's type: numbers, ``True``/``False``/``None``, numbers with units, lists
    as repeated words, separated by commas or spaces, or as YAML.

    Parameters
    ----------
    recipe : Recipe
        The recipe with the parameters.
    given : mapping
        Values by name, typed or as text.
    wanted : container of str, optional
        Only these parameters.

    Raises
    ------
    ParameterError
        With everything that is wrong: unknown names, missing values, values that break their schema.
    """
    problems = [*_unknown(recipe, given)]
    values: dict[str, Any] = {}
    for name, parameter in recipe.parameters.items():
        if wanted is not None and name not in wanted:
            continue
        if not parameter.has_default and given.get(name) is None:
            # An optional parameter may also be given as null.
            values[name] = None
            if parameter.required:
                what = f"parameter {name} is required"
                advice = _example_hint(parameter)
                problems.append(Problem(_NOWHERE, what, advice, "IR002", names=(name,), lacks=True))
            continue
        value = given.get(name, parameter.default)
        values[name], violations = normalise(value, parameter.schema)
        written = _written(given).get(name)
        problems += [_value_problem(violation, parameter, written) for violation in violations]
    if problems:
        raise _error(problems, texts(given))
    return values


def namespace(recipe: Recipe, values: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """Return all names that expressions may read without steps: parameters, variables and ``run``.

    Parameters
    ----------
    recipe : Recipe
        The recipe with the variables, which are evaluated in the order written.
    values : mapping
        Of all parameters, from `resolve_parameters`.
    run : mapping
        ``source`` and ``engine``.

    Raises
    ------
    RecipeError
        If a variable cannot be evaluated; the message shows the line.
    """
    names: dict[str, Any] = {**values, "run": dict(run)}
    for name, value in recipe.variables.items():
        try:
            names[name] = evaluate(value, names)
        except ExpressionError as exc:
            problem = recipe.document.problem(("variables", name, *exc.path), "IR020", exc.message)
            raise RecipeError(render([problem], recipe.texts()), problems=(problem,)) from None
    return names


def _error(problems: list[Problem], files: Mapping[str, str]) -> ParameterError:
    lines = [
        render([problem], files)
        if problem.line
        else ("error: " if index else "")
        + problem.message
        + (f"\n  hint: {problem.hint}" if problem.hint else "")
        for index, problem in enumerate(problems)  # the first is prefixed where it is printed
    ]
    return ParameterError("\n".join(lines), problems=tuple(problems))


_NOWHERE = whole_file("")


def _unknown(recipe: Recipe, given: Mapping[str, Any]) -> Iterator[Problem]:
    for name in given:
        if name not in recipe.parameters:
            written = _written(given).get(name)
            place = _NOWHERE if written is None else written.key_mark((name,))
            what = f"recipe {recipe.name} has no parameter '{name}'"
            suggestion = suggest(name, recipe.parameters)
            yield Problem(place, what, rule="IR021", suggestion=suggestion, names=(name,))


def _example_hint(parameter: Parameter) -> str:
    examples = parameter.schema.get("examples")
    if not examples:
        return f"set it with --set {parameter.name}=VALUE"
    example = examples[0]
    text = ",".join(map(str, example)) if isinstance(example, list) else str(example)
    return f"set it with --set {parameter.name}=VALUE, for example {text}"


def _value_problem(violation: Violation, parameter: Parameter, written: Document | None) -> Problem:
    path = (parameter.name, *violation.path)
    mark = _NOWHERE
    if written is not None:
        mark = written.key_mark(path) if violation.key else written.mark(path)
    violation = violation._replace(names=(parameter.name,))
    return violation.problem(mark, "IR005", label(path), secret=parameter.secret)


def normalise(value: Any, schema: Mapping[str, Any]) -> tuple[Any, list[Violation]]:
    """Return the value in the schema's type, and the ways in which it is not allowed.

    Parameters
    ----------
    value : Any
        Typed, or text to be read by the schema.
    schema : mapping
        With its references filled in.
    """
    try:
        read = _read(value, schema)
    except _UnreadableError:
        read = value
    except units.QuantityError as exc:
        return value, [Violation((), "units", expected=exc.expected, found=exc.found)]
    return read, validate(read, schema, _HOME)


def _types(schema: Mapping[str, Any]) -> tuple[str, ...]:
    types = schema.get("type", ())
    return (types,) if isinstance(types, str) else tuple(types)


def _read(value: Any, schema: Mapping[str, Any]) -> Any:
    types = _types(schema)
    if isinstance(value, str):
        return _read_text(value, types, schema)
    if isinstance(value, list | tuple):
        return _read_list(list(value), types, schema)
    if isinstance(value, Mapping) and "properties" in schema:
        below = schema["properties"]
        return {key: _read(item, below[key]) if key in below else item for key, item in value.items()}
    return value


def _read_text(text: str, types: tuple[str, ...], schema: Mapping[str, Any]) -> Any:
    """Return the text as the first of its types that can be read, from the narrowest to the widest."""
    if "null" in types and text.lower() in _NONE:
        return None
    for kind in ("boolean", "integer", "number", "array", "object"):
        if kind in types:
            try:
                return _READERS[kind](text, schema)
            except _UnreadableError:
                continue
    if types and "string" not in types:
        raise _UnreadableError(text)
    return text


def _read_list(items: list[Any], types: tuple[str, ...], schema: Mapping[str, Any]) -> Any:
    if types and "array" not in types:
        return _read(items[0], schema) if len(items) == 1 else items
    below = schema.get("items", {})
    words: list[Any] = []
    for item in items:
        split = isinstance(item, str) and "array" not in _types(below) and not _has_spaces(below)
        words += re.split(r"[\s,]+", item.strip(" ,")) if split else [item]
    return [_read_item(word, below) for word in words]


def _has_spaces(schema: Mapping[str, Any]) -> bool:
    """Return whether an item may contain blanks or commas: items with units and free text may."""
    return "units" in schema or (
        _types(schema) == ("string",) and not {"pattern", "enum", "format"} & set(schema)
    )


def _read_item(item: Any, schema: Mapping[str, Any]) -> Any:
    try:
        return _read(item, schema)
    except _UnreadableError:
        return item


def _boolean(text: str, _schema: Mapping[str, Any]) -> bool:
    try:
        return _WORDS[text.strip().lower()]
    except KeyError:
        raise _UnreadableError(text) from None


def _integer(text: str, schema: Mapping[str, Any]) -> int:
    if "units" in schema:
        value = units.parse(text, schema["units"])
        if value != int(value):
            raise _UnreadableError(text)
        return int(value)
    if re.fullmatch(r"\s*[-+]?\d+\s*", text, re.ASCII) is None or len(text) > MOST_DIGITS:
        raise _UnreadableError(text)
    return int(text)


def _number(text: str, schema: Mapping[str, Any]) -> float | int:
    if "units" in schema:
        return units.parse(text, schema["units"])
    if (
        re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", text, re.ASCII) is None
        or len(text) > MOST_DIGITS
    ):
        raise _UnreadableError(text)
    return int(text) if text.strip().lstrip("+-").isdigit() else float(text)


def _array(text: str, schema: Mapping[str, Any]) -> list[Any]:
    stripped = text.strip()
    if stripped.startswith("["):
        document = parse(stripped, "")
        if document.problems or not isinstance(document.data, list):
            raise _UnreadableError(text)
        return [_read_item(item, schema.get("items", {})) for item in document.data]
    if not stripped:
        return []
    words = re.split(r"\s*,\s*" if "," in stripped else r"\s+", stripped.strip(","))
    if not _has_spaces(schema.get("items", {})):
        words = re.split(r"[\s,]+", stripped.strip(" ,"))
    return [_read_item(word, schema.get("items", {})) for word in words]


def _object(text: str, schema: Mapping[str, Any]) -> Any:
    document = parse(text, "")
    if document.problems or not isinstance(document.data, dict):
        raise _UnreadableError(text)
    return _read(document.data, schema)


_READERS = {"boolean": _boolean, "integer": _integer, "number": _number, "array": _array, "object": _object}
