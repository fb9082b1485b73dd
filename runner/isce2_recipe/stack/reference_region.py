"""The reference region of a stack: some 25 looks that all displacement refers to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.stack.geometry import LAND, LATITUDE, LONGITUDE, read_raster
from isce2_recipe.stack.pair_files import PairFiles, stacked
from isce2_recipe.types import Bounds, longitude_near

# A single look would add its noise to every pair.
HALF = 2
SIDE = 2 * HALF + 1
# A place farther from the nearest look than this is outside, degrees.
_OUTSIDE_DEG = 0.003
# Looks of a given region that must have data in all pairs.
_FEWEST = 9


@dataclass(frozen=True, slots=True)
class ReferenceRegion:
    """A square of looks."""

    # Multilooked line and sample of its middle.
    line: int
    sample: int
    # Place of its middle, degrees.
    longitude: float
    latitude: float
    looks: int  # number of looks with data in all pairs
    coherence: float  # mean coherence of these looks over all pairs
    chosen: bool  # whether it was chosen here, and not given

    @property
    def window(self) -> tuple[range, slice]:
        """Its lines and samples."""
        return _window(self.line, self.sample)

    def constants(self, rasters: tuple[NDArray[Any], ...], usable: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the mean of every raster over the usable looks of the region."""
        rows, cols = self.window
        counted = usable[rows.start : rows.stop, cols]
        values = stacked(rasters, rows, cols)
        return np.asarray(values[:, counted].astype(np.float64).mean(1))


@dataclass(frozen=True, slots=True)
class Suitability:
    """What decides where a reference region may be: arrays of shape (lines, samples)."""

    usable: NDArray[np.bool_]  # land that has data and the component of its neighbours in all pairs
    coherence: NDArray[np.float32]  # mean coherence over all pairs
    # Number of looks with the same components in all pairs; 0 where a pair has none.
    component: NDArray[np.int64]


def find_suitable(files: PairFiles, land: NDArray[np.bool_]) -> Suitability:
    """Return where all pairs have data and a component."""
    coherence = np.zeros(files.shape, np.float32)
    known = np.array(land)
    signature = np.zeros(files.shape, np.uint64)
    for rows in files.blocks():
        part = slice(rows.start, rows.stop)
        coherence[part] = stacked(files.coherence, rows).mean(0)
        labels = stacked(files.components, rows)
        known[part] &= np.isfinite(stacked(files.phase, rows)).all(0) & (labels > 0).all(0)
        for each in labels:
            signature[part] = signature[part] * np.uint64(1099511628211) + each.astype(np.uint64)
    _, which, counts = np.unique(signature[known], return_inverse=True, return_counts=True)
    component = np.zeros(files.shape, np.int64)
    component[known] = counts[which.ravel()]
    return Suitability(known, coherence, component)


def choose_region(found: Suitability, geometry: Path) -> ReferenceRegion:
    """Return the most coherent region in the largest area that has one component in all pairs.

    Raise InputError if no place has data in all pairs.
    """
    from scipy.ndimage import uniform_filter

    largest = found.component == found.component.max()
    if not found.usable.any():
        raise InputError(
            "no place on land has unwrapped phase in all pairs, so that there is no reference",
            hint="leave out dates that cover another area, or use shorter pairs",
        )
    score = np.where(found.usable & largest, found.coherence, 0.0)
    filled = uniform_filter((found.usable & largest).astype(np.float32), SIDE, mode="constant")
    mean = uniform_filter(score.astype(np.float32), SIDE, mode="constant")
    best = np.where(filled > 1.0 - 0.5 / SIDE**2, mean, 0.1 * mean)
    line, sample = (int(one) for one in np.unravel_index(int(np.argmax(best)), best.shape))
    return _region(found, geometry, line, sample, chosen=True)


def given_region(found: Suitability, geometry: Path, longitude: float, latitude: float) -> ReferenceRegion:
    """Return the region around a place.

    Raise InputError if the place is outside, on water, or has no data in all pairs.
    """
    line, sample = nearest_look(geometry, longitude, latitude)
    place = f"the reference point {longitude:g} E, {latitude:g} N"
    if not np.asarray(read_raster(geometry / LAND)[0, line, sample]):
        raise InputError(f"{place} is on water", hint="choose a place on land")
    region = _region(found, geometry, line, sample, chosen=False)
    if region.looks < _FEWEST:
        raise InputError(
            f"{place} has unwrapped phase in all pairs in {region.looks} of {SIDE**2} looks only",
            hint="choose a place with high coherence, or leave the choice to the program",
        )
    return region


def nearest_look(geometry: Path, longitude: float, latitude: float) -> tuple[int, int]:
    """Return the multilooked line and sample nearest to a place.

    Raise InputError if the place is outside the stack.
    """
    latitudes = np.asarray(read_raster(geometry / LATITUDE)[0], np.float64)
    longitudes = np.asarray(read_raster(geometry / LONGITUDE)[0], np.float64)
    near = longitude_near(longitude, float(longitudes[longitudes.shape[0] // 2, longitudes.shape[1] // 2]))
    known = latitudes != 0
    east = (longitudes - near) * np.cos(np.radians(latitude))
    apart = np.where(known, np.hypot(latitudes - latitude, east), np.inf)
    line, sample = (int(one) for one in np.unravel_index(int(np.argmin(apart)), apart.shape))
    if apart[line, sample] > _OUTSIDE_DEG:
        box = Bounds(
            *(float(edge(axis[known])) for edge in (np.min, np.max) for axis in (longitudes, latitudes))
        )
        raise InputError(
            f"the place {longitude:g} E, {latitude:g} N is outside the stack",
            hint=f"it covers {box.describe()}",
        )
    return line, sample


def _window(line: int, sample: int) -> tuple[range, slice]:
    """Return the lines and samples of the square around a look."""
    return range(max(line - HALF, 0), line + HALF + 1), slice(max(sample - HALF, 0), sample + HALF + 1)


def _region(found: Suitability, geometry: Path, line: int, sample: int, *, chosen: bool) -> ReferenceRegion:
    rows, cols = _window(line, sample)
    box = slice(rows.start, rows.stop), cols
    counted = found.usable[box] & (found.component[box] == found.component[line, sample])
    latitude, longitude = (
        float(np.asarray(read_raster(geometry / name)[0, line, sample])) for name in (LATITUDE, LONGITUDE)
    )
    coherence = float(found.coherence[box][counted].mean()) if counted.any() else 0.0
    return ReferenceRegion(
        line, sample, round(longitude, 6), round(latitude, 6), int(counted.sum()), round(coherence, 4), chosen
    )
