"""Terrain: fetch it, and resample it for fine geocoding."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from isce2_recipe import paths
from isce2_recipe.actions.base import Context, action
from isce2_recipe.progress import partly
from isce2_recipe.types import Bounds

# ISCE2's application runs in a folder beside the steps' folders; its DEM's header names the file from there.
_APPLICATION = "isce"


@dataclass(frozen=True, slots=True)
class Dem:
    """A DEM in metres above the WGS84 ellipsoid, degrees.

    Attributes
    ----------
    geotiff : Path
        GeoTIFF.
    isce : Path
        The same as ISCE2's raster, with ``.xml`` and ``.vrt`` beside it.
    """

    geotiff: Path
    isce: Path


@action("dem.fetch", version=1, uses=("source.terrain",), takes=lambda _: {"dem": (), "geoid": ()})
def fetch(ctx: Context, *, bounds: list[float], margin: float) -> Dem:
    """Fetch terrain around a scene, checked, as GeoTIFF and as ISCE2's raster.

    Parameters
    ----------
    bounds : list of float
        West, south, east, north in degrees.
    margin : float
        Degrees around them.
    """
    from isce2_recipe.engines.builtin import dem_raster

    wanted = Bounds(*bounds).buffered(margin)
    geotiff = ctx.source.fetch_dem(wanted, ctx.out, ctx.log, partly(ctx.progress, 0.0, 0.9))
    dem_raster.check(geotiff, wanted)
    ctx.progress(0.9, "ISCE2's raster")
    return _with_isce(ctx, geotiff, paths.DEM_ISCE)


@action("dem.resample", version=1)
def resample(ctx: Context, *, dem: Path, pixel_m: float = 20.0) -> Dem:
    """Resample a DEM, for geocoding with pixels smaller than its own.

    Parameters
    ----------
    dem : Path
        GeoTIFF.
    pixel_m : float
        Wanted spacing in metres; whole sixths of an arc second are made of it.
    """
    from isce2_recipe.engines.builtin import dem_raster

    target = ctx.out / paths.GEOCODE_DEM_GEOTIFF
    dem_raster.resample(dem, target, pixel_m)
    return _with_isce(ctx, target, paths.GEOCODE_DEM_ISCE)


def _with_isce(ctx: Context, geotiff: Path, name: str) -> Dem:
    from isce2_recipe.engines.builtin import dem_raster

    found = os.path.relpath((ctx.published or ctx.out) / name, ctx.workdir / _APPLICATION)
    return Dem(geotiff, dem_raster.to_isce(geotiff, ctx.out / name, name=found).path)
