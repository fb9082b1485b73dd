"""The step ``rangecoreg``: the shift in range between two dates by correlation of amplitudes.

The windows and the choice of points are those of ISCE2's step. ISCE2 detects amplitudes at the rate of the
complex samples, which is too low for them and reduces shifts by about a quarter; here the samples are
interpolated by a factor of two before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from isce2_recipe.engines.builtin.esd import Estimate
from isce2_recipe.engines.builtin.job import Job
from isce2_recipe.engines.builtin.offsets import Misregistration
from isce2_recipe.engines.builtin.overlaps import (
    SIDES,
    coregistered_overlap,
    reference_overlap,
    used_overlaps,
)
from isce2_recipe.engines.builtin.workplace import STATE, Catalog

Float = NDArray[np.float64]
Real = NDArray[np.float32]

# Lines and samples of a window, and lines and samples by which it is moved: as far as the noise of a peak
# within the largest shift is measured. ISCE2 moves it by 16, and drops larger shifts too.
_HEIGHT, _WIDTH, _SEARCH = 32, 64, 11
_DOWN, _ACROSS = 20, 40  # number of windows
_EDGE = 1000  # samples that ISCE2 leaves out on both sides
_FILLED = 0.9  # share of samples that must have data
_FINER = 2  # interpolation in range before detection
_LARGEST = 1.2  # samples
_AROUND = 10  # distance from the peak up to which the correlation is the noise of the peak
_PLACES = 64  # fractions of a sample at which the peak is searched


def estimate_range(job: Job) -> Catalog:
    """Estimate the range shift from the overlaps."""
    settings = job.config.esd
    if settings is None:
        return {}
    found = [
        measure_shifts(reference_overlap(job, overlap, side), coregistered_overlap(job, overlap, side))
        for _, overlaps in used_overlaps(job)
        for overlap in overlaps
        for side in SIDES
    ]
    shifts, ratios = np.concatenate([*found, np.empty((2, 0))], axis=1)
    good = shifts[(ratios > settings.snr_threshold) & (np.abs(shifts) < _LARGEST)]
    threshold = {"snr threshold": settings.snr_threshold}
    if not good.size:
        job.log.warning(
            "the range coregistration is not refined: of %d windows in overlaps none has a signal-to-noise "
            "ratio above %g and a shift below %g samples", shifts.size, settings.snr_threshold, _LARGEST,
        )  # fmt: skip
        return {"rangecoreg": {**threshold, "number of coherent points": 0}}
    estimate = Estimate.of(good)
    job.log.info(
        "range shift %.5f samples (standard deviation %.5f, %d windows)",
        estimate.median, estimate.std, estimate.points,
    )  # fmt: skip
    state = job.folder / STATE
    replace(Misregistration.read(state), range_samples=estimate.median).write(state)
    entries = estimate.entries() | threshold | {"number of coherent points": estimate.points}
    return {"rangecoreg": entries}


def measure_shifts(reference: NDArray[Any], secondary: NDArray[Any]) -> Float:
    """Return the range shifts (samples) in windows of two SLCs, and the signal-to-noise ratio of each.

    The shift is the position in ``secondary`` minus that in ``reference``; both have the shape (lines,
    samples), and the result the shape (2, windows). Windows with less than 90 % of data are left out.
    """
    lines, samples = reference.shape
    one, other = _amplitude(reference), _amplitude(np.pad(secondary, ((_SEARCH, _SEARCH), (0, 0))))
    filled, other_filled = reference != 0, secondary != 0
    found: list[Float] = []
    for line in np.unique(np.linspace(0, max(lines - _HEIGHT, 0), _DOWN).astype(int)):
        kept = [
            sample
            for sample in _columns(samples)
            if _share(filled, line, sample) >= _FILLED and _share(other_filled, line, sample) >= _FILLED
        ]
        if kept and line + _HEIGHT <= lines:
            found.append(_correlate(one, other, line, kept))
    return np.concatenate([*found, np.empty((2, 0))], axis=1)


def _columns(samples: int) -> NDArray[np.int_]:
    """Return the first samples of the windows in a line of them; ISCE2's edge where there is room for it."""
    margin = _EDGE + 32 + _WIDTH
    if samples < 2 * margin + _WIDTH:
        margin = _SEARCH
    last = samples - margin - _WIDTH
    if last < margin:
        return np.empty(0, int)
    return np.unique(np.linspace(margin, last, _ACROSS).astype(int))


