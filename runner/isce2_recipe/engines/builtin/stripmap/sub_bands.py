"""Interferograms of the lower and the upper third of the range spectrum.

Both are flattened with the geometry's phase of the full band. The product of one with the conjugate of the
other then has no topography, and changes by 0.8 rad for a metre, so that it need not be unwrapped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin import kernels, node_grids
from isce2_recipe.engines.builtin.rasters import blocks
from isce2_recipe.engines.builtin.stripmap.two_pass import Resampler
from isce2_recipe.types import Looks

Float = NDArray[np.float64]
Complex = NDArray[np.complex64]
Real = NDArray[np.float32]

# Width over which the filters of the bands fall from one to zero, and the samples that their responses reach.
_EDGE_HZ = 0.3e6
_RESPONSE = 128
# Multilooked lines of a block, and the step between the lines whose spectra are measured.
_ROWS = 8
_MEASURED = 8


@dataclass(frozen=True, slots=True)
class Bands:
    """The two bands.

    Attributes
    ----------
    low_hz, high_hz : float
        Mean frequencies of what both images contain in each band, relative to the carrier.
    """

    low_hz: float
    high_hz: float


@dataclass(frozen=True, slots=True)
class _Filter:
    """Filter of one band: bins of the spectrum around its centre and their weights."""

    bins: NDArray[np.intp]
    weights: Complex

    def apply(self, spectrum: Complex) -> Complex:
        """Return the band at its own rate of samples; its centre has the frequency zero or near it."""
        from scipy import fft

        return np.asarray(fft.ifft(spectrum[:, self.bins] * self.weights, axis=1), np.complex64)


def write_bands(
    reference: Complex,
    coregistered: Complex,
    resampler: Resampler,
    looks: Looks,
    write: Callable[[int, Complex, Complex, Real], None],
    in_threads: Callable[[Callable[[range], None], Iterable[range]], None],
) -> Bands:
    """Compute the multilooked interferograms of both bands.

    Parameters
    ----------
    reference, coregistered : ndarray, shape (lines, samples)
        Pixels of the reference, and the result of ``resampler``.
    write : callable
        Called from several threads with a first multilooked line, the interferograms of the low and of the
        high band from there, and the geometric mean of their coherences.
    """
    from scipy import fft

    image = resampler.reference
    step = 2 if looks.range % 2 == 0 else 1
    cols = image.samples // looks.range
    width = int(fft.next_fast_len((image.samples + _RESPONSE + 1) // 2)) * 2
    frequency = fft.fftfreq(width, 1.0 / image.sampling_hz)
    third = min(image.bandwidth_hz, resampler.secondary.bandwidth_hz) / 3.0
    filters = [_filter(frequency, centre, third, step, image.sampling_hz) for centre in (-third, third)]
    _, per_sample = resampler.flattening()
    power = np.zeros((2, width))
    lock = Lock()

    def make(rows: range) -> None:
        lines = range(rows.start * looks.azimuth, rows.stop * looks.azimuth)
        shift = resampler.offsets.lines(lines, node_grids.RANGE_OFFSET)
        one = np.array(reference[lines.start : lines.stop])
        two = np.array(coregistered[lines.start : lines.stop])
        kernels.flatten(two, shift, -per_sample)
        spectra = [fft.fft(pixels, width, axis=1) for pixels in (one, two)]
        with lock:
            power[:] += [(np.abs(each[::_MEASURED]) ** 2).sum(axis=0) for each in spectra]
        used = cols * looks.range
        coarse = shift[:, :used].reshape(len(lines), -1, step).mean(axis=2)
        products, coherences = [], np.ones((len(rows), cols), np.float32)
        for band in filters:
            first, second = (np.ascontiguousarray(band.apply(each)[:, : used // step]) for each in spectra)
            kernels.flatten(second, coarse, per_sample)
            product = np.empty((len(rows), cols), np.complex64)
            correlation = np.empty((len(rows), cols), np.float32)
            kernels.multilooked_product(
                first, second, looks.azimuth, looks.range // step, product, correlation
            )
            products.append(product)
            coherences *= correlation
        write(rows.start, products[0], products[1], np.sqrt(coherences))

    in_threads(make, blocks(image.lines // looks.azimuth, _ROWS))
    return Bands(*(_mean_frequency(frequency, band, power) for band in filters))


def _filter(frequency: Float, centre_hz: float, width_hz: float, step: int, sampling_hz: float) -> _Filter:
    """Return the filter of a band, which leaves one sample of ``step``, in their middle."""
    count = frequency.size // step
    middle = round(centre_hz / sampling_hz * frequency.size)
    bins = np.arange(middle - count // 2, middle - count // 2 + count) % frequency.size
    here = frequency[bins]
    weights = np.clip((0.5 * width_hz - np.abs(here - centre_hz)) / _EDGE_HZ + 0.5, 0.0, 1.0)
    delay = np.exp(2j * np.pi * here * 0.5 * (step - 1) / sampling_hz)
    order = np.fft.ifftshift(np.arange(count))
    return _Filter(bins[order], (weights * delay)[order].astype(np.complex64))


def _mean_frequency(frequency: Float, band: _Filter, power: Float) -> float:
    """Return the mean frequency of a band, weighted with the amplitudes of both images."""
    weights = np.abs(band.weights) ** 2 * np.sqrt(power[0] * power[1])[band.bins]
    return float((weights * frequency[band.bins]).sum() / max(weights.sum(), 1e-300))
