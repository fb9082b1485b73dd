"""The inversion against a dense least squares, and the fit against its closed form."""

from __future__ import annotations

import numpy as np
import pytest

from isce2_recipe.stack import inversion_kernels
from isce2_recipe.stack.inversion import MotionModel, date_cofactors, fit, pair_variance


def network(dates: int, neighbours: int) -> np.ndarray:
    return np.array(
        [(a, b) for a in range(dates) for b in range(a + 1, min(dates, a + 1 + neighbours))], np.int64
    )


def solve(phase: np.ndarray, weight: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    dates, looks = int(positions.max()) + 1, phase.shape[0]
    series, quality = np.empty((dates, looks), np.float32), np.empty((3, looks), np.float32)
    first, second = (np.ascontiguousarray(column) for column in positions.T)
    band = int((second - first).max())
    inversion_kernels.invert(phase, weight, first, second, band, series, quality)
    return series, quality


@pytest.mark.parametrize(("dates", "neighbours"), [(2, 1), (5, 1), (9, 3), (6, 5)])
def test_weighted_least_squares(dates: int, neighbours: int) -> None:
    rng = np.random.default_rng(3)
    positions = network(dates, neighbours)
    phase = rng.normal(0, 3, (20, len(positions))).astype(np.float32)
    weight = rng.uniform(0.1, 4, phase.shape).astype(np.float32)
    weight[7, rng.permutation(len(positions))[: len(positions) // 4]] = 0 if neighbours > 2 else 1
    series, quality = solve(phase, weight, positions)
    matrix = np.zeros((len(positions), dates))
    matrix[np.arange(len(positions)), positions[:, 0]] = -1
    matrix[np.arange(len(positions)), positions[:, 1]] = 1
    for look in range(20):
        root = np.sqrt(weight[look].astype(float))
        used = weight[look] > 0
        if np.linalg.matrix_rank(matrix[used, 1:]) < dates - 1:
            assert np.isnan(series[:, look]).all()
            continue
        expected, *_ = np.linalg.lstsq(root[:, None] * matrix[:, 1:], root * phase[look], rcond=None)
        residual = (phase[look] - matrix[:, 1:] @ expected)[used]
        assert series[0, look] == 0
        assert np.allclose(series[1:, look], expected, atol=2e-5)  # results are float32
        assert quality[0, look] == pytest.approx(abs(np.exp(1j * residual).mean()), abs=1e-5)
        assert quality[1, look] == pytest.approx(np.sqrt((residual**2).mean()), abs=1e-5)
        assert quality[2, look] == used.sum()


def test_a_date_without_pairs_has_no_solution() -> None:
    positions = network(4, 2)
    phase = np.ones((2, len(positions)), np.float32)
    weight = np.ones_like(phase)
    weight[1, (positions == 2).any(1)] = 0
    series, quality = solve(phase, weight, positions)
    assert np.isfinite(series[:, 0]).all()
    assert np.isnan(series[:, 1]).all()
    assert np.isnan(quality[:2, 1]).all()


def test_gather_subtracts_reference_and_cycles() -> None:
    phase = np.array([[1.0, np.nan], [2.0, 3.0]], np.float32)
    coherence = np.array([[0.6, 0.5], [0.0, 1.0]], np.float32)
    cycles = np.array([[1, 0], [0, -1]], np.int8)
    by_look, weight = np.empty((2, 2, 2), np.float32)
    inversion_kernels.gather(phase, coherence, cycles, np.array([0.5, 1.0]), True, by_look, weight)
    assert np.allclose(by_look, [[0.5 - 2 * np.pi, 1.0], [0.0, 2.0 + 2 * np.pi]], atol=1e-6)
    assert weight[0, 0] == pytest.approx(0.36 / 0.64)
    assert weight[1, 0] == 0
    assert np.isfinite(weight).all()


def incidence(positions: np.ndarray) -> np.ndarray:
    matrix = np.zeros((len(positions), int(positions.max()) + 1))
    for row, (a, b) in zip(matrix, positions, strict=True):
        row[a], row[b] = -1, 1
    return matrix


def fit_alone(series: np.ndarray, model: MotionModel, dates: list[str]) -> np.ndarray:
    """Fit a series of which the pairs agree."""
    cofactors = date_cofactors(incidence(network(len(dates), 3)))
    return fit(series, model.design(dates), cofactors, np.zeros(series.shape[1]))


def test_velocity_of_a_straight_line_has_no_error() -> None:
    dates = ["20200101", "20200401", "20200701", "20210101"]
    years = np.array([0, 91, 182, 366]) / 365.25
    fitted = fit_alone(np.outer(years, [0.02, -0.3]) + 0.004, MotionModel(), dates)
    assert np.allclose(fitted[0], [0.02, -0.3])
    assert np.allclose(fitted[1], 0, atol=1e-9)


def test_standard_error_is_that_of_a_regression() -> None:
    rng = np.random.default_rng(1)
    dates = [f"2020{month:02d}15" for month in range(1, 13)]
    values = rng.normal(0, 1, (12, 20000))
    fitted = fit_alone(values, MotionModel(), dates)
    assert np.sqrt((fitted[1] ** 2).mean()) == pytest.approx(fitted[0].std(), rel=0.02)  # 20,000 samples


@pytest.mark.parametrize("of_dates", [0.0, 0.5])
@pytest.mark.parametrize("neighbours", [2, 4])
def test_standard_error_has_errors_of_pairs_and_of_dates(of_dates: float, neighbours: int) -> None:
    rng = np.random.default_rng(2)
    dates = [f"2020{month:02d}15" for month in range(1, 11)]
    positions = network(len(dates), neighbours)
    matrix = incidence(positions)
    phase = (
        rng.normal(0, 0.3, (20000, len(positions))) + rng.normal(0, 1e-9 + of_dates, (20000, 10)) @ matrix.T
    )
    series, quality = solve(phase.astype(np.float32), np.ones(phase.shape, np.float32), positions)
    # With this wavelength a radian is a metre.
    disagreement = pair_variance(quality, len(dates), 4 * np.pi)
    assert np.sqrt(disagreement.mean()) == pytest.approx(0.3, rel=0.02)
    fitted = fit(series, MotionModel().design(dates), date_cofactors(matrix), disagreement)
    # The part of the dates cannot be less than zero, so that few degrees of freedom make it a little large.
    assert np.sqrt((fitted[1] ** 2).mean()) == pytest.approx(fitted[0].std(), rel=0.08)
    assert 0.6 < (np.abs(fitted[0]) < fitted[1]).mean() < 0.75


def test_annual_terms_and_steps() -> None:
    dates = [f"{year}{month:02d}15" for year in (2020, 2021, 2022) for month in range(1, 13)]
    model = MotionModel(annual=True, steps=("20210601",))
    design = model.design(dates)
    fitted = fit_alone((design @ [0.1, 0.03, 0.004, -0.005, 0.05])[:, None], model, dates)
    assert model.names() == ["velocity", "annual_cosine", "annual_sine", "step_20210601"]
    assert np.allclose(fitted[::2, 0], [0.03, 0.004, -0.005, 0.05], atol=1e-6)


def test_as_many_terms_as_dates_have_no_error() -> None:
    fitted = fit_alone(np.array([[0.0], [0.1]]), MotionModel(), ["20200101", "20210101"])
    assert np.isnan(fitted[1, 0])
