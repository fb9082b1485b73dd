"""ISCE2's application XML: how it is read, and what is wrong with its properties, values and steps.

The facts are in ``schemas/isce2/*.properties.json``. The rules are those of ISCE2 2.6.5
(``components/iscesys/Parsers/Parser.py`` and ``Component/Configurable.py``):

* Names are compared without case and white space. Of two equal names the last one counts.
* A value is the text of the property, its element ``value`` or its attribute ``value``.
* ``<catalog>`` names the file of a component, relative to the folder in which the application runs.
  Properties next to it win over those of the file.
* ``$NAME$`` is replaced by the ``<constant>`` of this name in the same file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from isce2_recipe.errors import InputError
from isce2_recipe.problems import Severity, Suggestion, statement, suggest
from isce2_recipe.recipe.isce2_values import WrongValueError, convert, python_value, wanted
from isce2_recipe.recipe.schema import load_schema

APPLICATIONS = ("topsApp", "stripmapApp")
ROOTS = {"topsapp": "topsApp", "topsinsar": "topsApp", "stripmapapp": "stripmapApp", "insar": "stripmapApp"}
"""Applications by the normalized names of their XML files\' components."""

_NO_APPLICATION = (
    "configures neither topsApp nor stripmapApp: its first element needs a component 'topsinsar' or 'insar'"
)
_SENSORS = ("reference", "secondary")
_OLD_NAMES = {"master": "reference", "slave": "secondary"}
_LINE = "line of the element"
_MAX_BYTES = 1_000_000
_MAX_DEPTH = 20
_MAX_FILES = 30
_MAX_ELEMENTS = 3000
_MAX_CHARACTERS = 100_000


class XmlProblem(NamedTuple):
    """What is wrong on a line of an ISCE2 XML; the parts of a `Problem` that has no place in a recipe yet."""

    line: int  # from 1
    # As in `Problem`.
    what: str
    name: str = ""  # the property at fault; empty if there is none
    certain: bool = True  # whether it is wrong for every value of the property
    expected: str = ""
    found: str = ""
    suggestion: Suggestion | None = None
    file: str = ""  # the file; empty for a text without a file
    severity: Severity = "error"
    old: bool = False  # whether older releases of ISCE2 had this name

    @property
    def text(self) -> str:
        """The problem as one sentence, with its file and line."""
        return f"{self.file}:{self.line}: {statement(self.what, self.expected, self.found)}"


class Property(NamedTuple):
    """A property as written: its place, the names of the components around it, its name and its text."""

    line: int
    components: tuple[str, ...]
    name: str
    text: str
    file: str = ""

    @property
    def application(self) -> str | None:
        """The application whose component it is in."""
        return ROOTS.get(normalized(self.components[0])) if self.components else None

    @property
    def place(self) -> tuple[str, str]:
        """The component below the application's own, if any, and the name, both as ISCE2 2.6.5 knows them."""
        return "/".join(map(current_name, self.components[1:])), current_name(self.name)


