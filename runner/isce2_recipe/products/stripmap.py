"""The product of two ALOS scenes: stripmapApp's own folders, and maps beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe.alos.baseline import perpendicular_baseline_m
from isce2_recipe.alos.scene import AlosScene
from isce2_recipe.copying import Copying
from isce2_recipe.errors import InputError
from isce2_recipe.inputs import InputFile
from isce2_recipe.products.archive import write_zip
from isce2_recipe.products.facts import ALOS, Facts, Processing, tags
from isce2_recipe.products.grid import MapGrid, utm_grid
from isce2_recipe.products.insar import InsarProduct
from isce2_recipe.products.layers import LAYERS, LayerSources, write_layers
from isce2_recipe.products.parameter_file import seconds_of_day
from isce2_recipe.products.rasters import (
    GeoRaster,
    GeoTiff,
    geographic,
    isce_geocoded,
    project,
    publish,
    scratch_raster,
)
from isce2_recipe.products.readme import read_if_there, template_text
from isce2_recipe.products.side_files import write_side_files
from isce2_recipe.progress import partly
from isce2_recipe.types import Looks

_README = "stripmap_README.md.txt.j2"
# ISCE2's folders as HyP3's plugin delivered them.
_FOLDERS = ("interferogram", "geometry", "ionosphere")
# 4x14 looks are about 30 m in range and 44 m in azimuth.
_PIXEL_M = 40.0

# Made where the range spectrum was split: file in ISCE2's folder, and what becomes of it.
IONOSPHERE = {
    "dispersive_phase": (
        "ionosphere/dispersive.bil.unwCor.filt.geo",
        GeoTiff("float32", 0.0, "radian", "Phase of the ionosphere"),
    ),
    "nondispersive_phase": (
        "ionosphere/nondispersive.bil.unwCor.filt.geo",
        GeoTiff("float32", 0.0, "radian", "Phase of everything but the ionosphere, smoothed"),
    ),
}


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a stripmap product is made of.

    Attributes
    ----------
    folder : Path
        ISCE2's, after ``geocode``.
    dem, water_mask : Path
        GeoTIFFs in degrees: metres above the ellipsoid; 1 land, 0 water.
    reference, secondary : AlosScene
        The older and the newer scene.
    looks : Looks
        Multilooking window.
    filter_strength : float
        Exponent of the Goldstein filter.
    split_spectrum : bool
        Whether the ionosphere was estimated.
    unwrapper, engine, source : str
        What unwrapped; name and version of what computed; where the inputs came from.
    readme : str
        Template of the README.
    inputs : tuple of InputFile
        What the source delivered.
    record : mapping, optional
        What makes the run again, as JSON.
    """

    folder: Path
    dem: Path
    water_mask: Path
    reference: AlosScene
    secondary: AlosScene
    looks: Looks
    filter_strength: float
    split_spectrum: bool
    unwrapper: str
    engine: str
    source: str
    readme: str
    inputs: tuple[InputFile, ...] = ()
    record: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """The product's name, as HyP3's plugin formed it."""
        return f"{self.reference.name}x{self.secondary.name}"


def readme_template(folders: tuple[Path, ...], read: Callable[[Path], str | None] = read_if_there) -> str:
    """Template of the product's README; see `template_text`."""
    return template_text(folders, read, _README)


def make_product(
    out: Path, ingredients: Ingredients, *, threads: int, progress: Callable[[float, str], None]
) -> InsarProduct:
    """Make the product in the folder ``out``.

    Raises
    ------
    InputError
        If one of the ingredients is missing or does not fit the others.
    """
    name = ingredients.name
    directory = out / name
    directory.mkdir()
    prefix = directory / name
    sources = layer_sources(ingredients.folder, ingredients.dem, ingredients.water_mask)
    grid = utm_grid(sources.unwrapped.bounds, _PIXEL_M)
    told = facts(ingredients)
    marks = tags(name, told)
    layers = write_layers(
        sources,
        grid,
        prefix,
        mask_water=False,
        tags=marks,
        threads=threads,
        progress=partly(progress, 0.0, 0.1),
    )
    made = (
        _write_ionosphere(ingredients.folder, grid, prefix, marks, threads)
        if ingredients.split_spectrum
        else {}
    )
    _copy_folders(ingredients.folder, directory, partly(progress, 0.1, 0.15))
    progress(0.15, "side files")
    shown = {
        "reference": ingredients.reference,
        "secondary": ingredients.secondary,
        "split_spectrum": ingredients.split_spectrum,
        "projection": grid.title,
        "layers": {layer.name: layer.store for layer in LAYERS}
        | {layer: IONOSPHERE[layer][1] for layer in made},
    }
    more = {
        "Radar wavelength (m)": told.wavelength_m,
        "Beam mode": told.mode,
        "Polarization": told.polarization,
        "Split spectrum": "yes" if ingredients.split_spectrum else "no",
    }
    write_side_files(prefix, grid, told, readme=ingredients.readme, shown=shown, more=more)
    return InsarProduct(directory, write_zip(directory, partly(progress, 0.2, 1.0)), layers | made)


