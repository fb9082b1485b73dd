"""Products that users take home."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from isce2_recipe.actions.base import Context, action, nothing
from isce2_recipe.errors import InputError
from isce2_recipe.products.package import Product, texts, went_in
from isce2_recipe.types import Bounds, BurstName, Looks


@action("product.insar_tops", version=2, uses=("source", "engine"), fingerprint=texts, takes=nothing)
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
    """Geocoded product of a TOPS interferogram, with the files and names of HyP3's burst products.

    Parameters
    ----------
    folder : Path
        ISCE2's folder after its step ``geocode``.
    reference, secondary : list of str
        Burst granules of the older and the newer pass.
    reference_safes, secondary_safes : list of Path
        SAFE folders of the same bursts; their annotation tells orbit, time and ranges.
    dem, water_mask : Path
        GeoTIFFs in degrees: metres above the ellipsoid; 1 land, 0 water.
    looks : str
        ``RANGExAZIMUTH``.
    apply_water_mask : bool
        Whether water was left out before unwrapping; the unwrapped phase then has no data there.
    filter_strength : float
        Exponent of the Goldstein filter.
    unwrapper : str
        ISCE2's name of the unwrapper.
    grid : dict, optional
        Which pixels: any of ``extent`` (common or data), ``bounds``, ``crs`` and ``pixel``; see `GridChoice`.
    grid_like : Path, optional
        A raster whose pixels to take instead.
    granules : list of Path, optional
        What the steps that fetched them noted of the granules' files.
    orbits : list of Path, optional
        Orbit files.
    record : dict, optional
        What makes the run again, ``run.record``; the product carries it along.
    parameters : dict, optional
        Whatever else tells this run from others; decides over the ID in the name together with the above.
    name_style : str
        What HyP3 called such a product: ``auto`` for one pair by its burst and for more by burst numbers,
        ``multi_burst`` always by burst numbers, ``legacy`` for more by ``bounds``.
    bounds : list of float, optional
        West, south, east, north of the reference, degrees; for legacy names of several bursts.

    Raises
    ------
    InputError
        If a file is missing or does not fit the others.
    """
    from isce2_recipe.products.facts import Processing
    from isce2_recipe.products.grid_choice import GridChoice
    from isce2_recipe.products.insar import Ingredients, make_product
    from isce2_recipe.products.names import identifier
    from isce2_recipe.products.readme import template_text

    window = Looks.parse(looks)
    choice = GridChoice.of(grid, grid_like)
    processing = Processing(window, filter_strength, unwrapper, apply_water_mask)
    ingredients = Ingredients(
        folder=folder,
        dem=dem,
        water_mask=water_mask,
        reference=tuple(reference),
        secondary=tuple(secondary),
        reference_bursts=_bursts(reference_safes),
        secondary_bursts=_bursts(secondary_safes),
        processing=processing,
        engine=f"{ctx.engine.name} {ctx.engine.version()}",
        source=ctx.source.name,
        readme=template_text(ctx.templates),
        grid=choice,
        inputs=went_in(granules, orbits=orbits, dem=[dem], water_mask=[water_mask]),
        record=record,
    )
    id4 = identifier(
        {
            "reference": sorted(reference),
            "secondary": sorted(secondary),
            "looks": str(window),
            "apply_water_mask": apply_water_mask,
            "filter_strength": filter_strength,
            "unwrapper": unwrapper,
            "parameters": choice.told() | (parameters or {}),
        }
    )
    first = ingredients.reference_bursts[0]
    naming = _naming(name_style, len(reference), first.platform, bounds)
    name = naming(
        [BurstName.parse(text) for text in reference],
        [BurstName.parse(text) for text in secondary],
        looks=window,
        relative_orbit=first.relative_orbit,
        id4=id4,
    )
    ctx.log.info("packaging %s", name)
    made = make_product(name, ctx.out, ingredients, threads=ctx.cpus, progress=ctx.progress)
    browse = made.directory / f"{name}_unw_phase.png"
    return Product(name, made.directory, made.zip, made.layers, browse)


def _naming(style: str, count: int, platform: str, bounds: list[float] | None) -> Callable[..., str]:
    """How a product of so many pairs of bursts gets its name."""
    from isce2_recipe.products import names

    if style == "multi_burst":
        return names.multi_burst_name
    if style == "legacy" and count > 1 and bounds is not None:
        return partial(names.legacy_slc_name, platform=platform, bounds=Bounds(*bounds))
    return names.burst_product_name


def _bursts(safes: list[Path]) -> tuple[Any, ...]:
    """All bursts of some SAFE folders."""
    from isce2_recipe.sar.annotation import read_annotation

    files = sorted((file for safe in safes for file in safe.glob("annotation/*.xml")), key=lambda f: f.name)
    if not files:
        raise InputError(f"no annotation in {', '.join(map(str, safes)) or 'an empty list of SAFE folders'}")
    return tuple(burst for file in files for burst in read_annotation(file))
