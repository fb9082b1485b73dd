"""Settings of ``topsApp.xml``; what this engine does not support is refused.

``schemas/isce2/topsApp.properties.json`` says of every property what this engine does with it (``builtin``):
true if it is used, the only value that is supported, why it is needed, or why it has no effect.
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
from isce2_recipe.recipe.isce2_xml import Application


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
    region_of_interest: tuple[float, float, float, float] | None
    geocode_bounding_box: tuple[float, float, float, float] | None
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
    top = isce2_xml.read(path, folder, outside=True)
    if top.name != "topsApp":
        raise InputError(f"{path} configures {top.name}, not topsApp")
    _refuse_wrong(top)
    _refuse_unsupported(top)
    return _config(top, folder)


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


def _refuse_unsupported(top: Application) -> None:
    """Raise an error for all that is missing or not supported; ISCE2's defaults count too."""
    refused = [
        found
        for component in ("", "reference", "secondary")
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
    add += f"'{component or 'topsinsar'}'"
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
    dem, unwrapper = top.value("demFilename"), top.written("unwrapper name")
    return TopsConfig(
        reference=_sensor(top, "reference", folder),
        secondary=_sensor(top, "secondary", folder),
        swaths=tuple(sorted(set(top.value("swaths")))) or (1, 2, 3),
        range_looks=top.value("range looks"),
        azimuth_looks=top.value("azimuth looks"),
        dem=folder / dem,
        geocode_dem=folder / (top.value("geocode demfilename") or dem),
        region_of_interest=_box(top, "region of interest"),
        geocode_bounding_box=_box(top, "geocode bounding box"),
        filter_strength=top.value("filter strength"),
        do_unwrap=top.value("do unwrap"),
        # As written, because ISCE2 does not have all unwrappers.
        unwrapper=str(python_value(unwrapper.text) if unwrapper else top.value("unwrapper name")),
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


def _box(top: Application, name: str) -> tuple[float, float, float, float] | None:
    """Return south, north, west, east."""
    box = top.value(name)
    return (box[0], box[1], box[2], box[3]) if box else None
