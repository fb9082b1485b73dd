"""Reader of ``topsApp.xml`` with the rules of ISCE2.

Names are compared without case and white space. The values of a component may be in a separate file
(``<catalog>``). Lists have Python's syntax. Source: ISCE2 2.6.5, ``applications/topsApp.py`` and
``components/iscesys/Parsers``.
"""

from __future__ import annotations

import ast
import difflib
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe.errors import InputError
from isce2_recipe.recipe.isce2_xml import facts, normalized


@dataclass(frozen=True, slots=True)
class SensorConfig:
    """Settings of one date, from the component ``reference`` or ``secondary``.

    Attributes
    ----------
    safe : tuple of Path
        SAFE folders or zip files of one pass.
    output : str
        Folder for the bursts, relative to the work folder.
    orbit_directory, orbit_file : Path or None
        Source of the orbit; if both are None, it is read from the annotation.
    """

    safe: tuple[Path, ...]
    output: str
    orbit_directory: Path | None
    orbit_file: Path | None
    polarization: str


@dataclass(frozen=True, slots=True)
class TopsConfig:
    """Settings of a ``topsApp.xml`` that this engine uses; the defaults are those of ISCE2.

    Attributes
    ----------
    dem, geocode_dem : Path
        DEMs in ISCE2's format.
    region_of_interest, geocode_bounding_box : tuple of float or None
        South, north, west, east in degrees.
    geocode_list : tuple of str or None
        Files to geocode, relative to the work folder; None for ISCE2's default list.
    """

    reference: SensorConfig
    secondary: SensorConfig
    swaths: tuple[int, ...]
    range_looks: int
    azimuth_looks: int
    dem: Path
    geocode_dem: Path
    region_of_interest: tuple[float, float, float, float] | None
    geocode_bounding_box: tuple[float, float, float, float] | None
    filter_strength: float
    do_unwrap: bool
    unwrapper: str
    use_virtual_files: bool
    geocode_list: tuple[str, ...] | None


def read_config(path: Path, folder: Path) -> TopsConfig:
    """Read the settings of a ``topsApp.xml``.

    Parameters
    ----------
    path : Path
        XML file of the application.
    folder : Path
        Work folder; relative paths in the XML start there.

    Raises
    ------
    InputError
        If the file cannot be read, a name or value is wrong, or a setting is not supported by this engine.
    """
    root = _parse(path)
    component = root if root.tag == "component" else root.find("component")
    if component is None:
        raise InputError(f"{path} has no component with properties", hint="see ISCE2's topsApp.xml examples")
    known = facts("topsApp")
    top = _Values(path, _properties(path, component), known["properties"])
    sensors = {}
    for child in component.findall("component"):
        name = normalized(child.get("name") or "")
        if name not in ("reference", "secondary"):
            raise InputError(f"{path}: unknown component '{child.get('name')}'; known: reference, secondary")
        sensors[name] = _sensor(path, child, folder, known["components"][name])
    for name in ("reference", "secondary"):
        if name not in sensors:
            raise InputError(f'{path} has no <component name="{name}">')
    _refuse_unsupported(top)
    return _config(top, sensors, folder)


def _parse(path: Path) -> ET.Element:
    try:
        return ET.parse(path).getroot()
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror}") from exc
    except ET.ParseError as exc:
        raise InputError(f"{path} is not well-formed XML: {exc}") from exc


def _properties(path: Path, component: ET.Element) -> dict[str, tuple[str, str]]:
    """Return name and text of each property as written, by the normalized name."""
    found = {}
    for node in component.findall("property"):
        name = node.get("name") or node.findtext("name") or ""
        value = node.get("value") or node.findtext("value") or node.text or ""
        if not name:
            raise InputError(f"{path} has a <property> without a name")
        found[normalized(name)] = (name, value.strip())
    return found


