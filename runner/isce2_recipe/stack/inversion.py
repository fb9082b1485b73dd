"""From the phases of pairs to the displacement of every date and its velocity, block by block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin.geocoding import LINEAR
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.rasters import line_writer
from isce2_recipe.progress import Progress
from isce2_recipe.stack import inversion_kernels
from isce2_recipe.stack.closure import TWO_PI
from isce2_recipe.stack.pair_files import PairFiles, stacked

SERIES = "displacement.rdr"
VELOCITY = "velocity.rdr"
QUALITY = "inversion_quality.rdr"
_YEAR_DAYS = 365.25


@dataclass(frozen=True, slots=True)
class MotionModel:
    """The terms that are fitted to the displacement of every look."""

    annual: bool = False  # whether a sine and a cosine of one year are fitted
    steps: tuple[str, ...] = ()  # dates, ``YYYYMMDD``, on which the ground may have jumped

    def names(self) -> list[str]:
        """Return the names of the fitted terms after the constant."""
        annual = ["annual_cosine", "annual_sine"] if self.annual else []
        return ["velocity", *annual, *(f"step_{date}" for date in self.steps)]

    @classmethod
    def of_names(cls, names: Sequence[str]) -> MotionModel:
        """Return the model whose terms have these names."""
        steps = [name.removeprefix("step_") for name in names if name.startswith("step_")]
        return cls("annual_sine" in names, tuple(steps))

    def design(self, dates: Sequence[str]) -> NDArray[np.float64]:
        """Return the terms at the dates: a constant, years since the first date, and the others."""
        years = years_since_first(dates)
        columns = [np.ones(len(dates)), years]
        if self.annual:
            columns += [np.cos(TWO_PI * years), np.sin(TWO_PI * years)]
        columns += [np.array([float(date >= step) for date in dates]) for step in self.steps]
        return np.stack(columns, axis=1)


def years_since_first(dates: Sequence[str]) -> NDArray[np.float64]:
    """Return the time of every date since the first one in years of 365.25 days."""
    times = [datetime.strptime(date, "%Y%m%d") for date in dates]
    return np.array([(time - times[0]).days / _YEAR_DAYS for time in times])


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is inverted."""

    files: PairFiles
    constants: NDArray[np.float64]  # unfiltered phase of the reference region, rad, shape (pairs,)
    cycles: NDArray[np.int8]  # whole cycles to subtract, shape (pairs, lines, samples)
    wavelength_m: float
    weighted: bool = True  # whether pairs are weighted by their coherence


def invert(out: Path, inputs: Inputs, model: MotionModel, *, progress: Progress, cpus: int) -> None:
    """Write the displacement of every date, the velocity and the quality of the inversion.

    ``displacement.rdr`` has a band for every date, metres towards the satellite since the first date.
    ``velocity.rdr`` has the velocity (m a year), its standard error, and for every other term of the model
    its value (m) and standard error. ``inversion_quality.rdr`` has temporal coherence, root mean square of
    the residuals (rad) and the number of pairs. All are NaN where there is no solution.
    """
    files = inputs.files
    lines, samples = files.shape
    design = model.design(files.dates)
    cofactors = date_cofactors(files.incidence)
    terms = design.shape[1] - 1
    shape = {SERIES: len(files.dates), VELOCITY: 2 * terms, QUALITY: 3}
    images = [
        IsceImage(out / name, lines, samples, bands, "FLOAT", "BIL", LINEAR) for name, bands in shape.items()
    ]
    with line_writer(images[0], out) as a, line_writer(images[1], out) as b, line_writer(images[2], out) as c:

        def make(rows: range) -> None:
            series, quality = solve_block(inputs, rows)
            fitted = fit(
                series, design, cofactors, pair_variance(quality, len(files.dates), inputs.wavelength_m)
            )
            for writer, values in ((a, series), (b, fitted), (c, quality)):
                writer.write(rows.start, *values.reshape(len(values), len(rows), samples))

        parts = files.blocks()
        with ThreadPoolExecutor(cpus) as pool:
            for done, _ in enumerate(pool.map(make, parts), 1):
                progress(done / len(parts), "inversion")


