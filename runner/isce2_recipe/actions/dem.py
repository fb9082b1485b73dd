"""Actions for terrain: fetch it, and resample it for fine geocoding."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe import paths
from isce2_recipe.actions.base import Context, action
from isce2_recipe.progress import partly
from isce2_recipe.types import Bounds

# ISCE2 runs in a folder next to the steps' folders. The DEM's header has the path from that folder.
_APPLICATION = "isce"


@dataclass(frozen=True, slots=True)
class DemFiles:
    """A DEM in metres above the WGS84 ellipsoid, degrees.

    Attributes
    ----------
    geotiff : Path
        The DEM as GeoTIFF.
    isce : Path
        The DEM as ISCE2's raster, with its ``.xml`` and ``.vrt`` files next to it.
    """

    geotiff: Path
    isce: Path


def _rasters(_: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    return {"dem": (), "geoid": (), "water_mask": ()}  # the mask and the geoid fill gaps over the sea


@action("dem.fetch", version=1, uses=("source.terrain",), takes=_rasters)
def fetch(ctx: Context, *, bounds: list[float], margin: float) -> DemFiles:
    """Fetch terrain around a scene, check it, and write it as GeoTIFF and as ISCE2's raster.

    Parameters
    ----------
    bounds : list of float
        Bounds of the scene: west, south, east, north, degrees.
    margin : float
        Margin around the bounds, degrees.
    """
    from isce2_recipe.engines.builtin import dem_raster

    wanted = Bounds.of(*bounds).buffered(margin)
    geotiff = ctx.source.fetch_dem(wanted, ctx.out, ctx.log, partly(ctx.progress, 0.0, 0.9))
    dem_raster.check(geotiff, wanted)
    ctx.progress(0.9, "converting to ISCE2's raster")
    return _with_isce(ctx, geotiff, paths.DEM_ISCE)


@action("dem.resample", version=1)
def resample(ctx: Context, *, dem: Path, pixel_m: float = 20.0) -> DemFiles:
    """Resample a DEM, for geocoding with pixels smaller than its own.

    Parameters
    ----------
    pixel_m : float
        Pixel spacing, metres; it is rounded to whole sixths of an arc second.
    """
    from isce2_recipe.engines.builtin import dem_raster

    target = ctx.out / paths.GEOCODE_DEM_GEOTIFF
    dem_raster.resample(dem, target, pixel_m)
    return _with_isce(ctx, target, paths.GEOCODE_DEM_ISCE)


def _with_isce(ctx: Context, geotiff: Path, name: str) -> DemFiles:
    from isce2_recipe.engines.builtin import dem_raster

    found = os.path.relpath((ctx.published or ctx.out) / name, (ctx.home or ctx.workdir) / _APPLICATION)
    return DemFiles(geotiff, dem_raster.to_isce(geotiff, ctx.out / name, name=found).path)
