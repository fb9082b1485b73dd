"""Actions for time series: closure and repair, inversion, products of pairs and of the whole stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from isce2_recipe import __version__
from isce2_recipe.actions.base import Context, Read, action, nothing
from isce2_recipe.actions.product import bursts_of, check_grid, how_made, simulation
from isce2_recipe.paths import STACK_README
from isce2_recipe.products.package import describe_inputs, readme_fingerprint, template_text
from isce2_recipe.progress import partly
from isce2_recipe.sentinel1.stack_dates import StackDate
from isce2_recipe.stack.network import StackPair, check_date
from isce2_recipe.types import BurstName, Looks

# A stack is computed with the functions of the builtin engine, whichever engine the run has.
_ENGINE = f"builtin {__version__}"


@dataclass(frozen=True, slots=True)
class CheckedStack:
    """The pairs of a stack after closure and repair.

    Attributes
    ----------
    folder : Path
        Folder with the corrections and the maps of closure.
    facts : Path
        Figures as JSON: reference region, closure of every triplet, changes and coherence of every pair.
    notes : list of str
        Findings for the user.
    summary : str
        One line about all.
    """

    folder: Path
    facts: Path
    notes: list[str]
    summary: str


@action("timeseries.check", version=2, uses=("engine",))
def check(
    ctx: Context,
    *,
    geometry: Path,
    pairs: list[StackPair],
    folders: list[Path],
    repair: bool = True,
    reference_point: list[float] | None = None,
) -> CheckedStack:
    """Choose the reference region, repair whole cycles, and measure the closure of all triplets.

    Parameters
    ----------
    geometry : Path
        Folder of the reference geometry.
    pairs : list of StackPair
        All pairs.
    folders : list of Path
        Folders in which the pairs have theirs.
    repair : bool
        Whether whole cycles are repaired; closure is measured in any case.
    reference_point : list of float, optional
        Longitude and latitude of the reference, degrees; by default the most coherent place.

    Raises
    ------
    InputError
        If the reference point is on water, outside, or without data in all pairs.
    """
    from isce2_recipe.products.rasters import without_place
    from isce2_recipe.stack.checking import check_stack
    from isce2_recipe.stack.pair_files import pair_folders

    with without_place():
        found = check_stack(
            ctx.out, geometry, pairs, pair_folders(pairs, folders),
            with_repair=repair, place=None if reference_point is None else tuple(reference_point),
            progress=ctx.progress,
        )  # fmt: skip
    for note in found.notes:
        ctx.log.warning("%s", note)
    ctx.log.info("%s", found.summary)
    return CheckedStack(ctx.out, found.facts, list(found.notes), found.summary)


@dataclass(frozen=True, slots=True)
class InvertedStack:
    """Displacement and velocity in radar geometry.

    Attributes
    ----------
    folder : Path
        ISCE2 rasters of displacement, velocity and quality.
    dates : list of str
        The dates of the bands of the displacement.
    terms : list of str
        The fitted terms: the velocity and, where asked for, annual terms and steps.
    second_pass : dict
        ``mode``, the number of ``looks`` on land that took the phase of the second pass, that of all
        ``land_looks``, ``below_coherence`` and ``filter_strength``.
    """

    folder: Path
    dates: list[str]
    terms: list[str]
    second_pass: dict[str, Any]


def _model(inputs: Mapping[str, Any]) -> None:
    for date in inputs.get("steps") or ():
        check_date(str(date), "steps")


@action("timeseries.invert", version=3, uses=("engine",), check=_model)
def invert(
    ctx: Context,
    *,
    geometry: Path,
    pairs: list[StackPair],
    folders: list[Path],
    checked: Path,
    weights: bool = True,
    annual: bool = False,
    steps: list[str] | None = None,
    second_pass: Literal["auto", "always", "never"] = "auto",
    filter_strength: float = 0.5,
) -> InvertedStack:
    """Invert the network for the displacement of every date, and fit the velocity.

    Parameters
    ----------
    geometry : Path
        Folder of the reference geometry.
    pairs : list of StackPair
        All pairs.
    folders : list of Path
        Folders in which the pairs have theirs.
    checked : Path
        Folder that `timeseries.check` wrote.
    weights : bool
        Whether pairs are weighted by their coherence.
    annual : bool
        Whether an annual term is fitted with the velocity.
    steps : list of str, optional
        Dates on which the ground may have jumped, such as those of earthquakes.
    second_pass : str
        Where pairs are filtered after the phases of a first inversion were taken out, and inverted again:
        ``auto`` where coherence is low, ``always``, or ``never``.
    filter_strength : float
        Exponent of the Goldstein filter of the second pass; 0 for no second pass.
    """
    import shutil

    import numpy as np

    from isce2_recipe.stack.checking import read_check
    from isce2_recipe.stack.closure import CYCLES
    from isce2_recipe.stack.frame import read_frame
    from isce2_recipe.stack.inversion import Inputs, MotionModel
    from isce2_recipe.stack.inversion import invert as solve
    from isce2_recipe.stack.pair_files import open_pairs, pair_folders
    from isce2_recipe.stack.second_pass import choose_looks, refine

    places = pair_folders(pairs, folders)
    files = open_pairs(pairs, places)
    model = MotionModel(annual, tuple(sorted(check_date(step, "steps") for step in steps or ())))
    found = read_check(checked)
    cycles = np.load(checked / CYCLES, mmap_mode="r")
    inputs = Inputs(files, found.exact, cycles, read_frame(geometry).wavelength_m, weights)
    how = choose_looks(geometry, found, second_pass, filter_strength)
    work = ctx.out / ".second_pass"
    if how.looks:
        work.mkdir()
        inputs = refine(work, places, inputs, how, progress=partly(ctx.progress, 0.0, 0.7), cpus=ctx.cpus)
        ctx.log.info("%s", how.describe())
    solve(ctx.out, inputs, model, progress=partly(ctx.progress, 0.7, 1.0), cpus=ctx.cpus)
    shutil.rmtree(work, ignore_errors=True)
    return InvertedStack(ctx.out, list(files.dates), model.names(), how.facts())


@dataclass(frozen=True, slots=True)
class PairProducts:
    """Products of pairs.

    Attributes
    ----------
    names : list of str
        Their names.
    directories : list of Path
        Their folders.
    """

    names: list[str]
    directories: list[Path]


@action(
    "timeseries.package_pairs",
    version=4,
    uses=("source", "engine"),
    fingerprint=readme_fingerprint,
    takes=nothing,
    check=check_grid,
)
def package_pairs(
    ctx: Context,
    *,
    geometry: Path,
    pairs: list[StackPair],
    folder: Path,
    dates: list[str],
    folders: list[Path],
    granules: list[list[str]],
    perpendicular_m: list[float],
    dem: Path,
    geocode_dem: Path,
    water_mask: Path,
    looks: str,
    filter_strength: float = 0.5,
    unwrapper: str = "snaphu_mcf",
    apply_water_mask: bool = True,
    grid: dict[str, Any] | None = None,
    grid_like: Path | None = None,
    content: Literal["full", "phase"] = "full",
) -> PairProducts:
    """Geocode pairs with the stack's lookup table, and package each as a product with HyP3's names and files.

    Parameters
    ----------
    geometry : Path
        Folder of the reference geometry.
    pairs : list of StackPair
        The pairs.
    folder : Path
        Folder in which the pairs have theirs.
    dates, folders, granules, perpendicular_m : list
        Dates, and for each the folder after coregistration, the names of the granules, and the baseline.
    dem, water_mask : Path
        GeoTIFFs in degrees.
    geocode_dem : Path
        ISCE2 raster of the heights to whose grid pairs are geocoded.
    grid : dict, optional
    grid_like : Path, optional
        Choice of the map grid, as for other products.
    content : str
        ``full`` for all that products have, ``phase`` for the maps that MintPy reads, without pictures and
        archive.
    """
    from isce2_recipe.products.facts import Processing
    from isce2_recipe.products.grid_choice import GridChoice
    from isce2_recipe.products.names import NameParts, multi_burst_name, product_id
    from isce2_recipe.products.rasters import without_place
    from isce2_recipe.products.sentinel1_products import burst_facts, tops_request
    from isce2_recipe.sentinel1.archive import number_of
    from isce2_recipe.stack.pair_files import pair_folders
    from isce2_recipe.stack.pair_products import PairGeocoder

    processing = Processing(Looks.parse(looks), filter_strength, unwrapper, apply_water_mask)
    choice = GridChoice.of(grid, grid_like)
    bursts = {date: bursts_of([place]) for date, place in zip(dates, folders, strict=True)}
    names = dict(zip(dates, granules, strict=True))
    apart = dict(zip(dates, perpendicular_m, strict=True))
    made = how_made(ctx, processing, describe_inputs(dem=[dem], water_mask=[water_mask]), None, _ENGINE)
    geocoder = PairGeocoder(ctx.out / ".work", geometry, geocode_dem, ctx.cpus)
    products = []
    with without_place():
        for number, (pair, place) in enumerate(zip(pairs, pair_folders(pairs, [folder]), strict=True)):
            ctx.progress(number / len(pairs), pair.name)
            sides = names[pair.reference], names[pair.secondary]
            made_of = {"reference": sorted(sides[0]), "secondary": sorted(sides[1]), "looks": looks}
            made_of |= simulation(ctx)
            of_pair = [BurstName.parse(name) for name in sides[0]], [BurstName.parse(n) for n in sides[1]]
            shown = bursts[pair.reference], bursts[pair.secondary]
            track = min(shown[0], key=lambda burst: burst.start).relative_orbit
            identifier = product_id(made_of, processing, {"parameters": choice.changes(), "stack": True})
            parts = NameParts(*of_pair, processing.looks, track, identifier)
            baseline_m = round(apart[pair.secondary] - apart[pair.reference], 3)
            facts = burst_facts(baseline_m, *sides, shown, made, parts.began)
            numbers = [(number_of(burst), burst.swath) for burst in shown[0]]
            files = geocoder.geocode(place), dem, water_mask, template_text(ctx.templates)
            request = tops_request(
                multi_burst_name(parts), "bursts", facts, files, choice, numbers, unfiltered=False
            )
            products.append(geocoder.package(ctx.out, request, content))
    geocoder.clean()
    return PairProducts([one.name for one in products], products)


@dataclass(frozen=True, slots=True)
class StackProduct:
    """The product of a stack.

    Attributes
    ----------
    name : str
        Name of the product.
    directory : Path
        Its folder.
    cube : Path
        Displacement of all dates as NetCDF.
    velocity : Path
        GeoTIFF of the velocity, metres a year towards the satellite.
    """

    name: str
    directory: Path
    cube: Path
    velocity: Path


def _stack_readme(_: Mapping[str, Any], templates: tuple[Path, ...], read: Read) -> list[str]:
    return [__version__, template_text(templates, read, STACK_README)]


@action(
    "timeseries.package",
    version=2,
    uses=("source", "engine"),
    fingerprint=_stack_readme,
    takes=nothing,
    check=check_grid,
)
def package(
    ctx: Context,
    *,
    scenes: list[StackDate],
    pairs: list[StackPair],
    reference: str,
    relative_orbit: int,
    direction: str,
    polarization: str,
    geometry: Path,
    checked: Path,
    inverted: Path,
    terms: list[str],
    dem: Path,
    geocode_dem: Path,
    water_mask: Path,
    looks: str,
    weights: bool = True,
    second_pass: dict[str, Any] | None = None,
    grid: dict[str, Any] | None = None,
    grid_like: Path | None = None,
    products: list[list[Path]] | None = None,
) -> StackProduct:
    """Geocode the results of a stack and package them: maps, cube, STAC collection, settings for MintPy.

    Parameters
    ----------
    scenes : list of StackDate
        The dates as they were found.
    pairs : list of StackPair
        All pairs.
    reference : str
        The date that has the common geometry.
    relative_orbit : int
        Track.
    direction, polarization : str
        ``ASCENDING`` or ``DESCENDING``; ``VV`` or ``HH``.
    geometry, checked, inverted : Path
        Folders of these steps.
    terms : list of str
        The fitted terms.
    dem, water_mask : Path
        GeoTIFFs in degrees.
    geocode_dem : Path
        ISCE2 raster of the heights to whose grid results are geocoded.
    looks : str
        ``RANGExAZIMUTH``.
    weights : bool
        Whether pairs were weighted by their coherence.
    second_pass : dict, optional
        The looks that took the phase of the second pass, as `timeseries.invert` returns them.
    grid : dict, optional
    grid_like : Path, optional
        Choice of the map grid, as for other products.
    products : list of list of Path, optional
        Products of the pairs in groups, which become part of the folder.
    """
    from isce2_recipe.products.grid_choice import GridChoice
    from isce2_recipe.products.rasters import without_place
    from isce2_recipe.sources.base import traits_of
    from isce2_recipe.stack.mapping import StackFolders
    from isce2_recipe.stack.package import CUBE, StackFacts, package_stack

    choice = GridChoice.of(grid, grid_like)
    facts = StackFacts(
        granules={scene.date: scene.granules for scene in scenes}, pairs=tuple(pairs),
        reference_date=reference, relative_orbit=relative_orbit, direction=direction,
        polarization=polarization, looks=Looks.parse(looks), terms=tuple(terms),
        processing={"weights": weights, "grid": choice.changes()} | simulation(ctx),
        second_pass=second_pass or {}, source=ctx.source.name, engine=_ENGINE,
        simulated=not traits_of(ctx.source).observed,
    )  # fmt: skip
    folders = StackFolders(geometry, checked, inverted, geocode_dem, dem, water_mask)
    with without_place():
        directory = package_stack(
            ctx.out, facts, folders, choice, [one for group in products or () for one in group],
            template_text(ctx.templates, name=STACK_README),
            progress=ctx.progress, cpus=ctx.cpus,
        )  # fmt: skip
    ctx.log.info("packaged %s", facts.name)
    files = [directory / f"{facts.name}_{ending}" for ending in (CUBE, "velocity.tif")]
    return StackProduct(facts.name, directory, *files)