def solve_block(inputs: Inputs, rows: range) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return displacement (dates, looks) in metres towards the satellite, and quality (3, looks)."""
    series, quality = solve_phases(inputs, rows)
    series *= np.float32(-inputs.wavelength_m / (4.0 * math.pi))
    series[0] += 0.0  # no negative zero
    return series, quality


def solve_phases(inputs: Inputs, rows: range) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the phase of the dates since the first one (dates, looks), rad, and quality (3, looks)."""
    files = inputs.files
    pairs = len(files.pairs)
    phase, coherence = (
        stacked(kind, rows).reshape(pairs, -1).astype(np.float32, copy=False)
        for kind in (files.phase, files.coherence)
    )
    cycles = np.ascontiguousarray(inputs.cycles[:, rows.start : rows.stop]).reshape(pairs, -1)
    by_look, weight = np.empty((2, phase.shape[1], pairs), np.float32)
    inversion_kernels.gather(phase, coherence, cycles, inputs.constants, inputs.weighted, by_look, weight)
    positions = files.positions
    series = np.empty((len(files.dates), phase.shape[1]), np.float32)
    quality = np.empty((3, phase.shape[1]), np.float32)
    first, second = (np.ascontiguousarray(column) for column in positions.T)
    inversion_kernels.invert(by_look, weight, first, second, int((second - first).max()), series, quality)
    return series, quality


def date_cofactors(incidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the covariance of the dates' phases if the errors of pairs are independent with variance 1.

    Parameters
    ----------
    incidence : ndarray, shape (pairs, dates)
        The matrix that turns phases of dates into phases of pairs.
    """
    cofactors = np.zeros((incidence.shape[1],) * 2)
    cofactors[1:, 1:] = np.linalg.pinv(incidence[:, 1:].T @ incidence[:, 1:])
    return cofactors


def pair_variance(quality: NDArray[np.float32], dates: int, wavelength_m: float) -> NDArray[np.float64]:
    """Return the variance of the errors in which pairs disagree, square metres, shape (looks,).

    It is 0 where there are no more pairs than needed. ``quality`` is that of `solve_block`.
    """
    _, rms, count = quality.astype(np.float64)
    redundancy = count - dates + 1
    scale = count / np.maximum(redundancy, 1) * (wavelength_m / (4.0 * math.pi)) ** 2
    return np.where(redundancy > 0, rms**2 * scale, 0.0)


def fit(
    series: NDArray[Any],
    design: NDArray[np.float64],
    cofactors: NDArray[np.float64],
    disagreement: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return every term after the constant with its standard error, shape (2 * terms, looks).

    The residuals of the dates have two parts. Errors of a date, such as the atmosphere's, are independent of
    those of other dates. Errors in which pairs disagree spread over the dates that the network connects;
    their size follows from the residuals of the pairs. The standard error is the sum of both. It is NaN where
    as many terms as dates are fitted.

    Parameters
    ----------
    series : ndarray, shape (dates, looks)
        Displacement.
    design : ndarray, shape (dates, terms + 1)
        Result of `MotionModel.design`.
    cofactors : ndarray, shape (dates, dates)
        Result of `date_cofactors`.
    disagreement : ndarray, shape (looks,)
        Result of `pair_variance`.
    """
    values = series.astype(np.float64)
    inverse = np.linalg.pinv(design)
    solved = inverse @ values
    rest = np.eye(len(design)) - design @ inverse
    freedom = len(design) - design.shape[1]
    spread, network = (np.diag(inverse @ each @ inverse.T)[1:] for each in (np.eye(len(design)), cofactors))
    of_pairs = np.trace(rest @ cofactors) * disagreement
    of_dates = np.maximum(((rest @ values) ** 2).sum(0) - of_pairs, 0.0) / freedom if freedom > 0 else np.nan
    variance = spread[:, None] * of_dates + np.maximum(network[:, None], 0.0) * disagreement
    return np.asarray(
        np.stack([solved[1:], np.sqrt(variance)], axis=1).reshape(-1, values.shape[1]), np.float32
    )