def _share(filled: NDArray[np.bool_], line: int, sample: int) -> float:
    return float(filled[line : line + _HEIGHT, sample : sample + _WIDTH].mean())


def _amplitude(slc: NDArray[Any]) -> Real:
    """Return amplitudes at twice the sampling in range, float32."""
    samples = slc.shape[1]
    spectrum = fft.fft(slc, axis=1)
    half = (samples + 1) // 2
    finer = np.zeros((slc.shape[0], _FINER * samples), np.complex64)
    finer[:, :half] = spectrum[:, :half]
    finer[:, half - samples :] = spectrum[:, half:]
    amplitude: Real = np.abs(fft.ifft(finer, axis=1, overwrite_x=True))
    return amplitude


def _correlate(one: Real, other: Real, line: int, columns: list[int]) -> Float:
    """Return shifts and signal-to-noise ratios of windows that begin at one line.

    ``other`` begins `_SEARCH` lines before ``one``.
    """
    height, width = _HEIGHT, _FINER * _WIDTH
    tall, wide = _HEIGHT + 2 * _SEARCH, _FINER * (_WIDTH + 2 * _SEARCH)
    chips = np.stack([one[line : line + height, _FINER * c : _FINER * c + width] for c in columns])
    first = [_FINER * (c - _SEARCH) for c in columns]
    areas = np.stack([other[line : line + tall, c : c + wide] for c in first])
    chips = chips - chips.mean(axis=(1, 2), keepdims=True)
    surface = _normalised(chips, areas)
    shifts = np.empty((2, len(columns)))
    for n, correlation in enumerate(surface):
        row, col = np.unravel_index(np.argmax(correlation), correlation.shape)
        around = correlation[
            max(row - _AROUND, 0) : row + _AROUND + 1,
            max(col - _FINER * _AROUND, 0) : col + _FINER * _AROUND + 1,
        ]
        peak = float(correlation[row, col])
        noise = (float(np.square(around).sum()) - peak**2) / max(around.size - 1, 1)
        shifts[:, n] = _peak(correlation[row], int(col)) / _FINER - _SEARCH, peak**2 / max(noise, 1e-10)
    return shifts


def _normalised(chips: Real, areas: Real) -> Float:
    """Return the normalised correlation of windows with all places in larger ones, 0 where there is none."""
    size, shape = chips.shape[1:], areas.shape[1:]
    padded = tuple(fft.next_fast_len(length, real=True) for length in shape)
    product = fft.irfft2(fft.rfft2(areas, s=padded) * fft.rfft2(chips, s=padded).conj(), s=padded)
    rows, cols = shape[0] - size[0] + 1, shape[1] - size[1] + 1
    count = size[0] * size[1]
    total, squares = (_box_sums(values, size) for values in (areas, np.square(areas)))
    spread = np.sqrt(np.maximum(squares - total**2 / count, 0.0))
    own = np.sqrt(np.square(chips).sum(axis=(1, 2), dtype=np.float64))[:, None, None]
    scale = spread * own
    found: Float = np.divide(product[:, :rows, :cols], scale, out=np.zeros_like(scale), where=scale > 0)
    return found


def _box_sums(values: Real, size: tuple[int, ...]) -> Float:
    """Return the sums over all windows of a size."""
    sums = np.zeros((values.shape[0], values.shape[1] + 1, values.shape[2] + 1))
    np.cumsum(values, axis=1, dtype=np.float64, out=sums[:, 1:, 1:])
    np.cumsum(sums, axis=2, out=sums)
    h, w = size
    boxes: Float = sums[:, h:, w:] - sums[:, :-h, w:] - sums[:, h:, :-w] + sums[:, :-h, :-w]
    return boxes


def _peak(values: Float, col: int) -> float:
    """Return the position of the peak of a line near a column, by interpolation between nine neighbours."""
    taps = np.arange(col - 4, col + 5)
    near = values[np.clip(taps, 0, values.size - 1)]
    places = np.arange(-_PLACES, _PLACES + 1) / _PLACES
    distance = places[:, None] - (taps - col)[None, :]
    weights = np.sinc(distance) * (0.5 + 0.5 * np.cos(np.pi * np.clip(distance / 5.0, -1.0, 1.0)))
    fine = (weights * near).sum(axis=1) / weights.sum(axis=1)
    best = min(max(int(np.argmax(fine)), 1), fine.size - 2)
    before, here, after = fine[best - 1 : best + 2]
    bend = before - 2.0 * here + after
    return col + float(places[best]) + (0.5 * float((before - after) / bend) / _PLACES if bend else 0.0)
