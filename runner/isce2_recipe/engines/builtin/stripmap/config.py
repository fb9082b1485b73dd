"""Settings of ``stripmapApp.xml``; see `isce2_recipe.engines.builtin.config`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

from isce2_recipe.engines.builtin.config import Box, read_application, read_box, read_unwrapper
from isce2_recipe.errors import InputError
from isce2_recipe.recipe import isce2_xml
from isce2_recipe.recipe.isce2_xml import Application

Resampling = Literal["", "single2dual", "dual2single"]

# The last step that this engine has.
_LAST_STEP = "endup"


@cache
def stripmap_steps() -> tuple[str, ...]:
    """Return the steps of stripmapApp that this engine has."""
    steps = isce2_xml.steps("stripmapApp")
    return steps[: steps.index(_LAST_STEP) + 1]


@dataclass(frozen=True, slots=True)
class AlosConfig:
    """Settings of one date, from the component ``reference`` or ``secondary``.

    Attributes
    ----------
    images, leaders : tuple of Path
        Signal data of one or several frames of one pass, and the leader of each.
    resampling : str
        ``single2dual`` or ``dual2single`` to sample the range of a scene of one polarization (28 MHz) like
        that of a scene of two (14 MHz), or the reverse; empty for the finer one of a mixed pair.
    output : str
        Start of the names of files and folders, relative to the work folder.
    """

    images: tuple[Path, ...]
    leaders: tuple[Path, ...]
    resampling: Resampling
    output: str


@dataclass(frozen=True, slots=True)
class DispersiveConfig:
    """Settings of the estimate of the ionosphere.

    Attributes
    ----------
    sigma_lines, sigma_samples : float or None
        Standard deviations of the Gaussian filter, pixels of the interferogram; None for this engine's own.
    least_coherence : float
        Least phase-sigma coherence of the pixels that are used.
    """

    sigma_lines: float | None
    sigma_samples: float | None
    least_coherence: float


@dataclass(frozen=True, slots=True)
class StripmapConfig:
    """Settings of a ``stripmapApp.xml`` that this engine uses; the defaults are those of ISCE2.

    Attributes
    ----------
    dem : Path
        DEM in ISCE2's format.
    region_of_interest, geocode_bounding_box : tuple of float or None
        South, north, west, east in degrees.
    height_range_m : tuple of float or None
        Lowest and highest terrain, for the crop to the region of interest.
    posting_m : int
        Spacing of the interferogram, which gives the looks that are None.
    geocode_list : tuple of str or None
        Files to geocode, relative to the work folder; None for ISCE2's default list.
    """

    reference: AlosConfig
    secondary: AlosConfig
    dem: Path
    region_of_interest: Box | None
    height_range_m: tuple[float, float] | None
    geocode_bounding_box: Box | None
    posting_m: int
    range_looks: int | None
    azimuth_looks: int | None
    filter_strength: float
    do_unwrap: bool
    unwrapper: str
    do_split_spectrum: bool
    do_dispersive: bool
    dispersive: DispersiveConfig
    geocode_list: tuple[str, ...] | None


def read_config(path: Path, folder: Path) -> StripmapConfig:
    """Read the settings of a ``stripmapApp.xml``; relative paths in it start in the work folder.

    Raises
    ------
    InputError
        If the file cannot be read, a name or value is wrong, or a setting is not supported by this engine.
    """
    top = read_application(path, folder, "stripmapApp")
    config = _config(top, folder)
    if config.do_dispersive and not (config.do_split_spectrum and config.do_unwrap):
        raise InputError(
            f"{path}: 'do dispersive' needs 'do split spectrum' and 'do unwrap'",
            hint="set both to True, or 'do dispersive' to False",
        )
    return config


def _config(top: Application, folder: Path) -> StripmapConfig:
    heights = top.value("height range")
    return StripmapConfig(
        reference=_sensor(top, "reference", folder),
        secondary=_sensor(top, "secondary", folder),
        dem=folder / top.value("demFilename"),
        region_of_interest=read_box(top, "regionOfInterest"),
        height_range_m=(heights[0], heights[1]) if heights else None,
        geocode_bounding_box=read_box(top, "geocode bounding box"),
        posting_m=top.value("posting"),
        range_looks=top.value("range looks"),
        azimuth_looks=top.value("azimuth looks"),
        filter_strength=top.value("filter strength"),
        do_unwrap=top.value("do unwrap"),
        unwrapper=read_unwrapper(top),
        do_split_spectrum=top.value("do split spectrum"),
        do_dispersive=top.value("do dispersive"),
        dispersive=DispersiveConfig(
            sigma_lines=_if_written(top, "dispersive filter kernel sigma_y"),
            sigma_samples=_if_written(top, "dispersive filter kernel sigma_x"),
            least_coherence=top.value("dispersive filter coherence threshold"),
        ),
        geocode_list=tuple(top.value("geocode list")) or None,
    )


def _if_written(top: Application, name: str) -> float | None:
    """Return a positive number, or None if the XML leaves it to ISCE2's default."""
    if top.written(name) is None:
        return None
    value: float = top.value(name)
    if not value > 0.0:
        raise InputError(f"{top.file}: '{name}' is {value:g}, but must be positive")
    return value


def _sensor(top: Application, component: str, folder: Path) -> AlosConfig:
    images, leaders = (
        tuple(folder / name for name in top.value(kind, component)) for kind in ("IMAGEFILE", "LEADERFILE")
    )
    if len(images) != len(leaders):
        raise InputError(
            f"{top.file}: the component '{component}' has {len(images)} IMAGEFILE, but "
            f"{len(leaders)} LEADERFILE",
            hint="give one leader for each image, in the same order",
        )
    output = top.value("OUTPUT", component) or component
    if not output.strip("./") or output.endswith("/"):
        raise InputError(f"{top.file}: OUTPUT of the {component} is '{output}', which is no name of a file")
    resampling = cast(Resampling, top.value("RESAMPLE_FLAG", component))
    return AlosConfig(images, leaders, resampling, output)
