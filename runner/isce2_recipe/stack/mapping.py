"""Results of a stack on the map: the layers of the registry, and the cube of displacement."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from isce2_recipe import paths
from isce2_recipe.engines.builtin.dem import read_dem_header
from isce2_recipe.engines.builtin.geocoding import geocode
from isce2_recipe.products.blocks import write_layers
from isce2_recipe.products.grid import MapGrid
from isce2_recipe.products.layer import Layer, SourceRaster
from isce2_recipe.products.layers import (
    DEM,
    LINE_OF_SIGHT,
    STACK_CHECK,
    STACK_QUALITY,
    STACK_SERIES,
    STACK_VELOCITY,
    WATER_MASK,
    band,
    by_name,
    layers_of,
)
from isce2_recipe.products.rasters import GeoRaster, geographic, isce_geocoded
from isce2_recipe.progress import Progress, partly
from isce2_recipe.stack.checking import CLOSURE_MAPS
from isce2_recipe.stack.geometry import map_lookup
from isce2_recipe.stack.inversion import QUALITY, SERIES, VELOCITY

_GEOMETRY = ("dem", "lv_theta", "lv_phi", "water_mask")
_FILES = {STACK_SERIES: SERIES, STACK_VELOCITY: VELOCITY, STACK_QUALITY: QUALITY, STACK_CHECK: CLOSURE_MAPS}


@dataclass(frozen=True, slots=True)
class StackFolders:
    """Where the results of a stack are."""

    # Folders of these steps.
    geometry: Path
    checked: Path
    inverted: Path
    geocode_dem: Path  # ISCE2 raster of the heights to whose grid results are geocoded
    # GeoTIFFs in degrees.
    dem: Path
    water_mask: Path


def stack_layers(dates: Sequence[str], terms: Sequence[str]) -> list[Layer]:
    """Return the layers of a stack: those of the registry, further terms, and displacement of each date."""
    known = by_name()
    velocity = known["velocity"]
    more = []
    for number, term in enumerate(terms[1:], 1):
        text = term.replace("_", " ")
        for offset, ending, words in ((1, "", ""), (2, "_std", "Standard error of the ")):
            title = f"{words}{text}" if words else text.capitalize()
            more.append(
                replace(
                    velocity, name=f"{term}{ending}", description=f"{title}, towards the satellite",
                    unit="metre", make=band(2 * number + offset), reading="",
                )
            )  # fmt: skip
    series = [
        replace(
            velocity, name=f"displacement_{date}", reads=(STACK_SERIES,), make=band(number),
            description=f"Displacement towards the satellite from {dates[0]} to {date}", unit="metre",
            reading="",
        )
        for number, date in enumerate(dates, 1)
    ]  # fmt: skip
    return [*layers_of("stack"), *more, *(known[name] for name in _GEOMETRY), *series]


def write_maps(
    prefix: Path,
    folders: StackFolders,
    layers: Sequence[Layer],
    grid: Callable[[GeoRaster], MapGrid],
    tags: Mapping[str, str],
    *,
    progress: Progress,
    cpus: int,
) -> tuple[MapGrid, dict[str, Path]]:
    """Geocode the results and write all layers as ``PREFIX_<layer>.tif``.

    Parameters
    ----------
    grid : callable
        Returns the map grid, given the geocoded raster of the look angles.

    Returns
    -------
    MapGrid, dict of Path
        The grid, and the GeoTIFFs by layer name.
    """
    work = prefix.with_name(".geocoded")
    sources = _geocoded(work, folders, partly(progress, 0.0, 0.4), cpus)
    chosen = grid(sources[LINE_OF_SIGHT])
    written = write_layers(
        layers, sources, chosen, prefix, mask_water=False, tags=tags, threads=cpus,
        progress=partly(progress, 0.4, 1.0),
    )  # fmt: skip
    shutil.rmtree(work)
    return chosen, written


def _geocoded(
    work: Path, folders: StackFolders, progress: Progress, cpus: int
) -> dict[SourceRaster, GeoRaster]:
    """Geocode the results to the grid of the heights."""
    work.mkdir()
    places = {STACK_CHECK: folders.checked}
    files = {LINE_OF_SIGHT: link_raster(folders.geometry / paths.LINE_OF_SIGHT, work)}
    for raster, name in _FILES.items():
        files[raster] = link_raster(places.get(raster, folders.inverted) / name, work)
    grid, locate = map_lookup(folders.geometry, folders.geocode_dem)
    geocode(
        list(files.values()), locate, grid, read_dem_header(folders.geocode_dem),
        dem_crop=work / paths.DEM_CROP, folder=work, progress=progress, workers=cpus,
    )  # fmt: skip
    found = {raster: isce_geocoded(file.with_name(f"{file.name}.geo")) for raster, file in files.items()}
    return found | {DEM: geographic(folders.dem), WATER_MASK: geographic(folders.water_mask)}


def link_raster(path: Path, folder: Path) -> Path:
    """Link a raster and its headers in another folder, so that results can be written next to the links."""
    for ending in ("", ".xml", ".vrt"):
        source = path.with_name(path.name + ending)
        (folder / source.name).symlink_to(os.path.relpath(source.resolve(), folder.resolve()))
    return folder / path.name


def write_cube(path: Path, dates: Sequence[str], maps: Sequence[Path], title: str) -> None:
    """Write displacement as NetCDF-4 with CF conventions: dimensions ``date``, ``y`` and ``x``, metres.

    Parameters
    ----------
    maps : sequence of Path
        GeoTIFF of each date.
    """
    import numpy as np
    import rasterio
    import rasterio.shutil
    from rasterio.windows import Window

    first = datetime.strptime(dates[0], "%Y%m%d")
    days = [(datetime.strptime(date, "%Y%m%d") - first).days for date in dates]
    scratch = path.with_name(".cube.tif")
    with rasterio.open(maps[0]) as example:
        profile = {
            "driver": "GTiff", "width": example.width, "height": example.height, "count": len(dates),
            "dtype": "float32", "crs": example.crs, "transform": example.transform, "nodata": np.nan,
            "bigtiff": "if_safer", "interleave": "band", "blockysize": 1,
        }  # fmt: skip
    with rasterio.open(scratch, "w", **profile) as cube:
        cube.update_tags(
            NETCDF_DIM_EXTRA="{date}",
            NETCDF_DIM_date_DEF=f"{{{len(dates)},6}}",
            NETCDF_DIM_date_VALUES=f"{{{','.join(map(str, days))}}}",
            **{
                "date#units": f"days since {first:%Y-%m-%d}",
                "date#standard_name": "time",
                "date#long_name": "day of the acquisition",
                "date#calendar": "standard",
                "NC_GLOBAL#title": title,
            },
        )
        for number, (day, file) in enumerate(zip(days, maps, strict=True), 1):
            cube.update_tags(
                number,
                NETCDF_VARNAME="displacement",
                NETCDF_DIM_date=str(day),
                units="m",
                long_name="displacement towards the satellite since the first date",
            )
            with rasterio.open(file) as layer:
                for row in range(0, layer.height, 512):
                    window = Window(0, row, layer.width, min(512, layer.height - row))
                    cube.write(layer.read(1, window=window), number, window=window)
    rasterio.shutil.copy(
        scratch, path, driver="netCDF", FORMAT="NC4C", COMPRESS="DEFLATE", ZLEVEL="4",
        WRITE_BOTTOMUP="NO", WRITE_GDAL_HISTORY="NO",
    )  # fmt: skip
    scratch.unlink()
