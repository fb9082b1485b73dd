"""The stripmap recipe end to end with the builtin engine, on small simulated scenes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio

from support.ceos_signal import as_two_polarizations, split_into_frames
from support.processes import wait_for
from support.runs import call, command, environment
from support.shared import Shared

pytestmark = pytest.mark.slow

OLDER, NEWER = "ALPSRP156121200", "ALPSRP162831200"
NAME = f"{OLDER}x{NEWER}"
SOURCE = "simulated:clean,ionosphere=0.02,lines=2560,samples=1600"
RECIPE = ("insar_stripmap", "--reference", OLDER, "--secondary", NEWER, "--source", SOURCE)
FILES = ("interferogram/filt_topophase.unw", "ionosphere/dispersive.bil.unwCor.filt", "dem.crop")


def run(workdir: Path, *words: object) -> str:
    words = ("run", *RECIPE, "--engine", "builtin", "--workdir", workdir, *words)
    done = call(*words, cwd=workdir.parent, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def agreement(printed: str) -> tuple[float, int]:
    rms_mm, wrong = re.search(r"to ([\d.]+) mm RMS.*?, (\d+) of", printed).groups()
    return float(rms_mm), int(wrong)


@pytest.fixture
def made(shared: Shared) -> tuple[Path, str]:
    """Return the work directory of a run, and what it printed."""

    def make(folder: Path) -> None:
        (folder / "printed.txt").write_text(run(folder / "w"))

    folder = shared.folder("stripmap_builtin", make)
    return folder / "w", (folder / "printed.txt").read_text()


def layer(workdir: Path, name: str) -> np.ndarray:
    with rasterio.open(workdir / "package" / NAME / f"{NAME}_{name}.tif") as dataset:
        return dataset.read(1)


def test_the_product_agrees_with_the_truth(made) -> None:
    """Check displacement and ionosphere; so small a scene has the aperture of no pixel in full."""
    workdir, printed = made
    rms_mm, wrong = agreement(printed)
    assert rms_mm < 3.0
    assert wrong == 0
    assert "engine: builtin" in printed
    assert (workdir / "isce" / "stripmapProc.xml").is_file()


def test_the_ionosphere_has_an_error(made) -> None:
    workdir, _ = made
    phase, error = layer(workdir, "ionosphere"), layer(workdir, "ionosphere_std")
    assert np.array_equal(phase != 0, error != 0)
    assert np.array_equal(phase != 0, layer(workdir, "dispersive_phase") != 0)
    assert 0.01 < np.median(error[error > 0]) < 0.5
    assert abs(phase[phase != 0].mean()) < 0.3
    readme = (workdir / "package" / NAME / f"{NAME}_README.md.txt").read_text()
    assert "ionosphere_std.tif" in readme


def test_the_ionosphere_is_removed_on_request(made, tmp_path) -> None:
    """Check that only the steps after unwrapping run again, and what remains."""
    workdir = shutil.copytree(made[0], tmp_path / "w", symlinks=True)
    before = layer(workdir, "unw_phase"), layer(workdir, "ionosphere")
    printed = run(workdir, "--set", "remove_ionosphere=true")
    assert "interferogram: started" not in printed
    after = layer(workdir, "unw_phase")
    both = (before[0] != 0) & (after != 0)
    change = (before[0] - after - before[1])[both]
    assert np.abs(change - np.median(change)).max() < 0.05
    text = (workdir / "package" / NAME / f"{NAME}.txt").read_text()
    assert "Ionosphere removed: yes" in text
    assert agreement(printed)[1] == 0


def test_steps_in_several_processes_and_after_a_kill_make_the_same_bytes(made, tmp_path) -> None:
    workdir, _ = made
    # Paths in the XML begin in the work folder of the application.
    for name in ("config", "reference", "secondary", "terrain"):
        (tmp_path / name).symlink_to(workdir / name)
    folder = tmp_path / "isce"
    folder.mkdir()
    app = ("app", "--engine", "builtin", "stripmapApp", "../config/stripmapApp.xml")
    process = subprocess.Popen(
        command(*app), cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for((folder / "coregisteredSlc" / "refined_coreg.slc").exists, 300)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    for first, last in (("refined_resample", "interferogram"), ("sub_band_interferogram", "endup")):
        done = call(*app, f"--start={first}", f"--end={last}", cwd=folder, timeout=600)
        assert done.returncode == 0, done.stderr
    for name in FILES:
        assert (folder / name).read_bytes() == (workdir / "isce" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--set", "remove_ionosphere=true", "--set", "split_spectrum=false"), 1, "needs the estimate"),
        (("--set", "dispersive_coherence=2"), 1, "dispersive_coherence"),
    ],
)
def test_impossible_settings_are_refused_before_anything_runs(tmp_path, words, code, message) -> None:
    words = ("run", *RECIPE, "--engine", "builtin", "--workdir", tmp_path / "w", *words)
    done = call(*words, cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stderr
    assert not (tmp_path / "w" / "reference").exists()


def test_water_is_masked_before_unwrapping_on_request(made, tmp_path) -> None:
    workdir = shutil.copytree(made[0], tmp_path / "w", symlinks=True)
    printed = run(workdir, "--set", "apply_water_mask=true")
    assert "interferogram: started" not in printed
    phase, land, corr = (layer(workdir, name) for name in ("unw_phase", "water_mask", "corr"))
    seen = corr != 0
    assert (phase[seen & (land == 0)] == 0).all()
    assert (phase[seen & (land == 1)] != 0).mean() > 0.95
    assert agreement(printed)[1] == 0


@pytest.fixture
def inputs(made, tmp_path) -> Path:
    """Return a folder with the inputs of the application, and a folder of their own for other images."""
    for name in ("reference", "secondary", "terrain"):
        (tmp_path / name).symlink_to(made[0] / name)
    (tmp_path / "isce").mkdir()
    (tmp_path / "other").mkdir()
    return tmp_path


def interfere(inputs: Path, text: str) -> Path:
    """Run the application to the interferogram, and return its folder."""
    folder = inputs / "isce"
    (folder / "stripmapApp.xml").write_text(text)
    done = call("app", "--engine", "builtin", "stripmapApp", "--end=interferogram", cwd=folder, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def phase_change(one: Path, other: Path) -> np.ndarray:
    """Return the difference of two interferograms' phases where both have one."""
    first, second = (
        np.fromfile(place / "interferogram/topophase.flat", np.complex64) for place in (one, other)
    )
    return np.angle(first * second.conj())[(first != 0) & (second != 0)]


