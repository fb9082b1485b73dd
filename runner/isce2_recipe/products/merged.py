"""The product of merged burst products."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from isce2_recipe import __version__
from isce2_recipe.paths import MERGED
from isce2_recipe.products import parameter_file
from isce2_recipe.products.agreement import WAVELENGTH_M
from isce2_recipe.products.burst_products import BurstProduct
from isce2_recipe.products.grid import MapGrid
from isce2_recipe.products.grid_choice import COMMON, GridChoice
from isce2_recipe.products.insar import InsarProduct, Wanted, assemble
from isce2_recipe.products.layers import LAYERS, layer_sources
from isce2_recipe.products.parameter_file import Processing
from isce2_recipe.products.readme import write_readme
from isce2_recipe.products.stac import Acquisition

_RADAR_KEYS = ("Radar ", "Multilook ")


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
    record: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the README says of the acquisition."""

    direction: str
    relative_orbit: int
    polarization: str
    wavelength_m: float
    start: datetime


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

    def write_texts(prefix: Path, grid: MapGrid) -> None:
        parameter_file.write(prefix.with_name(f"{name}.txt"), merged_lines(ingredients))
        readme = prefix.with_name(f"{name}_README.md.txt")
        write_readme(readme, ingredients.readme, _readme_values(name, grid, ingredients))

    sources = layer_sources(ingredients.folder / MERGED, ingredients.dem, ingredients.water_mask)
    tags = {
        "PRODUCT": name,
        "SOFTWARE": f"isce2-recipe {__version__}",
        "ENGINE": "merge",
        "INPUTS": " ".join(product.name for product in ingredients.products),
        "REFERENCE": " ".join(str(product.reference) for product in ingredients.products),
        "SECONDARY": " ".join(str(product.secondary) for product in ingredients.products),
    }
    bursts = [(product.reference.relative_burst, product.reference.swath) for product in ingredients.products]
    wanted = Wanted(
        ingredients.processing, ingredients.grid, bursts, _acquisition(ingredients), ingredients.record
    )
    return assemble(name, out, sources, wanted, tags, write_texts, threads, progress)


def _acquisition(ingredients: MergedIngredients) -> Acquisition:
    values = dict(merged_lines(ingredients))
    first = ingredients.products[0]
    return Acquisition(
        platform="",
        polarization=first.reference.polarization,
        relative_orbit=ingredients.relative_orbit,
        absolute_orbit=int(values["Reference Orbit Number"]),
        direction=values["Reference Pass Direction"],
        reference_start=min(product.reference.start for product in ingredients.products),
        secondary_start=min(product.secondary.start for product in ingredients.products),
        baseline_m=float(values["Baseline"]),
        mid_range_m=float(values["Slant range center"]),
        heading_deg=float(values["Heading"]),
        reference=[str(product.reference) for product in ingredients.products],
        secondary=[str(product.secondary) for product in ingredients.products],
        engine="isce2-recipe",
        source=ingredients.source,
    )


def merged_lines(ingredients: MergedIngredients) -> list[tuple[str, str]]:
    """Keys and values of the parameter file: those of the first product but for what merging changed.

    The first is the lowest swath's earliest, as everywhere; the far range is that of the whole image.
    """
    products, processing = ingredients.products, ingredients.processing
    values = dict(products[0].parameters)
    near = min(product.near_range_m for product in products)
    far = max(float(product.parameters.get("Slant range far", "nan")) for product in products)
    changed = {
        "Reference Granule": _list([product.reference for product in products]),
        "Secondary Granule": _list([product.secondary for product in products]),
        "Slant range near": near,
        "Slant range center": (near + far) / 2,
        "Slant range far": far,
        "INSAR phase filter": "yes" if processing.filter_strength > 0 else "no",
        "Phase filter parameter": processing.filter_strength,
        "Unwrapping type": processing.unwrapper,
        "Water mask": "yes" if processing.water_masked else "no",
    }
    kept = {key: text for key, text in values.items() if key and not key.startswith(_RADAR_KEYS)}
    return [(key, str(changed.get(key, text))) for key, text in kept.items()]


def _list(names: Sequence[object]) -> str:
    return ", ".join(map(str, names))


def _readme_values(name: str, grid: MapGrid, ingredients: MergedIngredients) -> dict[str, object]:
    first = ingredients.products[0]
    return {
        "name": name,
        "version": __version__,
        "engine": "merge of burst products",
        "source": ingredients.source,
        "reference": tuple(str(product.reference) for product in ingredients.products),
        "secondary": tuple(str(product.secondary) for product in ingredients.products),
        "first": _Scene(
            first.parameters.get("Reference Pass Direction", ""),
            ingredients.relative_orbit,
            first.reference.polarization,
            WAVELENGTH_M,
            first.reference.start,
        ),
        "bursts": len(ingredients.products),
        "projection": grid.title,
        "grid": grid,
        "processing": ingredients.processing,
        "layers": {layer.name: layer.store for layer in LAYERS},
    }
