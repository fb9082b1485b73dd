"""Tests of Goldstein's filter and the phase-sigma correlation with closed forms and their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from isce2_recipe.engines.builtin import filtering, isceimage
from isce2_recipe.engines.builtin.filtering import BLOCK, STEP, goldstein_strips, phase_sigma_strips
from support import isce_raster


def fringes(lines: int, samples: int, per_line: float, per_sample: float) -> np.ndarray:
    """Return fringes of unit magnitude; frequencies are in cycles per pixel."""
    line, sample = np.mgrid[:lines, :samples]
    return np.exp(2j * np.pi * (per_line * line + per_sample * sample)).astype("c8")


def complex_noise(shape: tuple[int, int], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype("c8")


def goldstein(image: np.ndarray, alpha: float, workers: int = 1) -> np.ndarray:
    """Return the whole filtered interferogram."""
    return np.concatenate(
        [*goldstein_strips(lambda part: image[slice_of(part)], *image.shape, alpha, workers)]
    )


def phase_sigma_correlation(image: np.ndarray, workers: int = 1) -> np.ndarray:
    """Return the correlation of a whole interferogram."""
    return np.concatenate([*phase_sigma_strips(lambda part: image[slice_of(part)], *image.shape, workers)])


def slice_of(lines: range) -> slice:
    return slice(lines.start, lines.stop)


def phase_difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.angle(a * np.conj(b))


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_filter_preserves_pure_fringes(strength):
    # An integer number of cycles in a block is one line of its spectrum, so weights do not change the phase.
    plane = fringes(6 * STEP, 9 * STEP, 3 / BLOCK, -5 / BLOCK) * np.float32(7)
    filtered = goldstein(plane, strength)
    inner = (slice(0, 5 * STEP), slice(0, 8 * STEP))
    assert np.abs(phase_difference(filtered, plane)[inner]).max() < 1e-5
    assert np.allclose(np.abs(filtered), 7, rtol=1e-6)


def test_strength_zero_does_not_change_the_phase():
    image = complex_noise((75, 101), 1)
    assert np.abs(phase_difference(goldstein(image, 0.0), image)).max() < 1e-4


def test_filter_reduces_noise_and_keeps_the_magnitude():
    plane = fringes(160, 160, 0.02, 0.013)
    noisy = (plane + 0.5 * complex_noise(plane.shape, 2)).astype("c8")
    noisy[40:60, 30:50] = 0
    filtered = goldstein(noisy, 0.5, workers=2)
    assert np.allclose(np.abs(filtered), np.abs(noisy), rtol=1e-5)
    valid = np.abs(noisy) > 0
    before, after = (phase_difference(image, plane)[valid].std() for image in (noisy, filtered))
    assert after < 0.5 * before


def test_plane_phase_has_full_coherence():
    correlation = phase_sigma_correlation(fringes(40, 50, 0.11, -0.07))
    assert np.abs(correlation[3:-3, 3:-3] - 1).max() < 1e-3


def test_border_has_no_values():
    correlation = phase_sigma_correlation(fringes(40, 50, 0, 0), workers=2)
    assert np.count_nonzero(correlation) == (40 - 5) * (50 - 5)
    assert correlation[2, 2] > 0
    assert correlation[-4, -4] > 0
    assert correlation[-3, 10] == correlation[10, 1] == 0


def test_checkerboard_of_two_phases():
    # Phases +-a have the variance a^2 (1 - m^2), where m is the weighted mean of the board's signs.
    a = 0.3
    line, sample = np.mgrid[:30, :30]
    correlation = phase_sigma_correlation(np.exp(1j * a * (-1.0) ** (line + sample)).astype("c8"))
    weight = np.exp(-(np.arange(-2, 3) ** 2) / 2.5)
    mean = (weight @ [1, -1, 1, -1, 1] / weight.sum()) ** 2
    expected = 1 / np.sqrt(6 * a**2 * (1 - mean**2) + 1)
    assert np.abs(correlation[4:-4, 4:-4] - expected).max() < 1e-4


def test_noise_of_known_variance():
    # The expected variance is sigma^2 (1 - sum w^2), minus a small part that the fitted slope removes.
    sigma = 0.1
    rng = np.random.default_rng(3)
    image = np.exp(1j * sigma * rng.standard_normal((300, 300))).astype("c8")
    correlation = phase_sigma_correlation(image)[5:-5, 5:-5]
    variance = ((1 / correlation**2 - 1) / 6).mean()
    weight = np.exp(-(np.arange(-2, 3) ** 2) / 2.5)
    weight /= weight.sum()
    expected = sigma**2 * (1 - (weight**2).sum() ** 2)
    assert 0.9 * expected < variance < 1.1 * expected


def definition(image: np.ndarray, i: int, j: int) -> float:
    """Return the correlation of one pixel, computed from its definition."""
    window = [(k, n) for k in range(-2, 3) for n in range(-2, 3)]
    weight = {kn: np.exp(-(kn[0] ** 2 + kn[1] ** 2) / 2.5) for kn in window}
    total = sum(weight.values())
    z = {(k, n): complex(image[i + k, j + n]) for k in range(-3, 3) for n in range(-3, 3)}
    along = np.angle(sum(weight[k, n] * z[k, n] * z[k, n - 1].conjugate() for k, n in window))
    across = np.angle(sum(weight[k, n] * z[k, n] * z[k - 1, n].conjugate() for k, n in window))
    level = {(k, n): z[k, n] * np.exp(-1j * (n * along + k * across)) for k, n in window}
    centre = np.conj(sum(level.values()))
    phases = {kn: np.angle(value * centre) for kn, value in level.items()}
    mean = sum(weight[kn] * phases[kn] for kn in window) / total
    square = sum(weight[kn] * phases[kn] ** 2 for kn in window) / total
    return float(1 / np.sqrt(6 * (square - mean**2) + 1))


def test_correlation_follows_its_definition():
    image = (fringes(50, 60, 0.05, 0.1) + 0.7 * complex_noise((50, 60), 4)).astype("c8")
    correlation = phase_sigma_correlation(image)
    for i, j in [(3, 3), (17, 20), (18, 41), (46, 56), (33, 5)]:
        assert correlation[i, j] == pytest.approx(definition(image, i, j), abs=2e-5)


def test_no_data_has_zero_coherence():
    image = fringes(40, 40, 0, 0)
    image[:, 20:] = 0
    correlation = phase_sigma_correlation(image)
    assert not correlation[:, 23:].any()
    assert correlation[10, 15] == pytest.approx(1)
    assert not phase_sigma_correlation(image[:5]).any()


@pytest.mark.parametrize("turn", [0.5, 2.0, 3.0, 3.14, -2.5, -1.0])
def test_coherence_next_to_no_data_does_not_depend_on_a_constant_phase(turn):
    image = (fringes(40, 40, 0.3, -0.2) + 0.1 * complex_noise((40, 40), 5)).astype("c8")
    image[:, 20:] = 0
    image[:9] = 0
    turned = (image * np.exp(1j * turn)).astype("c8")
    correlation = phase_sigma_correlation(image)
    assert correlation[12:30, 18:22].min() > 0.8
    np.testing.assert_allclose(phase_sigma_correlation(turned), correlation, atol=1e-4)


def test_step_writes_filtered_interferogram_and_coherence(tmp_path):
    (tmp_path / "merged").mkdir()
    plane = fringes(64, 80, 1 / 32, 0) * np.float32(3)
    isce_raster.write(
        isce_raster.header_for_array(tmp_path / "merged/topophase.flat", plane, image_type="cpx"), plane
    )
    filtering.filter_interferogram(tmp_path, 0.5, workers=2)
    filtered = isceimage.read_header(tmp_path / "merged/filt_topophase.flat")
    correlation = isceimage.read_header(tmp_path / "merged/phsig.cor")
    assert (filtered.data_type, filtered.image_type) == ("CFLOAT", "cpx")
    assert (correlation.data_type, correlation.image_type) == ("FLOAT", "cor")
    assert np.allclose(isce_raster.read(correlation.path, 1)[10:40, 10:60], 1, atol=1e-3)
