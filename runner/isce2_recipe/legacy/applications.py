"""XML of ISCE2's topsApp and stripmapApp as a recipe's parameters."""

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
from isce2_recipe.recipe.isce2_xml import facts, read_properties
from isce2_recipe.recipe.parameters import normalise

Place = tuple[str, str]  # component ("" for the application itself) and property, both folded
Entries = dict[Place, str]

_ROOTS = {"topsapp": "topsApp", "topsinsar": "topsApp", "stripmapapp": "stripmapApp", "insar": "stripmapApp"}
_TIME = r"\d{8}T\d{6}"
_SLC = re.compile(rf"S1[A-D]_IW_SLC__1S[SD][VH]_{_TIME}_{_TIME}_\d{{6}}_[0-9A-F]{{6}}_[0-9A-F]{{4}}")
_START, _STOP = slice(17, 32), slice(33, 48)  # times in that name
_SHORTEST_SLC_S = 12  # a slice of a data take is some 25 s long, a burst 3 s
_ALOS = re.compile(r"ALPSRP\d{9}")
# What a recipe finds itself, and what says only where files lie.
_FETCHED = {"demfilename", "geocodedemfilename", "orbitdirectory", "orbitfile", "auxiliarydatadirectory",
            "auxiliaryfile", "leaderfile"}  # fmt: skip
_PLACES = {"outputdirectory", "output", "usevirtualfiles", "geocodelist", "sensorname", "renderer",
           "pickledumpdirectory", "pickleloaddirectory"}  # fmt: skip
_RENAMED = {"master": "reference", "slave": "secondary"}  # in older releases of ISCE2
_UNWRAPPERS = ("snaphu", "snaphu_mcf", "downsample_snaphu")


_HANDLED = {
    ("", name) for name in ("rangelooks", "azimuthlooks", "dodispersive", "dounwrap", "unwrappername")
}


@dataclass(frozen=True, slots=True)
class _Application:
    """An application's recipe, and how its properties become that recipe's parameters."""

    recipe: str
    granule: re.Pattern[str]
    granules: str  # the property that names the files of a pass
    rows: Mapping[str, tuple[Place, Callable[[str], Any]]]


def _boolean(text: str) -> bool:
    return text.strip().lower() in ("true", "1", "yes")


def _numbers(text: str) -> list[int]:
    return [int(word) for word in re.findall(r"\d+", text)]


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
    """The recipe and its parameters that do what an XML of topsApp or stripmapApp does.

    What the recipe does otherwise is told in the notes.

    Raises
    ------
    InputError
        If the file cannot be read, is of another application, or names no granules.
    """
    root = _root(path)
    name = _application(root, path)
    application = _APPLICATIONS[name]
    recipe = load(application.recipe)
    entries = dict(_entries(root, path.parent, ""))
    parameters = _granules(application, entries, path)
    notes = _short_scenes(parameters) if name == "topsApp" else []
    known = _defaults(name)
    for parameter, (place, read) in application.rows.items():
        text = entries.get(place, known.get(place, ""))
        if text not in ("", "[]", "None"):
            parameters[parameter] = _value(read, text, place[1], path)
    parameters |= _looks(recipe, entries, known, notes)
    notes += _differences(name, entries, known)
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
        raise InputError(f"{path} is no XML: {exc}") from None


def _application(root: ElementTree.Element, path: Path) -> str:
    names = [root.tag, *(item.get("name", "") for item in root.iter("component"))]
    for name in names:
        if _fold(name) in _ROOTS:
            return _ROOTS[_fold(name)]
    raise InputError(
        f"{path} configures neither topsApp nor stripmapApp",
        hint="give the XML that one of these applications was started with",
    )


def _entries(element: ElementTree.Element, folder: Path, component: str) -> Iterator[tuple[Place, str]]:
    """All properties; a component may lie in a catalogue, a file of its own."""
    for child in element:
        if child.tag == "component":
            name = _fold(child.get("name", ""))
            inner = component if name in _ROOTS else _RENAMED.get(name, name)
            yield from _entries(child, folder, inner)
        elif child.tag == "property":
            value = child.find("value")
            text = (child if value is None else value).text or ""
            yield (component, _fold(child.get("name", ""))), text.strip()
        elif child.tag == "catalog":
            file = folder / (child.text or "").strip()
            yield from _entries(_root(file), file.parent, component)


def _fold(name: str) -> str:
    return "".join(name.split()).lower()


