"""Actions for stacks: network, reference geometry, coregistration and pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isce2_recipe.actions.base import Context, action
from isce2_recipe.actions.unwrap import known_unwrapper
from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.quantities import counted
from isce2_recipe.sentinel1.stack_dates import StackDate
from isce2_recipe.stack.network import (
    NetworkChoice,
    StackPair,
    check_date,
    limit_baselines,
    make_network,
    network_table,
    read_pairs_file,
)
from isce2_recipe.types import Looks

if TYPE_CHECKING:
    from isce2_recipe.stack.geometry import Pass


@dataclass(frozen=True, slots=True)
class StackNetwork:
    """The pairs of a stack.

    Attributes
    ----------
    pairs : list of StackPair
        By their dates.
    summary : str
        One line for the user.
    """

    pairs: list[StackPair]
    summary: str


def _choice(inputs: Mapping[str, Any]) -> NetworkChoice:
    single, file = inputs.get("single_reference"), inputs.get("pairs_file")
    if single is not None and file is not None:
        raise ParameterError("single_reference and pairs_file both choose all pairs", hint="give one of them")
    return NetworkChoice(
        neighbours=inputs.get("neighbours", 3),
        max_days=inputs.get("max_days"),
        one_year=inputs.get("one_year", False),
        single_reference=None if single is None else check_date(single, "single_reference"),
        pairs=None if file is None else read_pairs_file(Path(file)),
    )


@action("stack.network", version=2, check=_choice)
def network(
    ctx: Context,
    *,
    dates: list[StackDate],
    neighbours: int = 3,
    max_days: int | None = None,
    one_year: bool = False,
    single_reference: str | None = None,
    pairs_file: Path | None = None,
) -> StackNetwork:
    """Choose the pairs of a stack, and check that they connect all dates.

    Parameters
    ----------
    dates : list of StackDate
        The dates that were found.
    neighbours : int
        Number of next dates with which every date forms a pair.
    max_days : int, optional
        Longest time between the dates of a pair.
    one_year : bool
        Whether every date also forms a pair with the one about a year later.
    single_reference : str, optional
        A date with which all others form the only pairs.
    pairs_file : Path, optional
        A file with the pairs, two dates in every line.

    Raises
    ------
    InputError
        If there are fewer than two dates, or the pairs do not connect all dates.
    """
    given: dict[str, Any] = {"neighbours": neighbours, "max_days": max_days}
    given |= {"one_year": one_year, "single_reference": single_reference, "pairs_file": pairs_file}
    pairs = make_network(dates, _choice(given))
    longest = max(pair.days for pair in pairs)
    summary = f"{counted(len(pairs), 'pair')} of {len(dates)} dates, at most {counted(longest, 'day')} apart"
    ctx.log.info("%s", summary)
    return StackNetwork(pairs, summary)


@dataclass(frozen=True, slots=True)
class OrbitDate:
    """A date with its orbit.

    Attributes
    ----------
    date : str
        ``YYYYMMDD``.
    granules : list of str
        Names of the burst granules.
    catalog : Path
        Catalogue of these granules.
    orbits : list of Path
        The orbit file.
    """

    date: str
    granules: list[str]
    catalog: Path
    orbits: list[Path]


@dataclass(frozen=True, slots=True)
class StackBaselines:
    """The pairs of a stack with their perpendicular baselines, and the dates with their orbits.

    Attributes
    ----------
    pairs : list of StackPair
        By their dates.
    reference : OrbitDate
        The date that has the common geometry.
    others : list of OrbitDate
        All other dates.
    table : Path
        CSV of the pairs: dates, days, perpendicular baseline.
    """

    pairs: list[StackPair]
    reference: OrbitDate
    others: list[OrbitDate]
    table: Path


@action("stack.baselines", version=1, uses=("engine",))
def baselines(
    ctx: Context,
    *,
    dates: list[StackDate],
    reference: str,
    orbits: list[list[Path]],
    pairs: list[StackPair],
    max_perpendicular: float | None = None,
) -> StackBaselines:
    """Compute perpendicular baselines from orbits, and leave out pairs that exceed a limit.

    Parameters
    ----------
    dates : list of StackDate
        The dates that were found.
    reference : str
        The date that has the common geometry, ``YYYYMMDD``.
    orbits : list of list of Path
        The orbit file of every date, in the same order.
    pairs : list of StackPair
        The pairs of the network.
    max_perpendicular : float, optional
        Largest perpendicular baseline of a pair, metres.

    Raises
    ------
    InputError
        If the remaining pairs do not connect all dates.
    """
    from isce2_recipe.sources.base import BurstRecord
    from isce2_recipe.sources.catalog import read_catalog
    from isce2_recipe.stack.baselines import perpendicular_baseline_m

    first = {
        date.date: (read_catalog(date.catalog, BurstRecord)[date.granules[0]], files[0])
        for date, files in zip(dates, orbits, strict=True)
    }
    apart = {date: perpendicular_baseline_m(first[reference], first[date]) for date in first}
    kept = limit_baselines(pairs, apart, max_perpendicular)
    table = ctx.out / "network.csv"
    table.write_text(network_table(kept), encoding="utf-8")
    for date, metres in apart.items():
        ctx.log.info("%s: perpendicular baseline %.1f m", date, metres)
    known = {
        date.date: OrbitDate(date.date, date.granules, date.catalog, files)
        for date, files in zip(dates, orbits, strict=True)
    }
    others = [one for date, one in known.items() if date != reference]
    return StackBaselines(kept, known[reference], others, table)


def _place(inputs: Mapping[str, Any]) -> tuple[float, float]:
    longitude, latitude = inputs["place"]
    if not (-360 <= longitude <= 360 and -90 <= latitude <= 90):
        raise ParameterError(
            f"the reference point {longitude:g}, {latitude:g} is not a longitude and a latitude",
            hint="give degrees, the longitude first",
        )
    return float(longitude), float(latitude)


@action("stack.check_place", version=1, check=_place)
def check_place(ctx: Context, *, place: list[float], bounds: list[float], water_mask: Path) -> None:
    """Check that a reference point lies on land within the stack, before anything large is downloaded.

    Parameters
    ----------
    place : list of float
        Longitude and latitude, degrees.
    bounds : list of float
        Bounds of the stack: west, south, east, north, degrees.
    water_mask : Path
        GeoTIFF in degrees: 1 on land, 0 on water.

    Raises
    ------
    InputError
        If it is outside or on water.
    """
    from isce2_recipe.engines.builtin import isceimage
    from isce2_recipe.types import Bounds, longitude_near

    longitude, latitude = _place({"place": place})
    box = Bounds(*bounds)
    longitude = longitude_near(longitude, (box.west + box.east) / 2)
    text = f"the reference point {longitude:g} E, {latitude:g} N"
    if not (box.west <= longitude <= box.east and box.south <= latitude <= box.north):
        raise InputError(f"{text} is outside the stack", hint=f"it covers {box.describe()}")
    with isceimage.open_raster(water_mask) as mask:
        land = next(mask.sample([(longitude, latitude)]))[0]
    if land != 1:
        raise InputError(f"{text} is on water", hint="choose a place on land")
    ctx.log.info("%s is on land", text)


def pass_of(safes: Sequence[Path], orbits: Sequence[Path], polarization: str) -> Pass:
    """Return a date of a stack for the functions of `isce2_recipe.stack`."""
    from isce2_recipe.stack.geometry import Pass

    return Pass(tuple(safes), orbits[0], polarization)


@dataclass(frozen=True, slots=True)
class StackGeometry:
    """The reference geometry of a stack.

    Attributes
    ----------
    folder : Path
        Geometry in full resolution for other dates, and multilooked for results.
    """

    folder: Path


@action("stack.geometry", version=2, uses=("engine",))
def geometry(
    ctx: Context,
    *,
    safes: list[Path],
    orbits: list[Path],
    polarization: str,
    swaths: list[int],
    looks: str,
    dem: Path,
    geocode_dem: Path,
    water_mask: Path,
) -> StackGeometry:
    """Make the geometry of all bursts of a stack from its reference date.

    Parameters
    ----------
    safes, orbits : list of Path
        SAFE folders and orbit file of the reference date.
    looks : str
        ``RANGExAZIMUTH``.
    dem, geocode_dem : Path
        ISCE2 rasters of terrain, for the geometry and for the map.
    water_mask : Path
        GeoTIFF in degrees: 1 on land, 0 on water.
    """
    from isce2_recipe.products.rasters import without_place
    from isce2_recipe.stack.geometry import StackTerrain, make_geometry

    with without_place():
        frame = make_geometry(
            ctx.out, pass_of(safes, orbits, polarization), tuple(swaths), Looks.parse(looks),
            StackTerrain(dem, geocode_dem, water_mask), log=ctx.log, progress=ctx.progress, cpus=ctx.cpus,
        )  # fmt: skip
    bursts = counted(len(frame.pieces), "burst")
    ctx.log.info("%d lines x %d samples, %s", frame.lines, frame.samples, bursts)
    return StackGeometry(ctx.out)


@dataclass(frozen=True, slots=True)
class CoregisteredDate:
    """A date on the common grid.

    Attributes
    ----------
    date : str
        ``YYYYMMDD``.
    folder : Path
        Folder with ``coregistered.slc`` and the annotation.
    perpendicular_m : float
        Perpendicular baseline to the reference date in the middle of the first burst, metres.
    """

    date: str
    folder: Path
    perpendicular_m: float


@action("stack.coregister", version=2, uses=("engine",))
def coregister(
    ctx: Context,
    *,
    date: str,
    geometry: Path,
    reference_safes: list[Path],
    reference_orbits: list[Path],
    safes: list[Path],
    orbits: list[Path],
    polarization: str,
    azimuth_lines: float = 0.0,
) -> CoregisteredDate:
    """Coregister one date to the reference geometry, merge its bursts and flatten them.

    Parameters
    ----------
    date : str
        ``YYYYMMDD``.
    geometry : Path
        Folder of the reference geometry.
    reference_safes, reference_orbits : list of Path
        SAFE folders and orbit file of the reference date.
    safes, orbits : list of Path
        Those of the date itself.
    azimuth_lines : float
        What is added to the azimuth offsets, lines; see `isce2_recipe.actions.esd.solve`.
    """
    from isce2_recipe.products.rasters import without_place
    from isce2_recipe.stack.coregister import coregister as resample

    reference = pass_of(reference_safes, reference_orbits, polarization)
    with without_place():
        perpendicular = resample(
            ctx.out, geometry, reference, pass_of(safes, orbits, polarization), azimuth_lines,
            log=ctx.log, progress=ctx.progress, cpus=ctx.cpus,
        )  # fmt: skip
    ctx.log.info("%s: perpendicular baseline %.1f m", date, perpendicular)
    return CoregisteredDate(date, ctx.out, round(perpendicular, 3))


@dataclass(frozen=True, slots=True)
class PairGroup:
    """The pairs that end on one date; they are formed together, so that each SLC is read once.

    Attributes
    ----------
    date : str
        The newer date of the pairs.
    dates : list of str
        All dates of the pairs.
    folders, granules, perpendicular_m : list
        For each of these dates the folder, the names of the granules, and the perpendicular baseline, metres.
    pairs : list of StackPair
        The pairs.
    """

    date: str
    dates: list[str]
    folders: list[Path]
    granules: list[list[str]]
    perpendicular_m: list[float]
    pairs: list[StackPair]


@dataclass(frozen=True, slots=True)
class PairGroups:
    """The pairs of a stack in groups.

    Attributes
    ----------
    groups : list of PairGroup
        One for each date that is the newer one of a pair.
    """

    groups: list[PairGroup]


@action("stack.group", version=1)
def group(
    ctx: Context,
    *,
    scenes: list[StackDate],
    pairs: list[StackPair],
    dates: list[str],
    folders: list[Path],
    perpendicular_m: list[float],
) -> PairGroups:
    """Group pairs by their newer date, with what is known of the dates that they need.

    Parameters
    ----------
    scenes : list of StackDate
        The dates as they were found.
    pairs : list of StackPair
        All pairs.
    dates, folders, perpendicular_m : list
        All dates after coregistration, and folder and perpendicular baseline of each.
    """
    places = dict(zip(dates, zip(folders, perpendicular_m, strict=True), strict=True))
    granules = {scene.date: scene.granules for scene in scenes}
    groups = []
    for last in sorted({pair.secondary for pair in pairs}):
        own = [pair for pair in pairs if pair.secondary == last]
        needed = sorted({date for pair in own for date in (pair.reference, pair.secondary)})
        missing = [date for date in needed if date not in places]
        if missing:
            raise InputError(f"the pairs need {', '.join(missing)}, which is not coregistered")
        found = [places[date] for date in needed]
        names = [granules[date] for date in needed]
        groups.append(
            PairGroup(last, needed, [one[0] for one in found], names, [one[1] for one in found], own)
        )
    ctx.log.info("%s", counted(len(groups), "group"))
    return PairGroups(groups)


@dataclass(frozen=True, slots=True)
class FormedPairs:
    """Pairs after unwrapping.

    Attributes
    ----------
    folder : Path
        Folder with a folder for each pair.
    names : list of str
        The pairs.
    coherence : list of float
        Mean coherence of the looks on land of each pair.
    """

    folder: Path
    names: list[str]
    coherence: list[float]


@action("stack.form_pairs", version=1, uses=("engine",), check=known_unwrapper)
def form_pairs(
    ctx: Context,
    *,
    geometry: Path,
    dates: list[str],
    folders: list[Path],
    pairs: list[StackPair],
    filter_strength: float = 0.5,
    unwrapper: str = "snaphu_mcf",
    apply_water_mask: bool = True,
) -> FormedPairs:
    """Form interferograms of coregistered dates, filter and unwrap them.

    Parameters
    ----------
    geometry : Path
        Folder of the reference geometry.
    dates, folders : list
        Dates, and the folder of each.
    pairs : list of StackPair
        Pairs of these dates.
    filter_strength : float
        Exponent of the Goldstein filter, which serves the unwrapping only.
    unwrapper : str
        ``snaphu``, ``snaphu_mcf``, ``whirlwind``, or the name of a plug-in.
    apply_water_mask : bool
        Whether water is no data for the unwrapper.
    """
    from isce2_recipe.products.rasters import without_place
    from isce2_recipe.stack.pairs import Unwrapping
    from isce2_recipe.stack.pairs import form_pairs as form

    how = Unwrapping(filter_strength, unwrapper, apply_water_mask)
    places = dict(zip(dates, folders, strict=True))
    with without_place():
        found = form(ctx.out, geometry, places, pairs, how, log=ctx.log, progress=ctx.progress, cpus=ctx.cpus)
    return FormedPairs(ctx.out, list(found), list(found.values()))
