"""MintPy, from the package index, on stacks of our products as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.warp import transform

from support.main_job import RECIPE

SUPPORT = Path(__file__).parents[1] / "support"
DATES = {
    "20200604T022312": "7C85",
    "20200616T022313": "5D11",
    "20200628T022314": "1111",
    "20200710T022314": "2222",
}
SOURCE = "simulated:motion=linear,lines=500,samples=6000"
SETTINGS = """
mintpy.load.processor = hyp3
mintpy.load.unwFile = {0}/*/*unw_phase.tif
mintpy.load.corFile = {0}/*/*corr.tif
mintpy.load.connCompFile = {0}/*/*conncomp.tif
mintpy.load.demFile = {0}/*/*dem.tif
mintpy.load.incAngleFile = {0}/*/*lv_theta.tif
mintpy.load.azAngleFile = {0}/*/*lv_phi.tif
mintpy.load.waterMaskFile = {0}/*/*water_mask.tif
mintpy.troposphericDelay.method = no
mintpy.topographicResidual = no
mintpy.plot = no
"""
# Prints what MintPy made as a NumPy archive; MintPy's own environment reads its HDF5 files.
EXPORT = """
import sys, h5py, numpy as np
with h5py.File("velocity.h5") as velocity, h5py.File("maskTempCoh.h5") as mask:
    names = ("REF_Y", "REF_X", "X_FIRST", "Y_FIRST", "X_STEP", "EPSG")
    np.savez(sys.argv[1], velocity=velocity["velocity"][:], mask=mask["mask"][:],
             **{name: float(velocity.attrs[name]) for name in names})
"""


def burst(date: str) -> str:
    return f"S1_136231_IW2_{date}_VV_{DATES[date]}-BURST"


@pytest.fixture(scope="module")
def mintpy(tmp_path_factory) -> Path:
    """Folder of the commands of an environment with MintPy in it."""
    folder = tmp_path_factory.mktemp("mintpy") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = [str(folder / "bin" / "pip"), "install", "--quiet", "--only-binary", ":all:"]
    done = subprocess.run(
        [*install, "mintpy>=1.6.2", "rasterio"], check=False, capture_output=True, text=True, timeout=600
    )
    if done.returncode:
        pytest.skip(f"MintPy cannot be installed from wheels here: {done.stderr.strip().splitlines()[-1]}")
    return folder / "bin"


def run_mintpy(mintpy: Path, folder: Path, *words: str) -> None:
    """A command of MintPy's; GDAL's bindings are stood in for where they are not installed."""
    environment = os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    known = subprocess.run([mintpy / "python", "-c", "import osgeo"], check=False, capture_output=True)
    if known.returncode:
        environment |= {"PYTHONPATH": str(SUPPORT / "osgeo_by_rasterio")}
    done = subprocess.run(
        [mintpy / words[0], *words[1:]],
        check=False, capture_output=True, text=True, cwd=folder, env=environment, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def make_product(folder: Path, older: list[str], newer: list[str], source: str = SOURCE) -> Path:
    """Run the recipe; the run's folder."""
    name = "_".join(name.split("_")[3][:8] for name in (older[0], newer[0]))
    work = folder / f"run_{name}"
    argv = [sys.executable, "-m", "isce2_recipe", "run", RECIPE, "--workdir", str(work)]
    argv += ["--source", source, "--engine", "builtin", "--publish", str(folder / "products")]
    argv += ["--reference", *older, "--secondary", *newer]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, cwd=folder, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return work


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Path:
    """Four dates, each with the next, and the first with the last."""
    folder = tmp_path_factory.mktemp("stack")
    dates = list(DATES)
    for older, newer in [*pairwise(dates), (dates[0], dates[-1])]:
        make_product(folder, [burst(older)], [burst(newer)])
    return folder


@pytest.mark.slow
def test_all_products_of_a_stack_share_their_pixels(stack):
    grids = set()
    for path in sorted((stack / "products").glob("*/*_unw_phase.tif")):
        with rasterio.open(path) as dataset:
            grids.add((dataset.crs.to_epsg(), tuple(dataset.transform), dataset.shape))
    assert len(list((stack / "products").glob("*/*_unw_phase.tif"))) == 4
    assert len(grids) == 1


@pytest.mark.slow
def test_the_velocity_of_a_stack_is_that_of_the_ground(stack, mintpy):
    work = stack / "mintpy"
    work.mkdir()
    (work / "stack.cfg").write_text(SETTINGS.format(stack / "products"))
    # The step between, quick_overview, draws a histogram of wrong cycles and fails where there are none.
    run_mintpy(mintpy, work, "smallbaselineApp.py", "stack.cfg", "--end", "reference_point")
    run_mintpy(
        mintpy,
        work,
        "smallbaselineApp.py",
        "stack.cfg",
        "--start",
        "correct_unwrap_error",
        "--end",
        "velocity",
    )
    run_mintpy(mintpy, work, "python", "-c", EXPORT, "velocity.npz")
    made = np.load(work / "velocity.npz")
    truth = rate(stack / "run_20200604_20200710" / "truth" / "los_displacement.tif", made, days=36)
    there = made["mask"].astype(bool) & np.isfinite(truth)
    assert there.sum() > 15_000
    truth -= truth[int(made["REF_Y"]), int(made["REF_X"])]
    assert np.ptp(truth[there]) > 0.4
    error = (made["velocity"] - truth)[there]
    # One interferogram of this stack is good to 0.25 mm; over 36 days that is 2.5 mm a year, and the
    # reference pixel's own error comes on top.
    assert np.std(error) < 0.007
    assert abs(np.median(error)) < 0.007


def rate(path: Path, made: np.lib.npyio.NpzFile, days: float) -> np.ndarray:
    """True displacement towards the satellite in metres a year on MintPy's grid."""
    rows, cols = made["velocity"].shape
    x = made["X_FIRST"] + (np.arange(cols) + 0.5) * made["X_STEP"]
    y = made["Y_FIRST"] - (np.arange(rows) + 0.5) * made["X_STEP"]
    places = np.meshgrid(x, y)
    longitude, latitude = transform(f"EPSG:{int(made['EPSG'])}", "EPSG:4326", *(p.ravel() for p in places))
    with rasterio.open(path) as dataset:
        values = np.array([v[0] for v in dataset.sample(zip(longitude, latitude, strict=True), masked=True)])
        outside = values == 0
    values = np.where(outside, np.nan, values)
    return -values.reshape(rows, cols) * 365.25 / days
