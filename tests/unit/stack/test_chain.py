"""A small simulated stack from coregistration to velocity, against the truth and the engine's own pairs."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isce2_recipe import paths
from isce2_recipe.engines.builtin import interferogram, merge, offsets, preprocess, resample, topo
from isce2_recipe.engines.builtin.job import Job
from isce2_recipe.errors import InputError
from isce2_recipe.sources.base import BurstRecord
from isce2_recipe.sources.catalog import read_catalog
from isce2_recipe.stack import closure, inversion, reference_region
from isce2_recipe.stack.baselines import perpendicular_baseline_m
from isce2_recipe.stack.coregister import SLC, coregister
from isce2_recipe.stack.frame import read_frame
from isce2_recipe.stack.geometry import LAND, LATITUDE, LONGITUDE, map_lookup, read_raster, tops_config
from isce2_recipe.stack.pair_files import open_pairs
from support import isce_raster
from support.shared import Shared
from support.stack_scene import LOG, StackScene, make_stack_scene, nearest, silent

OPTIONS = "lines=240,samples=1600,motion=linear"


@pytest.fixture(scope="module")
def scene(shared: Shared) -> StackScene:
    def make(folder: Path) -> None:
        made = make_stack_scene(folder, OPTIONS, [(136231, 2)], 4)
        made.form(folder / "pairs", nearest(made, 2))
        (folder / "scene.pickle").write_bytes(pickle.dumps(made))

    folder = shared.folder("stack", make)
    return pickle.loads((folder / "scene.pickle").read_bytes())


def _opened(scene: StackScene) -> tuple:
    pairs = nearest(scene, 2)
    files = open_pairs(pairs, [scene.folder / "pairs" / pair.name for pair in pairs])
    return files, np.asarray(read_raster(scene.geometry / LAND)[0]) == 1


def test_the_reference_date_is_the_burst_itself(scene: StackScene) -> None:
    slc = read_raster(scene.slc(scene.dates[0]) / SLC)[0]
    piece = read_frame(scene.geometry).pieces[0]
    inside = slc[piece.line + piece.first_line : piece.line + piece.stop_line]
    assert np.abs(inside[:, piece.first_sample : piece.stop_sample]).mean() > 1
    assert np.array_equal(inside, np.round(inside))  # whole numbers, as in the measurement


def test_a_pair_equals_the_engines_own_run(scene: StackScene, tmp_path: Path) -> None:
    """With the stack's reference as reference, both have the same pixels."""
    first, other = scene.dates[0], scene.dates[2]
    config = tops_config(scene.passes[first], scene.passes[other], (2,), scene.looks, scene.terrain.dem)
    job = Job(tmp_path, config, LOG, silent, 2)
    preprocess.preprocess(job)
    topo.topo(job)
    offsets.fine_offsets(job)
    resample.fine_resample(job)
    interferogram.burst_interferograms(job)
    merge.merge_bursts(job)
    own = isce_raster.read(tmp_path / paths.MERGED / paths.INTERFEROGRAM, 1)
    name = f"{first}_{other}"
    ours = isce_raster.read(scene.folder / "pairs" / name / paths.MERGED / paths.INTERFEROGRAM, 1)
    assert ours.shape == own.shape
    both = (np.abs(own) > 0) & (np.abs(ours) > 0)
    assert (both == (np.abs(own) > 0)).all()
    assert np.sqrt((np.angle(own[both] * np.conj(ours[both])) ** 2).mean()) < 1e-4  # the arithmetic differs


def test_baselines_from_catalogue_and_orbit(scene: StackScene, tmp_path: Path) -> None:
    def known(date: str) -> tuple[BurstRecord, Path]:
        (record,) = read_catalog(scene.folder / date / "bursts.json", BurstRecord).values()
        return record, scene.passes[date].orbit

    first, other = scene.dates[0], scene.dates[1]
    passes = scene.passes[first], scene.passes[other]
    exact = coregister(tmp_path, scene.geometry, *passes, log=LOG, progress=silent, cpus=2)
    assert abs(exact) > 5
    # The footprint's middle is not exactly that of the burst.
    assert perpendicular_baseline_m(known(first), known(other)) == pytest.approx(exact, rel=0.01, abs=0.5)
    assert perpendicular_baseline_m(known(first), known(first)) == 0
    assert (tmp_path / SLC).read_bytes() == (scene.slc(other) / SLC).read_bytes()


def test_unfiltered_phase_closes(scene: StackScene) -> None:
    files, land = _opened(scene)
    none = np.zeros(len(files.pairs))
    found = closure.measure_closure(files, none, land, np.zeros((len(none), *files.shape), np.int8))
    assert len(found.triplets) == 2
    assert found.rms.max() < 0.03  # multilooking of pixels with coherence 0.91
    assert np.abs(found.mean).max() < 0.002


