"""The phase of the ionosphere from two bands of the range spectrum.

The ionosphere delays the envelope of the signal by I metres and advances its phase by as much. With ground
that moved away by d, the full band's phase is ``4 pi / c f0 (d - I)``, and the difference of two bands that
are D apart is ``4 pi / c D (d + I)`` (Fattahi et al., doi:10.1109/TGRS.2017.2718566). Taking the unwrapped
full band, which is D / f0 as large, from the difference leaves ``8 pi / c D I`` without any displacement.
Noise is magnified f0 / 2 D times, 34 times for ALOS, so that the estimate is smoothed: a surface of low order
is fitted and removed first, because smoothing flattens long waves, most of all at the edges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin.stripmap.sub_bands import Bands
from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S

Float = NDArray[np.float64]
Real = NDArray[np.float32]
Complex = NDArray[np.complex64]
Mask = NDArray[np.bool_]

# Order of the surface that is removed before smoothing. With 3, waves of 50 km were wrong by 0.12 rad instead
# of 0.08; with 5 and 6, there is more noise and nothing is gained.
_ORDER = 4
# Cells of a block, as a fraction of the filter's standard deviation; blocks replace cells for speed.
_BLOCKS_PER_SIGMA = 8
# Least number of blocks of the fit, and of cells of a component that is joined with the largest one.
_LEAST_BLOCKS = 40
# Largest standard error of the number of cycles between two components.
_CYCLE_ERROR = 0.2
_TRUNCATE = 4.0


@dataclass(frozen=True, slots=True)
class BandPair:
    """Interferograms from which the ionosphere is estimated, all of the shape (lines, samples).

    Attributes
    ----------
    low, high : ndarray
        Complex interferograms of both bands.
    coherence : ndarray
        Mean coherence of both within their looks, 0 to 1.
    phase : ndarray
        Unwrapped phase of the full band, rad.
    labels : ndarray
        Connected components of ``phase``; 0 for none.
    usable : ndarray of bool
        Pixels that may be used.
    """

    low: Complex
    high: Complex
    coherence: Real
    phase: Real
    labels: NDArray[np.uint8]
    usable: Mask


@dataclass(frozen=True, slots=True)
class Smoothing:
    """Standard deviations of the Gaussian filter: lines and samples of the interferogram."""

    lines: float
    samples: float


@dataclass(frozen=True, slots=True)
class Ionosphere:
    """The estimate, rad, shape (lines, samples).

    Attributes
    ----------
    dispersive : ndarray
        Phase that the ionosphere adds to the interferogram, with a mean of zero over the used pixels: the
        two bands also show errors of the timing as a constant.
    nondispersive : ndarray
        Phase of everything else, smoothed alike.
    error : ndarray
        Standard error of ``dispersive``, without that of features which are shorter than the filter; the real
        error is larger, above all on natural land.
    used : ndarray of bool
        Pixels from which it was estimated.
    """

    dispersive: Real
    nondispersive: Real
    error: Real
    used: Mask


def estimate(
    pair: BandPair,
    bands: Bands,
    frequency_hz: float,
    independent_looks: float,
    shift_m: Float,
    smoothing: Smoothing,
) -> Ionosphere | None:
    """Estimate the ionosphere; None if too few pixels can be used.

    Parameters
    ----------
    independent_looks : float
        Number of independent samples of each band in a pixel.
    shift_m : ndarray, shape (lines, samples) or one that broadcasts to it
        Range by which the images were aligned beyond the geometry, which the bands no longer show.
    """
    apart = bands.high_hz - bands.low_hz
    per_metre = 4.0 * math.pi * apart / SPEED_OF_LIGHT_M_S
    difference = pair.high * np.conj(pair.low)
    weight, used = _weights(pair, independent_looks)
    if not used.any():
        return None
    unit = np.where(used, difference / np.maximum(np.abs(difference), 1e-30), 0)
    unit = unit * np.exp(1j * (per_metre * shift_m - pair.phase * (apart / frequency_hz)))
    blocks = _Blocks.of(unit.shape, smoothing)
    phase = _join_components(pair, unit, weight, blocks, apart / frequency_hz)
    if phase is not pair.phase:
        unit = unit * np.exp(-1j * (phase - pair.phase) * (apart / frequency_hz))
    total, weights = blocks.sum(unit * weight), blocks.sum(weight)
    fitted = _surface(total, weights)
    if fitted is None:
        return None
    surface, uncertain = fitted
    rest = total * np.exp(-1j * surface)
    smooth, variance = _smooth(rest, weights, blocks.sigma)
    factor = -frequency_hz / (2.0 * apart)
    dispersive = factor * (surface + np.angle(smooth))
    dispersive -= np.average(dispersive, weights=weights)
    mean = _mean(blocks.sum(phase * weight), weights, blocks.sigma)
    error = abs(factor) * np.sqrt((variance + uncertain) * _excess(rest * np.conj(smooth), weights))
    fine = [blocks.spread(each) for each in (dispersive, mean - dispersive, error)]
    return Ionosphere(fine[0], fine[1], fine[2], used)


def _weights(pair: BandPair, looks: float) -> tuple[Float, Mask]:
    """Return the inverse variance of each pixel's difference of the bands, and the pixels with one."""
    square = np.clip((pair.coherence.astype(np.float64) ** 2 - 1.0 / looks) / (1.0 - 1.0 / looks), 0.0, 0.998)
    used = pair.usable & (pair.labels > 0) & (square > 0)
    return np.where(used, looks * square / (1.0 - square), 0.0), used


