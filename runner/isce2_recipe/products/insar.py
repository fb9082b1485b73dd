"""The interferometric product: everything in its folder, and the folder's archive."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe import __version__
from isce2_recipe.paths import MERGED, PRODUCT_RECORD, TOPS_PROC
from isce2_recipe.products import parameter_file
from isce2_recipe.products.archive import write_zip
from isce2_recipe.products.browse import write_browse, write_overlays
from isce2_recipe.products.grid import MapGrid
from isce2_recipe.products.grid_choice import COMMON, GridChoice, map_grid
from isce2_recipe.products.layers import LAYERS, LayerSources, layer_sources, write_layers
from isce2_recipe.products.names import pixel_size_m
from isce2_recipe.products.parameter_file import Processing
from isce2_recipe.products.radar import radar_window, write_radar_layers
from isce2_recipe.products.readme import write_readme
from isce2_recipe.products.stac import Acquisition, write_item
from isce2_recipe.sar.annotation import BurstGeometry
from isce2_recipe.sentinel1.slc_bursts import number_of


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What an interferogram's product is made of.

    Attributes
    ----------
    folder : Path
        ISCE2's, after ``geocode``.
    dem, water_mask : Path
        GeoTIFFs in degrees: metres above the ellipsoid; 1 land, 0 water.
    reference, secondary : tuple of str
        Granule names.
    reference_bursts, secondary_bursts : tuple of BurstGeometry
        Of the same granules.
    processing : Processing
        How it was made.
    engine : str
        Name and version of what computed it.
    source : str
        Where the inputs came from.
    readme : str
        Template of the README.
    radar_layers : bool
        Whether a product of one burst carries layers in radar geometry, from which bursts are merged.
    grid : GridChoice
        Pixels of the map.
    record : mapping, optional
        What makes the run again, as JSON.
    """

    folder: Path
    dem: Path
    water_mask: Path
    reference: tuple[str, ...]
    secondary: tuple[str, ...]
    reference_bursts: tuple[BurstGeometry, ...]
    secondary_bursts: tuple[BurstGeometry, ...]
    processing: Processing
    engine: str
    source: str
    readme: str
    radar_layers: bool = True
    grid: GridChoice = COMMON
    record: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class InsarProduct:
    """A finished product.

    Attributes
    ----------
    directory, zip : Path
        Folder ``NAME/`` and archive ``NAME.zip`` beside it.
    layers : dict of Path
        GeoTIFFs by layer name.
    """

    directory: Path
    zip: Path
    layers: dict[str, Path]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What decides over the layers beside their sources.

    Attributes
    ----------
    processing : Processing
        How the interferogram was made.
    grid : GridChoice
        Pixels of the map.
    bursts : sequence of (number, swath)
        ESA's numbers of what it is made of.
    acquisition : Acquisition
        What catalogues are told.
    record : mapping, optional
        What makes the run again, as JSON.
    """

    processing: Processing
    grid: GridChoice
    bursts: Sequence[tuple[int, int]]
    acquisition: Acquisition
    record: Mapping[str, Any] | None = None


def make_product(
    name: str,
    out: Path,
    ingredients: Ingredients,
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
        radar = _write_radar(prefix, ingredients)
        _write_parameters(prefix, ingredients, radar)
        readme = prefix.with_name(f"{name}_README.md.txt")
        write_readme(readme, ingredients.readme, _readme_values(name, grid, ingredients))

    sources = layer_sources(ingredients.folder / MERGED, ingredients.dem, ingredients.water_mask)
    tags = _tags(name, ingredients)
    bursts = [(number_of(burst), burst.swath) for burst in ingredients.reference_bursts]
    wanted = Wanted(
        ingredients.processing, ingredients.grid, bursts, _acquisition(ingredients), ingredients.record
    )
    return assemble(name, out, sources, wanted, tags, write_texts, threads, progress)


def assemble(
    name: str,
    out: Path,
    sources: LayerSources,
    wanted: Wanted,
    tags: Mapping[str, str],
    write_texts: Callable[[Path, MapGrid], None],
    threads: int,
    progress: Callable[[float, str], None],
) -> InsarProduct:
    """Layers, texts, pictures and archive of the product ``NAME`` in the folder ``out``.

    Parameters
    ----------
    tags : mapping
        Metadata that every layer carries.
    write_texts : callable
        Writes whatever else belongs into the product, given the path that its files' names begin with and
        the layers' grid.
    """
    directory = out / name
    directory.mkdir()
    prefix = directory / name
    processing = wanted.processing
    grid = map_grid(wanted.grid, pixel_size_m(processing.looks), sources.unwrapped.bounds, wanted.bursts)
    layers = write_layers(
        sources,
        grid,
        prefix,
        mask_water=processing.water_masked,
        tags=tags,
        threads=threads,
        progress=lambda fraction, text: progress(0.7 * fraction, text),
    )
    progress(0.7, "side files")
    write_texts(prefix, grid)
    write_browse(layers["unw_phase"], prefix)
    write_overlays(layers["amp"], layers["wrapped_phase"], prefix)
    if wanted.record is not None:
        _write_record(prefix, wanted.record)
    write_item(prefix, grid, wanted.acquisition, processing)
    progress(0.9, "archive")
    return InsarProduct(directory, write_zip(directory), layers)


def _write_record(prefix: Path, record: Mapping[str, Any]) -> None:
    """What ``isce2-recipe rerun`` reads."""
    told = {"isce2_recipe": __version__, **record}
    path = prefix.with_name(f"{prefix.name}{PRODUCT_RECORD}")
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _acquisition(ingredients: Ingredients) -> Acquisition:
    first = parameter_file.first_burst(ingredients.reference_bursts)
    other = parameter_file.first_burst(ingredients.secondary_bursts)
    return Acquisition(
        platform=first.platform,
        polarization=first.polarization,
        relative_orbit=first.relative_orbit,
        absolute_orbit=first.absolute_orbit,
        direction=first.direction,
        reference_start=first.start,
        secondary_start=other.start,
        baseline_m=parameter_file.perpendicular_baseline_m(ingredients.folder / TOPS_PROC),
        mid_range_m=(first.near_range_m + first.far_range_m) / 2,
        heading_deg=first.heading_deg,
        reference=ingredients.reference,
        secondary=ingredients.secondary,
        engine=ingredients.engine,
        source=ingredients.source,
    )


def _tags(name: str, ingredients: Ingredients) -> dict[str, str]:
    return {
        "PRODUCT": name,
        "SOFTWARE": f"isce2-recipe {__version__}",
        "ENGINE": ingredients.engine,
        "INPUTS": ingredients.source,
        "REFERENCE": " ".join(ingredients.reference),
        "SECONDARY": " ".join(ingredients.secondary),
    }


def _write_radar(prefix: Path, ingredients: Ingredients) -> parameter_file.RadarWindow | None:
    """Radar-geometry layers, of single bursts only."""
    if len(ingredients.reference_bursts) != 1 or not ingredients.radar_layers:
        return None
    burst = ingredients.reference_bursts[0]
    looks = ingredients.processing.looks
    window = radar_window(ingredients.folder, burst, looks)
    write_radar_layers(ingredients.folder, burst, looks, window, prefix)
    return window


def _write_parameters(
    prefix: Path, ingredients: Ingredients, radar: parameter_file.RadarWindow | None
) -> None:
    pairs = parameter_file.lines(
        reference=ingredients.reference,
        secondary=ingredients.secondary,
        reference_bursts=ingredients.reference_bursts,
        secondary_bursts=ingredients.secondary_bursts,
        baseline_m=parameter_file.perpendicular_baseline_m(ingredients.folder / TOPS_PROC),
        processing=ingredients.processing,
        radar=radar,
    )
    parameter_file.write(prefix.with_name(f"{prefix.name}.txt"), pairs)


def _readme_values(name: str, grid: MapGrid, ingredients: Ingredients) -> dict[str, object]:
    first = parameter_file.first_burst(ingredients.reference_bursts)
    return {
        "name": name,
        "version": __version__,
        "engine": ingredients.engine,
        "source": ingredients.source,
        "reference": ingredients.reference,
        "secondary": ingredients.secondary,
        "first": first,
        "bursts": len(ingredients.reference_bursts) if ingredients.radar_layers else "all",
        "projection": grid.title,
        "grid": grid,
        "processing": ingredients.processing,
        "layers": {layer.name: layer.store for layer in LAYERS},
    }
