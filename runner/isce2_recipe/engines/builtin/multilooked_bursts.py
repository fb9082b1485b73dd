"""Merging of multilooked bursts in radar geometry.

Each burst has its own multilooked grid. It is resampled by a fraction of a pixel to a common grid, which
begins at the earliest line and the nearest sample, as in a run of all bursts together. On decorrelated ground
a fractional shift cannot reproduce the windows of that run; sums of sublooks can. Where bursts or swaths
overlap, the later one is used, as in that run, because speckle of the same ground differs from burst to
burst.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.sar.sublooks import decode
from isce2_recipe.types import longitude_near

Float = NDArray[np.float64]

# Smallest weight of neighbours with data for which a pixel is computed: both nearest ones are needed.
_ENOUGH = 0.9
# Share of sublooks from which a window counts as complete.
_WHOLE = 1.0 - 1e-3
_COLUMNS = 2048  # columns that are decoded at once


@dataclass(frozen=True, slots=True)
class MultilookedBurst:
    """A multilooked burst and its position in the common grid.

    Attributes
    ----------
    interferogram, latitude, longitude, line_of_sight : Path
        Rasters of the same size: complex; degrees; incidence and azimuth angle in degrees.
    swath : int
        1, 2 or 3.
    azimuth_shift, range_shift : AxisShift
        Position in the common grid, size, and window in which the interferogram has data.
    sublooks : Path or None
        Sublooks where the interferogram is decorrelated, see `isce2_recipe.sar.sublooks`.
    """

    interferogram: Path
    latitude: Path
    longitude: Path
    line_of_sight: Path
    swath: int
    azimuth_shift: AxisShift
    range_shift: AxisShift
    sublooks: Path | None = None

    @property
    def on_common_grid(self) -> bool:
        """Return whether its pixels coincide with those of the common grid."""
        return self.azimuth_shift.offset.is_integer() and self.range_shift.offset.is_integer()


@dataclass(frozen=True, slots=True)
class AxisShift:
    """Resampling of one axis of a burst to the common grid.

    Attributes
    ----------
    offset : float
        Position of the first pixel in the common grid, zero or positive.
    size, first_valid, valid : int
        Number of pixels, first pixel with data, and number of pixels with data.
    """

    offset: float
    size: int
    first_valid: int
    valid: int

    @property
    def start(self) -> int:
        """Return the first pixel of the common grid that the burst covers."""
        return math.ceil(self.offset - 1e-6)

    @property
    def count(self) -> int:
        """Return the number of pixels of the common grid that the burst covers."""
        return math.floor(self.offset + self.size - 1 + 1e-6) - self.start + 1

    @property
    def weights(self) -> Float:
        """Return the weights of four neighbours, two on each side (cubic convolution, Keys 1981)."""
        f = min(max(self.start - self.offset, 0.0), 1.0)
        g = 1.0 - f
        return np.array(
            [
                -0.5 * f * g * g,
                1.0 + f * f * (1.5 * f - 2.5),
                1.0 + g * g * (1.5 * g - 2.5),
                -0.5 * g * f * f,
            ]
        )

    def apply(self, values: NDArray[Any], axis: int) -> NDArray[Any]:
        """Return values at the pixels of the common grid; at the ends they are extrapolated linearly."""
        pad = [(0, 0)] * values.ndim
        pad[axis] = (1, 2)
        padded = np.moveaxis(np.pad(values, pad, mode="reflect", reflect_type="odd"), axis, 0)
        total = sum(w * padded[k : k + self.count] for k, w in enumerate(self.weights) if w != 0.0)
        return np.moveaxis(np.asarray(total), 0, axis)

    def sum_sublooks(self, sublooks: NDArray[Any], count: int) -> NDArray[Any]:
        """Sum sublooks along the first axis, ``count`` per pixel, in the pixels of the common grid.

        A sublook that is partly inside a pixel is weighted by the part.
        """
        first = (self.start - self.offset) * count
        whole = math.floor(first + 1e-3)
        rest = max(first - whole, 0.0)
        weights = [1.0 - rest, *[1.0] * (count - 1), *([rest] if rest > 1e-3 else [])]
        stop = whole + (self.count - 1) * count + 1
        taken = (w * sublooks[whole + k : stop + k : count] for k, w in enumerate(weights))
        return np.asarray(sum(taken))

    def coverage(self) -> Float:
        """Return the sum of the weights of neighbours with data, 0 to about 1, for every pixel."""
        known = np.zeros(self.size)
        known[self.first_valid : self.first_valid + self.valid] = 1.0
        return self.apply(known, 0)

    def span(self, *, whole: bool = False) -> tuple[int, int]:
        """Return the first pixel with data (``whole``: in all neighbours) and the one after the last."""
        weight = self.coverage()
        (made,) = np.nonzero(np.abs(weight - 1.0) < 1e-6 if whole else weight >= _ENOUGH)
        return (self.start + int(made[0]), self.start + int(made[-1]) + 1) if made.size else (0, 0)


def merge_multilooked(
    bursts: Sequence[MultilookedBurst], folder: Path, progress: Callable[[float, str], None]
) -> tuple[int, int]:
    """Merge interferogram, line of sight and coordinates of bursts into ``merged``; return lines and samples.

    Latitude and longitude have the names of ISCE2's full-resolution files, but one value for each multilooked
    pixel. Pixels that no burst covers are zero in every file.
    """
    bursts = sorted(bursts, key=lambda burst: (burst.swath, burst.azimuth_shift.offset))
    lines = max(burst.azimuth_shift.start + burst.azimuth_shift.count for burst in bursts)
    samples = max(burst.range_shift.start + burst.range_shift.count for burst in bursts)
    merged = folder / paths.MERGED
    merged.mkdir(parents=True, exist_ok=True)
    layers = {
        name: isceimage.create(IsceImage(merged / name, lines, samples, *kind), folder)
        for name, kind in _FILES.items()
    }
    owners = _owners_of_data(bursts, (lines, samples))
    reached = _owners((lines, samples), map(_window, bursts))
    meridian = float(_values(bursts[0].longitude)[0, 0, 0])
    for number, burst in enumerate(bursts):
        window = _window(burst)
        _copy(layers[paths.INTERFEROGRAM], window, owners == number, _interferogram(burst)[None])
        place = (owners == number) | ((owners < 0) & (reached == number))
        for name, path in (
            (paths.LINE_OF_SIGHT, burst.line_of_sight),
            (paths.LATITUDE_FULL, burst.latitude),
            (paths.LONGITUDE_FULL, burst.longitude),
        ):
            values = _values(path)
            if name == paths.LONGITUDE_FULL:
                # All bursts continue the longitudes of the first one, on whichever side of the antimeridian.
                values = longitude_near(values, meridian)
            _copy(layers[name], window, place, _shifted(burst, values))
        progress((number + 1) / len(bursts), f"burst {number + 1} of {len(bursts)}")
    return lines, samples


# Bands, data type, interleaving and ISCE2's image type of each file.
_FILES: dict[str, tuple[int, str, str, str]] = {
    paths.INTERFEROGRAM: (1, "CFLOAT", "BIP", "cpx"),
    paths.LINE_OF_SIGHT: (2, "FLOAT", "BIL", "bil"),
    paths.LATITUDE_FULL: (1, "DOUBLE", "BIP", ""),
    paths.LONGITUDE_FULL: (1, "DOUBLE", "BIP", ""),
}


def _window(burst: MultilookedBurst) -> tuple[slice, slice]:
    """Return the window of the merged image that a burst covers."""
    rows, cols = burst.azimuth_shift, burst.range_shift
    return slice(rows.start, rows.start + rows.count), slice(cols.start, cols.start + cols.count)


def _copy(
    layer: NDArray[Any], window: tuple[slice, slice], chosen: NDArray[np.bool_], values: NDArray[Any]
) -> None:
    """Copy the chosen pixels of a burst to a layer; both have the shape (bands, lines, samples)."""
    part = layer[:, window[0], window[1]]
    part[:, chosen[window]] = values[:, chosen[window]]


def _values(path: Path) -> Float:
    with isceimage.open_raster(path) as dataset:
        values: Float = dataset.read().astype(np.float64)
    return values


def _shifted(burst: MultilookedBurst, values: Float) -> NDArray[Any]:
    return burst.range_shift.apply(burst.azimuth_shift.apply(values, 1), 2)


def _interferogram(burst: MultilookedBurst) -> NDArray[Any]:
    """Return the burst's interferogram on the common grid, normalized by the weight of pixels with data."""
    with isceimage.open_raster(burst.interferogram) as dataset:
        values = dataset.read(1)
    moved = burst.range_shift.apply(burst.azimuth_shift.apply(values, 0), 1)
    weight = np.outer(burst.azimuth_shift.coverage(), burst.range_shift.coverage())
    divided = np.divide(moved, weight, out=np.zeros_like(moved), where=weight >= _ENOUGH**2)
    exact, share = _from_sublooks(burst)
    whole = (share > _WHOLE) & (not burst.on_common_grid)
    return np.where(whole | (divided == 0), exact, divided)