@dataclass(frozen=True, slots=True)
class _Blocks:
    """A grid of blocks of ``rows`` x ``cols`` pixels over an image of a shape.

    ``sigma`` holds the standard deviations of the filter in blocks.
    """

    shape: tuple[int, int]
    rows: int
    cols: int
    sigma: tuple[float, float]

    @classmethod
    def of(cls, shape: tuple[int, ...], smoothing: Smoothing) -> _Blocks:
        rows, cols = (max(1, int(size / _BLOCKS_PER_SIGMA)) for size in (smoothing.lines, smoothing.samples))
        sigma = smoothing.lines / rows, smoothing.samples / cols
        return cls((shape[0], shape[1]), rows, cols, sigma)

    def sum(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the sum over every block; blocks at the end may be incomplete."""
        size = -(-self.shape[0] // self.rows), -(-self.shape[1] // self.cols)
        padded = np.zeros((size[0] * self.rows, size[1] * self.cols), values.dtype)
        padded[: self.shape[0], : self.shape[1]] = values
        summed: NDArray[Any] = padded.reshape(size[0], self.rows, size[1], self.cols).sum(axis=(1, 3))
        return summed

    def spread(self, values: Float) -> Real:
        """Return values of blocks interpolated to pixels."""
        from scipy.ndimage import map_coordinates

        axes = [
            (np.arange(pixels) + 0.5) / size - 0.5
            for pixels, size in zip(self.shape, (self.rows, self.cols), strict=True)
        ]
        places = np.meshgrid(*axes, indexing="ij")
        fine = map_coordinates(values.astype(np.float32), places, order=1, mode="nearest", output=np.float32)
        return np.asarray(fine)


def _join_components(pair: BandPair, unit: Complex, weight: Float, blocks: _Blocks, ratio: float) -> Real:
    """Return the unwrapped phase with the whole cycles between components that fit the ionosphere best.

    A cycle changes the phase of ``unit`` by ``2 pi ratio``, as much as 3 rad of ionosphere.
    """
    counts = np.bincount(pair.labels.ravel(), weight.ravel())
    counts[0] = 0.0
    main = int(np.argmax(counts))
    others = [label for label in np.flatnonzero(counts) if label != main]
    if not others:
        return pair.phase
    own = np.where(pair.labels == main, weight, 0.0)
    surface = _surface(blocks.sum(unit * own), blocks.sum(own))
    if surface is None:
        return pair.phase
    expected = unit * np.exp(-1j * blocks.spread(surface[0])) * weight
    phase = pair.phase.copy()
    for label in others:
        if 1.0 / math.sqrt(counts[label]) < _CYCLE_ERROR * 2.0 * math.pi * ratio:
            own_pixels = pair.labels == label
            turns = np.angle(expected[own_pixels].sum()) / (2.0 * math.pi * ratio)
            phase[own_pixels] += np.float32(2.0 * math.pi * round(turns))
    return phase


def _surface(total: NDArray[Any], weights: NDArray[Any]) -> tuple[Float, Float] | None:
    """Return a low-order surface fitted to the phase of blocks, and its variance; None if there are few."""
    rows, cols = weights.shape
    there = weights > 0
    if there.sum() < _LEAST_BLOCKS:
        return None
    mean = np.angle(total.sum())
    y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, cols), indexing="ij")
    terms = np.stack([y**i * x**j for i in range(_ORDER + 1) for j in range(_ORDER + 1 - i)])
    root = np.sqrt(weights[there])
    phase = np.angle(total[there] * np.exp(-1j * mean))
    design = (terms[:, there] * root).T
    inverse = np.linalg.pinv(design, rcond=1e-6)
    fitted: Float = mean + np.tensordot(inverse @ (phase * root), terms, axes=1)
    variance: Float = np.einsum("iyx,ij,jyx->yx", terms, inverse @ inverse.T, terms, optimize=True)
    return fitted, variance


def _gaussian(values: Float, sigma: tuple[float, float]) -> Float:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(values, sigma, mode="constant", truncate=_TRUNCATE))


def _smooth(total: NDArray[Any], weights: Float, sigma: tuple[float, float]) -> tuple[Complex, Float]:
    """Return the smoothed phasor of every block, and the variance of its phase."""
    smooth = _gaussian(total.real, sigma) + 1j * _gaussian(total.imag, sigma)
    near = np.maximum(_gaussian(weights, sigma), 1e-12 * weights.max())
    # The square of a Gaussian is one with the standard deviation divided by the root of two.
    narrow = _gaussian(weights, (sigma[0] / math.sqrt(2.0), sigma[1] / math.sqrt(2.0)))
    variance = narrow / (4.0 * math.pi * sigma[0] * sigma[1]) / near**2
    return smooth, np.maximum(variance, 1.0 / weights.sum())


def _mean(total: Float, weights: Float, sigma: tuple[float, float]) -> Float:
    """Return the weighted mean around every block."""
    near = np.maximum(_gaussian(weights, sigma), 1e-12 * weights.max())
    return np.asarray(_gaussian(total, sigma) / near)


def _excess(rest: NDArray[Any], weights: Float) -> float:
    """Return the measured variance of the blocks' phases, divided by the one expected from the coherence."""
    there = weights > np.median(weights[weights > 0]) * 0.1
    deviation = np.abs(np.angle(rest[there])) * np.sqrt(weights[there])
    return float((1.4826 * np.median(deviation)) ** 2)
