"""The second pass on pairs of a bowl that sinks, with the noise of low coherence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isce2_recipe import paths
from isce2_recipe.engines.builtin.filtering import goldstein_strips
from isce2_recipe.stack.checking import StackCheck
from isce2_recipe.stack.geometry import LAND, write_raster
from isce2_recipe.stack.inversion import Inputs, MotionModel, solve_phases
from isce2_recipe.stack.network import StackPair
from isce2_recipe.stack.pair_files import PairFiles
from isce2_recipe.stack.reference_region import ReferenceRegion
from isce2_recipe.stack.second_pass import choose_looks, refine

DATES = [f"202001{day:02d}" for day in range(1, 29, 4)]
SIZE = 96
REGION = ReferenceRegion(4, 4, 0.0, 0.0, 25, 0.4, True)


def silent(_fraction: float, _text: str) -> None:
    pass


def truth() -> np.ndarray:
    """Phase of every date: a bowl that sinks by two fringes between dates, zero in the region."""
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    bowl = -2 * np.pi * 2 * np.exp(-(x**2 + y**2) / (2 * 20**2))
    return np.arange(len(DATES))[:, None, None] * (bowl - bowl[4, 4])


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path], Inputs, StackCheck]:
    """Return the folder of the geometry, those of pairs, and what is inverted."""
    folder = tmp_path_factory.mktemp("stack")
    land = np.ones((1, SIZE, SIZE), np.uint8)
    land[0, :, 80:] = 0
    write_raster(folder / LAND, land)
    rng = np.random.default_rng(1)
    known = truth()
    pairs, folders, smooth, exact = [], [], [], []
    for a in range(len(DATES)):
        for b in range(a + 1, min(a + 4, len(DATES))):
            noise = rng.normal(0, 0.35, (2, SIZE, SIZE))
            true = known[b] - known[a]
            product = (np.exp(1j * true) + noise[0] + 1j * noise[1]).astype(np.complex64)
            place = folder / f"{DATES[a]}_{DATES[b]}"
            (place / paths.MERGED).mkdir(parents=True)
            write_raster(place / paths.MERGED / paths.INTERFEROGRAM, product[None])
            strips = goldstein_strips(lambda rows, p=product: p[rows.start : rows.stop], SIZE, SIZE, 0.5)
            filtered = np.concatenate(list(strips))
            one = (true + np.angle(filtered * np.exp(-1j * true))).astype(np.float32)
            other = (one + np.angle(product * np.exp(-1j * one))).astype(np.float32)
            other[land[0] == 0] = np.nan
            pairs.append(StackPair(place.name, DATES[a], DATES[b], 4 * (b - a)))
            folders.append(place)
            smooth.append(one)
            exact.append(other)
    coherence = np.full((SIZE, SIZE), 0.4, np.float32)
    labels = np.ones((SIZE, SIZE), np.uint8)
    files = PairFiles(
        tuple(pairs),
        tuple(DATES),
        tuple(exact),
        tuple(smooth),
        (coherence,) * len(pairs),
        (labels,) * len(pairs),
    )
    rows, cols = REGION.window
    constants = [
        np.array([one[rows.start : rows.stop, cols].mean() for one in kind], np.float64)
        for kind in (smooth, exact)
    ]
    cycles = np.zeros((len(pairs), SIZE, SIZE), np.int8)
    inputs = Inputs(files, constants[1], cycles, 0.0555)
    return folder, folders, inputs, StackCheck({}, REGION, *constants, coherence)


def velocity_error(inputs: Inputs) -> np.ndarray:
    """Return the error of the velocity, rad a date, on land away from the edges of the image."""
    series = solve_phases(inputs, range(SIZE))[0].reshape(len(DATES), SIZE, SIZE)
    slope = np.linalg.pinv(MotionModel().design(DATES))[1]
    found = np.tensordot(slope, series - truth(), 1) * 4 / 365.25
    return found[16:-16, 16:72]


def test_the_second_pass_has_the_smaller_error(
    stack: tuple[Path, list[Path], Inputs, StackCheck], tmp_path: Path
) -> None:
    geometry, folders, inputs, checked = stack
    how = choose_looks(geometry, checked, "auto", 0.5)
    assert how.looks == SIZE * 80
    unfiltered = velocity_error(inputs)
    files = replace(inputs.files, phase=inputs.files.smooth)
    filtered = velocity_error(replace(inputs, files=files, constants=checked.smooth))
    refined = velocity_error(refine(tmp_path, folders, inputs, how, progress=silent, cpus=2))
    assert refined.std() < 0.5 * unfiltered.std()
    assert refined.std() < 0.7 * filtered.std()
    # The bowl is neither deeper nor flatter.
    bowl = truth()[1, 16:-16, 16:72]
    slope = np.polyfit(bowl.ravel(), refined.ravel(), 1)[0]
    assert abs(slope) < 1e-3


def test_where_coherence_is_high_the_phase_stays(
    stack: tuple[Path, list[Path], Inputs, StackCheck], tmp_path: Path
) -> None:
    geometry, folders, inputs, checked = stack
    coherence = checked.coherence.copy()
    coherence[:, 40:] = 0.95
    how = choose_looks(geometry, replace(checked, coherence=coherence), "auto", 0.5)
    assert how.facts()["looks"] == SIZE * 40
    refined = refine(tmp_path, folders, inputs, how, progress=silent, cpus=1).files.phase
    for new, old in zip(refined, inputs.files.phase, strict=True):
        assert np.array_equal(new[:, 40:], old[:, 40:], equal_nan=True)
        assert not np.array_equal(new[:, :40], old[:, :40])


@pytest.mark.parametrize(("mode", "strength"), [("never", 0.5), ("always", 0.0)])
def test_no_second_pass(
    mode: str, strength: float, stack: tuple[Path, list[Path], Inputs, StackCheck]
) -> None:
    assert choose_looks(stack[0], stack[3], mode, strength).looks == 0
