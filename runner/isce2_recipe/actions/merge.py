"""Merging of burst products: check, merge in radar geometry, filter, geocode, package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isce2_recipe import __version__, paths
from isce2_recipe.actions.base import Context, action
from isce2_recipe.actions.product import how_made, make, packaging
from isce2_recipe.errors import InputError
from isce2_recipe.products.package import Product, describe_inputs, template_text
from isce2_recipe.types import Bounds, longitude_near

if TYPE_CHECKING:
    from isce2_recipe.engines.builtin.multilooked_bursts import MultilookedBurst
    from isce2_recipe.products.burst_products import BurstProduct
    from isce2_recipe.products.grid_choice import GridChoice


@dataclass(frozen=True, slots=True)
class Products:
    """Burst products that can be merged.

    Attributes
    ----------
    folders : list of Path
        Their folders, ordered by swath and time.
    reference, secondary : list of str
        Burst granules, in the order of the folders.
    looks : str
        ``RANGExAZIMUTH`` of all products.
    bounds : list of float
        West, south, east, north of all pixels, degrees.
    """

    folders: list[Path]
    reference: list[str]
    secondary: list[str]
    looks: str
    bounds: list[float]


@action("merge.read", version=1)
def read(
    ctx: Context, *, directory: Path, grid: dict[str, Any] | None = None, grid_like: Path | None = None
) -> Products:
    """Read the burst products in a folder and check that they make one interferogram.

    Parameters
    ----------
    directory : Path
        Folder with the unzipped products.

    Raises
    ------
    InputError
        If the products do not belong together, or the grid does not fit them.
    """
    from isce2_recipe.products.burst_products import check_mergeable, read_burst_products
    from isce2_recipe.products.grid_choice import GridChoice

    products = read_burst_products(directory)
    check_mergeable(products)
    for product in products:
        check_data(product)
        ctx.log.info("%s", product.name)
    box = bounds_of(products)
    _check_grid(ctx, products, box, GridChoice.of(grid, grid_like))
    return Products(
        [product.folder for product in products],
        [str(product.reference) for product in products],
        [str(product.secondary) for product in products],
        str(products[0].looks),
        list(box),
    )


def check_data(product: BurstProduct) -> None:
    """Refuse a product whose interferogram has no data."""
    from isce2_recipe.products.rasters import opened

    with opened(product.layer("wrapped_phase_rdr")) as dataset:
        if not (abs(dataset.read(1)) > 0).any():
            raise InputError(
                f"{product.name} has no data: all pixels of its interferogram are zero or not numbers",
                hint="make the product again, or merge the others without it",
            )


def _check_grid(ctx: Context, products: list[BurstProduct], box: Bounds, choice: GridChoice) -> None:
    from isce2_recipe.products.grid_check import examine_grid

    outline = [(box.west, box.south), (box.east, box.south), (box.east, box.north), (box.west, box.north)]
    bursts = [(product.reference.relative_burst, product.reference.swath) for product in products]
    for one in examine_grid(choice, products[0].looks.pixel_m, [outline], bursts, ctx.budget().disk_there):
        if one.state == "wrong":
            raise InputError(one.detail, hint=one.remedy)
        ctx.log.log(30 if one.state == "note" else 20, "%s: %s", one.name, one.detail)


def bounds_of(products: list[BurstProduct]) -> Bounds:
    """Return the area around products, degrees, from their layers in radar geometry."""
    from isce2_recipe.products.rasters import opened

    places: list[tuple[float, float]] = []
    for product in products:
        axes = []
        for layer in ("lon_rdr", "lat_rdr"):
            with opened(product.layer(layer)) as dataset:
                axes.append(dataset.read(1))
        longitudes, latitudes = longitude_near(axes[0], float(axes[0][0, 0])), axes[1]
        places.append((float(longitudes.min()), float(latitudes.min())))
        places.append((float(longitudes.max()), float(latitudes.max())))
    return Bounds.around(places)


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged image.

    Attributes
    ----------
    lines, samples : int
        Size after multilooking.
    """

    lines: int
    samples: int


@action("merge.bursts", version=2)
def bursts(ctx: Context, *, products: list[Path]) -> Merged:
    """Merge the layers in radar geometry of burst products into a folder in the layout of ISCE2."""
    from isce2_recipe.engines.builtin.multilooked_bursts import merge_multilooked

    lines, samples = merge_multilooked(_multilooked(_read(products)), ctx.out, ctx.progress)
    ctx.log.info("merged %d bursts into %d lines x %d samples", len(products), lines, samples)
    return Merged(lines, samples)


def _read(folders: list[Path]) -> list[BurstProduct]:
    from isce2_recipe.products.burst_products import read_burst_product

    return [read_burst_product(folder) for folder in folders]


