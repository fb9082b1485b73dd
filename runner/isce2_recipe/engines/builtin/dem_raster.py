"""Terrain for either engine: checked, on ISCE2's terms, and resampled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.isceimage import GeoGrid, IsceImage
from isce2_recipe.errors import InputError
from isce2_recipe.types import Bounds

# Heights on Earth lie between the Dead Sea and Mount Everest; geoid and noise may add a hundred metres.
_LOWEST_M, _HIGHEST_M = -600.0, 9000.0
# A minute of arc of latitude is a nautical mile.
_METRES_PER_ARC_SECOND = 1852.0 / 60.0
# Spacings are whole sixths of an arc second, so that grids of neighbouring scenes fit.
_PARTS_OF_ARC_SECOND = 6
_STRIP_ROWS = 512
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class _Grid:
    nodes: GeoGrid
    rows: int
    cols: int

    @property
    def node_bounds(self) -> Bounds:
        """Box around the pixel centres."""
        nodes = self.nodes
        return Bounds(
            nodes.first_longitude,
            nodes.first_latitude + (self.rows - 1) * nodes.delta_latitude,
            nodes.first_longitude + (self.cols - 1) * nodes.delta_longitude,
            nodes.first_latitude,
        )


def check(geotiff: Path, bounds: Bounds) -> None:
    """Refuse a DEM that does not cover ``bounds`` (degrees), has gaps, or heights no ground has.

    Raises
    ------
    InputError
        Naming what is wrong.
    """
    with isceimage.opened(geotiff) as dataset:
        grid = _grid(geotiff, dataset)
        slack = abs(grid.nodes.delta_latitude) * _TOLERANCE
        if not grid.node_bounds.buffered(slack).contains(bounds):
            raise InputError(
                f"the DEM {geotiff} does not cover the scene: it reaches {_text(grid.node_bounds)}, "
                f"needed is {_text(bounds)}",
                hint="give terrain that is larger",
            )
        for rows, heights in _strips(dataset):
            _check_heights(geotiff, heights, rows)


def _check_heights(geotiff: Path, heights: NDArray[Any], rows: range) -> None:
    gaps = ~np.isfinite(heights)
    if gaps.any():
        row, col = np.argwhere(gaps)[0]
        raise InputError(
            f"the DEM {geotiff} has gaps, the first at row {rows.start + row}, column {col}",
            hint="fill them; ISCE2 would take them for ground",
        )
    lowest, highest = float(heights.min()), float(heights.max())
    if lowest < _LOWEST_M or highest > _HIGHEST_M:
        raise InputError(
            f"the DEM {geotiff} has heights from {lowest:.0f} m to {highest:.0f} m, which no ground has",
            hint="its no-data value must be replaced by heights",
        )


def to_isce(geotiff: Path, target: Path, *, name: str | None = None) -> IsceImage:
    """Write a GeoTIFF DEM as ISCE2's raster: float32, little-endian, heights above the ellipsoid.

    ISCE2 takes the header's starting values for the centre of the first pixel; that is what is written, so
    nothing is shifted.

    Parameters
    ----------
    geotiff : Path
        EPSG:4326, north-up, metres above the WGS84 ellipsoid.
    target : Path
        The binary; its headers appear beside it.
    name : str, optional
        What the header calls the binary; by default its absolute path.

    Raises
    ------
    InputError
        If the GeoTIFF cannot be used.
    """
    with isceimage.opened(geotiff) as dataset:
        grid = _grid(geotiff, dataset)
        image = IsceImage(target, grid.rows, grid.cols, image_type="dem", grid=grid.nodes, reference="WGS84")
        with isceimage.publish(target) as partial, partial.open("wb") as stream:
            for _, heights in _strips(dataset):
                isceimage.append_lines(stream, image, heights[None])
    isceimage.write_sidecars(image, name=name)
    return image


def resample(geotiff: Path, target: Path, pixel_m: float) -> None:
    """Write a DEM at another spacing, bicubic, first pixel centre kept.

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
    with isceimage.opened(geotiff) as dataset:
        old = _grid(geotiff, dataset)
        new = GeoGrid(old.nodes.first_longitude, old.nodes.first_latitude, step, -step)
        rows = int((old.rows - 1) * -old.nodes.delta_latitude / step + _TOLERANCE) + 1
        cols = int((old.cols - 1) * old.nodes.delta_longitude / step + _TOLERANCE) + 1
        transform = Affine.from_gdal(*new.corner_transform)
        grid = {"crs": dataset.crs, "transform": transform, "width": cols, "height": rows}
        profile = grid | {"driver": "GTiff", "dtype": "float32", "count": 1}
        with (
            WarpedVRT(dataset, **grid, resampling=Resampling.cubic) as warped,
            isceimage.publish(target) as partial,
            rasterio.open(partial, "w", **profile, tiled=True, compress="deflate", predictor=3) as output,
        ):
            for strip, heights in _strips(warped):
                output.write(heights, 1, window=((strip.start, strip.stop), (0, cols)))


def _grid(geotiff: Path, dataset: Any) -> _Grid:
    east, skew_x, west, skew_y, south, north = dataset.transform[:6]
    if dataset.crs is None or not dataset.crs.is_geographic or skew_x or skew_y or east <= 0 or south >= 0:
        raise InputError(f"the DEM {geotiff} must be a north-up raster in degrees (EPSG:4326)")
    return _Grid(GeoGrid(west + east / 2, north + south / 2, east, south), dataset.height, dataset.width)


def _strips(dataset: Any) -> Iterator[tuple[range, NDArray[np.float32]]]:
    """Rows and their heights; no-data is NaN."""
    for first in range(0, dataset.height, _STRIP_ROWS):
        last = min(first + _STRIP_ROWS, dataset.height)
        heights = dataset.read(1, window=((first, last), (0, dataset.width))).astype(np.float32)
        if dataset.nodata is not None:
            heights[heights == np.float32(dataset.nodata)] = np.nan
        yield range(first, last), heights


def _text(bounds: Bounds) -> str:
    return f"{bounds.west:.4f} to {bounds.east:.4f} E, {bounds.south:.4f} to {bounds.north:.4f} N"
