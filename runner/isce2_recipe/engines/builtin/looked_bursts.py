"""Multilooked bursts put together in radar geometry.

Each burst brings its own grid of looks. A shift by a fraction of a pixel brings it onto the common one, that
of the earliest line and the nearest sample, as in a run of all bursts together. On decorrelated ground no
shift can tell what other pixels would have shown; parts of looks do. Where bursts or swaths overlap the later
one lies on top, as in such a run: speckle of the same place differs from burst to burst.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.sar.sublooks import decode

Float = NDArray[np.float64]

# A pixel is made if its neighbours with data have at least this part of the weight: both nearest ones.
_ENOUGH = 0.9
# So much of a look's parts are all of them.
_WHOLE = 1.0 - 1e-3
_COLUMNS = 2048  # decoded at once


@dataclass(frozen=True, slots=True)
class LookedBurst:
    """A multilooked burst and where it lies.

    Attributes
    ----------
    interferogram, latitude, longitude, line_of_sight : Path
        Rasters of one size: complex; degrees; incidence and azimuth angle in degrees.
    swath : int
        1, 2 or 3.
    line, sample : float
        Of its first pixel in the common grid, zero or positive.
    lines, samples : int
        Size.
    first_valid_line, valid_lines, first_valid_sample, valid_samples : int
        Where the interferogram holds data.
    sublooks : Path or None
        Parts of its looks where it is decorrelated, see `isce2_recipe.sar.sublooks`.
    """

    interferogram: Path
    latitude: Path
    longitude: Path
    line_of_sight: Path
    swath: int
    line: float
    sample: float
    lines: int
    samples: int
    first_valid_line: int
    valid_lines: int
    first_valid_sample: int
    valid_samples: int
    sublooks: Path | None = None

    @property
    def whole_looks(self) -> bool:
        """Whether its pixels are those of the common grid."""
        return self.line.is_integer() and self.sample.is_integer()

    @property
    def down(self) -> Shift:
        """Of its lines."""
        return Shift(self.line, self.lines, self.first_valid_line, self.valid_lines)

    @property
    def across(self) -> Shift:
        """Of its samples."""
        return Shift(self.sample, self.samples, self.first_valid_sample, self.valid_samples)


@dataclass(frozen=True, slots=True)
class Shift:
    """One axis of a burst on its way to the common grid.

    Attributes
    ----------
    offset : float
        Of the first pixel.
    size, first_valid, valid : int
        Pixels there are, and which of them hold data.
    """

    offset: float
    size: int
    first_valid: int
    valid: int

    @property
    def start(self) -> int:
        """First pixel of the common grid that the burst reaches."""
        return math.ceil(self.offset - 1e-6)

    @property
    def count(self) -> int:
        """Pixels of the common grid from there to the burst's end."""
        return math.floor(self.offset + self.size - 1 + 1e-6) - self.start + 1

    @property
    def weights(self) -> Float:
        """Of four neighbours, two on either side of the wanted place (cubic convolution, Keys 1981)."""
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
        """Values at the pixels of the common grid; past the ends they go on in a straight line."""
        pad = [(0, 0)] * values.ndim
        pad[axis] = (1, 2)
        padded = np.moveaxis(np.pad(values, pad, mode="reflect", reflect_type="odd"), axis, 0)
        total = sum(w * padded[k : k + self.count] for k, w in enumerate(self.weights) if w != 0.0)
        return np.moveaxis(np.asarray(total), 0, axis)

    def sum_of(self, parts: NDArray[Any], each: int) -> NDArray[Any]:
        """Sums over the first axis of the parts, ``each`` to a pixel, that lie in pixels of the common grid.

        Of a part that lies there partly, so much is taken.
        """
        first = (self.start - self.offset) * each
        whole = math.floor(first + 1e-3)
        rest = max(first - whole, 0.0)
        weights = [1.0 - rest, *[1.0] * (each - 1), *([rest] if rest > 1e-3 else [])]
        stop = whole + (self.count - 1) * each + 1
        taken = (w * parts[whole + k : stop + k : each] for k, w in enumerate(weights))
        return np.asarray(sum(taken))

    def coverage(self) -> Float:
        """Weight of the neighbours with data, 0 to about 1, of every pixel."""
        known = np.zeros(self.size)
        known[self.first_valid : self.first_valid + self.valid] = 1.0
        return self.apply(known, 0)

    def span(self, *, whole: bool = False) -> tuple[int, int]:
        """First pixel of the common grid with data, and the one after the last.

        Parameters
        ----------
        whole : bool
            Only where all neighbours have data.
        """
        weight = self.coverage()
        (made,) = np.nonzero(np.abs(weight - 1.0) < 1e-6 if whole else weight >= _ENOUGH)
        return (self.start + int(made[0]), self.start + int(made[-1]) + 1) if made.size else (0, 0)


def merge_looked(
    bursts: Sequence[LookedBurst], folder: Path, progress: Callable[[float, str], None]
) -> tuple[int, int]:
    """Write ``merged`` with interferogram, line of sight, latitude and longitude of all bursts.

    Latitude and longitude have the names of ISCE2's full-resolution files but one value a looked pixel;
    places that no burst covers are zero in every file.

    Parameters
    ----------
    bursts : sequence of LookedBurst
        In any order.
    folder : Path
        The application's work folder.

    Returns
    -------
    lines, samples : int
        Size of the merged image.
    """
    bursts = sorted(bursts, key=lambda burst: (burst.swath, burst.line))
    lines = max(burst.down.start + burst.down.count for burst in bursts)
    samples = max(burst.across.start + burst.across.count for burst in bursts)
    merged = folder / paths.MERGED
    merged.mkdir(parents=True, exist_ok=True)
    layers = {
        name: isceimage.create(IsceImage(merged / name, lines, samples, *kind), folder)
        for name, kind in _FILES.items()
    }
    owners = _owners_of_data(bursts, (lines, samples))
    reached = _owners((lines, samples), [_reach(one) for one in bursts])
    for number, burst in enumerate(bursts):
        window = _window(burst)
        _copy(layers[paths.INTERFEROGRAM], window, owners == number, _interferogram(burst)[None])
        place = (owners == number) | ((owners < 0) & (reached == number))
        for name, path in _geometry(burst).items():
            _copy(layers[name], window, place, _shifted(burst, path))
        progress((number + 1) / len(bursts), f"burst {number + 1} of {len(bursts)}")
    return lines, samples


