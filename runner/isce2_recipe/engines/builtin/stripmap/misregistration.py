"""Residual offsets between two images, measured by correlation of amplitudes.

Orbits and terrain align two images of ALOS up to the resolution of their times: pulses are dated in
milliseconds, which are two lines, and the first slant range is given in metres.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin.stripmap.two_pass import Resampler, Residual
from isce2_recipe.engines.builtin.topo import ForEach

Float = NDArray[np.float64]
Complex = NDArray[np.complex64]

# Size of a chip and number of chips in each direction; the first round only needs a rough result.
_LINES, _SAMPLES = 128, 64
_ROUNDS = (8, 14, 14)
# The last round is left out if the one before has changed the offset by less, lines and samples. Correlation
# finds 95 to 99 % of an offset.
_SETTLED = 0.004
# Correlations below this are noise. At least this number of chips must remain.
_LEAST_CORRELATION = 0.25
_LEAST_CHIPS = 12
# Chips that are further from the fit than this number of standard deviations are rejected.
_OUTLIER = 3.5
_PASSES = 5
# A slope is used if it is this number of its standard errors, and moves the edges by more than this.
_SIGNIFICANT, _EDGE = 5.0, 0.03


@dataclass(frozen=True, slots=True)
class Fit:
    """Offsets of the secondary, and how well the chips agree with them.

    ``rms`` is the root mean square of the deviations in azimuth (lines) and range (samples), of the ``used``
    of ``chips``.
    """

    residual: Residual
    rms: tuple[float, float]
    used: int
    chips: int


def measure(reference: Complex, resampler: Resampler, in_threads: ForEach, log: logging.Logger) -> Residual:
    """Return the residual offsets of a secondary image; zero if too few parts of the images correlate.

    Parameters
    ----------
    reference : ndarray, shape (lines, samples)
        Pixels of the reference.
    resampler : Resampler
        The secondary with the offsets of the geometry.
    """
    total = resampler.residual
    for number, across in enumerate(_ROUNDS):
        chips = _correlate(reference, replace(resampler, residual=total), across, in_threads)
        fit = fit_offsets(chips, (resampler.reference.lines, resampler.reference.samples))
        if fit is None:
            log.warning(
                "coregistration uses orbits and terrain only: fewer than %d of %d chips correlate",
                _LEAST_CHIPS, across * across,
            )  # fmt: skip
            return Residual()
        total = total.plus(fit.residual)
        log.info(
            "misregistration, round %d: azimuth %.4f lines, range %.4f samples; "
            "RMS %.3f lines and %.3f samples of %d of %d chips",
            number + 1, total.azimuth[0], total.range[0], *fit.rms, fit.used, fit.chips,
        )  # fmt: skip
        if number and max(abs(fit.residual.azimuth[0]), abs(fit.residual.range[0])) < _SETTLED:
            break
    return total


def _correlate(reference: Complex, resampler: Resampler, across: int, in_threads: ForEach) -> Float:
    """Return line, sample, offset in lines and in samples, and correlation of each chip, shape (n, 5)."""
    lines, samples = resampler.reference.lines, resampler.reference.samples
    height, width = min(_LINES, lines), min(_SAMPLES, samples)
    tops = np.unique(np.linspace(0, lines - height, across + 2)[1:-1].astype(int))
    lefts = np.unique(np.linspace(0, samples - width, across + 2)[1:-1].astype(int) // 4 * 4)
    found = np.zeros((tops.size * lefts.size, 5))
    image, other = resampler.reference, resampler.secondary

    def row(number: int) -> None:
        top = int(tops[number])
        for column, left in enumerate(lefts.tolist()):
            window = range(top, top + height), range(left, left + width)
            one = reference[top : top + height, left : left + width]
            two = resampler.window(*window)
            centre = left + 0.5 * width
            turns = [float(each.doppler_at(np.array(centre))) / each.prf_hz for each in (image, other)]
            shift = correlation_peak(one, two, *turns)
            place = top + 0.5 * height, centre
            found[number * lefts.size + column] = (*place, *shift)

    in_threads(row, range(tops.size))
    return found[found[:, 4] > 0]


def correlation_peak(
    one: Complex, two: Complex, turns: float = 0.0, other_turns: float = 0.0
) -> tuple[float, float, float]:
    """Return the offset of the second image in lines and samples, and the correlation of the amplitudes.

    ``turns`` and ``other_turns`` are the centres of the azimuth spectra, cycles per line. The correlation is
    0 if one of the images has no data.
    """
    from scipy import fft

    first, second = _amplitude(one, turns), _amplitude(two, other_turns)
    power = float(np.vdot(first, first) * np.vdot(second, second)) ** 0.5
    if not power > 0.0:
        return 0.0, 0.0, 0.0
    lines, samples = first.shape
    spectrum = fft.rfft2(second)
    spectrum *= np.conj(fft.rfft2(first))
    correlation = fft.irfft2(spectrum, s=first.shape)
    row, col = np.unravel_index(int(np.argmax(correlation)), first.shape)
    along = [correlation[(row + k) % lines, col] for k in (-1, 0, 1)]
    across = [correlation[row, (col + k) % samples] for k in (-1, 0, 1)]
    down = (row + lines // 2) % lines - lines // 2 + _vertex(*along)
    right = (col + samples // 2) % samples - samples // 2 + _vertex(*across)
    return down / 2.0, right / 2.0, float(correlation[row, col]) / power


def _vertex(before: float, here: float, after: float) -> float:
    """Return the position of the maximum of a parabola through three values."""
    bend = before - 2.0 * here + after
    return 0.0 if bend == 0.0 else 0.5 * (before - after) / bend


def _amplitude(pixels: Complex, turns: float) -> NDArray[np.float32]:
    """Return the amplitude minus its mean, of an image of twice the lines and samples."""
    from scipy import fft

    lines, samples = pixels.shape
    carrier = np.exp(-2j * np.pi * turns * np.arange(lines)).astype(np.complex64)
    spectrum = fft.fft2(pixels * carrier[:, None])
    wide = np.zeros((2 * lines, 2 * samples), np.complex64)
    up, left = (lines + 1) // 2, (samples + 1) // 2
    for rows in (slice(None, up), slice(up - lines, None)):
        for cols in (slice(None, left), slice(left - samples, None)):
            wide[rows, cols] = spectrum[rows, cols]
    amplitude = np.abs(fft.ifft2(wide, overwrite_x=True))
    return np.asarray(amplitude - amplitude.mean(), np.float32)


def fit_offsets(chips: Float, shape: tuple[int, int]) -> Fit | None:
    """Fit a constant, or a plane where the data show one, to the offsets of chips; None if too few agree.

    Parameters
    ----------
    chips : ndarray, shape (n, 5)
        Line, sample, offset in lines and in samples, correlation.
    shape : tuple of int
        Lines and samples of the image.
    """
    good = chips[chips[:, 4] >= _LEAST_CORRELATION]
    for _ in range(_PASSES):
        if len(good) < _LEAST_CHIPS:
            return None
        planes = [_plane(good[:, :2], good[:, column], shape) for column in (2, 3)]
        apart = np.stack([np.abs(good[:, 2 + k] - _evaluate(planes[k], good[:, :2])) for k in (0, 1)], axis=1)
        spread = 1.4826 * np.median(apart, axis=0) + 1e-6
        keep = (apart <= _OUTLIER * spread).all(axis=1)
        if keep.all():
            break
        good = good[keep]
    rms = np.sqrt((apart[keep] ** 2).mean(axis=0))
    return Fit(Residual(*planes), (float(rms[0]), float(rms[1])), len(good), len(chips))


def _evaluate(plane: tuple[float, float, float], places: Float) -> Float:
    values: Float = plane[0] + places @ np.array(plane[1:])
    return values


def _plane(places: Float, values: Float, shape: tuple[int, int]) -> tuple[float, float, float]:
    """Return a constant and slopes per line and sample; slopes that are not significant are zero."""
    constant = (float(np.median(values)), 0.0, 0.0)
    design = np.column_stack([np.ones(len(values)), places])
    if len(values) < 2 * _LEAST_CHIPS or np.linalg.matrix_rank(design) < 3:
        return constant
    solution = np.linalg.lstsq(design, values, rcond=None)[0]
    variance = float(((values - design @ solution) ** 2).sum()) / (len(values) - 3)
    errors = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
    slopes = solution[1:]
    significant = (np.abs(slopes) > _SIGNIFICANT * errors[1:]) & (np.abs(slopes) * shape > _EDGE)
    if not significant.any():
        return constant
    slopes = np.where(significant, slopes, 0.0)
    return float(np.median(values - places @ slopes)), float(slopes[0]), float(slopes[1])
