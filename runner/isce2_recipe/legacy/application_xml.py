"""Translation of the XML files of ISCE2's topsApp and stripmapApp into a recipe's parameters."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from isce2_recipe.errors import InputError
from isce2_recipe.legacy.translation import Translation
from isce2_recipe.paths import data_folder
from isce2_recipe.recipe import Recipe, isce2_xml, load, resolve_parameters
from isce2_recipe.recipe.isce2_xml import Application
from isce2_recipe.recipe.parameters import normalise
from isce2_recipe.types import AlosName, SlcName

_TIME = r"\d{8}T\d{6}"
_SLC = re.compile(rf"S1[A-D]_IW_SLC__1S[SD][VH]_{_TIME}_{_TIME}_\d{{6}}_[0-9A-F]{{6}}_[0-9A-F]{{4}}")
_SHORTEST_SLC = timedelta(seconds=12)  # an SLC covers about 25 s, a burst 3 s
_ALOS = re.compile(r"ALPSRP\d{9}")
# Properties without a note: files that the recipe fetches itself, and places of files.
_FETCHED = {"demfilename", "geocodedemfilename", "orbitdirectory", "orbitfile", "auxiliarydatadirectory",
            "auxiliaryfile", "leaderfile"}  # fmt: skip
_FILE_PLACES = {"outputdirectory", "output", "usevirtualfiles", "geocodelist", "sensorname", "renderer",
           "pickledumpdirectory", "pickleloaddirectory"}  # fmt: skip
_UNWRAPPERS = ("snaphu", "snaphu_mcf", "downsample_snaphu")
_HANDLED = {
    ("", name) for name in ("rangelooks", "azimuthlooks", "dodispersive", "dounwrap", "unwrappername")
}


@dataclass(frozen=True, slots=True)
class _Translated:
    """The recipe of an application, and the property that each of the recipe's parameters is read from."""

    recipe: str
    sensor: str
    granule: re.Pattern[str]
    order: Callable[[str], Any]  # something of a granule's name that grows with time
    granules: str  # property with the file names of one pass
    properties: Mapping[str, tuple[str, str]]  # component and normalized name by parameter


_APPLICATIONS = {
    "topsApp": _Translated(
        "insar_tops",
        "SENTINEL1",
        _SLC,
        lambda name: SlcName.parse(name).start,
        "safe",
        {
            "polarization": ("reference", "polarization"),
            "swaths": ("", "swaths"),
            "esd": ("", "doesd"),
            "filter_strength": ("", "filterstrength"),
        },
    ),
    "stripmapApp": _Translated(
        "insar_stripmap",
        "ALOS",
        _ALOS,
        AlosName.parse,
        "imagefile",
        {
            "filter_strength": ("", "filterstrength"),
            "split_spectrum": ("", "dosplitspectrum"),
            "dispersive_coherence": ("", "dispersivefiltercoherencethreshold"),
        },
    ),
}


def translate_xml(path: Path) -> Translation:
    """Return the recipe and the parameters that do what an XML file of topsApp or stripmapApp does.

    The notes list what the recipe does differently. Paths of catalogues start in the folder of the file.

    Raise InputError if the file cannot be read, configures another application, or names no granules.
    """
    given = isce2_xml.read(path, path.parent)
    wanted = _APPLICATIONS[given.name]
    recipe = load(wanted.recipe)
    parameters = _granules(given, wanted)
    notes = _warn_of_short_scenes(parameters) if given.name == "topsApp" else []
    notes += _order(given, wanted, parameters)
    for parameter, (component, name) in wanted.properties.items():
        value = given.value(name, component)
        if value not in (None, "", []):
            parameters[parameter] = value.upper() if parameter == "polarization" else value
    parameters |= _looks(recipe, given, notes)
    notes += _differences(given, wanted)
    different = {
        key: value
        for key, value in parameters.items()
        if not recipe.parameters[key].has_default or recipe.parameters[key].default != value
    }
    resolve_parameters(recipe, different)
    return Translation(wanted.recipe, different, notes=notes)


def _run_itself(given: Application) -> str:
    engine = " --engine isce2" if given.name == "stripmapApp" else ""
    return f"run the XML itself: isce2-recipe app {given.name} {shlex.quote(given.file)}{engine}"