class _Values:
    """Properties of a component, converted to their types; ISCE2's defaults apply to missing ones."""

    def __init__(self, path: Path, found: dict[str, tuple[str, str]], known: list[dict[str, Any]]) -> None:
        self.path = path
        self.found = found
        self._known = {normalized(entry["name"]): entry for entry in known}
        for key, (written, _) in found.items():
            if key not in self._known:
                close = difflib.get_close_matches(key, self._known, n=1)
                names = ", ".join(sorted(entry["name"] for entry in known))
                hint = f"did you mean '{self._known[close[0]]['name']}'?" if close else f"known: {names}"
                raise InputError(f"{path}: unknown property '{written}'", hint=hint)

    def is_set(self, name: str) -> bool:
        return bool(self.found.get(normalized(name), ("", ""))[1])

    def text(self, name: str) -> str:
        """Return the value as written, else the default; empty if there is neither."""
        default = self._known[normalized(name)]["default"]
        written = self.found.get(normalized(name), (name, ""))[1]
        return written or ("" if default is None else str(default))

    def literal(self, name: str, expected: str) -> Any:
        text = self.text(name)
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            raise self.wrong(name, expected) from None

    def wrong(self, name: str, expected: str) -> InputError:
        return InputError(f"{self.path}: '{name}' must be {expected}, instead got '{self.text(name)}'")

    def boolean(self, name: str) -> bool:
        text = self.text(name)
        if text.lower() in ("true", "false", "1", "0"):
            return text.lower() in ("true", "1")
        raise self.wrong(name, "True or False")

    def positive(self, name: str) -> int:
        value = self.literal(name, "a positive whole number")
        if not isinstance(value, int) or value < 1:
            raise self.wrong(name, "a positive whole number")
        return value

    def number(self, name: str) -> float:
        value = self.literal(name, "a number")
        if not isinstance(value, (int, float)):
            raise self.wrong(name, "a number")
        return float(value)

    def box(self, name: str) -> tuple[float, float, float, float] | None:
        if not self.text(name):
            return None
        value = self.literal(name, "[south, north, west, east]")
        if value is None or value == []:
            return None
        try:
            south, north, west, east = (float(v) for v in value)
        except (TypeError, ValueError):
            raise self.wrong(name, "[south, north, west, east]") from None
        if south >= north or west >= east:
            raise self.wrong(name, "[south, north, west, east] in this order")
        return south, north, west, east

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of a list; a single text is a list of one."""
        text = self.text(name)
        if not text.startswith(("[", "(")):
            return (text,) if text else ()
        value = self.literal(name, "a list such as ['a', 'b']")
        if not all(isinstance(v, str) for v in value):
            raise self.wrong(name, "a list such as ['a', 'b']")
        return tuple(value)


def _sensor(path: Path, node: ET.Element, folder: Path, known: list[dict[str, Any]]) -> SensorConfig:
    found: dict[str, tuple[str, str]] = {}
    source = path
    catalog = node.findtext("catalog")
    if catalog is not None:
        source = folder / catalog.strip()
        root = _parse(source)
        inner = root if root.tag == "component" or root.find("component") is None else root.find("component")
        found.update(_properties(source, inner if inner is not None else root))
    found.update(_properties(path, node))
    values = _Values(source, found, known)
    safes = values.texts("safe")
    if not safes:
        raise InputError(f"{source}: the {node.get('name')} component has no 'safe'")
    directory, file = values.text("orbit directory"), values.text("orbit file")
    return SensorConfig(
        safe=tuple(folder / safe for safe in safes),
        output=values.text("output directory") or normalized(node.get("name") or ""),
        orbit_directory=folder / directory if directory else None,
        orbit_file=folder / file if file else None,
        polarization=values.text("polarization").lower(),
    )


def _refuse_unsupported(top: _Values) -> None:
    """Raise an error for settings that this engine does not support."""
    for name in ("do ESD", "do dense offsets", "do ionosphere correction", "do unwrap 2 stage"):
        if top.boolean(name):
            how = "is True" if top.is_set(name) else "is True by default"
            raise InputError(
                f"{top.path}: '{name}' {how}, which the builtin engine does not support",
                hint=f"set '{name}' to False, or use ISCE2 itself (--engine isce2)",
            )
    if not top.boolean("do interferogram"):
        raise InputError(f"{top.path}: 'do interferogram' is False, so there is nothing to compute")
    if normalized(top.text("sensor name")) != "sentinel1":
        raise InputError(f"{top.path}: sensor '{top.text('sensor name')}' is not supported; use SENTINEL1")


def _config(top: _Values, sensors: dict[str, SensorConfig], folder: Path) -> TopsConfig:
    dem = top.text("demFilename")
    if not dem:
        raise InputError(
            f"{top.path} has no 'demFilename'",
            hint="set it to a DEM file; the builtin engine does not download one",
        )
    return TopsConfig(
        reference=sensors["reference"],
        secondary=sensors["secondary"],
        swaths=_swaths(top),
        range_looks=top.positive("range looks"),
        azimuth_looks=top.positive("azimuth looks"),
        dem=folder / dem,
        geocode_dem=folder / (top.text("geocode demfilename") or dem),
        region_of_interest=top.box("region of interest"),
        geocode_bounding_box=top.box("geocode bounding box"),
        filter_strength=top.number("filter strength"),
        do_unwrap=top.boolean("do unwrap"),
        unwrapper=top.text("unwrapper name"),
        use_virtual_files=top.boolean("use virtual files"),
        geocode_list=top.texts("geocode list") or None,
    )


def _swaths(top: _Values) -> tuple[int, ...]:
    value = top.literal("swaths", "a list such as [1, 2]")
    numbers = (value,) if isinstance(value, int) else tuple(value)
    if not numbers:
        return (1, 2, 3)
    if not all(number in (1, 2, 3) for number in numbers):
        raise top.wrong("swaths", "a list of 1, 2 and 3")
    return tuple(sorted(set(numbers)))