def _multilooked(products: list[BurstProduct]) -> list[MultilookedBurst]:
    """Return the products with their places in the grid of the earliest line and the nearest sample."""
    from isce2_recipe.engines.builtin.multilooked_bursts import AxisShift, MultilookedBurst

    start = min(product.start for product in products)
    near = min(product.near_range_m for product in products)
    found = []
    for product in products:
        window, looks = product.window, product.looks
        line = (product.start - start).total_seconds() / window.azimuth_interval_s
        sample = (product.near_range_m - near) / window.range_spacing_m
        sublooks = product.layer("sublooks_rdr")
        found.append(
            MultilookedBurst(
                interferogram=product.layer("wrapped_phase_rdr"),
                latitude=product.layer("lat_rdr"),
                longitude=product.layer("lon_rdr"),
                line_of_sight=product.layer("los_rdr"),
                swath=product.reference.swath,
                # Whole lines and samples before multilooking, as in a run of all bursts together.
                azimuth_shift=AxisShift(
                    round(line * looks.azimuth) / looks.azimuth,
                    window.lines,
                    window.first_valid_line,
                    window.valid_lines,
                ),
                range_shift=AxisShift(
                    round(sample * looks.range) / looks.range,
                    window.samples,
                    window.first_valid_sample,
                    window.valid_samples,
                ),
                sublooks=sublooks if sublooks.is_file() else None,
            )
        )
    return found


@action("merge.filter", version=1)
def filter_phase(ctx: Context, *, strength: float) -> None:
    """Filter the merged interferogram and estimate its coherence."""
    from isce2_recipe.engines.builtin.filtering import filter_interferogram

    filter_interferogram(ctx.out, strength, ctx.cpus)


@dataclass(frozen=True, slots=True)
class Geocoded:
    """The geocoded files.

    Attributes
    ----------
    folder : Path
        Folder that holds them, in the layout of ISCE2.
    """

    folder: Path


@action("merge.geocode", version=1)
def geocode(ctx: Context, *, dem: Path) -> Geocoded:
    """Geocode the merged files on the grid of a DEM, by latitude and longitude of their pixels.

    Parameters
    ----------
    dem : Path
        ISCE2 raster, heights above the ellipsoid.
    """
    import numpy as np

    from isce2_recipe.engines.builtin import geocoding, geolocation, isceimage
    from isce2_recipe.products.layers import geocode_list, layers_of

    merged = ctx.out / paths.MERGED
    header = isceimage.read_header(dem)
    latitude, longitude = (
        np.asarray(isceimage.open_array(isceimage.read_header(merged / name))[0])
        for name in (paths.LATITUDE_FULL, paths.LONGITUDE_FULL)
    )
    grid = geocoding.geocode_grid(header, geolocation.bounds_of(latitude, longitude))
    geocoding.geocode(
        [ctx.out / name for name in geocode_list(layers_of("merged"))],
        geolocation.locator(latitude, longitude, grid),
        grid,
        header,
        dem_crop=merged / paths.DEM_CROP,
        folder=ctx.out,
        progress=ctx.progress,
        workers=ctx.cpus,
    )
    return Geocoded(ctx.out)


@packaging("merge.package", version=7, uses=("source",))
def package(
    ctx: Context,
    *,
    folder: Path,
    products: list[Path],
    dem: Path,
    water_mask: Path,
    apply_water_mask: bool,
    filter_strength: float,
    unwrapper: str,
    grid: dict[str, Any] | None = None,
    grid_like: Path | None = None,
    record: dict[str, Any] | None = None,
    name_style: str = "multi_burst",
) -> Product:
    """Package merged burst products as a geocoded product.

    Parameters
    ----------
    folder : Path
        Folder of the geocoded files.
    name_style : str
        ``multi_burst`` for a name that MintPy reads, ``legacy`` for HyP3's older name of merged products.
    """
    from isce2_recipe.products import names
    from isce2_recipe.products.burst_products import simulated_source
    from isce2_recipe.products.facts import Processing
    from isce2_recipe.products.grid_choice import GridChoice
    from isce2_recipe.products.sentinel1_products import merged_facts, tops_request
    from isce2_recipe.sar.burst_grid import burst_slot

    found = _read(products)
    choice = GridChoice.of(grid, grid_like)
    reference, secondary = [each.reference for each in found], [each.secondary for each in found]
    processing = Processing(found[0].looks, filter_strength, unwrapper, apply_water_mask)
    began = min(reference)
    track = burst_slot(began.relative_burst, began.swath).relative_orbit
    made_of = {"products": sorted(each.name for each in found)}
    id4 = names.product_id(made_of, processing, choice.changes())
    style = names.legacy_merged_name if name_style == "legacy" else names.burst_product_name
    name = style(names.NameParts(reference, secondary, processing.looks, track, id4))
    inputs = describe_inputs(product=_files(found), dem=[dem], water_mask=[water_mask])
    # The builtin engine merges, whichever engine made the products.
    made = how_made(ctx, processing, inputs, record, engine=f"builtin {__version__}")
    simulated = [source for each in found if (source := simulated_source(each))]
    made |= {"simulated": True, "source": simulated[0]} if simulated else {}
    files = folder, dem, water_mask, template_text(ctx.templates)
    numbers = [(burst.relative_burst, burst.swath) for burst in reference]
    facts = merged_facts(found, track, made)
    return make(ctx, tops_request(name, "merged", facts, files, choice, numbers))


def _files(products: list[BurstProduct]) -> list[Path]:
    """Return the files of burst products that merging reads."""
    from isce2_recipe.products.burst_products import RADAR_LAYERS

    return [
        file
        for product in products
        for file in (product.folder / f"{product.name}.txt", *map(product.layer, RADAR_LAYERS))
    ]
