"""GeoTIFF DEMs: checking, conversion to ISCE2's format and resampling, for both engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.isceimage import GeoGrid, IsceImage
from isce2_recipe.engines.builtin.rasters import blocks
from isce2_recipe.errors import InputError
from isce2_recipe.files import replace_when_complete
from isce2_recipe.types import Bounds

# Lowest and highest ground (Dead Sea, Mount Everest) with a margin of about 100 m for geoid and noise.
_LOWEST_M, _HIGHEST_M = -600.0, 9000.0
# One minute of arc of latitude is a nautical mile.
_METRES_PER_ARC_SECOND = 1852.0 / 60.0
# Spacings are multiples of 1/6 arc second, so that the grids of neighbouring scenes are aligned.
_PARTS_OF_ARC_SECOND = 6
_STRIP_ROWS = 512
_TOLERANCE = 1e-6


def check(geotiff: Path, bounds: Bounds) -> None:
    """Check that a DEM covers ``bounds`` (degrees), has no gaps and has plausible heights.

    Raises
    ------
    InputError
        If one of these is not the case.
    """
    with isceimage.open_raster(geotiff) as dataset:
        grid = _grid(geotiff, dataset)
        slack = abs(grid.require_map_grid().delta_latitude) * _TOLERANCE
        if not grid.node_bounds.buffered(slack).contains(bounds):
            raise InputError(
                f"the DEM {geotiff} does not cover the scene: it covers {grid.node_bounds.describe()}, "
                f"but needs to cover {bounds.describe()}",
                hint="use a larger DEM",
            )
        for rows, heights in _strips(dataset):
            _check_heights(geotiff, heights, rows)


def _check_heights(geotiff: Path, heights: NDArray[Any], rows: range) -> None:
    gaps = ~np.isfinite(heights)
    if gaps.any():
        row, col = np.argwhere(gaps)[0]
        raise InputError(
            f"the DEM {geotiff} has gaps, the first at row {rows.start + row}, column {col}",
            hint="fill them; ISCE2 would use the no-data values as heights",
        )
    lowest, highest = float(heights.min()), float(heights.max())
    if lowest < _LOWEST_M or highest > _HIGHEST_M:
        raise InputError(
            f"the DEM {geotiff} has heights from {lowest:.0f} m to {highest:.0f} m; "
            f"heights on Earth are between {_LOWEST_M:.0f} m and {_HIGHEST_M:.0f} m",
            hint="replace its no-data values by heights",
        )


def to_isce(geotiff: Path, target: Path, *, name: str | None = None) -> IsceImage:
    """Write a GeoTIFF DEM (north-up, degrees) in ISCE2's format: float32, metres above the ellipsoid.

    The header's starting values are the centre of the first pixel, as ISCE2 expects, so nothing is shifted.
    ``name`` is the path of the binary in the header; by default its absolute path.

    Raises
    ------
    InputError
        If the GeoTIFF cannot be used.
    """
    with isceimage.open_raster(geotiff) as dataset:
        image = replace(_grid(geotiff, dataset), path=target)
        with replace_when_complete(target) as partial, partial.open("wb") as stream:
            for _, heights in _strips(dataset):
                isceimage.append_lines(stream, image, heights[None])
    isceimage.write_sidecars(image, name=name)
    return image


def resample(geotiff: Path, target: Path, pixel_m: float) -> None:
    """Resample a DEM to another spacing by bicubic interpolation; the first pixel centre is unchanged.

    The spacing is the multiple of a sixth of an arc second nearest to ``pixel_m`` along a meridian, in
    both directions: 2/3 arc second for 20 m.

    Raises
    ------
    InputError
        If the GeoTIFF cannot be used.
    """
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.transform import Affine
    from rasterio.vrt import WarpedVRT

    parts = max(1, round(pixel_m / _METRES_PER_ARC_SECOND * _PARTS_OF_ARC_SECOND))
    step = parts / (_PARTS_OF_ARC_SECOND * 3600)
    with isceimage.open_raster(geotiff) as dataset:
        old = _grid(geotiff, dataset)
        nodes = old.require_map_grid()
        new = GeoGrid(nodes.first_longitude, nodes.first_latitude, step, -step)
        rows = int((old.lines - 1) * -nodes.delta_latitude / step + _TOLERANCE) + 1
        cols = int((old.samples - 1) * nodes.delta_longitude / step + _TOLERANCE) + 1
        transform = Affine.from_gdal(*new.corner_transform)
        grid = {"crs": dataset.crs, "transform": transform, "width": cols, "height": rows}
        profile = grid | {"driver": "GTiff", "dtype": "float32", "count": 1}
        with (
            WarpedVRT(dataset, **grid, resampling=Resampling.cubic) as warped,
            replace_when_complete(target) as partial,
            rasterio.open(partial, "w", **profile, tiled=True, compress="deflate", predictor=3) as output,
        ):
            for strip, heights in _strips(warped):
                output.write(heights, 1, window=((strip.start, strip.stop), (0, cols)))


def _grid(geotiff: Path, dataset: Any) -> IsceImage:
    """Return the header of a DEM in ISCE2's format on the grid of a GeoTIFF."""
    east, skew_x, west, skew_y, south, north = dataset.transform[:6]
    if dataset.crs is None or not dataset.crs.is_geographic or skew_x or skew_y or east <= 0 or south >= 0:
        raise InputError(f"the DEM {geotiff} must be a north-up raster in degrees (EPSG:4326)")
    nodes = GeoGrid(west + east / 2, north + south / 2, east, south)
    size = dataset.height, dataset.width
    return IsceImage(geotiff, *size, image_type="dem", grid=nodes, reference="WGS84")


def _strips(dataset: Any) -> Iterator[tuple[range, NDArray[np.float32]]]:
    """Yield ranges of rows with their heights; no-data is NaN."""
    for rows in blocks(dataset.height, _STRIP_ROWS):
        heights = dataset.read(1, window=((rows.start, rows.stop), (0, dataset.width))).astype(np.float32)
        if dataset.nodata is not None:
            heights[heights == np.float32(dataset.nodata)] = np.nan
        yield rows, heights
