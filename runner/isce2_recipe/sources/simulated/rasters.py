"""GeoTIFFs of the simulated ground: DEM, water mask tiles, true displacement and delay in the air."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.files import replace_when_complete
from isce2_recipe.sources.demgrid import DemGrid
from isce2_recipe.sources.names import WATER_MASK_TILE_DEG as _TILE_DEG
from isce2_recipe.sources.names import water_mask_corners, water_mask_tile
from isce2_recipe.sources.simulated import ground
from isce2_recipe.sources.simulated.world import Air, Landscape
from isce2_recipe.types import Bounds

Float = NDArray[np.float64]

_ARCSECONDS = 3600
_STRIP_ROWS = 256
_THREADS = 2


def check_bounds(bounds: Bounds) -> None:
    """Refuse a box that no raster in degrees can cover.

    Raise InputError if the box reaches beyond a pole or around the globe, or is empty.
    """
    if bounds.west >= bounds.east or bounds.south >= bounds.north:
        raise InputError(f"the area {bounds.describe()} is empty")
    if bounds.east - bounds.west > 180.0:
        raise InputError(f"the area {bounds.describe()} reaches around the globe")
    if bounds.south < -90.0 or bounds.north > 90.0:
        raise InputError(f"the area {bounds.describe()} reaches beyond a pole")


def write_dem(path: Path, bounds: Bounds, terrain: Landscape) -> None:
    """Write heights of the simulated ground: float32, EPSG:4326, metres above the ellipsoid, no gaps.

    Pixels are one arc second wide, with centres on whole arc seconds.
    """
    import rasterio
    from rasterio.transform import Affine
    from rasterio.windows import Window

    check_bounds(bounds)
    grid = DemGrid.covering(bounds)
    # Multiplied, not divided as in `DemGrid.profile`: the last bit of the simulated DEM stays the same.
    step = 1.0 / _ARCSECONDS
    transform = Affine(step, 0.0, (grid.west - 0.5) * step, 0.0, -step, (grid.north + 0.5) * step)
    size = {"width": grid.columns, "height": grid.rows}
    profile = {**_profile("float32", transform), "predictor": 3, **size}
    with replace_when_complete(path) as partial, rasterio.open(partial, "w", **profile) as raster:
        for first, heights in _heights(grid, terrain):
            raster.write(heights, 1, window=Window(0, first, *heights.shape[::-1]))


def _profile(dtype: str, transform: Any) -> dict[str, Any]:
    kind = {"driver": "GTiff", "dtype": dtype, "count": 1, "crs": "EPSG:4326", "transform": transform}
    return {**kind, "compress": "deflate", "zlevel": 1}


def _heights(grid: DemGrid, terrain: Landscape) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield first row and heights of the strips of a DEM in order, computed on threads."""
    second = math.radians(1.0 / _ARCSECONDS)

    def make(first: int) -> NDArray[np.float32]:
        out = np.empty((min(_STRIP_ROWS, grid.rows - first), grid.columns), dtype=np.float32)
        ground.height_grid((grid.north - first) * second, grid.west * second, second, out, terrain)
        return out

    firsts = range(0, grid.rows, _STRIP_ROWS)
    with ThreadPoolExecutor(_THREADS) as pool:
        # Limit the number of strips in memory: each waits there until it is written.
        for start in range(0, len(firsts), _THREADS):
            some = firsts[start : start + _THREADS]
            yield from zip(some, pool.map(make, some), strict=True)


def write_water_tiles(folder: Path, bounds: Bounds, terrain: Landscape) -> list[Path]:
    """Write 5-degree tiles that cover a box, 1 on water and 0 on land, and return their paths.

    Tiles are named by their lower-left corner. Only the part of a tile inside the box and a margin is
    computed; the rest reads as land.
    """
    check_bounds(bounds)
    paths = []
    for half in bounds.halves():
        for south, west in water_mask_corners(half):
            path = folder / water_mask_tile(south, west)
            _write_tile(path, _intersection(bounds.buffered(0.1), south, west), south, west, terrain)
            paths.append(path)
    return paths


def _intersection(bounds: Bounds, south: int, west: int) -> Bounds:
    bounds = bounds.near(Bounds(west, south, west + _TILE_DEG, south + _TILE_DEG))
    return Bounds(
        max(bounds.west, west),
        max(bounds.south, south),
        min(bounds.east, west + _TILE_DEG),
        min(bounds.north, south + _TILE_DEG),
    )


