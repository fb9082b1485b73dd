"""Phase differences in the overlaps of neighbouring bursts, which show the same ground."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.paths import FINE_INTERFEROGRAM
from isce2_recipe.products.rasters import opened

if TYPE_CHECKING:
    from isce2_recipe.products.burst_products import BurstProduct

_PROPERTY = r'<property name="{}">\s*<value>([^<]+)</value>'
_SAMPLES = 4000  # number of columns that is enough for a mean


@dataclass(frozen=True, slots=True)
class _Burst:
    """The interferogram of one burst, and the time of its first line."""

    path: Path
    start: datetime
    interval_s: float


def seams(folder: Path, wavelength_m: float) -> list[dict[str, Any]]:
    """Return the phase differences between neighbouring bursts in ISCE2's folder, from their overlaps.

    Returns
    -------
    list of dict
        One entry per seam: ``swath``; ``bursts``, numbers from 1; ``lines``, number of lines in the overlap;
        ``phase_rad``, first burst minus second; ``displacement_mm``, the same as displacement; ``coherence``
        of the two interferograms. Empty for single bursts and without these files.
    """
    return [
        seam
        for swath in (1, 2, 3)
        for seam in _seams(swath, _bursts(folder / FINE_INTERFEROGRAM, swath), wavelength_m)
    ]


def seams_of_products(products: Sequence[BurstProduct], wavelength_m: float) -> list[dict[str, Any]]:
    """Return the same from products of single bursts, ordered by swath and time as they are merged.

    ``lines`` are lines of their multilooked layers.
    """
    swaths = sorted({product.reference.swath for product in products})
    return [
        seam
        for swath in swaths
        for seam in _seams(
            swath,
            [
                _Burst(product.layer("wrapped_phase_rdr"), product.start, product.window.azimuth_interval_s)
                for product in products
                if product.reference.swath == swath
            ],
            wavelength_m,
        )
    ]


def _seams(swath: int, bursts: Sequence[_Burst], wavelength_m: float) -> Iterator[dict[str, Any]]:
    for number, (first, second) in enumerate(pairwise(bursts), 1):
        seam = _compare(first, second)
        if seam is None:
            continue
        lines, phase, agreement = seam
        yield {
            "swath": swath,
            "bursts": [number, number + 1],
            "lines": lines,
            "phase_rad": round(phase, 5),
            "displacement_mm": round(1e3 * phase * wavelength_m / (4.0 * math.pi), 4),
            "coherence": round(agreement, 4),
        }


def _bursts(folder: Path, swath: int) -> list[_Burst]:
    record = folder / f"IW{swath}.xml"
    if not record.is_file():
        return []
    text = record.read_text(encoding="utf-8", errors="replace")
    starts = re.findall(_PROPERTY.format("sensingstart"), text)
    intervals = re.findall(_PROPERTY.format("azimuthtimeinterval"), text)
    paths = sorted((folder / f"IW{swath}").glob("burst_??.int.vrt"))
    if not len(starts) == len(intervals) == len(paths):
        return []
    return [
        _Burst(path, datetime.fromisoformat(start.strip()), float(interval))
        for path, start, interval in zip(paths, starts, intervals, strict=True)
    ]


def _compare(first: _Burst, second: _Burst) -> tuple[int, float, float] | None:
    """Return the common lines, phase difference and coherence; None if there is no common ground."""
    place = round((second.start - first.start).total_seconds() / first.interval_s, 3)
    offset = math.floor(place)
    with _opened(first.path) as one, _opened(second.path) as other:
        lines = one.height - offset
        above = _between(_rows(one, offset, lines), place - offset)
        below = _rows(other, 0, min(lines, other.height))
    lines, samples = (min(sizes) for sizes in zip(above.shape, below.shape, strict=True))
    if lines == 0:
        return None
    product = above[:lines, :samples] * np.conj(below[:lines, :samples])
    valid = np.abs(product) > 0
    if not valid.any():
        return None
    total = complex(product[valid].sum())
    size = float(np.abs(product[valid]).sum())
    return int(valid.any(axis=1).sum()), math.atan2(total.imag, total.real), abs(total) / size


def _between(values: NDArray[np.complex128], part: float) -> NDArray[np.complex128]:
    """Interpolate lines that lie a fraction of a line further down, where the looks of two bursts differ."""
    if part == 0 or len(values) < 2:
        return values
    moved: NDArray[np.complex128] = (1 - part) * values[:-1] + part * values[1:]
    moved[(values[:-1] == 0) | (values[1:] == 0)] = 0
    return moved


def _opened(path: Path) -> AbstractContextManager[Any]:
    return opened(path, own=path.suffix == ".vrt")


def _rows(dataset: Any, first: int, count: int) -> NDArray[np.complex128]:
    """Read some lines; of wide images only every n-th sample."""
    from rasterio.windows import Window

    if count <= 0:
        return np.zeros((0, 0), np.complex128)
    values = dataset.read(1, window=Window(0, first, dataset.width, count))
    step = max(1, dataset.width // _SAMPLES)
    thinned: NDArray[np.complex128] = values[:, ::step].astype(np.complex128)
    return thinned