def test_two_frames_of_a_pass_are_like_one(made, inputs) -> None:
    scene = made[0] / "reference" / f"{OLDER}-L1.0"
    image = f"IMG-HH-{OLDER}-H1.0__A"
    leader = f"../reference/{scene.name}/LED-{OLDER}-H1.0__A"
    frames = split_into_frames(scene / image, inputs / "other", 1400, 250)
    text = (made[0] / "config" / "stripmapApp.xml").read_text()
    text = text.replace(
        f"../reference/{scene.name}/{image}", str([f"../other/{path.name}" for path in frames])
    )
    folder = interfere(inputs, text.replace(leader, str([leader, leader])))
    # The mean height of the ground, which is that of both boxes, changes the focus a little.
    change = phase_change(folder, made[0] / "isce")
    assert abs(np.median(change)) < 0.002
    assert np.sqrt(np.mean(change**2)) < 0.02


def test_scenes_of_one_and_two_polarizations_interfere(made, inputs) -> None:
    scene = made[0] / "secondary" / f"{NEWER}-L1.0"
    image, leader = scene / f"IMG-HH-{NEWER}-H1.0__A", scene / f"LED-{NEWER}-H1.0__A"
    as_two_polarizations(image, leader, inputs / "other")
    text = (made[0] / "config" / "stripmapApp.xml").read_text()
    folder = interfere(inputs, text.replace(f"../secondary/{scene.name}/", "../other/"))
    change = phase_change(folder, made[0] / "isce")
    assert abs(np.median(change)) < 0.02
    assert np.sqrt(np.mean(change**2)) < 0.25