def _from_sublooks(burst: MultilookedBurst) -> tuple[NDArray[Any], Float]:
    """Return the interferogram on the common grid from sublooks, and the share that is available."""
    if burst.sublooks is None:
        shape = (burst.azimuth_shift.count, burst.range_shift.count)
        return np.zeros(shape, np.complex64), np.zeros(shape)
    with isceimage.open_raster(burst.sublooks) as dataset:
        codes = dataset.read()
    azimuth, across = codes.shape[1] // burst.azimuth_shift.size, codes.shape[2] // burst.range_shift.size
    sums = np.empty((burst.azimuth_shift.count, codes.shape[2]), np.complex64)
    available = np.empty(sums.shape, np.float32)
    for first in range(0, codes.shape[2], _COLUMNS):
        part = slice(first, first + _COLUMNS)
        sums[:, part] = burst.azimuth_shift.sum_sublooks(decode(codes[:, :, part]), azimuth)
        present = (codes[1, :, part] > 0).astype(np.float32)
        available[:, part] = burst.azimuth_shift.sum_sublooks(present, azimuth)
    exact, share = (
        burst.range_shift.sum_sublooks(one.T, across).T / (azimuth * across) for one in (sums, available)
    )
    return exact, share.astype(np.float64)


def _data(burst: MultilookedBurst, *, whole: bool = False) -> tuple[slice, slice]:
    """Return the window in which the burst's interferogram has data, or in which all neighbours have data."""
    return slice(*burst.azimuth_shift.span(whole=whole)), slice(*burst.range_shift.span(whole=whole))


def _owners(shape: tuple[int, int], windows: Iterable[tuple[slice, slice]]) -> NDArray[np.int16]:
    """Return the index of the burst that each merged pixel is taken from, -1 for none; the last one wins."""
    owners = np.full(shape, -1, np.int16)
    for number, window in enumerate(windows):
        owners[window] = number
    return owners


def _owners_of_data(bursts: Sequence[MultilookedBurst], shape: tuple[int, int]) -> NDArray[np.int16]:
    """Return the owners of pixels with data; complete pixels precede pixels at a burst's edge."""
    owners = _owners(shape, map(_data, bursts))
    for number, burst in enumerate(bursts):
        owners[_data(burst, whole=True)] = number
        part, share = owners[_window(burst)], _from_sublooks(burst)[1]
        # At the border of the image incomplete windows are used, as in a run of all bursts together.
        part[(share > _WHOLE) | ((part < 0) & (share > 0))] = number
    return owners
