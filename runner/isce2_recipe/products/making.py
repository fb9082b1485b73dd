"""The one way in which a product is made: layers, texts, pictures, catalogue entries, archive."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isce2_recipe import __version__
from isce2_recipe.products import parameter_file
from isce2_recipe.products.blocks import layer_sources, write_layers
from isce2_recipe.products.browse import write_browse, write_overlays
from isce2_recipe.products.crate import write_crate
from isce2_recipe.products.facts import ProductFacts, tags
from isce2_recipe.products.grid import MapGrid
from isce2_recipe.products.layer import Application, Layer, ProductKind, SourceRaster
from isce2_recipe.products.layers import LAYERS, UNWRAPPED, layers_of, map_layers
from isce2_recipe.products.observed import check_content, check_overlap
from isce2_recipe.products.package import Product, write_readme, write_zip
from isce2_recipe.products.reading import Finished
from isce2_recipe.products.reruns import write_record
from isce2_recipe.products.stac import write_item
from isce2_recipe.products.styles import write_styles
from isce2_recipe.progress import Progress, partly
from isce2_recipe.types import Bounds

WriteMore = Callable[[Path, Mapping[str, str], Progress], Mapping[str, object]]
"""Writes further files of a product, given the path with which its files' names begin, the GeoTIFFs' metadata
and the progress; returns further keys of the parameter file."""


def _nothing_more(*_: object) -> Mapping[str, object]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRequest:
    """What differs between products.

    Attributes
    ----------
    folder : Path
        Folder of the ISCE2 application, after geocoding.
    geotiffs : mapping of Path
        Rasters in degrees that ISCE2 has not written: terrain and water mask.
    grid : callable
        Returns the map grid, given the bounds of the interferogram in degrees.
    readme : str
        Template of the README.
    options : collection of str
        Options of layers that the run has carried out, such as ``ionosphere``.
    shown : mapping
        Values that the README's template shows besides those that all products have.
    write_more : callable
        Writes files that only this kind of product has.
    """

    name: str
    kind: ProductKind
    facts: ProductFacts
    folder: Path
    application: Application
    geotiffs: Mapping[SourceRaster, Path]
    grid: Callable[[Bounds], MapGrid]
    readme: str
    options: Collection[str] = ()
    shown: Mapping[str, Any] = field(default_factory=dict)
    write_more: WriteMore = _nothing_more


def make_product(
    out: Path,
    request: ProductRequest,
    *,
    threads: int,
    progress: Progress,
    layers: Sequence[Layer] = LAYERS,
) -> Product:
    """Make a product's folder and archive in the folder ``out``.

    Raises
    ------
    InputError
        If one of the rasters is missing or does not fit the others, or the map does not show the data.
    StepFailed
        If the data are empty or nothing is unwrapped.
    """
    facts = request.facts
    wanted = layers_of(request.kind, request.options, layers)
    made, grid, present = make_folder(out, request, wanted, threads=threads, progress=progress)
    prefix, written = made.folder / made.name, made.layers
    browse, _ = write_browse(written["unw_phase"], prefix)
    write_overlays(written["amp"], written["wrapped_phase"], prefix)
    write_styles(present, written)
    if facts.record is not None:
        write_record(prefix, facts)
    write_item(prefix, grid, facts, present)
    if facts.record is not None:
        write_crate(prefix, facts)
    archive = write_zip(made.folder, partly(progress, 0.8, 1.0))
    return Product(made.name, made.folder, archive, dict(written), browse)


def make_folder(
    out: Path, request: ProductRequest, wanted: Sequence[Layer], *, threads: int, progress: Progress
) -> tuple[Finished, MapGrid, list[Layer]]:
    """Make a product's folder with its maps, parameter file and README; return it, its grid and layers.

    Parameters
    ----------
    wanted : sequence of Layer
        The layers to make.

    Raises
    ------
    InputError, StepFailed
        See `make_product`.
    """
    name, facts = request.name, request.facts
    directory = out / name
    directory.mkdir()
    prefix = directory / name
    on_map = map_layers(wanted)
    sources = layer_sources(request.folder, request.application, request.geotiffs, on_map)
    grid = request.grid(sources[UNWRAPPED].bounds)
    check_overlap(sources, grid)
    metadata = tags(name, facts)
    written = write_layers(
        on_map,
        sources,
        grid,
        prefix,
        mask_water=facts.processing.water_masked,
        tags=metadata,
        threads=threads,
        progress=partly(progress, 0.0, 0.6),
    )
    check_content(
        Finished(name, directory, written), on_map, sources, grid, water_masked=facts.processing.water_masked
    )
    more = request.write_more(prefix, metadata, partly(progress, 0.6, 0.7))
    progress(0.7, "side files")
    present = [layer for layer in wanted if prefix.with_name(f"{name}_{layer.name}.tif").is_file()]
    shown = {"name": name, "version": __version__, "facts": facts, "grid": grid, "kind": request.kind}
    shown |= {"projection": grid.title, "layers": present, **request.shown}
    parameter_file.write(prefix.with_name(f"{name}.txt"), facts, more)
    write_readme(prefix.with_name(f"{name}_README.md.txt"), request.readme, shown)
    return Finished(name, directory, written), grid, present
