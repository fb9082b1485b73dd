"""Actions for Sentinel-1 SLCs: check and find a pair, fetch the parts that are needed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe.actions.base import Context, action, names_from
from isce2_recipe.actions.product import how_made, make, packaging, simulation
from isce2_recipe.errors import InputError
from isce2_recipe.inputs import describe_files, write_inputs
from isce2_recipe.paths import INPUTS, TOPS_PROC
from isce2_recipe.products.package import Product, describe_inputs, template_text
from isce2_recipe.progress import partly
from isce2_recipe.sentinel1 import pairs
from isce2_recipe.sources.base import SlcRecord, check_two_passes, common_bounds
from isce2_recipe.sources.catalog import read_catalog, write_catalog
from isce2_recipe.types import Bounds, Looks, SlcName


@dataclass(frozen=True, slots=True)
class SlcPairNames:
    """The names of two SLCs that can be processed.

    Attributes
    ----------
    reference, secondary : str
        Granule names.
    polarization : str
        ``VV`` or ``HH``.
    swaths : list of int
        Numbers of the requested swaths, ascending.
    """

    reference: str
    secondary: str
    polarization: str
    swaths: list[int]


def _pair(inputs: Mapping[str, Any]) -> SlcPairNames:
    pair = pairs.check_slc_pair(
        inputs["reference"],
        inputs["secondary"],
        inputs["polarization"],
        inputs["swaths"],
        any_order=inputs.get("any_order", False),
    )
    return SlcPairNames(str(pair.reference), str(pair.secondary), pair.polarization, list(pair.swaths))


@action("slc.check_pair", version=1, check=_pair, foresee=_pair)
def check_pair(
    ctx: Context,
    *,
    reference: str,
    secondary: str,
    polarization: str,
    swaths: list[int],
    any_order: bool = False,
) -> SlcPairNames:
    """Check that two SLC names are a pair that can be processed, in a polarization that both have."""
    inputs = {"reference": reference, "secondary": secondary, "polarization": polarization}
    pair = _pair({**inputs, "swaths": swaths, "any_order": any_order})
    ctx.log.info("%s and %s, %s", pair.reference, pair.secondary, pair.polarization)
    return pair


_granules = names_from("slc", "reference", "secondary", "granule")


@dataclass(frozen=True, slots=True)
class SlcScenes:
    """The catalogue's facts of an SLC pair.

    Attributes
    ----------
    catalog : Path
        JSON list of SLC records, the reference first.
    bounds : list of float
        Bounds of the area that both show: west, south, east, north, degrees.
    reference_bounds : list of float
        Bounds of the reference.
    relative_orbit : int
        Track, 1 to 175.
    direction : str
        ``ASCENDING`` or ``DESCENDING``.
    """

    catalog: Path
    bounds: list[float]
    reference_bounds: list[float]
    relative_orbit: int
    direction: str


@action("slc.find", version=1, uses=("source.slcs",), takes=_granules)
def find(ctx: Context, *, reference: str, secondary: str) -> SlcScenes:
    """Find two SLCs in the source's catalogue and check that they overlap."""
    records = ctx.source.find_slcs([SlcName.parse(reference), SlcName.parse(secondary)], ctx.log)
    check_two_passes(records[:1], records[1:])
    first, second = records
    return SlcScenes(
        write_catalog(records, ctx.out / "slcs.json"),
        list(common_bounds(first, second, "SLCs")),
        list(first.bounds),
        first.relative_orbit,
        first.direction,
    )


@dataclass(frozen=True, slots=True)
class SlcSafe:
    """The SAFE folder of an SLC.

    Attributes
    ----------
    safe : Path
        Folder with the manifest, and with annotation and measurement of the requested swaths.
    inputs : Path
        Names, sizes and checksums of its files.
    notes : list of str
        A sentence about requested swaths that the SLC does not have, if there are any.
    """

    safe: Path
    inputs: Path
    notes: list[str]


