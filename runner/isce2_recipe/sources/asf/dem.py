"""Copernicus GLO-30 terrain: tiles downloaded here and merged by ``dem_stitcher``."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from isce2_recipe.errors import SourceError
from isce2_recipe.progress import partly
from isce2_recipe.sources.asf.formats import TIFF
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.base import Progress
from isce2_recipe.sources.demgrid import DemGrid, write_dem
from isce2_recipe.types import Bounds

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

    Raises
    ------
    SourceError
        If a tile or the geoid cannot be downloaded, or if the whole box is sea.
    """
    grid = DemGrid.covering(bounds)
    wanted = grid.bounds.buffered(_MARGIN_DEG)
    with TemporaryDirectory(dir=folder, prefix=".dem-") as scratch:
        tiles = Path(scratch) / "tiles"
        tiles.mkdir()
        _fetch_tiles(wanted, tiles, client, settings, progress)
        geoid = fetch_geoid(wanted, Path(scratch) / "geoid.tif", settings)
        heights, profile = _stitch(wanted, tiles, geoid)
    return write_dem(_on_grid(heights, profile, grid), grid, folder / "dem.tif")


def missing_terrain(bounds: Bounds) -> tuple[list[str], bool]:
    """Return the one-degree squares of a box without terrain, and whether the box has any terrain.

    The squares are named after their lower left corners, ``N27_E053``. Copernicus has no tiles of open sea.
    """
    urls = [url for found in _tile_urls(bounds).values() for url in found]
    names = {match[0] for url in urls if (match := _SQUARE.search(url))}
    wanted = {
        _square(latitude, longitude)
        for latitude in range(math.floor(bounds.south), math.ceil(bounds.north))
        for longitude in range(math.floor(bounds.west), math.ceil(bounds.east))
    }
    return sorted(wanted - {name.replace("_00", "") for name in names}), bool(urls)


def _square(latitude: int, longitude: int) -> str:
    longitude = (longitude + 180) % 360 - 180
    north, east = ("N" if latitude >= 0 else "S"), ("E" if longitude >= 0 else "W")
    return f"{north}{abs(latitude):02d}_{east}{abs(longitude):03d}"


def _tile_urls(bounds: Bounds) -> dict[str, list[str]]:
    """Return the addresses of the tiles that touch a box, by collection, from the library's table."""
    from dem_stitcher.datasets import get_overlapping_dem_tiles

    return {name: list(get_overlapping_dem_tiles(_box(bounds), name).url) for name in _BUCKETS}


def _box(bounds: Bounds) -> list[float]:
    return [bounds.west, bounds.south, bounds.east, bounds.north]


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
        raise SourceError(_AT_SEA.format(_box(bounds)), hint="choose bursts that show land")
    client.download_all(urls, folder, format=TIFF, progress=partly(progress, 0.0, 0.9))


def fetch_geoid(bounds: Bounds, target: Path, settings: Settings) -> Path:
    """Write the part of the geoid around a box, which GDAL reads from the remote file.

    Raises
    ------
    SourceError
        If it cannot be read at any of its addresses.
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
        window = _window(geoid, bounds)
        profile = {
            "driver": "GTiff",
            "dtype": geoid.dtypes[0],
            "count": 1,
            "height": window.height,
            "width": window.width,
            "crs": geoid.crs,
            "nodata": geoid.nodata,
            "transform": geoid.window_transform(window),
        }
        values = geoid.read(1, window=window)
        kind = geoid.tags().get("AREA_OR_POINT", "Area")
    with rasterio.open(target, "w", **profile) as part:
        part.write(values, 1)
        part.update_tags(AREA_OR_POINT=kind)
    return target


def _trusted() -> dict[str, str]:
    """Return the GDAL option for the certificates that ``requests`` trusts."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE")
    return {"GDAL_CURL_CA_BUNDLE": bundle} if bundle else {}


def _window(geoid: Any, bounds: Bounds) -> Any:
    """Return the window of a raster around a box, with a margin for interpolation."""
    from rasterio.windows import Window

    transform = geoid.transform
    left, right = ((x - transform.c) / transform.a for x in (bounds.west, bounds.east))
    top, bottom = ((y - transform.f) / transform.e for y in (bounds.north, bounds.south))
    first_row, first_column = max(int(top) - _GEOID_MARGIN, 0), max(int(left) - _GEOID_MARGIN, 0)
    last_row = min(int(bottom) + _GEOID_MARGIN, geoid.height - 1)
    last_column = min(int(right) + _GEOID_MARGIN, geoid.width - 1)
    return Window(first_column, first_row, last_column - first_column + 1, last_row - first_row + 1)


def _stitch(bounds: Bounds, tiles: Path, geoid: Path) -> tuple[Any, dict[str, Any]]:
    """Return heights above the ellipsoid on the grid of the tiles."""
    import warnings

    from dem_stitcher import stitch_dem

    with warnings.catch_warnings():
        # It warns that the folder of tiles exists, as intended.
        warnings.simplefilter("ignore")
        heights, profile = stitch_dem(
            _box(bounds), "glo_30", merge_nodata_value=0, geoid_path=str(geoid), dst_tile_dir=tiles
        )
    return heights, profile


def _on_grid(heights: Any, profile: dict[str, Any], grid: DemGrid) -> Any:
    """Resample heights to the one-arc-second grid; heights that are on it already do not change."""
    import numpy as np
    from rasterio.warp import Resampling, reproject

    target = np.full((grid.rows, grid.columns), np.nan, dtype=np.float32)
    reproject(
        np.nan_to_num(heights, nan=0.0),
        target,
        src_transform=profile["transform"],
        src_crs=profile["crs"],
        dst_transform=grid.profile()["transform"],
        dst_crs="EPSG:4326",
        dst_nodata=float("nan"),
        resampling=Resampling.cubic,
    )
    if np.isnan(target).any():
        raise SourceError("the downloaded terrain does not cover the box", hint="run the same command again")
    return target
