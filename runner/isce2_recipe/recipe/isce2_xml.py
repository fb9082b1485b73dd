"""Checks of ISCE2's application XML: properties, their values, and steps.

The facts are in ``schemas/isce2/*.properties.json``. Names are compared without case and blanks, as ISCE2
does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from xml.parsers import expat

from isce2_recipe.problems import Suggestion, suggest
from isce2_recipe.recipe.schema import load_schema

APPLICATIONS = ("topsApp", "stripmapApp")
ROOTS = {"topsapp": "topsApp", "topsinsar": "topsApp", "stripmapapp": "stripmapApp", "insar": "stripmapApp"}
"""Applications by the normalized names of their XML files\' components."""


class XmlProblem(NamedTuple):
    """What is wrong on a line of an ISCE2 XML; the parts of a `Problem` that has no place in a recipe yet.

    Attributes
    ----------
    line : int
        The line, from 1.
    property : str
        The property at fault; empty if there is none.
    certain : bool
        Whether it is wrong for every value of the property.
    what, expected, found, suggestion
        As in `Problem`.
    """

    line: int
    what: str
    property: str = ""
    certain: bool = True
    expected: str = ""
    found: str = ""
    suggestion: Suggestion | None = None


class Property(NamedTuple):
    """A property as written: its line, the names of the components around it, its name and its text."""

    line: int
    components: tuple[str, ...]
    name: str
    text: str


def steps(application: str) -> tuple[str, ...]:
    """Return the application's steps in order; none for an unknown application."""
    return tuple(facts(application)["steps"]) if application in APPLICATIONS else ()


def facts(application: str) -> dict[str, Any]:
    """Return properties, components and steps of ``topsApp`` or ``stripmapApp``."""
    return load_schema(f"isce2/{application}.properties.json")


@lru_cache(maxsize=16)
def _known(application: str, component: str) -> dict[str, Mapping[str, Any]]:
    """Return properties by their name without case and blanks."""
    known = facts(application)
    entries = known["components"].get(component, ()) if component else known["properties"]
    return {normalized(entry["name"]): entry for entry in entries}


def normalized(name: str) -> str:
    """Return a name as ISCE2 compares it: in lower case, without white space."""
    return "".join(name.split()).lower()


def check(text: str, application: str) -> list[XmlProblem]:
    """Return everything that is wrong with an application's XML, in the order of its lines.

    Parameters
    ----------
    text : str
        The XML.
    application : str
        ``topsApp`` or ``stripmapApp``.
    """
    try:
        properties = read_properties(text)
    except expat.ExpatError as exc:
        return [not_well_formed(exc)]
    found: list[XmlProblem] = []
    seen: dict[tuple[tuple[str, ...], str], int] = {}
    for item in properties:
        place = (item.components, normalized(item.name))
        if place in seen:
            what = f"property '{item.name}' is set twice"
            found.append(XmlProblem(item.line, what, item.name, certain=False))
        seen.setdefault(place, item.line)
        found += _check_property(item, application)
    return found


def _check_property(item: Property, application: str) -> Iterator[XmlProblem]:
    inner = [normalized(name) for name in item.components if normalized(name) not in (*ROOTS, "")]
    component = inner[0] if inner else ""
    known = _known(application, component)
    if len(inner) > 1 or not known:
        return
    entry = known.get(normalized(item.name))
    if entry is None:
        names = [one["name"] for one in known.values()]
        where = f"the {component} of " if component else ""
        what = f"property '{item.name}' is unknown to {where}{application} {facts(application)['version']}"
        suggestion = suggest(item.name, names)
        yield XmlProblem(item.line, what, item.name, suggestion=suggestion if suggestion.closest else None)
        return
    expected = wanted(item.text, entry)
    if expected is not None:
        what, found = f"property '{item.name}'", f"'{item.text}'"
        yield XmlProblem(item.line, what, item.name, certain=False, expected=expected, found=found)


def not_well_formed(exc: expat.ExpatError) -> XmlProblem:
    """Return the problem of a text that is not XML."""
    return XmlProblem(exc.lineno, "not well-formed XML", found=expat.errors.messages[exc.code])


def wanted(text: str, entry: Mapping[str, Any]) -> str | None:
    """Return what ISCE2 accepts in place of a property's text; None where it accepts the text."""
    if entry.get("list"):
        return _wrong_list(text, entry)
    return _wrong_one(text.strip(), entry)


def _wrong_list(text: str, entry: Mapping[str, Any]) -> str | None:
    stripped = text.strip()
    try:
        items = [str(item) for item in _items(stripped)]
    except (ValueError, SyntaxError):
        return "a list such as [1, 2]"
    if "length" in entry and items and len(items) != entry["length"]:
        return f"a list of {entry['length']} numbers"
    if entry.get("length") == 4 and len(items) == 4 and not _is_snwe(items):
        return "south, north, west, east"
    wrong = [_wrong_one(item, entry) for item in items]
    return next((reason for reason in wrong if reason is not None), None)


def _items(text: str) -> list[Any]:
    if text.startswith(("[", "(")):
        import ast

        try:
            read = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            read = [part.strip(" '\"") for part in text.strip("[]()").split(",")]
        return list(read)
    return [part.strip(" '\"") for part in text.split(",") if part.strip()]


def _is_snwe(items: list[str]) -> bool:
    try:
        south, north, west, east = map(float, items)
    except ValueError:
        return True
    return -90 <= south <= north <= 90 and -180 <= west <= 360 and west <= east


def _wrong_one(text: str, entry: Mapping[str, Any]) -> str | None:
    kind = entry["type"]
    if kind == "boolean":
        return None if text.lower() in ("true", "false", "1", "0", "yes", "no") else "True or False"
    if kind in ("integer", "number"):
        return _wrong_number(text, entry)
    choices = entry.get("choices")
    if choices and text.lower() not in [choice.lower() for choice in choices]:
        return f"one of {', '.join(choices)}"
    return None


def _wrong_number(text: str, entry: Mapping[str, Any]) -> str | None:
    try:
        value = int(text) if entry["type"] == "integer" else float(text)
    except ValueError:
        return "a whole number" if entry["type"] == "integer" else "a number"
    if value < entry.get("minimum", value):
        return f"at least {entry['minimum']}"
    if value > entry.get("maximum", value):
        return f"at most {entry['maximum']}"
    return None


def read_properties(text: str) -> list[Property]:
    """Return the properties of an ISCE2 XML in the order written.

    Raises
    ------
    xml.parsers.expat.ExpatError
        If it is not well-formed.
    """
    reader = _Reader()
    reader.parser.Parse(text.encode(), True)
    return reader.properties


class _Reader:
    """Collects properties, whose value is in the element or in a ``value`` element below it."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.components: list[str] = []
        self.open: tuple[int, str] | None = None
        self.text: list[str] = []
        self.properties: list[Property] = []

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "component":
            self.components.append(attributes.get("name", ""))
        elif tag == "property":
            self.open = (self.parser.CurrentLineNumber, attributes.get("name", ""))
            self.text = []
        elif self.open is not None:
            self.text = []

    def _end(self, tag: str) -> None:
        if tag == "component":
            self.components.pop()
        elif tag == "property" and self.open is not None:
            line, name = self.open
            self.properties.append(Property(line, tuple(self.components), name, "".join(self.text).strip()))
            self.open = None

    def _characters(self, text: str) -> None:
        if self.open is not None:
            self.text.append(text)
