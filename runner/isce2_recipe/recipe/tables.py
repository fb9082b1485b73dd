"""Tables of parameters: CSV, YAML or JSON, one row a run, each value with its place in the text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.problems import MAX_PROBLEMS, DataPath, Mark, Problem, render, whole_file
from isce2_recipe.recipe.document import Document, at, parse
from isce2_recipe.recipe.items import days_in, fingerprint
from isce2_recipe.recipe.model import Recipe
from isce2_recipe.recipe.parameters import resolve_parameters
from isce2_recipe.recipe.violations import show

MAX_BYTES = 50_000_000
"""Largest table."""

MAX_ROWS = 100_000
"""Most rows of a table."""

NAME = "name"
"""The column that names the rows, unless it is a parameter of the recipe."""

_DELIMITERS = "\t;,"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table."""

    number: int  # its number in the table, from 1, the header not counted
    values: Mapping[str, Any]  # the values by column; columns in which the row is empty are left out
    marks: Mapping[str, Mark]  # the place of each value, also of an empty one
    place: Mark  # the place of the row


class Cell(NamedTuple):
    """A value of a CSV table and its place."""

    text: str
    mark: Mark


def read_table(text: str, file: str) -> list[Row]:
    """Return the rows of a table.

    Parameters
    ----------
    text : str
        CSV with a header, or a list of mappings as YAML or JSON.
    file : str
        Its name; the suffix says which form it has, and without one the text does.

    Raises
    ------
    ParameterError
        If it is not a table, with the places of all mistakes.
    """
    suffix = file.rpartition(".")[2].lower()
    listed = suffix in ("yml", "yaml", "json") or (
        suffix not in ("csv", "tsv", "txt") and re.match(r"\s*(#.*\n\s*)*(\[|-\s|\{|---)", text) is not None
    )
    rows = list(islice(_of_list(text, file) if listed else _of_csv(text, file), MAX_ROWS + 1))
    if not rows:
        advice = "name parameters in its first line, and give their values in a line for each row"
        hint = "give a mapping of parameters for each row" if listed else advice
        raise InputError(f"the table '{file}' has no rows", hint=hint)
    if len(rows) > MAX_ROWS:
        raise InputError(f"the table '{file}' has more than {MAX_ROWS:,} rows", hint="split it")
    return rows


def _of_list(text: str, file: str) -> Iterator[Row]:
    if not text.strip():
        return
    document = parse(text, file)
    if file.lower().endswith(".json") and (document.problems or not isinstance(document.data, list)):
        _refuse_bad_json(text, file)
    if document.problems:
        _refuse(document.problems, document.file, text)
    if not isinstance(document.data, list):
        _refuse([_wrong(document, (), "the table", "a list of rows", "write - NAME: VALUE for each row")],
                file, text)  # fmt: skip
    wrong = [
        _wrong(document, (index,), f"row {index + 1} of the table", "a mapping of parameters", None)
        for index, values in enumerate(document.data)
        if not isinstance(values, dict)
    ]
    if wrong:
        _refuse(wrong, file, text)
    for index, values in enumerate(document.data):
        given = {str(name).replace("-", "_"): value for name, value in values.items()}
        yield Row(index + 1, given, _marks(document, index, values), document.mark((index,)))


def _wrong(document: Document, path: DataPath, what: str, expected: str, advice: str | None) -> Problem:
    found = show(at(document.data, path))
    return Problem(document.mark(path), what, advice, rule="IR005", expected=expected, found=found)


def _refuse_bad_json(text: str, file: str) -> None:
    try:
        json.loads(text)
    except json.JSONDecodeError as exc:
        place = Mark(file, exc.lineno, exc.colno, exc.lineno, exc.colno + 1)
        _refuse([Problem(place, "not JSON", rule="IR009", found=exc.msg)], file, text)
    except (RecursionError, ValueError):  # it is nested too deeply, or a number has too many digits
        return


def _marks(document: Document, index: int, values: Mapping[str, Any]) -> dict[str, Mark]:
    return {str(name).replace("-", "_"): document.mark((index, name)) for name in values}


def _of_csv(text: str, file: str) -> Iterator[Row]:
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    delimiter = max(_DELIMITERS, key=lambda one: (first.count(one), one == ","))
    lines = _cells(text, file, delimiter)
    header = next(lines, [])
    names = [cell.text.strip().lstrip("\ufeff").replace("-", "_") for cell in header]
    wrong = [
        Problem(cell.mark, "the column has no name" if not name else f"the column '{name}' is there twice",
                rule="IR003")
        for index, (cell, name) in enumerate(zip(header, names, strict=True))
        if not name or name in names[:index]
    ]  # fmt: skip
    if wrong:
        _refuse(wrong, file, text)
    for number, cells in enumerate(lines, 1):
        if len(cells) > len(names):
            what = f"row {number} has {len(cells)} values, and the header has {len(names)} columns"
            advice = 'quote a value that contains the delimiter: "a,b"'
            _refuse([Problem(cells[len(names)].mark, what, advice, "IR005")], file, text)
        given = {name: cell for name, cell in zip(names, cells, strict=False) if cell.text.strip()}
        values = {name: cell.text.strip() for name, cell in given.items()}
        places = [cell.mark for cell in cells] + [cells[-1].mark] * (len(names) - len(cells))
        yield Row(number, values, dict(zip(names, places, strict=True)), cells[0].mark)