def test_velocity_against_the_truth(scene: StackScene, tmp_path: Path) -> None:
    files, land = _opened(scene)
    suitable = reference_region.find_suitable(files, land)
    region = reference_region.choose_region(suitable, scene.geometry)
    assert region.looks == 25
    assert region.coherence > 0.9
    repaired = closure.repair(
        files, region.constants(files.smooth, suitable.usable), land, tmp_path / "cycles.npy"
    )
    constants = region.constants(files.phase, suitable.usable)
    inputs = inversion.Inputs(files, constants, repaired.cycles, read_frame(scene.geometry).wavelength_m)
    inversion.invert(tmp_path, inputs, inversion.MotionModel(), progress=silent, cpus=2)
    velocity, error = np.asarray(read_raster(tmp_path / inversion.VELOCITY))
    truth = scene.truth()
    known = land & np.isfinite(velocity)
    design = inversion.MotionModel().design(scene.dates)
    slope = np.linalg.pinv(design)[1]
    expected = np.tensordot(slope, truth, 1)
    wrong = (velocity - expected)[known]
    assert known.sum() > 0.9 * land.sum()
    # 0.26 mm a date, 36 days: a slope of 3.2 mm a year; the rest is the reference's own.
    assert 1e3 * (wrong - np.median(wrong)).std() < 5
    assert np.ptp(expected[known]) > 0.02
    series = np.asarray(read_raster(tmp_path / inversion.SERIES))
    assert series.shape == (4, *files.shape)
    assert not series[0][known].any()
    rows, cols = region.window
    at_reference = series[1:, rows.start : rows.stop, cols].mean((1, 2))
    assert np.abs(at_reference).max() < 1e-5  # weights differ within the region
    assert np.nanmedian(error) > 0


def test_the_inversion_gives_the_same_bytes_with_any_number_of_threads(
    scene: StackScene, tmp_path: Path
) -> None:
    files, _ = _opened(scene)
    none = np.zeros(len(files.pairs))
    inputs = inversion.Inputs(files, none, np.zeros((len(none), *files.shape), np.int8), 0.055)
    for cpus in (1, 3):
        (tmp_path / str(cpus)).mkdir()
        inversion.invert(tmp_path / str(cpus), inputs, inversion.MotionModel(), progress=silent, cpus=cpus)
    for name in (inversion.SERIES, inversion.VELOCITY, inversion.QUALITY):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "3" / name).read_bytes()


def test_pairs_of_one_run_are_those_of_single_runs(scene: StackScene, tmp_path: Path) -> None:
    pair = nearest(scene, 2)[1]
    (alone,) = scene.form(tmp_path, [pair])
    for file in (scene.folder / "pairs" / pair.name / paths.MERGED).iterdir():
        if file.suffix not in (".xml", ".vrt"):
            assert (alone / paths.MERGED / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_given_reference_region(scene: StackScene) -> None:
    files, land = _opened(scene)
    suitable = reference_region.find_suitable(files, land)
    latitude, longitude = (read_raster(scene.geometry / name)[0] for name in (LATITUDE, LONGITUDE))
    line, sample = np.argwhere(suitable.usable)[len(np.argwhere(suitable.usable)) // 2]
    place = float(longitude[line, sample]), float(latitude[line, sample])
    found = reference_region.given_region(suitable, scene.geometry, *place)
    assert (found.line, found.sample, found.chosen) == (line, sample, False)
    turned = reference_region.given_region(suitable, scene.geometry, place[0] + 360, place[1])
    assert turned.line == line
    with pytest.raises(InputError, match="outside the stack"):
        reference_region.given_region(suitable, scene.geometry, place[0] + 5, place[1])


def test_a_reference_on_water_is_refused(scene: StackScene) -> None:
    files, land = _opened(scene)
    suitable = reference_region.find_suitable(files, land)
    line, sample = np.argwhere(~land)[0]
    latitude, longitude = (read_raster(scene.geometry / name)[0] for name in (LATITUDE, LONGITUDE))
    place = float(longitude[line, sample]), float(latitude[line, sample])
    with pytest.raises(InputError, match="is on water"):
        reference_region.given_region(suitable, scene.geometry, *place)


def test_lookup_finds_the_looks(scene: StackScene) -> None:
    """A node of the map at the place of a look has the look's line and sample."""
    grid, locate = map_lookup(scene.geometry, scene.terrain.geocode_dem)
    latitude, longitude = (np.asarray(read_raster(scene.geometry / n)[0]) for n in (LATITUDE, LONGITUDE))
    rows, cols = latitude.shape
    line, sample = rows // 2, cols // 2
    row = round((latitude[line, sample] - grid.nodes.first_latitude) / grid.nodes.delta_latitude)
    col = round((longitude[line, sample] - grid.nodes.first_longitude) / grid.nodes.delta_longitude)
    found_line, found_sample = locate(range(row, row + 1))
    assert abs(found_line[0, col] - line) < 1
    assert abs(found_sample[0, col] - sample) < 1


def test_a_date_without_a_burst_of_the_reference_is_refused(scene: StackScene, tmp_path: Path) -> None:
    frame = read_frame(scene.geometry)
    more = replace(frame, pieces=(*frame.pieces, replace(frame.pieces[0], index=1)))
    for file in scene.geometry.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "frame.json").unlink()
    more.write(tmp_path)
    passes = scene.passes[scene.dates[0]], scene.passes[scene.dates[1]]
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="lacks burst 2 of IW2"):
        coregister(tmp_path / "out", tmp_path, *passes, log=LOG, progress=silent, cpus=1)
