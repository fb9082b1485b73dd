"""Translation of the XML files of ISCE2's topsApp and stripmapApp into a recipe's parameters."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from isce2_recipe.errors import InputError
from isce2_recipe.legacy.translation import Translation
from isce2_recipe.paths import data_folder
from isce2_recipe.recipe import Recipe, load, resolve_parameters
from isce2_recipe.recipe.isce2_xml import ROOTS, facts, normalized, read_properties
from isce2_recipe.recipe.parameters import normalise

PropertyName = tuple[str, str]  # component ("" for the application itself) and property, both normalised
Properties = dict[PropertyName, str]

_TIME = r"\d{8}T\d{6}"
_SLC = re.compile(rf"S1[A-D]_IW_SLC__1S[SD][VH]_{_TIME}_{_TIME}_\d{{6}}_[0-9A-F]{{6}}_[0-9A-F]{{4}}")
_START, _STOP = slice(17, 32), slice(33, 48)  # times in an SLC name
_SHORTEST_SLC_S = 12  # an SLC covers about 25 s, a burst 3 s
_ALOS = re.compile(r"ALPSRP\d{9}")
# Properties without a note: files that the recipe fetches itself, and places of files.
_FETCHED = {"demfilename", "geocodedemfilename", "orbitdirectory", "orbitfile", "auxiliarydatadirectory",
            "auxiliaryfile", "leaderfile"}  # fmt: skip
_FILE_PLACES = {"outputdirectory", "output", "usevirtualfiles", "geocodelist", "sensorname", "renderer",
           "pickledumpdirectory", "pickleloaddirectory"}  # fmt: skip
_RENAMED = {"master": "reference", "slave": "secondary"}  # in older releases of ISCE2
_UNWRAPPERS = ("snaphu", "snaphu_mcf", "downsample_snaphu")


_HANDLED = {
    ("", name) for name in ("rangelooks", "azimuthlooks", "dodispersive", "dounwrap", "unwrappername")
}


@dataclass(frozen=True, slots=True)
class _Application:
    """The recipe of an application, and the property that each of the recipe's parameters is read from."""

    recipe: str
    granule: re.Pattern[str]
    granules: str  # property with the file names of one pass
    properties: Mapping[str, tuple[PropertyName, Callable[[str], Any]]]  # by parameter


def _boolean(text: str) -> bool:
    return text.strip().lower() in ("true", "1", "yes")