@action("slc.fetch", version=3, uses=("source.slcs",), takes=_granules)
def fetch(ctx: Context, *, catalog: Path, granule: str, polarization: str, swaths: list[int]) -> SlcSafe:
    """Fetch an SLC and keep the requested swaths in one polarization; those without a burst are left out."""
    from isce2_recipe.sentinel1.archive import unpack_slc

    records = read_catalog(catalog, SlcRecord)
    if granule not in records:
        raise InputError(f"{granule} is not in the catalogue", hint="run the search again")
    downloads = ctx.out / "download"
    downloads.mkdir()
    found = ctx.source.fetch_slc(
        records[granule],
        polarization,
        swaths,
        downloads,
        ctx.log,
        partly(ctx.progress, 0.0, 0.8),
    )
    safe, note = unpack_slc(
        found,
        SlcName.parse(granule),
        polarization,
        swaths,
        ctx.out,
        partly(ctx.progress, 0.8, 1.0),
    )
    shutil.rmtree(downloads)
    if note:
        ctx.log.warning(note)
    inputs = write_inputs(ctx.out / INPUTS, describe_files("slc", [safe], granule))
    return SlcSafe(safe, inputs, [note] if note else [])


@packaging("slc.package", version=5, uses=("source", "engine"))
def package(
    ctx: Context,
    *,
    folder: Path,
    reference: str,
    secondary: str,
    reference_safe: Path,
    secondary_safe: Path,
    bounds: list[float],
    dem: Path,
    water_mask: Path,
    looks: str,
    apply_water_mask: bool,
    filter_strength: float,
    unwrapper: str,
    grid: dict[str, Any] | None = None,
    grid_like: Path | None = None,
    granules: list[Path] | None = None,
    orbits: list[Path] | None = None,
    record: dict[str, Any] | None = None,
    name_style: str = "multi_burst",
) -> Product:
    """Package the interferogram of two SLCs as a geocoded product.

    Parameters
    ----------
    folder : Path
        topsApp's folder after its step ``geocode``.
    reference_safe, secondary_safe : Path
        SAFE folders from `fetch`; their swaths are those of the product.
    bounds : list of float
        West, south, east, north of the reference, degrees, for legacy names.
    granules : list of Path, optional
        Records that the steps which fetched the granules wrote of their files.
    name_style : str
        ``multi_burst`` for a name that MintPy reads, ``legacy`` for HyP3's older name of such products.
    """
    from isce2_recipe.products import names
    from isce2_recipe.products.facts import Processing
    from isce2_recipe.products.grid_choice import GridChoice
    from isce2_recipe.products.parameter_file import perpendicular_baseline_m
    from isce2_recipe.products.sentinel1_products import burst_facts, corrections, tops_request
    from isce2_recipe.sentinel1.archive import burst_name, common_bursts

    processing = Processing(Looks.parse(looks), filter_strength, unwrapper, apply_water_mask)
    choice = GridChoice.of(grid, grid_like)
    sides = common_bursts(reference_safe, secondary_safe)
    first = sides[0][0]
    made_of = {
        "reference": reference,
        "secondary": secondary,
        "swaths": sorted({burst.swath for burst in sides[0]}),
        "polarization": first.polarization,
        "looks": str(processing.looks),
    } | simulation(ctx)
    first_bursts, second_bursts = ([burst_name(burst) for burst in side] for side in sides)
    starts = SlcName.parse(reference).start, SlcName.parse(secondary).start
    id4 = names.product_id(made_of, processing, choice.changes() | corrections(folder))
    track = min(sides[0], key=lambda burst: burst.start).relative_orbit
    parts = names.NameParts(first_bursts, second_bursts, processing.looks, track, id4, starts)
    name = names.multi_burst_name(parts)
    if name_style == "legacy":
        name = names.legacy_slc_name(parts, first.platform, Bounds(*bounds))
    inputs = describe_inputs(granules, orbits=orbits, dem=[dem], water_mask=[water_mask])
    made = how_made(ctx, processing, inputs, record)
    baseline_m = perpendicular_baseline_m(folder / TOPS_PROC)
    facts = burst_facts(baseline_m, [reference], [secondary], sides, made, starts)
    files = folder, dem, water_mask, template_text(ctx.templates)
    numbers = [(burst.relative_burst, burst.swath) for burst in first_bursts]
    return make(ctx, tops_request(name, "slc", facts, files, choice, numbers))
