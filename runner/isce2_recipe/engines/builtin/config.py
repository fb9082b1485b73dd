"""Settings of an application's XML, and those of ``topsApp.xml``; what is not supported is refused.

``schemas/isce2/*.properties.json`` say of every property what this engine does with it (``builtin``): true if
it is used, the only value that is supported, why it is needed, or why it has no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from isce2_recipe.errors import InputError
from isce2_recipe.recipe import isce2_xml
from isce2_recipe.recipe.isce2_values import python_value
from isce2_recipe.recipe.isce2_xml import Application, normalized

# South, north, west, east in degrees, ISCE2's order.
Box = tuple[float, float, float, float]
DATES = ("reference", "secondary")
"""Names of ISCE2's components of the two dates."""
_COMPONENTS = {"topsApp": "topsinsar", "stripmapApp": "insar"}


@cache
def tops_steps() -> tuple[str, ...]:
    """Return the steps of topsApp up to ``geocode``; the engine has no steps for dense offsets."""
    steps = isce2_xml.steps("topsApp")
    return steps[: steps.index("geocode") + 1]


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
class EsdConfig:
    """Settings of the refinement of the coregistration by enhanced spectral diversity; ISCE2's defaults."""

    azimuth_looks: int = 5
    range_looks: int = 15
    coherence_threshold: float = 0.85  # points with more are used
    snr_threshold: float = 8.0  # range offsets with a larger signal-to-noise ratio are used
    extra_cycles: float = 0.0  # whole cycles of phase that are added


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
    esd : EsdConfig or None
        Settings of ESD; None if it is off.
    """

    reference: SensorConfig
    secondary: SensorConfig
    swaths: tuple[int, ...]
    range_looks: int
    azimuth_looks: int
    dem: Path
    geocode_dem: Path
    region_of_interest: Box | None
    geocode_bounding_box: Box | None
    filter_strength: float
    do_unwrap: bool
    unwrapper: str
    use_virtual_files: bool
    geocode_list: tuple[str, ...] | None
    esd: EsdConfig | None = None


def read_config(path: Path, folder: Path) -> TopsConfig:
    """Read the settings of a ``topsApp.xml``; relative paths in it start in the work folder.

    Raises
    ------
    InputError
        If the file cannot be read, a name or value is wrong, or a setting is not supported by this engine.
    """
    return _config(read_application(path, folder, "topsApp"), folder)


def read_application(path: Path, folder: Path, name: str) -> Application:
    """Read the XML of an application, and check that this engine supports everything in it.

    Raises
    ------
    InputError
        If the file cannot be read, a name or value is wrong, or a setting is not supported by this engine.
    """
    top = isce2_xml.read(path, folder, outside=True)
    if top.name != name:
        raise InputError(f"{path} configures {top.name}, not {name}")
    _refuse_wrong(top)
    _refuse_other_sensors(top)
    _refuse_unsupported(top)
    return top


def _refuse_wrong(top: Application) -> None:
    """Raise an error for everything that ISCE2 would refuse; this engine has unwrappers that ISCE2 lacks."""
    wrong = [
        problem
        for problem in top.problems()
        if problem.severity == "error"
        and not problem.old
        and isce2_xml.normalized(problem.name) != "unwrappername"
    ]
    if wrong:
        hint = wrong[0].suggestion.text if wrong[0].suggestion else None
        raise InputError("\n".join(problem.text for problem in wrong), hint=hint)


def _refuse_other_sensors(top: Application) -> None:
    """Raise an error if the sensor of a date is none whose properties say what this engine does with them."""
    for date in DATES:
        names = [name for name in (f"{date} sensor name", "sensor name") if normalized(name) in top.known("")]
        written = next(filter(None, map(top.written, names)), None)
        sensor = next(filter(None, map(top.value, names)), None)
        supported = [
            each for each, entries in isce2_xml.facts(top.name)["sensors"].items() if "builtin" in entries[0]
        ]
        if sensor not in supported:
            place = f"{written.file}:{written.line}" if written else top.file
            found = f"is {sensor}, which the builtin engine cannot read" if sensor else "is missing"
            raise InputError(
                f"{place}: the sensor of the {date} {found}",
                hint=f'write <property name="sensor name">{supported[0]}</property>, '
                "or use ISCE2 itself (--engine isce2)",
            )


def _refuse_unsupported(top: Application) -> None:
    """Raise an error for all that is missing or not supported; ISCE2's defaults count too."""
    refused = [
        found
        for component in ("", *DATES)
        for entry in top.known(component).values()
        if (found := _unsupported(top, component, entry))
    ]
    if refused:
        whats, changes = zip(*refused, strict=True)
        hint = f"{' and '.join(changes)}, or use ISCE2 itself (--engine isce2)"
        raise InputError("\n".join(whats), hint=hint)


