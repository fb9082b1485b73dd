"""Copernicus GLO-30 terrain: tiles downloaded here and merged by ``dem_stitcher``."""

from __future__ import annotations

import math
import os
import re
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from isce2_recipe.errors import SourceError
from isce2_recipe.progress import partly
from isce2_recipe.sources.asf.formats import TIFF
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.base import Progress
from isce2_recipe.sources.demgrid import DemGrid, eastwards, read_around, write_dem
from isce2_recipe.types import Bounds, longitude_near

if TYPE_CHECKING:
    from isce2_recipe.sources.asf.client import Client

_BUCKETS = {
    "glo_30": "https://copernicus-dem-30m.s3.amazonaws.com",
    "glo_90_missing": "https://copernicus-dem-90m.s3.amazonaws.com",
}
# Margins around the box for interpolation: some pixels of the coarsest tiles, and of the geoid.
_MARGIN_DEG = 0.01
_GEOID_MARGIN = 4
_SQUARE = re.compile(r"[NS]\d\d_00_[EW]\d{3}_00")
_AT_SEA = "there is no Copernicus terrain in {}, which is sea"


def fetch_dem(bounds: Bounds, folder: Path, client: Client, settings: Settings, progress: Progress) -> Path:
    """Write ``dem.tif`` as `isce2_recipe.sources.base.TerrainSource` describes it.

    Sea without tiles has the geoid's height.

    Raise SourceError if a tile or the geoid cannot be downloaded, or if the whole box is sea.
    """
    grid = DemGrid.covering(bounds)
    wanted = grid.bounds.buffered(_MARGIN_DEG)
    with TemporaryDirectory(dir=folder, prefix=".dem-") as scratch:
        tiles = Path(scratch) / "tiles"
        tiles.mkdir()
        _fetch_tiles(wanted, tiles, client, settings, progress)
        geoid = fetch_geoid(wanted, Path(scratch) / "geoid.tif", settings)
        stitch = _stitch_across if wanted.crosses_antimeridian else _stitch
        heights = _on_grid(*stitch(wanted, tiles, geoid), grid)
        _fill_sea(heights, geoid, grid)
    return write_dem(heights, grid, folder / "dem.tif")


def missing_terrain(bounds: Bounds) -> tuple[list[str], bool]:
    """Return the one-degree squares of a box without terrain, and whether the box has any terrain.

    The squares are named after their lower left corners, ``N27_E053``. Copernicus has no tiles of open sea.
    """
    urls = [url for found in _tile_urls(bounds).values() for url in found]
    names = {match[0] for url in urls if (match := _SQUARE.search(url))}
    wanted = {
        _square(latitude, longitude)
        for half in bounds.halves()
        for latitude in range(math.floor(half.south), math.ceil(half.north))
        for longitude in range(math.floor(half.west), math.ceil(half.east))
    }
    return sorted(wanted - {name.replace("_00", "") for name in names}), bool(urls)


def _square(latitude: int, longitude: int) -> str:
    north, east = ("N" if latitude >= 0 else "S"), ("E" if longitude >= 0 else "W")
    return f"{north}{abs(latitude):02d}_{east}{abs(longitude):03d}"


def _tile_urls(bounds: Bounds) -> dict[str, list[str]]:
    """Return the addresses of the tiles that touch a box, by collection, from the library's table."""
    from dem_stitcher.datasets import get_overlapping_dem_tiles

    return {
        name: [url for half in bounds.halves() for url in get_overlapping_dem_tiles(list(half), name).url]
        for name in _BUCKETS
    }


def _fetch_tiles(
    bounds: Bounds, folder: Path, client: Client, settings: Settings, progress: Progress
) -> None:
    """Download the tiles into the folder in which ``dem_stitcher`` searches before it downloads."""
    urls = [
        url.replace(
            _BUCKETS[dataset], {"glo_30": settings.dem_url, "glo_90_missing": settings.dem90_url}[dataset]
        )
        for dataset, found in _tile_urls(bounds).items()
        for url in found
    ]
    if not urls:
        raise SourceError(_AT_SEA.format(bounds.describe()), hint="choose bursts that show land")
    client.download_all(urls, folder, format=TIFF, progress=partly(progress, 0.0, 0.9))


def fetch_geoid(bounds: Bounds, target: Path, settings: Settings) -> Path:
    """Write the part of the geoid around a box, which GDAL reads from the remote file.

    Raise SourceError if it cannot be read at any of its addresses.
    """
    from rasterio.errors import RasterioError

    reasons = []
    for url in settings.mirrors_of(settings.geoid_url):
        try:
            return _cut_geoid(url, bounds, target, settings)
        except RasterioError as exc:
            reasons.append(f"{url}: {exc}")
    raise SourceError(
        f"the geoid cannot be read: {'; '.join(reasons)}",
        hint="run the same command again later, or set ISCE2_RECIPE_ASF_GEOID_URL to another address",
    )


