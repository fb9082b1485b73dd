"""Multilooked bursts put together in radar geometry.

Each burst brings its own grid of looks. A shift by a fraction of a pixel brings it onto the common one, which
is that of the earliest line and the nearest sample, as in a run of all bursts together. Seams lie in the
middle of overlaps, between bursts and between swaths.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.isceimage import IsceImage

Float = NDArray[np.float64]

# A pixel is made if its neighbours with data have at least this part of the weight: both nearest ones.
_ENOUGH = 0.9


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

    def coverage(self) -> Float:
        """Weight of the neighbours with data, 0 to about 1, of every pixel."""
        known = np.zeros(self.size)
        known[self.first_valid : self.first_valid + self.valid] = 1.0
        return self.apply(known, 0)

    def span(self) -> tuple[int, int]:
        """First pixel of the common grid with data, and the one after the last."""
        (made,) = np.nonzero(self.coverage() >= _ENOUGH)
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
    owners = _owners(bursts, lines, samples)
    reached = _owners(bursts, lines, samples, data_only=False)
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
    return np.asarray(divided)


Box = tuple[int, int, int, int]


def _owners(
    bursts: Sequence[LookedBurst], lines: int, samples: int, *, data_only: bool = True
) -> NDArray[np.int16]:
    """Which burst each merged pixel is taken from, -1 for none.

    Parameters
    ----------
    data_only : bool
        Only where the burst's interferogram has data, else wherever it reaches.
    """
    boxes = [_box(burst, data_only) for burst in bursts]
    owners = np.full((lines, samples), -1, np.int16)
    # Whole bursts first: where a neighbour ends early, there is data on both sides of the seam.
    for cut in (boxes, _between_seams(bursts, boxes)):
        for number, (top, bottom, left, right) in enumerate(cut):
            owners[top:bottom, left:right] = number
    return owners


def _box(burst: LookedBurst, data_only: bool) -> Box:
    if data_only:
        return (*burst.down.span(), *burst.across.span())
    down, across = burst.down, burst.across
    return down.start, down.start + down.count, across.start, across.start + across.count


def _between_seams(bursts: Sequence[LookedBurst], boxes: Sequence[Box]) -> list[Box]:
    """The boxes cut at the middle of what they share with the next burst and with the next swath."""
    cut = [list(box) for box in boxes]
    for number in range(len(bursts) - 1):
        if bursts[number].swath == bursts[number + 1].swath:
            seam = (boxes[number][1] + boxes[number + 1][0]) // 2
            cut[number][1] = min(cut[number][1], seam)
            cut[number + 1][0] = max(cut[number + 1][0], seam)
    swaths = sorted({burst.swath for burst in bursts})
    for near, far in pairwise(swaths):
        inner = [n for n, burst in enumerate(bursts) if burst.swath == near]
        outer = [n for n, burst in enumerate(bursts) if burst.swath == far]
        seam = (max(boxes[n][3] for n in inner) + min(boxes[n][2] for n in outer)) // 2
        for n in inner:
            cut[n][3] = min(cut[n][3], seam)
        for n in outer:
            cut[n][2] = max(cut[n][2], seam)
    return [(top, max(top, bottom), left, max(left, right)) for top, bottom, left, right in cut]