def _unsupported(top: Application, component: str, entry: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return why a value is not supported, and what to change in the XML; None if it is supported."""
    support, name = entry["builtin"], entry["name"]
    if not isinstance(support, dict):
        return None
    value, written = top.value(name, component), top.written(name, component)
    add = f'add <property name="{name}">{support.get("only", "...")}</property> to the component '
    add += f"'{component or _COMPONENTS[top.name]}'"
    if "needed" in support:
        where = f" in the component '{component}'" if component else ""
        what = f"{top.file}: '{name}' is missing{where}, which the builtin engine needs: {support['needed']}"
        return None if value else (what, add)
    if value == support["only"]:
        return None
    if written is None:
        place, found, change = top.file, f"{entry['default']} by default", add
    else:
        place, found = f"{written.file}:{written.line}", written.text
        change = f"write {support['only']}" if support["only"] else f"remove '{name}'"
    why = f"which the builtin engine does not support: {support['why']}"
    return f"{place}: '{name}' is {found}, {why}", change


def _config(top: Application, folder: Path) -> TopsConfig:
    dem = top.value("demFilename")
    return TopsConfig(
        reference=_sensor(top, "reference", folder),
        secondary=_sensor(top, "secondary", folder),
        swaths=tuple(sorted(set(top.value("swaths")))) or (1, 2, 3),
        range_looks=top.value("range looks"),
        azimuth_looks=top.value("azimuth looks"),
        dem=folder / dem,
        geocode_dem=folder / (top.value("geocode demfilename") or dem),
        region_of_interest=read_box(top, "region of interest"),
        geocode_bounding_box=read_box(top, "geocode bounding box"),
        filter_strength=top.value("filter strength"),
        do_unwrap=top.value("do unwrap"),
        unwrapper=read_unwrapper(top),
        use_virtual_files=top.value("use virtual files"),
        geocode_list=tuple(top.value("geocode list")) or None,
        esd=_esd(top) if top.value("do ESD") else None,
    )


def _esd(top: Application) -> EsdConfig:
    return EsdConfig(
        azimuth_looks=top.value("ESD azimuth looks"),
        range_looks=top.value("ESD range looks"),
        coherence_threshold=top.value("ESD coherence threshold"),
        snr_threshold=top.value("offset SNR threshold"),
        extra_cycles=top.value("extra ESD cycles"),
    )


def _sensor(top: Application, component: str, folder: Path) -> SensorConfig:
    directory, file = top.value("orbit directory", component), top.value("orbit file", component)
    return SensorConfig(
        safe=tuple(folder / safe for safe in top.value("safe", component)),
        output=top.value("output directory", component) or component,
        orbit_directory=folder / directory if directory else None,
        orbit_file=folder / file if file else None,
        polarization=top.value("polarization", component).lower(),
    )


def read_unwrapper(top: Application) -> str:
    """Return the unwrapper's name as written, because ISCE2 does not have all unwrappers."""
    written = top.written("unwrapper name")
    return str(python_value(written.text) if written else top.value("unwrapper name"))


def read_box(top: Application, name: str) -> Box | None:
    """Return south, north, west, east in degrees."""
    box = top.value(name)
    return (box[0], box[1], box[2], box[3]) if box else None
