"""The interferometric product: everything in its folder, and the folder's archive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe.inputs import InputFile
from isce2_recipe.paths import MERGED, TOPS_PROC
from isce2_recipe.products import parameter_file
from isce2_recipe.products.archive import write_zip
from isce2_recipe.products.facts import SENTINEL1, Facts, Processing, tags
from isce2_recipe.products.grid_choice import COMMON, GridChoice, map_grid
from isce2_recipe.products.layers import LAYERS, LayerSources, layer_sources, write_layers
from isce2_recipe.products.radar import radar_window, write_radar_layers
from isce2_recipe.products.side_files import write_side_files
from isce2_recipe.progress import partly
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
    inputs : tuple of InputFile
        What the source delivered.
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
    inputs: tuple[InputFile, ...] = ()
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
    """What decides over a product beside its sources.

    Attributes
    ----------
    facts : Facts
        What it is of and how it came to be.
    grid : GridChoice
        Pixels of the map.
    bursts : sequence of (number, swath)
        ESA's numbers of what it is made of.
    counted : int or str
        How many bursts its readers are told of; ``all`` for whole SLCs.
    readme : str
        Template of the README.
    """

    facts: Facts
    grid: GridChoice
    bursts: Sequence[tuple[int, int]]
    counted: int | str
    readme: str


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
    sources = layer_sources(ingredients.folder / MERGED, ingredients.dem, ingredients.water_mask)
    bursts = ingredients.reference_bursts
    wanted = Wanted(
        _facts(ingredients),
        ingredients.grid,
        [(number_of(burst), burst.swath) for burst in bursts],
        len(bursts) if ingredients.radar_layers else "all",
        ingredients.readme,
    )
    return assemble(
        name,
        out,
        sources,
        wanted,
        threads=threads,
        progress=progress,
        write_more=lambda prefix: _write_radar(prefix, ingredients, tags(name, wanted.facts)),
    )


def assemble(
    name: str,
    out: Path,
    sources: LayerSources,
    wanted: Wanted,
    *,
    threads: int,
    progress: Callable[[float, str], None],
    write_more: Callable[[Path], Mapping[str, object]] = lambda _: {},
) -> InsarProduct:
    """Layers, texts, pictures and archive of the product ``NAME`` in the folder ``out``.

    Parameters
    ----------
    write_more : callable
        Writes whatever else belongs into the product, given the path that its files' names begin with, and
        returns what the parameter file tells of it.
    """
    directory = out / name
    directory.mkdir()
    prefix = directory / name
    processing = wanted.facts.processing
    grid = map_grid(wanted.grid, processing.looks.pixel_m, sources.unwrapped.bounds, wanted.bursts)
    layers = write_layers(
        sources,
        grid,
        prefix,
        mask_water=processing.water_masked,
        tags=tags(name, wanted.facts),
        threads=threads,
        progress=partly(progress, 0.0, 0.7),
    )
    progress(0.7, "side files")
    more = write_more(prefix)
    shown = {
        "bursts": wanted.counted,
        "projection": grid.title,
        "layers": {layer.name: layer.store for layer in LAYERS},
        "sublooks": prefix.with_name(f"{name}_sublooks_rdr.tif").is_file(),
    }
    write_side_files(prefix, grid, wanted.facts, readme=wanted.readme, shown=shown, more=more)
    return InsarProduct(directory, write_zip(directory, partly(progress, 0.9, 1.0)), layers)


def _first(bursts: Sequence[BurstGeometry]) -> BurstGeometry:
    """The earliest burst of the lowest swath."""
    return min(bursts, key=lambda burst: (burst.swath, burst.start))


def _facts(ingredients: Ingredients) -> Facts:
    first, other = _first(ingredients.reference_bursts), _first(ingredients.secondary_bursts)
    return Facts(
        mission=SENTINEL1,
        platform=f"sentinel-{first.platform[1:].lower()}",
        mode="IW",
        polarization=first.polarization,
        direction=first.direction.upper(),
        relative_orbit=first.relative_orbit,
        reference_orbit=first.absolute_orbit,
        secondary_orbit=other.absolute_orbit,
        reference_start=first.start,
        secondary_start=other.start,
        time_of_day_s=parameter_file.seconds_of_day(first.start),
        wavelength_m=first.wavelength_m,
        baseline_m=parameter_file.perpendicular_baseline_m(ingredients.folder / TOPS_PROC),
        heading_deg=first.heading_deg,
        height_m=parameter_file.SPACECRAFT_HEIGHT_M,
        earth_radius_m=parameter_file.EARTH_RADIUS_M,
        near_range_m=first.near_range_m,
        center_range_m=(first.near_range_m + first.far_range_m) / 2,
        far_range_m=first.far_range_m,
        reference=ingredients.reference,
        secondary=ingredients.secondary,
        processing=ingredients.processing,
        engine=ingredients.engine,
        source=ingredients.source,
        inputs=ingredients.inputs,
        record=ingredients.record,
    )


def _write_radar(prefix: Path, ingredients: Ingredients, marks: Mapping[str, str]) -> Mapping[str, object]:
    """Radar-geometry layers, of single bursts only, and what the parameter file tells of them."""
    if len(ingredients.reference_bursts) != 1 or not ingredients.radar_layers:
        return {}
    burst = ingredients.reference_bursts[0]
    looks = ingredients.processing.looks
    window = radar_window(ingredients.folder, burst, looks)
    write_radar_layers(ingredients.folder, burst, looks, window, prefix, marks)
    return parameter_file.radar_pairs(window)