def _defaults(name: str) -> Entries:
    """What ISCE2 takes for properties that are not given."""
    known = facts(name)
    found = {("", _fold(entry["name"])): str(entry.get("default", "")) for entry in known["properties"]}
    for component, properties in known["components"].items():
        found |= {(component, _fold(entry["name"])): str(entry.get("default", "")) for entry in properties}
    return found


def _granules(application: _Application, entries: Entries, path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for component in ("reference", "secondary"):
        text = entries.get((component, application.granules), "")
        names = list(dict.fromkeys(application.granule.findall(text)))
        if not names:
            raise InputError(
                f"{path} names no granule of the {component} that {application.recipe} could ask for"
                + (f", instead got '{text}'" if text else ""),
                hint=f"property '{application.granules}' must hold the granule's own file name",
            )
        if len(names) > 1:
            raise InputError(
                f"{path} joins {len(names)} granules to the {component}; {application.recipe} takes one",
                hint=f"run the XML itself: isce2-recipe app {_app(application)} {path}",
            )
        found[component] = names[0]
    return found


def _short_scenes(granules: Mapping[str, str]) -> list[str]:
    """Warnings of SAFE folders made of bursts, which no archive knows by name."""
    return [
        f"{name} looks cut from bursts: name these, with the recipe insar_tops_burst"
        for name in granules.values()
        if (_second(name[_STOP]) - _second(name[_START])) % 86400 < _SHORTEST_SLC_S
    ]


def _second(time: str) -> int:
    """Of the day, from a time in a granule's name."""
    return int(time[9:11]) * 3600 + int(time[11:13]) * 60 + int(time[13:15])


def _app(application: _Application) -> str:
    return next(name for name, other in _APPLICATIONS.items() if other is application)


def _value(read: Callable[[str], Any], text: str, name: str, path: Path) -> Any:
    try:
        return read(text)
    except ValueError:
        raise InputError(f"{path}: property '{name}' cannot be '{text}'") from None


def _looks(recipe: Recipe, entries: Entries, known: Entries, notes: list[str]) -> dict[str, Any]:
    """Looks as one word, if the recipe has them."""
    places = (("", "rangelooks"), ("", "azimuthlooks"))
    asked = [entries.get(place, known.get(place, "None")) for place in places]
    if "None" in asked:
        return {}
    text = "x".join(asked)
    parameter = recipe.parameters["looks"]
    for violation in normalise(text, parameter.schema)[1]:
        notes.append(f"looks {violation.message}: {parameter.default} it is")
        return {}
    return {"looks": text}


def _differences(name: str, entries: Entries, known: Entries) -> Iterator[str]:
    """Properties with which the recipe does otherwise."""
    ours = _template(name)
    handled = {place for place, _ in _APPLICATIONS[name].rows.values()} | _HANDLED
    quiet = {*_PLACES, *_FETCHED, _APPLICATIONS[name].granules}
    for place in dict.fromkeys([*entries, *ours]):
        if place in handled or place[1] in quiet or place[0] == "secondary":
            continue
        default = known.get(place, "")
        text = entries.get(place, default)
        if _plain(text) != _plain(ours.get(place, default)):
            label = f"property '{place[1]}'{'' if place in entries else ' by default'} is {text}"
            yield f"{label}: the recipe has {ours.get(place, 'nothing of the kind')}"
    yield from _unwrapping(entries, known)
    if any(place[1] in _FETCHED - {"leaderfile"} for place in entries):
        yield "terrain and orbits come from the run's source: --source directory:DIR takes files of your own"


def _unwrapping(entries: Entries, known: Entries) -> Iterator[str]:
    unwraps, unwrapper = (entries.get(("", name), known["", name]) for name in ("dounwrap", "unwrappername"))
    if not _boolean(unwraps):
        yield f"property 'dounwrap' is {unwraps}: the recipe unwraps"
    elif unwrapper not in _UNWRAPPERS:
        yield f"property 'unwrappername' is {unwrapper}: the recipe unwraps with SNAPHU"


def _plain(text: str) -> Any:
    """A value to compare: numbers by what they are, words without case."""
    folded = text.strip().lower()
    if folded in ("true", "yes"):
        return True
    if folded in ("false", "no"):
        return False
    try:
        return ast.literal_eval(folded)
    except (ValueError, SyntaxError):
        return folded


def _template(name: str) -> Entries:
    """Properties that the recipe's template fixes."""
    text = (data_folder("templates") / "isce2" / f"{name}.xml.j2").read_text(encoding="utf-8")
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}", "", text, flags=re.DOTALL).lstrip()
    fixed = [item for item in read_properties(text) if "{{" not in item.text]
    return {("", _fold(item.name)): item.text for item in fixed if _fold(item.components[-1]) in _ROOTS}
