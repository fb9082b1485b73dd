"""The product of merged burst products."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe import __version__
from isce2_recipe.inputs import InputFile
from isce2_recipe.paths import MERGED
from isce2_recipe.products.agreement import WAVELENGTH_M
from isce2_recipe.products.burst_products import BurstProduct
from isce2_recipe.products.facts import SENTINEL1, Facts, Processing
from isce2_recipe.products.grid_choice import COMMON, GridChoice
from isce2_recipe.products.insar import InsarProduct, Wanted, assemble
from isce2_recipe.products.layers import layer_sources
from isce2_recipe.sar.annotation import platform_on

_ENGINE = f"builtin {__version__}"
"""Merging is the builtin engine's, whatever made the products."""


@dataclass(frozen=True, slots=True)
class MergedIngredients:
    """What a merged product is made of.

    Attributes
    ----------
    folder : Path
        Holds ``merged`` with the geocoded files.
    products : tuple of BurstProduct
        By swath and time.
    relative_orbit : int
        Track.
    dem, water_mask : Path
        GeoTIFFs in degrees.
    processing : Processing
        How it was made.
    source : str
        Where terrain and water came from.
    readme : str
        Template of the README.
    grid : GridChoice
        Pixels of the map.
    inputs : tuple of InputFile
        What it was made of.
    record : mapping, optional
        What makes the run again, as JSON.
    """

    folder: Path
    products: tuple[BurstProduct, ...]
    relative_orbit: int
    dem: Path
    water_mask: Path
    processing: Processing
    source: str
    readme: str
    grid: GridChoice = COMMON
    inputs: tuple[InputFile, ...] = ()
    record: Mapping[str, Any] | None = None


def make_merged_product(
    name: str,
    out: Path,
    ingredients: MergedIngredients,
    *,
    threads: int,
    progress: Callable[[float, str], None],
) -> InsarProduct:
    """Make the product ``NAME`` in the folder ``out``.

    Raises
    ------
    InputError
        If one of the ingredients is missing or does not fit the others.
    """
    products = ingredients.products
    sources = layer_sources(ingredients.folder / MERGED, ingredients.dem, ingredients.water_mask)
    bursts = [(product.reference.relative_burst, product.reference.swath) for product in products]
    wanted = Wanted(merged_facts(ingredients), ingredients.grid, bursts, len(products), ingredients.readme)
    return assemble(name, out, sources, wanted, threads=threads, progress=progress)


def merged_facts(ingredients: MergedIngredients) -> Facts:
    """Those of the first product but for what merging changed; the far range is that of the whole image.

    The first is the lowest swath's earliest, as everywhere.
    """
    products = ingredients.products
    first, told = products[0], products[0].parameters
    near = min(product.near_range_m for product in products)
    far = max(float(product.parameters["Slant range far"]) for product in products)
    platform = platform_on(ingredients.relative_orbit, int(told["Reference Orbit Number"]))
    return Facts(
        mission=SENTINEL1,
        platform=f"sentinel-{platform[1:].lower()}" if platform else "",
        mode="IW",
        polarization=first.reference.polarization,
        direction=told["Reference Pass Direction"],
        relative_orbit=ingredients.relative_orbit,
        reference_orbit=int(told["Reference Orbit Number"]),
        secondary_orbit=int(told["Secondary Orbit Number"]),
        reference_start=first.start,
        secondary_start=first.secondary.start,
        time_of_day_s=float(told["UTC time"]),
        wavelength_m=WAVELENGTH_M,
        baseline_m=float(told["Baseline"]),
        heading_deg=float(told["Heading"]),
        height_m=float(told["Spacecraft height"]),
        earth_radius_m=float(told["Earth radius at nadir"]),
        near_range_m=near,
        center_range_m=(near + far) / 2,
        far_range_m=far,
        reference=tuple(str(product.reference) for product in products),
        secondary=tuple(str(product.secondary) for product in products),
        processing=ingredients.processing,
        engine=_ENGINE,
        source=ingredients.source,
        inputs=ingredients.inputs,
        record=ingredients.record,
    )