def _write_tile(path: Path, bounds: Bounds, south: int, west: int, terrain: Landscape) -> None:
    import rasterio
    from rasterio.transform import from_origin
    from rasterio.windows import Window

    size = _TILE_DEG * _ARCSECONDS
    # The edges of a tile's pixels lie on whole arc seconds, not their centres.
    top = min(size - 1, max(0, math.floor((south + _TILE_DEG - bounds.north) * _ARCSECONDS)))
    left = min(size - 1, max(0, math.floor((bounds.west - west) * _ARCSECONDS)))
    bottom = min(size, math.ceil((south + _TILE_DEG - bounds.south) * _ARCSECONDS))
    right = min(size, math.ceil((bounds.east - west) * _ARCSECONDS))
    second = math.radians(1.0 / _ARCSECONDS)
    water = np.empty((bottom - top, right - left), dtype=np.uint8)
    lat0 = math.radians(south + _TILE_DEG) - (top + 0.5) * second
    ground.water_grid(lat0, math.radians(west) + (left + 0.5) * second, second, water, terrain)
    transform = from_origin(west, south + _TILE_DEG, 1.0 / _ARCSECONDS, 1.0 / _ARCSECONDS)
    options = {"width": size, "height": size, "tiled": True, "blockxsize": 512, "blockysize": 512}
    profile = {**_profile("uint8", transform), **options, "sparse_ok": True}
    with replace_when_complete(path) as partial, rasterio.open(partial, "w", **profile) as raster:
        raster.write(water, 1, window=Window(left, top, right - left, bottom - top))


def write_displacement(path: Path, dem: Path, reference: Float, secondary: Float) -> None:
    """Write the displacement from reference to secondary on the grid of a DEM, float32 metres.

    The motions of the two dates, shape (n, 8), are those of `ground.displacement`.
    """
    _write_strips(path, dem, ground.displacement_grid, reference, secondary)


def write_delay(path: Path, dem: Path, terrain: Landscape, reference: Air, secondary: Air) -> None:
    """Write the delay in the air, secondary minus reference, on the grid of a DEM, float32 metres."""
    _write_strips(path, dem, ground.delay_grid, terrain, reference, secondary)


def write_ionosphere(path: Path, dem: Path, reference: Air, secondary: Air) -> None:
    """Write the delay in the ionosphere, secondary minus reference, on the grid of a DEM, float32 metres."""
    _write_strips(path, dem, ground.ionosphere_grid, reference, secondary)


def write_sum(path: Path, *parts: Path) -> Path:
    """Write the sum of rasters on one grid, and return its path."""
    import rasterio

    total: NDArray[np.float32] | None = None
    for part in parts:
        with rasterio.open(part) as raster:
            profile, values = raster.profile, raster.read(1)
        total = values if total is None else total + values
    with replace_when_complete(path) as partial, rasterio.open(partial, "w", **profile) as raster:
        raster.write(total, 1)
    return path


def _write_strips(path: Path, dem: Path, kernel: Callable[..., None], *arguments: object) -> None:
    """Write a raster on the grid of a DEM in strips of rows, which a kernel of `ground` computes."""
    import rasterio
    from rasterio.windows import Window

    with rasterio.open(dem) as raster:
        profile = raster.profile
        transform = raster.transform
    profile.update(
        driver="GTiff", dtype="float32", count=1, compress="deflate", zlevel=1, predictor=3, nodata=None
    )
    profile.pop("interleave", None)
    rows, cols = profile["height"], profile["width"]
    lon0 = math.radians(transform.c + 0.5 * transform.a)
    with replace_when_complete(path) as partial, rasterio.open(partial, "w", **profile) as raster:
        for first in range(0, rows, _STRIP_ROWS):
            out = np.empty((min(_STRIP_ROWS, rows - first), cols), dtype=np.float32)
            lat0 = math.radians(transform.f + (first + 0.5) * transform.e)
            steps = math.radians(-transform.e), math.radians(transform.a)
            kernel(lat0, lon0, *steps, *arguments, out)
            raster.write(out, 1, window=Window(0, first, cols, out.shape[0]))