def _cut_geoid(url: str, bounds: Bounds, target: Path, settings: Settings) -> Path:
    import rasterio

    options = {
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_HTTP_MAX_RETRY": settings.attempts - 1,
        "GDAL_HTTP_RETRY_DELAY": settings.retry_wait_s,
        "GDAL_HTTP_CONNECTTIMEOUT": settings.timeout_s,
        "GDAL_HTTP_LOW_SPEED_TIME": settings.timeout_s,
        "GDAL_HTTP_LOW_SPEED_LIMIT": max(1, round(1e3 * settings.slowest_kb_s)),
        **_trusted(),
    }
    with rasterio.Env(**options), rasterio.open(url) as geoid:
        values, transform = read_around(geoid, bounds, _GEOID_MARGIN)
        profile = {
            "driver": "GTiff",
            "dtype": geoid.dtypes[0],
            "count": 1,
            "height": values.shape[0],
            "width": values.shape[1],
            "crs": geoid.crs,
            "nodata": geoid.nodata,
            "transform": transform,
        }
        kind = geoid.tags().get("AREA_OR_POINT", "Area")
    with rasterio.open(target, "w", **profile) as part:
        part.write(values, 1)
        part.update_tags(AREA_OR_POINT=kind)
    return target


def _trusted() -> dict[str, str]:
    """Return the GDAL option for the certificates that ``requests`` trusts."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE")
    return {"GDAL_CURL_CA_BUNDLE": bundle} if bundle else {}


def _stitch(bounds: Bounds, tiles: Path, geoid: Path) -> tuple[Any, dict[str, Any]]:
    """Return heights above the ellipsoid on the grid of the tiles."""
    import warnings

    from dem_stitcher import stitch_dem

    with warnings.catch_warnings():
        # It warns that the folder of tiles exists, as intended.
        warnings.simplefilter("ignore")
        heights, profile = stitch_dem(
            list(bounds), "glo_30", merge_nodata_value=0, geoid_path=str(geoid), dst_tile_dir=tiles
        )
    return heights, profile


def _stitch_across(bounds: Bounds, tiles: Path, geoid: Path) -> tuple[Any, dict[str, Any]]:
    """Return the same across the antimeridian, where ``stitch_dem`` fails if the box only touches it.

    All longitudes are measured from the antimeridian for this purpose.
    """
    import warnings

    import rasterio
    from dem_stitcher.stitcher import merge_and_transform_dem_tiles

    meridian = 180.0 if bounds.east > 180.0 else -180.0
    moved = [_moved(path, meridian) for path in sorted(tiles.glob("*.tif"))]
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")
        heights, profile = merge_and_transform_dem_tiles(
            [stack.enter_context(rasterio.open(path)) for path in moved],
            [bounds.west - meridian, bounds.south, bounds.east - meridian, bounds.north],
            "glo_30",
            merge_nodata_value=0,
            geoid_path=str(_moved(geoid, meridian)),
        )
    return heights[0], profile | {"transform": eastwards(profile["transform"], meridian)}


def _moved(path: Path, meridian: float) -> Path:
    """Write a virtual raster with a raster's longitudes measured from a meridian, and return its path."""
    import rasterio
    import rasterio.shutil

    virtual = path.with_suffix(".vrt")
    rasterio.shutil.copy(path, virtual, driver="VRT")
    with rasterio.open(virtual, "r+") as dataset:
        middle = (dataset.bounds.left + dataset.bounds.right) / 2
        dataset.transform = eastwards(dataset.transform, longitude_near(middle - meridian, 0.0) - middle)
    return virtual


def _on_grid(heights: Any, profile: dict[str, Any], grid: DemGrid) -> Any:
    """Resample heights to the one-arc-second grid, NaN outside; heights on that grid do not change."""
    import numpy as np

    filled = np.nan_to_num(heights, nan=0.0)
    return grid.resample(filled, src_transform=profile["transform"], src_crs=profile["crs"])


def _fill_sea(heights: Any, geoid: Path, grid: DemGrid) -> None:
    """Set heights beyond the outermost tiles, where there is only sea, to those of the geoid."""
    import numpy as np
    import rasterio

    gaps = np.isnan(heights)
    if not gaps.any():
        return
    with rasterio.open(geoid) as dataset:
        heights[gaps] = _on_grid(dataset.read(1), dataset.profile, grid)[gaps]
    if np.isnan(heights).any():
        raise SourceError("the downloaded geoid does not cover the box", hint="run the same command again")