# Bands, type, interleaving and ISCE2's word for the content.
_FILES: dict[str, tuple[int, str, str, str]] = {
    paths.INTERFEROGRAM: (1, "CFLOAT", "BIP", "cpx"),
    paths.LINE_OF_SIGHT: (2, "FLOAT", "BIL", "bil"),
    paths.LATITUDE_FULL: (1, "DOUBLE", "BIP", ""),
    paths.LONGITUDE_FULL: (1, "DOUBLE", "BIP", ""),
}


def _geometry(burst: LookedBurst) -> dict[str, Path]:
    return {
        paths.LINE_OF_SIGHT: burst.line_of_sight,
        paths.LATITUDE_FULL: burst.latitude,
        paths.LONGITUDE_FULL: burst.longitude,
    }


def _window(burst: LookedBurst) -> tuple[slice, slice]:
    """The part of the merged image that a burst reaches."""
    down, across = burst.down, burst.across
    return slice(down.start, down.start + down.count), slice(across.start, across.start + across.count)


def _copy(
    layer: NDArray[Any], window: tuple[slice, slice], chosen: NDArray[np.bool_], values: NDArray[Any]
) -> None:
    """Put the chosen pixels of a burst into a layer; both have shape (bands, lines, samples)."""
    part = layer[:, window[0], window[1]]
    part[:, chosen[window]] = values[:, chosen[window]]


def _shifted(burst: LookedBurst, path: Path) -> NDArray[Any]:
    with isceimage.opened(path) as dataset:
        values = dataset.read()
    return burst.across.apply(burst.down.apply(values.astype(np.float64), 1), 2)


def _interferogram(burst: LookedBurst) -> NDArray[Any]:
    """The burst's interferogram on the common grid, weighted by where it has data."""
    with isceimage.opened(burst.interferogram) as dataset:
        values = dataset.read(1)
    moved = burst.across.apply(burst.down.apply(values, 0), 1)
    weight = np.outer(burst.down.coverage(), burst.across.coverage())
    divided = np.divide(moved, weight, out=np.zeros_like(moved), where=weight >= _ENOUGH**2)
    exact, share = _from_sublooks(burst)
    whole = (share > _WHOLE) & (not burst.whole_looks)
    return np.where(whole | (divided == 0), exact, divided)


def _from_sublooks(burst: LookedBurst) -> tuple[NDArray[Any], Float]:
    """The interferogram on the common grid made of parts of looks, and the share of them that is there."""
    if burst.sublooks is None:
        shape = (burst.down.count, burst.across.count)
        return np.zeros(shape, np.complex64), np.zeros(shape)
    with isceimage.opened(burst.sublooks) as dataset:
        codes = dataset.read()
    azimuth, across = codes.shape[1] // burst.lines, codes.shape[2] // burst.samples
    sums = np.empty((burst.down.count, codes.shape[2]), np.complex64)
    there = np.empty(sums.shape, np.float32)
    for first in range(0, codes.shape[2], _COLUMNS):
        part = slice(first, first + _COLUMNS)
        sums[:, part] = burst.down.sum_of(decode(codes[:, :, part]), azimuth)
        there[:, part] = burst.down.sum_of((codes[1, :, part] > 0).astype(np.float32), azimuth)
    exact, share = (burst.across.sum_of(one.T, across).T / (azimuth * across) for one in (sums, there))
    return exact, share.astype(np.float64)


Box = tuple[int, int, int, int]


def _data(burst: LookedBurst) -> Box:
    """Where the burst's interferogram has data."""
    return (*burst.down.span(), *burst.across.span())


def _inside(burst: LookedBurst) -> Box:
    """Where it has data all around."""
    return (*burst.down.span(whole=True), *burst.across.span(whole=True))


def _reach(burst: LookedBurst) -> Box:
    """Where its geometry is known."""
    down, across = _window(burst)
    return down.start, down.stop, across.start, across.stop


def _owners(shape: tuple[int, int], boxes: Sequence[Box]) -> NDArray[np.int16]:
    """Which burst each merged pixel is taken from, -1 for none; the last one lies on top."""
    owners = np.full(shape, -1, np.int16)
    for number, (top, bottom, left, right) in enumerate(boxes):
        owners[top:bottom, left:right] = number
    return owners


def _owners_of_data(bursts: Sequence[LookedBurst], shape: tuple[int, int]) -> NDArray[np.int16]:
    """The same for data. At its edge a burst's pixels are made of fewer neighbours: another's are better."""
    owners = _owners(shape, [_data(burst) for burst in bursts])
    for number, burst in enumerate(bursts):
        top, bottom, left, right = _inside(burst)
        owners[top:bottom, left:right] = number
        part, share = owners[_window(burst)], _from_sublooks(burst)[1]
        # Around all of the image looks are half full, as in a run of all bursts together.
        part[(share > _WHOLE) | ((part < 0) & (share > 0))] = number
    return owners