def _numbers(text: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", text)]


_APPLICATIONS = {
    "topsApp": _Application(
        "insar_tops",
        _SLC,
        "safe",
        {
            "polarization": (("reference", "polarization"), str.upper),
            "swaths": (("", "swaths"), _numbers),
            "filter_strength": (("", "filterstrength"), float),
        },
    ),
    "stripmapApp": _Application(
        "insar_stripmap",
        _ALOS,
        "imagefile",
        {
            "filter_strength": (("", "filterstrength"), float),
            "split_spectrum": (("", "dosplitspectrum"), _boolean),
            "dispersive_coherence": (("", "dispersivefiltercoherencethreshold"), float),
        },
    ),
}


def translate_xml(path: Path) -> Translation:
    """Return the recipe and the parameters that do what an XML file of topsApp or stripmapApp does.

    The notes list what the recipe does differently.

    Raises
    ------
    InputError
        If the file cannot be read, configures another application, or names no granules.
    """
    root = _root(path)
    name = _application(root, path)
    application = _APPLICATIONS[name]
    recipe = load(application.recipe)
    given = dict(_properties(root, path.parent, ""))
    parameters = _granules(application, given, path)
    notes = _warn_of_short_scenes(parameters) if name == "topsApp" else []
    defaults = _defaults(name)
    for parameter, (property_name, read) in application.properties.items():
        text = given.get(property_name, defaults.get(property_name, ""))
        if text not in ("", "[]", "None"):
            parameters[parameter] = _value(read, text, property_name[1], path)
    parameters |= _looks(recipe, given, defaults, notes)
    notes += _differences(name, given, defaults)
    different = {
        key: value
        for key, value in parameters.items()
        if not recipe.parameters[key].has_default or recipe.parameters[key].default != value
    }
    resolve_parameters(recipe, different)
    return Translation(application.recipe, different, notes=notes)


def _root(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()
    except OSError as exc:
        raise InputError(f"cannot read {path}: {exc.strerror}") from None
    except ElementTree.ParseError as exc:
        raise InputError(f"{path} is not XML: {exc}") from None


def _application(root: ElementTree.Element, path: Path) -> str:
    names = [root.tag, *(item.get("name", "") for item in root.iter("component"))]
    for name in names:
        if normalized(name) in ROOTS:
            return ROOTS[normalized(name)]
    raise InputError(
        f"{path} configures neither topsApp nor stripmapApp",
        hint="give the XML file that starts one of these applications",
    )


def _properties(
    element: ElementTree.Element, folder: Path, component: str
) -> Iterator[tuple[PropertyName, str]]:
    """Yield all properties; a component may be in another file, a catalogue."""
    for child in element:
        if child.tag == "component":
            name = normalized(child.get("name", ""))
            inner = component if name in ROOTS else _RENAMED.get(name, name)
            yield from _properties(child, folder, inner)
        elif child.tag == "property":
            value = child.find("value")
            text = (child if value is None else value).text or ""
            yield (component, normalized(child.get("name", ""))), text.strip()
        elif child.tag == "catalog":
            file = folder / (child.text or "").strip()
            yield from _properties(_root(file), file.parent, component)


def _defaults(name: str) -> Properties:
    """Return ISCE2's defaults of an application's properties."""
    application = facts(name)
    found = {
        ("", normalized(entry["name"])): str(entry.get("default", "")) for entry in application["properties"]
    }
    for component, properties in application["components"].items():
        found |= {
            (component, normalized(entry["name"])): str(entry.get("default", "")) for entry in properties
        }
    return found


def _granules(application: _Application, given: Properties, path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for component in ("reference", "secondary"):
        text = given.get((component, application.granules), "")
        names = list(dict.fromkeys(application.granule.findall(text)))
        if not names:
            raise InputError(
                f"{path} names no {component} granule that the recipe {application.recipe} can use"
                + (f", but '{text}'" if text else ""),
                hint=f"the property '{application.granules}' must contain the granule's original file name",
            )
        if len(names) > 1:
            raise InputError(
                f"{path} has {len(names)} granules in the {component}, but {application.recipe} takes one",
                hint=f"run the XML file itself: isce2-recipe app {_app(application)} {path}",
            )
        found[component] = names[0]
    return found


def _warn_of_short_scenes(granules: Mapping[str, str]) -> list[str]:
    """Return warnings for SAFE folders that were made from bursts, which no archive has under that name."""
    return [
        f"{name} is so short that it was probably made from bursts: give the names of these bursts to the "
        "recipe insar_tops_burst"
        for name in granules.values()
        if (_second(name[_STOP]) - _second(name[_START])) % 86400 < _SHORTEST_SLC_S
    ]


def _second(time: str) -> int:
    """Return the second of the day of a time in a granule's name."""
    return int(time[9:11]) * 3600 + int(time[11:13]) * 60 + int(time[13:15])


def _app(application: _Application) -> str:
    return next(name for name, other in _APPLICATIONS.items() if other is application)


def _value(read: Callable[[str], Any], text: str, name: str, path: Path) -> Any:
    try:
        return read(text)
    except ValueError:
        raise InputError(f"{path}: property '{name}' cannot be '{text}'") from None


def _looks(recipe: Recipe, given: Properties, defaults: Properties, notes: list[str]) -> dict[str, Any]:
    """Return the parameter ``looks``, if the XML file sets looks that the recipe accepts."""
    names = (("", "rangelooks"), ("", "azimuthlooks"))
    looks = [given.get(name, defaults.get(name, "None")) for name in names]
    if "None" in looks:
        return {}
    text = "x".join(looks)
    parameter = recipe.parameters["looks"]
    for violation in normalise(text, parameter.schema)[1]:
        notes.append(f"looks {violation.message}: the recipe's default {parameter.default} is used")
        return {}
    return {"looks": text}


def _differences(name: str, given: Properties, defaults: Properties) -> Iterator[str]:
    """Yield a note for every property that has another value in the recipe."""
    fixed = _fixed_by_template(name)
    handled = {property_name for property_name, _ in _APPLICATIONS[name].properties.values()} | _HANDLED
    without_note = {*_FILE_PLACES, *_FETCHED, _APPLICATIONS[name].granules}
    for key in dict.fromkeys([*given, *fixed]):
        if key in handled or key[1] in without_note or key[0] == "secondary":
            continue
        default = defaults.get(key, "")
        text = given.get(key, default)
        if _comparable(text) != _comparable(fixed.get(key, default)):
            label = f"the property '{key[1]}' is {text}{'' if key in given else ' by default'}"
            yield f"{label}: {f'the recipe uses {fixed[key]}' if key in fixed else 'the recipe ignores it'}"
    yield from _unwrapping(given, defaults)
    if any(key[1] in _FETCHED - {"leaderfile"} for key in given):
        yield "terrain and orbits come from the run's source: use --source directory:DIR for your own files"


def _unwrapping(given: Properties, defaults: Properties) -> Iterator[str]:
    unwraps, unwrapper = (given.get(("", name), defaults["", name]) for name in ("dounwrap", "unwrappername"))
    if not _boolean(unwraps):
        yield f"the property 'dounwrap' is {unwraps}: the recipe always unwraps"
    elif unwrapper not in _UNWRAPPERS:
        yield f"the property 'unwrappername' is {unwrapper}: the recipe unwraps with SNAPHU"


def _comparable(text: str) -> Any:
    """Return a value for comparison: numbers as numbers, text in lower case."""
    lowered = text.strip().lower()
    if lowered in ("true", "yes"):
        return True
    if lowered in ("false", "no"):
        return False
    try:
        return ast.literal_eval(lowered)
    except (ValueError, SyntaxError):
        return lowered


def _fixed_by_template(name: str) -> Properties:
    """Return the properties that have a fixed value in the recipe's template."""
    text = (data_folder("templates") / "isce2" / f"{name}.xml.j2").read_text(encoding="utf-8")
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}", "", text, flags=re.DOTALL).lstrip()
    fixed = [item for item in read_properties(text) if "{{" not in item.text]
    return {
        ("", normalized(item.name)): item.text for item in fixed if normalized(item.components[-1]) in ROOTS
    }
