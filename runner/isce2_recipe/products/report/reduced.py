"""A product at the resolution of the report's pictures, cropped to the area with data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.products.differences import component_cycles
from isce2_recipe.products.rasters import opened
from isce2_recipe.products.reading import Finished, Grid, read_on_grid

Float = NDArray[np.float32]

WIDTH = 1100
HEIGHT = 1000
_COARSE = 500  # rows and columns in which the area with data is searched
_MARGIN = 0.04  # margin around that area, as a share of its size


@dataclass(frozen=True)
class ReducedProduct:
    """A product, and the simulated truth if there is one, on the grid of the report's pictures.

    ``truth`` is the GeoTIFF of the true displacement and delay in the air, metres, positive away from the
    satellite; ``atmosphere`` that of the delay alone, if there is one.
    """

    product: Finished
    truth: Path | None = None
    atmosphere: Path | None = None

    @cached_property
    def grid(self) -> Grid:
        """The part of the product's grid with data and a margin, in full resolution."""
        whole = self.product.grid
        step = max(1, whole.cols // _COARSE, whole.rows // _COARSE)
        with opened(self.product.layers["corr"]) as dataset:
            shape = (-(-whole.rows // step), -(-whole.cols // step))
            values = dataset.read(1, out_shape=shape)
            valid = np.isfinite(values) & (values != dataset.nodata)
        if not valid.any():
            return whole
        margin = round(_MARGIN * max(valid.any(axis=1).sum(), valid.any(axis=0).sum())) + 1
        top, bottom = _range_with_data(valid.any(axis=1), margin, step, whole.rows)
        left, right = _range_with_data(valid.any(axis=0), margin, step, whole.cols)
        return whole.part(top, left, bottom - top, right - left)

    @cached_property
    def _window(self) -> tuple[int, int, int, int]:
        """First column, first row, number of columns and number of rows of `grid` in the product's grid."""
        whole, part = self.product.grid, self.grid
        col = round((part.transform[2] - whole.transform[2]) / whole.transform[0])
        row = round((part.transform[5] - whole.transform[5]) / whole.transform[4])
        return col, row, part.cols, part.rows

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the pictures."""
        shrink = max(1.0, self.grid.cols / WIDTH, self.grid.rows / HEIGHT)
        return max(1, round(self.grid.rows / shrink)), max(1, round(self.grid.cols / shrink))

    @property
    def centimetres(self) -> float:
        """Displacement of one radian of phase, centimetres."""
        return 100.0 * self.product.wavelength_m / (4.0 * math.pi)

    def small(self, layer: str, *, mean: bool) -> Float:
        """Return a layer at the size of the pictures, NaN for no data; means or else nearest pixels."""
        from rasterio.enums import Resampling
        from rasterio.windows import Window

        method = Resampling.average if mean else Resampling.nearest
        with opened(self.product.layers[layer]) as dataset:
            window = Window(*self._window)
            read = dataset.read(1, window=window, out_shape=self.shape, resampling=method)
            values: Float = read.astype(np.float32)
            if dataset.nodata is not None:
                values[values == np.float32(dataset.nodata)] = np.nan
        return values

    @cached_property
    def displacement_cm(self) -> Float:
        """Measured displacement relative to its median, positive away from the satellite."""
        values = self.small("unw_phase", mean=False) * np.float32(self.centimetres)
        return values - np.float32(median(values))

    @cached_property
    def true_cm(self) -> Float | None:
        """The truth, shifted so that the median difference from what was measured is zero."""
        if self.truth is None:
            return None
        values = read_on_grid(self.truth, self.grid, self.shape) * 100.0
        both = self.connected & np.isfinite(values)
        if not both.any():
            return None
        return (values + np.median(self.displacement_cm[both] - values[both])).astype(np.float32)

    @cached_property
    def air_cm(self) -> Float | None:
        """The part of the truth that is the delay in the air, relative to its median."""
        if self.atmosphere is None:
            return None
        values = read_on_grid(self.atmosphere, self.grid, self.shape) * 100.0
        return (values - median(values[self.observed])).astype(np.float32)

    @cached_property
    def error_cm(self) -> Float | None:
        """Measured displacement minus the truth, each component in its own cycle."""
        if self.true_cm is None:
            return None
        error = self.displacement_cm - self.true_cm
        use, cycle_cm = self.connected & np.isfinite(error), 2.0 * math.pi * self.centimetres
        error[use] -= np.float32(cycle_cm) * component_cycles(error[use] / cycle_cm, self.labels[use])
        return error

    @cached_property
    def observed(self) -> NDArray[np.bool_]:
        """Pixels that both passes observed."""
        observed: NDArray[np.bool_] = np.isfinite(self.small("corr", mean=False))
        return observed

    @cached_property
    def water(self) -> NDArray[np.bool_]:
        """Observed pixels on water."""
        if "water_mask" not in self.product.layers:
            return np.zeros(self.shape, np.bool_)
        water: NDArray[np.bool_] = self.small("water_mask", mean=False) == 0
        return self.observed & water

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """Labels of connected components; 1 for all unwrapped pixels if the product has no labels."""
        if "conncomp" not in self.product.layers:
            return np.isfinite(self.displacement_cm).astype(np.int64)
        return np.nan_to_num(self.small("conncomp", mean=False)).astype(np.int64)

    @cached_property
    def connected(self) -> NDArray[np.bool_]:
        """Pixels on land with unwrapped phase in a connected component."""
        return np.isfinite(self.displacement_cm) & (self.labels > 0) & ~self.water

    @cached_property
    def light(self) -> Float:
        """Brightness of the terrain, lit from the north-west; 1 on level ground and where it is unknown."""
        level = np.ones(self.shape, np.float32)
        if "dem" not in self.product.layers or min(self.shape) < 2:
            return level
        heights = self.small("dem", mean=True)
        shrink = self.grid.cols / self.shape[1]
        width_m, height_m = (size * shrink for size in self.grid.ground_m)
        south, east = np.gradient(heights, height_m, width_m)
        slope = (south + east) / np.sqrt(1 + south**2 + east**2)
        # Relative to the steepest slopes, so that plains show their shapes as well as mountains.
        steep = _quantile(np.abs(slope), 90) or 1.0
        return np.where(np.isfinite(slope), 1 + np.tanh(slope / steep), level).astype(np.float32)


def _range_with_data(valid: NDArray[np.bool_], margin: int, step: int, size: int) -> tuple[int, int]:
    """Return the first position with data and the one after the last, with a margin, in full pixels."""
    places = np.flatnonzero(valid)
    return max(0, (int(places[0]) - margin) * step), min(size, (int(places[-1]) + 1 + margin) * step)


def median(values: NDArray[Any]) -> float:
    """Return the median of the finite values; 0 without any."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else 0.0


def _quantile(values: NDArray[Any], percent: float) -> float:
    finite = values[np.isfinite(values)]
    return float(np.percentile(finite, percent)) if finite.size else 0.0
