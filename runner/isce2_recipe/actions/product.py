"""Products that users take home, and what all packaging actions share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from isce2_recipe.actions.base import Context, action, nothing
from isce2_recipe.errors import InputError
from isce2_recipe.paths import TOPS_PROC
from isce2_recipe.products.package import Product, describe_inputs, readme_fingerprint, template_text
from isce2_recipe.types import Bounds, BurstName, Looks

if TYPE_CHECKING:
    from isce2_recipe.inputs import InputFile
    from isce2_recipe.products.facts import HowMade, Processing
    from isce2_recipe.products.layer import ProductKind
    from isce2_recipe.products.making import ProductRequest
    from isce2_recipe.products.names import NameParts
    from isce2_recipe.sar.annotation import BurstGeometry


def check_grid(inputs: Mapping[str, Any]) -> None:
    """Check the choice of the map grid before a run."""
    from isce2_recipe.products import grid_check

    grid_check.check_grid(inputs)


packaging = partial(action, fingerprint=readme_fingerprint, takes=nothing, check=check_grid)
"""Makes a function an action that packages a product on a map grid of the user's choice."""


@packaging("product.insar_tops", version=7, uses=("source", "engine"))
def insar_tops(
    ctx: Context,
    *,
    folder: Path,
    reference: list[str],
    secondary: list[str],
    reference_safes: list[Path],
    secondary_safes: list[Path],
    dem: Path,
    water_mask: Path,
    looks: str,
    apply_water_mask: bool = False,
    filter_strength: float = 0.5,
    unwrapper: str = "snaphu_mcf",
    grid: dict[str, Any] | None = None,
    grid_like: Path | None = None,
    granules: list[Path] | None = None,
    orbits: list[Path] | None = None,
    record: dict[str, Any] | None = None,
    parameters: dict[str, Any] | None = None,
    name_style: Literal["auto", "multi_burst", "legacy"] = "auto",
    bounds: list[float] | None = None,
) -> Product:
    """Package the interferogram of some bursts as a geocoded product with HyP3's names and files.

    Parameters
    ----------
    folder : Path
        topsApp's folder after its step ``geocode``.
    reference, secondary : list of str
        Burst granules of the two passes.
    reference_safes, secondary_safes : list of Path
        SAFE folders of the same bursts, whose annotation has orbit, time and ranges.
    apply_water_mask : bool
        Whether water was masked before unwrapping; the unwrapped phase then has no data there.
    granules : list of Path, optional
        Records that the steps which fetched the granules wrote of their files.
    parameters : dict, optional
        Anything else in which this run differs from others; part of the ID in the name.
    name_style : str
        HyP3's pattern of the name: ``auto`` takes that of one burst for one pair and that of many bursts for
        more, ``multi_burst`` always that of many bursts, ``legacy`` that of ``bounds`` for many.
    bounds : list of float, optional
        West, south, east, north of the reference, degrees; for legacy names of several bursts.

    Raises
    ------
    InputError
        If a file is missing or does not fit the others.
    """
    from isce2_recipe.products.facts import Processing
    from isce2_recipe.products.grid_choice import GridChoice
    from isce2_recipe.products.names import NameParts, product_id
    from isce2_recipe.products.parameter_file import perpendicular_baseline_m
    from isce2_recipe.products.sentinel1_products import burst_facts, corrections, tops_request
    from isce2_recipe.sentinel1.archive import number_of

    processing = Processing(Looks.parse(looks), filter_strength, unwrapper, apply_water_mask)
    choice = GridChoice.of(grid, grid_like)
    sides = bursts_of(reference_safes), bursts_of(secondary_safes)
    first = sides[0][0]
    made_of = {"reference": sorted(reference), "secondary": sorted(secondary), "looks": str(processing.looks)}
    parts = NameParts(
        [BurstName.parse(text) for text in reference],
        [BurstName.parse(text) for text in secondary],
        processing.looks,
        min(sides[0], key=lambda burst: burst.start).relative_orbit,
        product_id(
            made_of | simulation(ctx),
            processing,
            {"parameters": choice.changes() | corrections(folder) | (parameters or {})},
        ),
    )
    name = _name(parts, name_style, first.platform, bounds)
    inputs = describe_inputs(granules, orbits=orbits, dem=[dem], water_mask=[water_mask])
    made = how_made(ctx, processing, inputs, record)
    baseline_m = perpendicular_baseline_m(folder / TOPS_PROC)
    facts = burst_facts(baseline_m, reference, secondary, sides, made, parts.began)
    single = first if len(sides[0]) == 1 else None
    files = folder, dem, water_mask, template_text(ctx.templates)
    numbers = [(number_of(burst), burst.swath) for burst in sides[0]]
    kind: ProductKind = "bursts" if single is None else "burst"
    return make(ctx, tops_request(name, kind, facts, files, choice, numbers, single))


def _name(parts: NameParts, style: str, platform: str, bounds: list[float] | None) -> str:
    """Return the name of a product in a style."""
    from isce2_recipe.products import names

    if style == "multi_burst":
        return names.multi_burst_name(parts)
    if style == "legacy" and len(parts.reference) > 1 and bounds is not None:
        return names.legacy_slc_name(parts, platform, Bounds(*bounds))
    return names.burst_product_name(parts)


def bursts_of(safes: list[Path]) -> tuple[BurstGeometry, ...]:
    """Return all bursts of some SAFE folders."""
    from isce2_recipe.sar.annotation import read_annotation

    files = sorted((file for safe in safes for file in safe.glob("annotation/*.xml")), key=lambda f: f.name)
    if not files:
        raise InputError(f"no annotation in {', '.join(map(str, safes)) or 'an empty list of SAFE folders'}")
    return tuple(burst for file in files for burst in read_annotation(file))


def simulation(ctx: Context) -> dict[str, str]:
    """Return what distinguishes products of one pair from different simulations; empty for real data.

    Observed granules are the same in every source, so that the source does not count.
    """
    from isce2_recipe.sources.base import traits_of

    return {} if traits_of(ctx.source).observed else {"source": ctx.source.fingerprint()}


def how_made(
    ctx: Context,
    processing: Processing,
    inputs: tuple[InputFile, ...],
    record: Mapping[str, Any] | None,
    engine: str | None = None,
) -> HowMade:
    """Return how a product is made in a step; by default with the run's engine."""
    from isce2_recipe.sources.base import traits_of

    traits = traits_of(ctx.source)
    return {
        "processing": processing,
        "engine": engine or f"{ctx.engine.name} {ctx.engine.version()}",
        "source": ctx.source.name,
        "simulated": not traits.observed,
        "terrain": traits.terrain or ctx.source.name,
        "inputs": inputs,
        "record": record,
    }


def make(ctx: Context, request: ProductRequest) -> Product:
    """Make a product in a step's folder."""
    from isce2_recipe.products.making import make_product

    ctx.log.info("packaging %s", request.name)
    return make_product(ctx.out, request, threads=ctx.cpus, progress=ctx.progress)
