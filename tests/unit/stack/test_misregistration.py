"""Azimuth shifts of the dates of a stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from isce2_recipe.sources.simulated.acquisition import misregistration, slice_of
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.stack.misregistration import PairShift, pair_shift, solve_network, write_overlaps
from isce2_recipe.stack.network import StackPair
from support.stack_scene import LOG, make_stack_scene, nearest, silent

DATES = ["20200604", "20200616", "20200628", "20200710"]


def pair(one: int, other: int) -> StackPair:
    return StackPair(f"{DATES[one]}_{DATES[other]}", DATES[one], DATES[other], 12 * (other - one))


def test_shifts_of_pairs_are_solved_for_dates_by_their_weight() -> None:
    pairs = [pair(0, 1), pair(1, 2), pair(0, 2)]
    # The last pair contradicts the others, but has a twentieth of their points.
    shifts = [
        PairShift(pairs[0].name, 0.01, 0.005, 2000),
        PairShift(pairs[1].name, 0.02, 0.005, 2000),
        PairShift(pairs[2].name, 0.04, 0.005, 100),
    ]
    solved = solve_network(DATES[0], pairs, shifts)
    assert solved.lines[DATES[0]] == 0.0
    assert solved.lines[DATES[2]] == pytest.approx(0.03, abs=2e-3)
    assert solved.pairs[2].residual == pytest.approx(0.01, abs=2e-3)
    assert solved.unknown == ()


def test_dates_without_coherent_pairs_are_named_and_stay_where_they_are() -> None:
    pairs = [pair(0, 1), pair(1, 2), pair(2, 3)]
    shifts = [PairShift(pairs[n].name, 0.01, 0.005, 500) for n in (0, 2)]
    solved = solve_network(DATES[0], pairs, shifts)
    assert solved.unknown == (DATES[2], DATES[3])
    assert [solved.lines[date] for date in DATES] == pytest.approx([0.0, 0.01, 0.0, 0.0])


def test_a_network_without_any_coherent_pair_is_not_refined() -> None:
    solved = solve_network(DATES[1], [pair(0, 1)], [])
    assert solved.lines == {DATES[0]: 0.0, DATES[1]: 0.0}
    assert solved.unknown == (DATES[0],)


@pytest.mark.slow
def test_the_errors_of_the_times_of_all_dates_are_found(tmp_path: Path) -> None:
    options = "samples=1024,coherence=0.8,timing_error=0.03"
    scene = make_stack_scene(tmp_path, options, [(136231, 2), (136232, 2)], 3)
    reference = scene.passes[scene.dates[0]]
    folders = {date: tmp_path / "overlaps" / date for date in scene.dates}
    for date, folder in folders.items():
        folder.mkdir(parents=True)
        count = write_overlaps(
            folder, scene.geometry, reference, scene.passes[date], log=LOG, progress=silent, cpus=2
        )
        assert count == 1
        assert sorted(file.suffix for file in folder.iterdir() if file.is_file()) == [".npy", ".npy"]
    pairs = nearest(scene, 2)
    shifts = [found for one in pairs if (found := pair_shift(folders, one))]
    assert len(shifts) == len(pairs) == 3
    solved = solve_network(scene.dates[0], pairs, shifts)
    flights = [
        slice_of(scene.names[date][0], SimulationOptions.parse(options)).flight for date in scene.dates
    ]
    truth = [misregistration(flights[0], flight)[0] for flight in flights]
    assert max(map(abs, truth)) > 0.005
    assert [solved.lines[date] for date in scene.dates] == pytest.approx(truth, abs=5e-4)