def _cells(text: str, file: str, delimiter: str) -> Iterator[list[Cell]]:
    """Yield the rows of a CSV text, with the place of each value; empty lines and comments are left out."""
    pattern = re.compile(rf'"((?:[^"]|"")*)"[ ]*|([^{re.escape(delimiter)}\r\n]*)')
    position, line, start = 0, 1, 0
    row: list[Cell] = []
    while position < len(text):
        if not row and (found := re.compile(r"#[^\r\n]*|[ \t]*(?=[\r\n])").match(text, position)) is not None:
            position = found.end()
        else:
            found = pattern.match(text, position)
            quoted = found is not None and found[1] is not None
            value = "" if found is None else found[1].replace('""', '"') if quoted else found[2]
            end = position if found is None else found.end()
            mark = Mark(file, line, position - start + 1, line, max(end, position + 1) - start + 1)
            if value.startswith('"') and not quoted:
                _refuse([Problem(mark, "the quoted value does not end", rule="IR005")], file, text)
            breaks = text.count("\n", position, end)
            if breaks:
                line, start = line + breaks, text.rindex("\n", position, end) + 1
            row.append(Cell(value, mark))
            position = end
            if text[position : position + 1] == delimiter:
                position += 1
                if text[position : position + 1] in ("", "\r", "\n"):
                    row.append(Cell("", Mark(file, line, position - start + 1, line, position - start + 2)))
                else:
                    continue
            elif quoted and text[position : position + 1] not in ("", "\r", "\n"):
                advice = "double a quotation mark inside of a quoted value"
                _refuse([Problem(mark, "there is text after the quoted value", advice, "IR005")], file, text)
        if row:
            yield row
            row = []
        position += 2 if text[position : position + 2] == "\r\n" else 1
        line, start = line + 1, position


def _refuse(problems: list[Problem], file: str, text: str) -> None:
    raise ParameterError(render(problems, {file: text}), problems=tuple(problems))


class CheckedRow(NamedTuple):
    """A row whose values are allowed: its key, the values it gives, and the values of all parameters."""

    key: str
    given: Mapping[str, Any]
    values: Mapping[str, Any]


def check_rows(
    rows: list[Row], recipe: Recipe, common: Mapping[str, Any], file: str, text: str
) -> list[CheckedRow]:
    """Return the rows with the values of a recipe's parameters.

    Parameters
    ----------
    rows : list of Row
        As read.
    recipe : Recipe
        The recipe that is to run for each of them.
    common : mapping
        Values of parameters for all rows.
    file, text : str
        The table.

    Raises
    ------
    ParameterError
        With everything that is wrong in all rows, each at its row and column.
    """
    found: list[CheckedRow] = []
    problems: dict[Problem, None] = {}
    first: dict[str, Row] = {}
    unknown: set[str] = set()
    for row in rows:
        named = NAME in row.values and NAME not in recipe.parameters
        given = {name: value for name, value in row.values.items() if not (named and name == NAME)}
        problems |= dict.fromkeys(_secrets(row, given, recipe))
        try:
            values = resolve_parameters(recipe, {**common, **given})
        except ParameterError as exc:
            new = [_placed(one, row, given) for one in exc.problems if not unknown.intersection(one.names)]
            problems |= dict.fromkeys(new)
            unknown |= {name for one in exc.problems if one.rule == "IR021" for name in one.names}
            continue
        key = str(row.values[NAME]) if named else _key({name: values[name] for name in given})
        if first.setdefault(key, row) is not row:
            what = f"row {row.number} has the name '{key}' of row {first[key].number}" if named else (
                f"row {row.number} repeats row {first[key].number}"
            )  # fmt: skip
            problems[Problem(row.marks.get(NAME, row.place), what, "remove it", "IR003")] = None
        found.append(CheckedRow(key, given, values))
    if problems:
        _refuse(list(problems)[:MAX_PROBLEMS], file, text)
    return found


def _secrets(row: Row, given: Mapping[str, Any], recipe: Recipe) -> Iterator[Problem]:
    for name in given:
        if name in recipe.parameters and recipe.parameters[name].secret:
            what = f"the column '{name}' contains a secret, which the records of the run would show"
            place = whole_file(row.place.file)
            yield Problem(place, what, f"give it for all rows: --set {name}=VALUE", "IR046")


def _placed(problem: Problem, row: Row, given: Mapping[str, Any]) -> Problem:
    """Return a problem of a value at its place in the table."""
    name = problem.names[0] if problem.names else ""
    place = row.marks.get(name, row.place)
    if problem.lacks and name in row.marks:
        what = f"row {row.number}, column '{name}': the value is empty, and parameter {name} is required"
        return problem._replace(place=place, what=what, advice="write a value")
    where = f"row {row.number}, column '{name}': " if name in given else f"row {row.number}: "
    advice = f"add a column '{name}', or --set {name}=VALUE" if problem.lacks else problem.advice
    return problem._replace(place=place, what=f"{where}{problem.what}", advice=advice)


def _key(given: Mapping[str, Any]) -> str:
    """Return the key of a row without a name: the days among its values, and a fingerprint of them all."""
    text = json.dumps(given, sort_keys=True, default=str, ensure_ascii=False)
    return "_".join([*days_in(text), fingerprint(given)])
