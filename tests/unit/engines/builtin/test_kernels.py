"""Tests of the kernels with closed forms."""

import numpy as np
import pytest

from isce2_recipe.engines.builtin import kernels, node_grids
from isce2_recipe.sar.tops_carrier import carrier_phase

LINES, SAMPLES, DT = 120, 300, 2.055556e-3


def carrier() -> np.ndarray:
    """Return the table of a TOPS carrier with realistic parameters that vary along range."""
    x = np.linspace(0.0, 1.0, SAMPLES)
    return np.stack([1700.0 + 3 * x, 1e-3 * x, -20.0 + 30 * x])


def phase_of(line: np.ndarray, sample: np.ndarray) -> np.ndarray:
    table = carrier()
    values = [np.interp(sample, np.arange(SAMPLES), row) for row in table]
    return np.vectorize(carrier_phase)(*values, (line - LINES // 2) * DT)


def base_band(line: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Return a sum of waves within the processed bandwidths, at any fractional position."""
    waves = [(0.05, 0.11, 1.0), (-0.17, 0.21, 0.7j), (0.21, -0.16, 0.5)]
    return sum(a * np.exp(2j * np.pi * (f * line + g * sample)) for f, g, a in waves)


def burst() -> np.ndarray:
    line, sample = np.mgrid[0:LINES, 0:SAMPLES].astype(float)
    return (base_band(line, sample) * np.exp(1j * phase_of(line, sample))).astype(np.complex64)


def test_interpolator_weights_sum_to_one_and_keep_samples() -> None:
    table = kernels.sinc_table()
    assert table.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
    assert table[0] == pytest.approx(np.eye(8)[3], abs=1e-7)
    assert table[-1] == pytest.approx(np.eye(8)[4], abs=1e-7)
    assert table[kernels.PLACES // 2] == pytest.approx(table[kernels.PLACES // 2][::-1])


def test_deramping_gives_the_base_band() -> None:
    slc = burst()
    kernels.deramp(-(LINES // 2) * DT, DT, carrier(), slc)
    line, sample = np.mgrid[0:LINES, 0:SAMPLES].astype(float)
    assert np.abs(slc - base_band(line, sample)).max() < 2e-6


def test_resampling_gives_the_burst_between_its_pixels() -> None:
    """Check interpolation of deramped samples with the carrier restored at the fractional position.

    The interpolator of eight samples reproduces these waves, some at the edge of the bandwidth, to one
    percent.
    """
    slc = burst()
    kernels.deramp(-(LINES // 2) * DT, DT, carrier(), slc)
    line, sample = np.mgrid[0:LINES, 0:SAMPLES].astype(float)
    shift, lag = 3.3 + 1e-3 * sample, -1.7 + 2e-5 * sample + 1e-4 * line
    out = np.empty((LINES, SAMPLES), np.complex64)
    kernels.resample(
        slc.view(np.float32), kernels.sinc_table(), 0, shift, lag, carrier(), DT, out, 0, LINES
    )  # fmt: skip
    y, x = line + lag, sample + shift
    expected = base_band(y, x) * np.exp(1j * phase_of(y, x))
    # ISCE2 computes no output where the integer position, one-based, is <= 4 or >= size - 4.
    k, row = np.floor(x).astype(int) + 1, np.floor(y).astype(int) + 1
    reached = (k > 4) & (k < SAMPLES - 4) & (row > 4) & (row < LINES - 4)
    assert np.array_equal(out != 0, reached)
    error = np.abs(out - expected)[reached]
    assert np.sqrt(np.mean(error**2)) < 0.01 * np.sqrt(np.mean(np.abs(expected) ** 2))
    inside = (x >= 0) & (x <= SAMPLES - 1) & (y >= 0) & (y <= LINES - 1)
    wanted = [lag[inside].min(), lag[inside].max(), shift[inside].min(), shift[inside].max()]
    limits = np.array([np.inf, -np.inf, np.inf, -np.inf])
    kernels.extremes(0, shift, lag, LINES, SAMPLES, limits)
    assert limits == pytest.approx(wanted)


def test_interferogram_is_flattened() -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal((2, 5, 40)) + 1j * rng.standard_normal((2, 5, 40))).astype(np.complex64)
    shift = rng.uniform(-40, 40, (5, 40))
    out = np.zeros((5, 40), np.complex64)
    flat = b.copy()
    kernels.flatten(flat, shift, 84.0 / 3)
    kernels.multiply(a, flat, 3, 37, out)
    expected = a * b.conj() * np.exp(-2j * np.pi * 28.0 * shift)
    assert np.abs(out - expected)[:, 3:37].max() < 1e-5
    assert not out[:, :3].any() and not out[:, 37:].any()


def test_coherence_equals_the_weighted_sums_of_its_definition() -> None:
    rng = np.random.default_rng(2)
    a, b = (rng.standard_normal((2, 12, 30)) + 1j * rng.standard_normal((2, 12, 30))).astype(np.complex64)
    b = (0.7 * a + 0.5 * b).astype(np.complex64)
    amplitude, correlation = np.zeros((2, 8, 30), np.float32)
    kernels.coherence(a, b, amplitude, correlation)
    weights = np.outer([1, 2, 3, 2, 1], [1, 2, 3, 2, 1])
    for i in range(8):
        for j in range(2, 28):
            p, q = a[i : i + 5, j - 2 : j + 3], b[i : i + 5, j - 2 : j + 3]
            power = (weights * abs(p) ** 2).sum() * (weights * abs(q) ** 2).sum()
            assert correlation[i, j] == pytest.approx(
                abs((weights * p * q.conj()).sum()) / power**0.5, rel=1e-4
            )
            assert amplitude[i, j] == pytest.approx((abs(a[i + 2, j]) * abs(b[i + 2, j])) ** 0.5, rel=1e-5)
    assert not correlation[:, :2].any() and not correlation[:, -2:].any()


def test_coherence_of_zeros_is_zero() -> None:
    nothing = np.zeros((8, 10), np.complex64)
    amplitude, correlation = np.zeros((2, 4, 10), np.float32)
    kernels.coherence(nothing, nothing, amplitude, correlation)
    assert not amplitude.any() and not correlation.any()


def test_multilooking_gives_means_of_complete_windows() -> None:
    pixels = np.arange(7 * 11 * 2, dtype=np.float32).reshape(7, 11, 2)
    out = np.empty((3, 3, 2), np.float32)
    kernels.multilook(pixels, 2, 3, out)
    assert out == pytest.approx(pixels[:6, :9].reshape(3, 2, 3, 3, 2).mean(axis=(1, 3)))


def test_upsampling_is_exact_for_cubic_polynomials() -> None:
    def surface(line: np.ndarray, sample: np.ndarray) -> np.ndarray:
        u, v = line / 50 - 0.4, sample / 90 - 0.7
        return 3 * u**3 - v**3 + 2 * u * v**2 - u + 5

    lines, samples = 41, 83
    rows, cols = node_grids.grid_shape(lines, samples, node_grids.TOPS)
    row, col = np.mgrid[0:rows, 0:cols]
    grid = surface((row - 1) * node_grids.TOPS.line, (col - 1) * node_grids.TOPS.sample)
    weights = node_grids.cubic_weights(node_grids.TOPS.line), node_grids.cubic_weights(node_grids.TOPS.sample)
    for first in (0, 7, 40):
        out = np.empty((lines - first, samples))
        node_grids.upsample(grid, first, *weights, out)
        line, sample = np.mgrid[first:lines, 0:samples]
        assert out == pytest.approx(surface(line, sample), abs=1e-12)


@pytest.mark.parametrize("lines", [40, 41, 42])
@pytest.mark.parametrize("samples", [80, 81, 88])
def test_the_grid_has_all_nodes_that_upsampling_needs(lines: int, samples: int) -> None:
    rows, cols = node_grids.grid_shape(lines, samples, node_grids.TOPS)
    assert (lines - 1) // node_grids.TOPS.line + 3 < rows
    assert (samples - 1) // node_grids.TOPS.sample + 3 < cols
