"""Closure of consistent stacks, and repair of whole cycles that were added to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isce2_recipe.stack.closure import (
    TWO_PI,
    doubtful_changes,
    measure_closure,
    repair,
    solve_pattern,
    triplets,
)
from isce2_recipe.stack.network import StackPair
from isce2_recipe.stack.pair_files import PairFiles


def stack(dates: int, neighbours: int, seed: int = 1, noise: float = 0.2) -> PairFiles:
    """Pairs of 20 x 30 looks whose phases are differences of random walks, with noise in every pair."""
    rng = np.random.default_rng(seed)
    names = [f"2020{1 + day // 28:02d}{1 + day % 28:02d}" for day in range(dates)]
    positions = [(a, b) for a in range(dates) for b in range(a + 1, min(dates, a + 1 + neighbours))]
    series = np.cumsum(rng.normal(0, 2, (dates, 20, 30)), axis=0)
    smooth = [series[b] - series[a] + rng.normal(0, noise, (20, 30)) for a, b in positions]
    phase = [one.astype(np.float32) for one in smooth]
    pairs = [StackPair(f"{names[a]}_{names[b]}", names[a], names[b], b - a) for a, b in positions]
    flat = tuple(np.full((20, 30), 0.5, np.float32) for _ in pairs)
    labels = tuple(np.ones((20, 30), np.uint8) for _ in pairs)
    return PairFiles(tuple(pairs), tuple(names), tuple(phase), tuple(smooth), flat, labels)


EVERYWHERE = np.ones((20, 30), bool)


def test_triplets() -> None:
    positions = stack(4, 2).positions
    found = triplets(positions)
    assert [[tuple(positions[k]) for k in one] for one in found] == [
        [(0, 1), (1, 2), (0, 2)],
        [(1, 2), (2, 3), (1, 3)],
    ]
    assert triplets(stack(4, 1).positions).shape == (0, 3)


def test_closure_of_a_consistent_stack_is_zero(tmp_path: Path) -> None:
    files = stack(6, 3, noise=0.0)
    none = np.zeros(len(files.pairs))
    found = repair(files, none, EVERYWHERE, tmp_path / "cycles.npy")
    assert not found.cycles.any()
    closure = measure_closure(files, none, EVERYWHERE, found.cycles)
    assert len(closure.triplets) == 10
    assert closure.rms.max() < 1e-5
    assert not closure.open_count.any()


def test_cycles_that_were_added_are_found(tmp_path: Path) -> None:
    files = stack(12, 4)
    added = np.zeros((len(files.pairs), 20, 30), int)
    rng = np.random.default_rng(2)
    inner = [k for k, (a, b) in enumerate(files.positions) if a >= 2 and b <= 9]
    for pair in rng.permutation(inner)[:3]:
        row = int(rng.integers(0, 15))
        added[pair, row : row + 5] = rng.choice([-1, 1])
    for pair, cycles in enumerate(added):
        files.smooth[pair][:] += TWO_PI * cycles
    none = np.zeros(len(files.pairs))
    before = measure_closure(files, none, EVERYWHERE, np.zeros(added.shape, np.int8))
    assert before.open_count.any()
    found = repair(files, none, EVERYWHERE, tmp_path / "cycles.npy")
    assert (found.cycles == added).all()
    assert not measure_closure(files, none, EVERYWHERE, found.cycles).open_count.any()
    assert np.load(tmp_path / "cycles.npy").dtype == np.int8


def test_looks_without_a_pair_are_repaired_with_the_others(tmp_path: Path) -> None:
    files = stack(8, 4)
    lost = next(k for k, (a, b) in enumerate(files.positions) if (a, b) == (3, 4))
    wrong = next(k for k, (a, b) in enumerate(files.positions) if (a, b) == (2, 4))
    files.phase[lost][:, :10] = np.nan
    files.smooth[lost][:, :10] = np.nan
    files.smooth[wrong][:] -= TWO_PI
    found = repair(files, np.zeros(len(files.pairs)), EVERYWHERE, tmp_path / "cycles.npy")
    assert (found.cycles[wrong] == -1).all()
    assert np.count_nonzero(found.cycles) == 600


def test_the_reference_region_is_subtracted_first(tmp_path: Path) -> None:
    files = stack(6, 3)
    constants = np.random.default_rng(4).normal(0, 20, len(files.pairs))
    for pair, constant in enumerate(constants):
        files.smooth[pair][:] += constant
    assert not repair(files, constants, EVERYWHERE, tmp_path / "cycles.npy").cycles.any()


def test_looks_outside_are_left_alone(tmp_path: Path) -> None:
    files = stack(6, 3)
    files.smooth[4][:] += TWO_PI
    wanted = EVERYWHERE.copy()
    wanted[:, 15:] = False
    found = repair(files, np.zeros(len(files.pairs)), wanted, tmp_path / "cycles.npy")
    assert (found.cycles[4][:, :15] == 1).all()
    assert not found.cycles[:, :, 15:].any()


def test_a_pattern_of_dates_needs_no_change() -> None:
    positions = stack(7, 3).positions
    of_dates = np.array([0, 1, 1, -2, 0, 0, 3])
    pattern = of_dates[positions[:, 1]] - of_dates[positions[:, 0]]
    assert not solve_pattern(pattern, positions, np.ones(len(pattern), bool)).any()


def test_changes_of_most_pairs_of_a_date_are_doubtful() -> None:
    positions = stack(6, 3).positions
    present = np.ones(len(positions), bool)
    one = (positions == (2, 3)).all(1).astype(np.int64)
    assert not doubtful_changes(one, positions, present).any()
    first = ((positions[:, 0] == 0) & (positions[:, 1] < 3)).astype(np.int64)
    assert doubtful_changes(first, positions, present).sum() == 2


@pytest.mark.parametrize("neighbours", [3, 4])
def test_share_of_repaired_regions(tmp_path: Path, neighbours: int) -> None:
    """5 % of (pair, region) shifted by a cycle: the bars of facts for long stacks, on fewer regions."""
    files = stack(40, neighbours, seed=5, noise=0.3)
    rng = np.random.default_rng(6)
    added = (rng.random((len(files.pairs), 20, 1)) < 0.05) * rng.choice([-1, 1], (len(files.pairs), 20, 1))
    added = np.broadcast_to(added, (len(files.pairs), 20, 30))
    for pair, cycles in enumerate(added):
        # Regions: all looks of a line have one noise, as filtered phase has.
        files.smooth[pair][:] = files.smooth[pair][:, :1] + TWO_PI * cycles
    found = repair(files, np.zeros(len(files.pairs)), EVERYWHERE, tmp_path / "cycles.npy")
    exact = (found.cycles == added)[added != 0].mean()
    broken = (found.cycles != added)[added == 0].mean()
    assert exact > {3: 0.95, 4: 0.98}[neighbours]
    assert broken < 0.002