class _InvalidXmlError(Exception):
    """A file that cannot be read; the argument is the problem."""

    def __init__(self, line: int, what: str, found: str = "") -> None:
        self.problem = XmlProblem(line, what, found=found)
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class Application:
    """What an XML file sets of an application."""

    name: str  # ``topsApp`` or ``stripmapApp``
    file: str  # the XML file; empty for a text without a file
    # In the order in which ISCE2 sets them; components have no text.
    properties: tuple[Property, ...]
    components: tuple[Property, ...]
    # The property that counts, by its place, for all that are not empty.
    settings: Mapping[tuple[str, str], Property]
    broken: tuple[XmlProblem, ...]  # why the file, or parts of it, cannot be read

    def written(self, name: str, component: str = "") -> Property | None:
        """Return a property as written; None if it is missing or empty."""
        return self.settings.get((component, normalized(name)))

    def value(self, name: str, component: str = "") -> Any:
        """Return the typed value of a property, or ISCE2's default; a list property gives a list.

        Raise InputError if ISCE2 does not accept the value.
        """
        entry = self.known(component)[normalized(name)]
        item = self.written(name, component)
        if item is None:
            return (entry["default"] or []) if entry.get("list") else entry["default"]
        try:
            return convert(item.text, entry)
        except WrongValueError as exc:
            raise InputError(_wrong_value(item, str(exc)).text) from None

    def known(self, component: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the facts of a component's properties by their normalized names."""
        if component not in _SENSORS:
            return _by_name(self.name, "")
        own = [self.written(f"{component} sensor name"), self.written("sensor name")]
        text = next((str(python_value(item.text)).upper() for item in own if item is not None), "")
        sensors = facts(self.name)["sensors"]
        return _by_name(self.name, text if text in sensors else "any")

    def problems(self) -> list[XmlProblem]:
        """Return everything that ISCE2 would refuse or misunderstand, in the order of files and lines."""
        found = [*self.broken, *self._wrong_components()]
        seen = set()
        for item in self.properties:
            where = (item.file, item.components, normalized(item.name))
            if where in seen:
                what = f"property '{item.name}' is set twice"
                found.append(_about(item, what, certain=False, severity="warning"))
            seen.add(where)
            found += self._wrong_property(item)
        return sorted(found, key=lambda problem: (problem.file != self.file, problem.file, problem.line))

    def _wrong_components(self) -> Iterator[XmlProblem]:
        known = [*_SENSORS, *facts(self.name)["facilities"]]
        for item in self.components:
            outer = [current_name(name) for name in item.components]
            name = normalized(item.name)
            if not outer and ROOTS.get(name) != self.name:
                yield _about(item, f"component '{item.name}' is unknown to {self.name}")
            elif len(outer) == 1 and name in _OLD_NAMES:
                yield _renamed(item, "component", _OLD_NAMES[name])
            elif len(outer) == 1 and name not in map(normalized, known):
                what = f"component '{item.name}' is unknown to {self.name}"
                yield _about(item, what, suggestion=suggest(item.name, known))
            elif len(outer) > 1 and outer[1] in _SENSORS:
                yield _about(item, f"component '{item.name}' is unknown to the {outer[1]} of {self.name}")

    def _wrong_property(self, item: Property) -> Iterator[XmlProblem]:
        component, name = item.place
        if item.application != self.name:
            yield _about(item, f"property '{item.name}' is outside of the application's component")
            return
        if component not in ("", *_SENSORS):
            return
        known = self.known(component)
        entry = known.get(name)
        if entry is None:
            where = f"the {component} of " if component else ""
            what = f"property '{item.name}' is unknown to {where}{self.name} {facts(self.name)['version']}"
            suggestion = suggest(item.name, [one["name"] for one in known.values()])
            yield _about(item, what, suggestion=suggestion if suggestion.closest else None)
            return
        if name != normalized(item.name):
            yield _renamed(item, "property", entry["name"])
        if not item.text and not entry.get("list"):
            yield _about(item, f"property '{item.name}' has no value", certain=False)
        elif item.text:
            expected = wanted(item.text, entry)
            if expected is not None:
                yield _wrong_value(item, expected)


def _about(item: Property, what: str, suggestion: Suggestion | None = None, **more: Any) -> XmlProblem:
    return XmlProblem(item.line, what, item.name, suggestion=suggestion, file=item.file, **more)


def _wrong_value(item: Property, expected: str) -> XmlProblem:
    what, found = f"property '{item.name}'", f"'{item.text}'"
    return _about(item, what, certain=False, expected=expected, found=found)


def _renamed(item: Property, kind: str, name: str) -> XmlProblem:
    what = f"{kind} '{item.name}' has its name of older releases of ISCE2"
    return _about(item, what, Suggestion(name), old=True)


def steps(application: str) -> tuple[str, ...]:
    """Return the application's steps in order; none for an unknown application."""
    return tuple(facts(application)["steps"]) if application in APPLICATIONS else ()


def facts(application: str) -> dict[str, Any]:
    """Return properties, sensors and steps of ``topsApp`` or ``stripmapApp``."""
    return load_schema(f"isce2/{application}.properties.json")


@lru_cache(maxsize=64)
def _by_name(application: str, sensor: str) -> dict[str, Mapping[str, Any]]:
    """Return properties by their normalized names: of the application, of a sensor, or of ``any`` sensor."""
    known = facts(application)
    if not sensor:
        entries = known["properties"]
    elif sensor == "any":
        entries = [entry for each in known["sensors"].values() for entry in each]
    else:
        entries = known["sensors"][sensor]
    return {normalized(entry["name"]): entry for entry in entries}


def normalized(name: str) -> str:
    """Return a name as ISCE2 compares it: in lower case, without white space."""
    return "".join(name.split()).lower()


def current_name(name: str) -> str:
    """Return the normalized name that ISCE2 2.6.5 uses; older releases had master and slave."""
    return re.sub("^(master|slave)", lambda match: _OLD_NAMES[match[0]], normalized(name))


def read(path: Path, folder: Path, *, outside: bool = False) -> Application:
    """Read the XML file of an application, with its catalogues.

    Parameters
    ----------
    path : Path
        The file.
    folder : Path
        The folder in which the application runs; paths of catalogues are relative to it.
    outside : bool
        Whether catalogues outside of this folder are read; only a run may do so.

    Raises
    ------
    InputError
        If a file cannot be read, or configures neither topsApp nor stripmapApp.
    """
    application = read_text(_content(path), folder, str(path), outside=outside)
    if application.broken:
        raise InputError(application.broken[0].text)
    return application


def read_text(
    text: str | bytes, folder: Path | None, file: str = "", name: str = "", *, outside: bool = False
) -> Application:
    """Return what an application's XML sets.

    Parameters
    ----------
    text : str or bytes
        The XML.
    folder : Path or None
        Where paths of catalogues start; None to leave out the catalogues.
    file : str
        The file of the text.
    name : str
        ``topsApp`` or ``stripmapApp``; by default the one whose component is found.
    outside : bool
        Whether catalogues outside of the folder are read.
    """
    reader = _Reader(folder, outside)
    try:
        root = _parse(text)
        names = [normalized(_part(child, "name")) for child in root.findall("component")]
        name = name or next((ROOTS[each] for each in names if each in ROOTS), "")
        if not name:
            raise _InvalidXmlError(_line(root), _NO_APPLICATION)
        reader.read(root, (), file, {}, ())
    except _InvalidXmlError as exc:
        reader.broken.append(exc.problem._replace(file=file))
    name = name or APPLICATIONS[0]
    settings = {item.place: item for item in reader.properties if item.text and item.application == name}
    properties, components = tuple(reader.properties), tuple(reader.components)
    return Application(name, file, properties, components, settings, tuple(reader.broken))


def check(text: str) -> list[XmlProblem]:
    """Return what is wrong with the XML of an application, without its catalogues, or of anything else."""
    application = read_text(text, None)
    other = any(problem.what == _NO_APPLICATION for problem in application.broken)
    return [] if other else application.problems()


def _content(path: Path) -> bytes:
    """Return the bytes of a regular file of a size that application files have."""
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a file")
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        raise InputError(f"cannot read {path}: {getattr(exc, 'strerror', None) or exc}") from None
    if len(content) > _MAX_BYTES:
        raise InputError(f"{path} has more than {_MAX_BYTES:,} bytes, which no application's XML has")
    return content


def _parse(text: str | bytes) -> Element:
    """Return the root element; every element has its line as the attribute `_LINE`."""
    parser, builder, depth = expat.ParserCreate(), TreeBuilder(), count(1)

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        line = parser.CurrentLineNumber
        if next(depth) > _MAX_ELEMENTS:
            raise _InvalidXmlError(line, "too many elements for an application's XML")
        builder.start(tag, {**attributes, _LINE: str(line)})

    def entity(*_: Any) -> None:
        raise _InvalidXmlError(parser.CurrentLineNumber, "entities are declared, which ISCE2 does not use")

    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(text.encode() if isinstance(text, str) else text, True)
    except expat.ExpatError as exc:
        found = expat.errors.messages[exc.code]
        raise _InvalidXmlError(exc.lineno, "not well-formed XML", found) from None
    except (ValueError, LookupError) as exc:
        raise _InvalidXmlError(1, "not well-formed XML", str(exc)) from None
    return builder.close()


def _part(element: Element, name: str) -> str:
    """Return a part of a property or component: an attribute, or else the text of an inner element."""
    return element.get(name) or (element.findtext(name) or "").strip()


def _line(element: Element) -> int:
    return int(element.get(_LINE, 1))


class _Reader:
    """Collects the properties of an application's XML and its catalogues."""

    def __init__(self, folder: Path | None, outside: bool) -> None:
        self.folder, self.outside = folder, outside
        self.files = 0
        self.properties: list[Property] = []
        self.components: list[Property] = []
        self.broken: list[XmlProblem] = []

    def read(
        self,
        element: Element,
        components: tuple[str, ...],
        file: str,
        constants: dict[str, str],
        catalogs: tuple[Path, ...],
    ) -> None:
        """Read a component: its constants, its own properties, then the components in it."""
        if len(components) > _MAX_DEPTH:
            raise _InvalidXmlError(_line(element), f"components are nested more than {_MAX_DEPTH} deep")
        constants |= {_part(child, "name"): self._text(child, file) for child in element.findall("constant")}
        for name, text in list(constants.items()):
            constants[name] = _substituted(text, constants, element)
        for child in element.findall("property"):
            name, text = _part(child, "name"), _substituted(self._text(child, file), constants, child)
            if name:
                self.properties.append(Property(_line(child), components, name, text, file))
            else:
                self.broken.append(XmlProblem(_line(child), "a property has no name", file=file))
        for child in element.findall("component"):
            name = _part(child, "name")
            self.components.append(Property(_line(child), components, name, "", file))
            self._read_catalog(child, (*components, name), file, catalogs)
            self.read(child, (*components, name), file, constants, catalogs)

    def _text(self, element: Element, file: str) -> str:
        own, value = (element.text or "").strip(), _part(element, "value")
        if own and value:
            what = f"property '{_part(element, 'name')}' has two values"
            self.broken.append(XmlProblem(_line(element), what, file=file))
        return own or value

    def _read_catalog(
        self, component: Element, components: tuple[str, ...], file: str, catalogs: tuple[Path, ...]
    ) -> None:
        """Read the properties of a component's catalogue: a file, or a Python mapping."""
        text, line = _part(component, "catalog"), _line(component)
        if not text or self.folder is None:
            return
        mapping, path = python_value(text), self.folder / text
        if isinstance(mapping, dict):
            items = [(str(name), str(value)) for name, value in mapping.items()]
            self.properties += [Property(line, components, name, value, file) for name, value in items]
            return
        self.files += 1
        try:
            if path in catalogs or self.files > _MAX_FILES:
                raise InputError(f"'{text}' includes itself")
            if path.suffix.lower() != ".xml":
                raise InputError(f"'{text}' is not an XML file")
            if not self.outside and not path.resolve().is_relative_to(self.folder.resolve()):
                raise InputError(f"'{text}' is outside of the folder {self.folder}, and is not read")
            self.read(_parse(_content(path)), components, str(path), {}, (*catalogs, path))
        except InputError as exc:
            self.broken.append(XmlProblem(line, f"the catalogue: {exc}", file=file))
        except _InvalidXmlError as exc:
            self.broken.append(exc.problem._replace(file=exc.problem.file or str(path)))


def _substituted(text: str, constants: Mapping[str, str], element: Element) -> str:
    for name, value in constants.items():
        text = text.replace(f"${name}$", value)
        if len(text) > _MAX_CHARACTERS:
            raise _InvalidXmlError(_line(element), f"the constant '{name}' makes a value too long")
    return text