def _granules(given: Application, wanted: _Translated) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for component in ("reference", "secondary"):
        own = given.name == "stripmapApp" and given.value(f"{component} sensor name")
        sensor = own or given.value("sensor name")
        if sensor != wanted.sensor:
            what = f"scenes of the sensor {sensor}" if sensor else "scenes of no sensor"
            raise InputError(
                f"{given.file} processes {what}; the recipe {wanted.recipe} needs {wanted.sensor}",
                hint=_run_itself(given),
            )
        written = given.written(wanted.granules, component)
        text = "" if written is None else written.text
        names = list(dict.fromkeys(wanted.granule.findall(text)))
        if not names:
            raise InputError(
                f"{given.file} names no {component} granule that the recipe {wanted.recipe} can use"
                + (f", but '{text}'" if text else ""),
                hint=f"the property '{wanted.granules}' must contain the granule's original file name, or "
                + _run_itself(given),
            )
        if len(names) > 1:
            raise InputError(
                f"{given.file} has {len(names)} granules in the {component}, but {wanted.recipe} takes one",
                hint=_run_itself(given),
            )
        found[component] = names[0]
    return found


def _order(given: Application, wanted: _Translated, parameters: dict[str, Any]) -> list[str]:
    """Keep the order of two granules, which the sign of the phase follows; return a note if it is unusual.

    Raise InputError if the reference is newer and the recipe always uses the older granule as reference.
    """
    reference, secondary = (wanted.order(parameters[name]) for name in ("reference", "secondary"))
    if reference <= secondary:
        return []
    newer = f"the reference {parameters['reference']} is newer than the secondary {parameters['secondary']}"
    if given.name == "stripmapApp":
        raise InputError(
            f"{given.file}: {newer}; {wanted.recipe} always uses the older one as reference, which would "
            "change the sign of the phase",
            hint=f"{_run_itself(given)}, or exchange the two in the XML",
        )
    parameters["any_order"] = True
    return [f"{newer}: any_order keeps this order, and with it the sign of the phase"]


def _warn_of_short_scenes(granules: Mapping[str, str]) -> list[str]:
    """Return warnings for SAFE folders that were made from bursts, which no archive has under that name."""
    return [
        f"{name} is so short that it was probably made from bursts: give the names of these bursts to the "
        "recipe insar_tops_burst"
        for name in map(SlcName.parse, granules.values())
        if name.stop - name.start < _SHORTEST_SLC
    ]


def _looks(recipe: Recipe, given: Application, notes: list[str]) -> dict[str, Any]:
    """Return the parameter ``looks``, if the XML file sets looks that the recipe accepts."""
    looks = [given.value(f"{direction} looks") for direction in ("range", "azimuth")]
    if None in looks:
        return {}
    text = "x".join(map(str, looks))
    parameter = recipe.parameters["looks"]
    for violation in normalise(text, parameter.schema)[1]:
        notes.append(f"looks {violation.message}: the recipe's default {parameter.default} is used")
        return {}
    return {"looks": text}


def _differences(given: Application, wanted: _Translated) -> Iterator[str]:
    """Yield a note for every property that has another value in the recipe."""
    fixed = _fixed_by_template(given.name)
    handled = {*wanted.properties.values(), *_HANDLED}
    without_note = {*_FILE_PLACES, *_FETCHED, wanted.granules}
    for place in dict.fromkeys([*given.settings, *fixed.settings]):
        component, name = place
        if place in handled or name in without_note or component == "secondary":
            continue
        entry = given.known(component).get(name)
        written = given.settings.get(place)
        if entry is None:
            yield f"the property '{given.settings[place].name}' is unknown to {given.name}: it is ignored"
        elif given.value(name, component) != fixed.value(name, component):
            label = f"the property '{entry['name']}' is {entry['default']} by default"
            if written is not None:
                label = f"the property '{written.name}' is {written.text}"
            what = f"uses {fixed.settings[place].text}" if place in fixed.settings else "ignores it"
            yield f"{label}: the recipe {what}"
    yield from _unwrapping(given)
    if any(name in _FETCHED - {"leaderfile"} for _, name in given.settings):
        yield "terrain and orbits come from the run's source: use --source directory:DIR for your own files"


def _unwrapping(given: Application) -> Iterator[str]:
    unwraps, unwrapper = given.value("do unwrap"), given.value("unwrapper name")
    if not unwraps:
        yield "the property 'do unwrap' is False: the recipe always unwraps"
    elif unwrapper not in _UNWRAPPERS:
        yield f"the property 'unwrapper name' is {unwrapper}: the recipe unwraps with SNAPHU"


def _fixed_by_template(name: str) -> Application:
    """Return the properties that have a fixed value in the recipe's template."""
    text = (data_folder("templates") / "isce2" / f"{name}.xml.j2").read_text(encoding="utf-8")
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|<property[^\n]*\{\{.*?</property>", "", text, flags=re.DOTALL)
    return isce2_xml.read_text(text.lstrip(), None, name=name)