def layer_sources(folder: Path, dem: Path, water_mask: Path) -> LayerSources:
    """The rasters that stripmapApp geocoded, with the terrain and water mask of the same run.

    Raises
    ------
    InputError
        If one is missing or the geocoded ones do not share a grid.
    """
    interferogram = folder / "interferogram"
    sources = LayerSources(
        unwrapped=isce_geocoded(interferogram / "filt_topophase.unw.geo"),
        filtered=isce_geocoded(interferogram / "filt_topophase.flat.geo"),
        coherence=isce_geocoded(interferogram / "phsig.cor.geo"),
        components=isce_geocoded(interferogram / "filt_topophase.unw.conncomp.geo"),
        line_of_sight=isce_geocoded(folder / "geometry" / "los.rdr.geo"),
        dem=geographic(dem),
        water_mask=geographic(water_mask),
    )
    first = sources.unwrapped
    for other in (sources.filtered, sources.coherence, sources.components, sources.line_of_sight):
        if not first.same_grid(other):
            raise InputError(
                f"{other.path.stem} and {first.path.stem} in {folder} do not lie on the same grid",
                hint="they come from different runs; geocode them together again",
            )
    return sources


def _write_ionosphere(
    folder: Path, grid: MapGrid, prefix: Path, tags: Mapping[str, str], threads: int
) -> dict[str, Path]:
    """Maps of the ionosphere.

    Raises
    ------
    InputError
        If ISCE2 left none: it goes on when one of its helpers fails.
    """
    made = {}
    for name, (file, store) in IONOSPHERE.items():
        if not (folder / f"{file}.vrt").is_file():
            raise InputError(
                f"{folder} lacks {file}: ISCE2 did not estimate the ionosphere",
                hint="ISCE2's imageMath.py must be on PATH, see the log of its step ionosphere; "
                "or run with split_spectrum=false",
            )
        made[name] = prefix.with_name(f"{prefix.name}_{name}.tif")
        _write_map(isce_geocoded(folder / file), grid, made[name], store, tags, threads)
    return made


def _write_map(
    raster: GeoRaster, grid: MapGrid, path: Path, store: GeoTiff, tags: Mapping[str, str], threads: int
) -> None:
    """One raster on the map grid, zero being no data."""
    import numpy as np
    from rasterio.windows import Window

    scratch = path.with_suffix(".scratch.tif")
    with scratch_raster(scratch, grid, store, tags) as dataset:
        for first, part in grid.blocks():
            source = raster.around(part)
            if source is None:
                continue
            values = raster.read(1, source).astype(np.float32)
            values[values == 0.0] = np.nan
            block = project(values[None], raster, source, part, threads=threads)[0]
            dataset.write(np.nan_to_num(block), 1, window=Window(0, first, part.cols, part.rows))
    publish(scratch, path, store)


def _copy_folders(folder: Path, directory: Path, progress: Callable[[float, str], None]) -> None:
    """ISCE2's folders, files only: sub-bands' own folders stay behind."""
    files = [path for name in _FOLDERS for path in sorted((folder / name).glob("*")) if path.is_file()]
    copying = Copying(sum(file.stat().st_size for file in files), progress)
    for file in files:
        target = directory / file.relative_to(folder)
        target.parent.mkdir(exist_ok=True)
        with file.open("rb") as opened, target.open("wb") as copy:
            copying.copy(opened, copy, f"ISCE2's {file.name}")


def facts(ingredients: Ingredients) -> Facts:
    """What the product is of and how it came to be."""
    first, other = ingredients.reference, ingredients.secondary
    return Facts(
        mission=ALOS,
        platform="alos",
        mode=first.mode,
        polarization="HH",
        direction=first.direction,
        relative_orbit=None,
        reference_orbit=first.name.orbit,
        secondary_orbit=other.name.orbit,
        reference_start=first.start,
        secondary_start=other.start,
        time_of_day_s=seconds_of_day(first.start),
        wavelength_m=first.wavelength_m,
        baseline_m=round(perpendicular_baseline_m(first, other), 3),
        heading_deg=round(first.heading_deg, 6),
        height_m=round(first.height_m, 1),
        earth_radius_m=round(first.earth_radius_m, 1),
        near_range_m=first.near_range_m,
        center_range_m=round((first.near_range_m + first.far_range_m) / 2, 3),
        far_range_m=round(first.far_range_m, 3),
        reference=(str(first.name),),
        secondary=(str(other.name),),
        processing=Processing(ingredients.looks, ingredients.filter_strength, ingredients.unwrapper, False),
        engine=ingredients.engine,
        source=ingredients.source,
        inputs=ingredients.inputs,
        record=ingredients.record,
    )
