"""MintPy reads stacks of our products unchanged and finds the velocity of the ground."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.warp import Resampling, reproject

from isce2_recipe.sources import open_source
from isce2_recipe.sources.base import bounds_of
from isce2_recipe.types import Bounds, BurstName, SlcName
from support.main_job import RECIPE, silent, stock_folder
from support.runs import call

pytestmark = pytest.mark.slow

LOG = logging.getLogger("mintpy")
TRUTH = "los_displacement.tif"
SUPPORT = Path(__file__).parents[1] / "support"
# Start of the first burst, unique number, and repeat cycles of twelve days since the first date.
DATES = {"20200604T022312": ("7C85", 0), "20200628T022314": ("1111", 2), "20200710T022314": ("2222", 3)}
DAYS = 36
BURSTS = (136231, 136232)
# Two pairs connect three dates; a third one closes the loop.
CHAIN = list(pairwise(DATES))
LOOP = [*CHAIN, (next(iter(DATES)), next(reversed(DATES)))]
SOURCE = "simulated:clean,motion=linear,samples=1000"
SLC_SOURCE = "simulated:clean,motion=linear,samples=1000,bursts=1"
ACROSS = [
    "S1_093507_IW1_20200604T173908_VV_7C85-BURST",
    "S1_093507_IW1_20200616T173909_VV_5D11-BURST",
    "S1_093507_IW1_20200628T173909_VV_2222-BURST",
]
# A grid around the data, so that these stacks take little time; the first stack has the default grid.
BOX = ["--grid-bounds", "53.5", "27.38", "53.72", "27.8"]
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
# The step between the two calls, quick_overview, draws a histogram of wrong cycles and fails without any.
PROGRAM = """
import h5py, numpy as np
from mintpy.cli import smallbaselineApp
smallbaselineApp.main(["stack.cfg", "--end", "reference_point"])
smallbaselineApp.main(["stack.cfg", "--start", "correct_unwrap_error", "--end", "velocity"])
with h5py.File("velocity.h5") as velocity, h5py.File("maskTempCoh.h5") as mask:
    names = ("REF_Y", "REF_X", "X_FIRST", "Y_FIRST", "X_STEP", "EPSG")
    np.savez("velocity.npz", velocity=velocity["velocity"][:], mask=mask["mask"][:],
             **{name: float(velocity.attrs[name]) for name in names})
"""


def burst(date: str, number: int) -> str:
    """Return the name of a burst; the second one begins a burst's period of 2.76 s after the first."""
    moment = datetime.strptime(date, "%Y%m%dT%H%M%S") + timedelta(seconds=3 * BURSTS.index(number))
    return f"S1_{number}_IW2_{moment:%Y%m%dT%H%M%S}_VV_{DATES[date][0]}-BURST"


def slc(date: str) -> str:
    """Return the name of the SLC of a date; a repeat cycle has 175 orbits."""
    start = datetime.strptime(date, "%Y%m%dT%H%M%S") - timedelta(seconds=21)
    stop, (suffix, cycle) = start + timedelta(seconds=27), DATES[date]
    orbit = f"{32861 + 175 * cycle:06d}_{0x3CE65 + 0x53E * cycle:06X}"
    return f"S1A_IW_SLC__1SDV_{start:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}_{orbit}_{suffix}"


@pytest.fixture(scope="module")
def mintpy() -> tuple[Path, dict[str, str]]:
    """Return a Python with MintPy, in the folder MINTPY_BIN or in this environment, and its variables."""
    folder = Path(os.environ.get("MINTPY_BIN", Path(sys.executable).parent))
    environment = os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    if not (folder / "smallbaselineApp.py").exists():
        pytest.skip("MintPy is not installed: pip install 'mintpy>=1.6.2', or set MINTPY_BIN")
    python = folder / "python"
    if subprocess.run([python, "-c", "import osgeo"], check=False, capture_output=True).returncode:
        environment |= {"PYTHONPATH": str(SUPPORT / "osgeo_by_rasterio")}
    return python, environment


def run(folder: Path, inputs: Path | str, recipe: str, *words: str) -> None:
    """Run a recipe on inputs in a folder or a source, and move its product to ``products``."""
    work = folder / "run"
    name = inputs if isinstance(inputs, str) else f"directory:{inputs}"
    source = ("--source", name, "--engine", "builtin")
    done = call(
        "run", recipe, "--workdir", work, *source, *words, "--until", "package", cwd=folder, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "products").mkdir(exist_ok=True)
    for path in (work / "package").iterdir():
        path.rename(folder / "products" / path.name)
    shutil.rmtree(work)


def run_bursts(
    folder: Path, inputs: Path, pair: tuple[str, str], *numbers: int, words: Sequence[str]
) -> None:
    """Process the bursts of two dates."""
    reference, secondary = ([burst(date, number) for number in numbers] for date in pair)
    run(folder, inputs, RECIPE, "--reference", *reference, "--secondary", *secondary, *words)


@dataclass(frozen=True)
class Stack:
    """A folder of products, and the true displacement of the ground from the first date to the last."""

    folder: Path
    truth: Path
    days: float = DAYS


@pytest.fixture(scope="module")
def bursts(tmp_path_factory) -> Path:
    """Return a folder with two bursts of every date, simulated once for all stacks, and the truth."""
    folder = tmp_path_factory.mktemp("bursts")
    names = [burst(date, number) for date in DATES for number in BURSTS]
    stock_folder(folder, *names, source=SOURCE)
    ends = [BurstName.parse(name) for name in names[:2] + names[-2:]]
    source = open_source(SOURCE)
    source.write_truth(source.find_bursts(ends, LOG), folder / "dem" / "dem.tif", folder)
    return folder


@pytest.fixture(scope="module")
def single(tmp_path_factory, bursts) -> Stack:
    """Return a stack of one burst with all of its pixels."""
    folder = tmp_path_factory.mktemp("single")
    for pair in LOOP:
        run_bursts(folder, bursts, pair, BURSTS[0], words=[])
    return Stack(folder, bursts / TRUTH)


@pytest.fixture(scope="module")
def multi(tmp_path_factory, bursts) -> Stack:
    """Return a stack of two bursts that are processed together."""
    folder = tmp_path_factory.mktemp("multi")
    for pair in CHAIN:
        run_bursts(folder, bursts, pair, *BURSTS, words=BOX)
    return Stack(folder, bursts / TRUTH)


@pytest.fixture(scope="module")
def merged(tmp_path_factory, bursts, single) -> Stack:
    """Return a stack of merged products of two bursts."""
    folder = tmp_path_factory.mktemp("merged")
    for pair in CHAIN:
        apart = tmp_path_factory.mktemp("apart")
        run_bursts(apart, bursts, pair, BURSTS[1], words=BOX)
        dates = "_".join(date[:8] for date in pair)
        for product in (single.folder / "products").glob(f"*_{dates}_*"):
            if product.is_dir():
                shutil.copytree(product, apart / "products" / product.name)
        run(folder, bursts, "merge_tops_bursts", "--directory", str(apart / "products"), *BOX)
    return Stack(folder, bursts / TRUTH)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Stack:
    """Return a stack of whole SLCs, here with a single burst in one of their swaths."""
    folder = tmp_path_factory.mktemp("whole")
    source = open_source(SLC_SOURCE)
    records = source.find_slcs([SlcName.parse(slc(date)) for date in DATES], LOG)
    for record in records:
        source.fetch_slc(record, "VV", [2], folder / "slc", LOG, silent)
        source.fetch_orbit(record.platform, record.start, record.stop, folder / "orbits", LOG)
    box = reduce(Bounds.union, (record.bounds for record in records)).buffered(0.15)
    source.fetch_dem(box, folder / "dem", LOG, silent)
    source.fetch_water_mask(box, folder / "water_mask", LOG, silent)
    source.write_truth([records[0], records[-1]], folder / "dem" / "dem.tif", folder)
    for older, newer in CHAIN:
        pair = ("--reference", slc(older), "--secondary", slc(newer))
        run(folder, folder, "insar_tops", *pair, "--swaths", "2")
    return Stack(folder, folder / TRUTH)


@pytest.fixture(scope="module")
def across(tmp_path_factory) -> Stack:
    """Return a stack across 180 degrees, whose pairs have the newer pass as their reference."""
    folder = tmp_path_factory.mktemp("across")
    source = open_source(SOURCE)
    records = source.find_bursts([BurstName.parse(name) for name in ACROSS], LOG)
    source.fetch_dem(bounds_of(records).buffered(0.15), folder / "dem", LOG, silent)
    source.write_truth([records[0], records[-1]], folder / "dem" / "dem.tif", folder)
    for older, newer in pairwise(ACROSS):
        pair = ("--reference", newer, "--secondary", older, "--any-order", "true")
        run(folder, SOURCE, RECIPE, *pair)
    return Stack(folder, folder / TRUTH, days=24)


# Metres per year. An interferogram of these stacks is accurate to 0.25 mm: 7.5 mm per year over 12 days, 2.5
# over the 36 days of the pair that only the first stack has.
@pytest.mark.parametrize(
    ("workflow", "pairs", "limit"),
    [
        ("single", 3, 0.006),
        ("multi", 2, 0.012),
        ("whole", 2, 0.012),
        ("merged", 2, 0.012),
        ("across", 2, 0.012),
    ],
)
def test_the_velocity_of_a_stack_is_that_of_the_ground(workflow, pairs, limit, mintpy, request):
    python, environment = mintpy
    stack = request.getfixturevalue(workflow)
    assert len(grids(stack.folder / "products", pairs)) == 1
    work = stack.folder / "mintpy"
    work.mkdir()
    (work / "stack.cfg").write_text(SETTINGS.format(stack.folder / "products"))
    done = subprocess.run(
        [python, "-c", PROGRAM],
        cwd=work, env=environment, check=False, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    made = np.load(work / "velocity.npz")
    truth = rate(stack.truth, made, stack.days)
    there = made["mask"].astype(bool) & np.isfinite(truth)
    assert there.sum() > 8_000
    assert np.ptp(truth[there]) > 0.3
    # Apart from a constant: MintPy chooses its reference among coherent pixels, and may choose one on a lake.
    error = (made["velocity"] - truth)[there]
    error -= np.median(error)
    right = (
        np.abs(error) < 0.03
    )  # a pair in a wrong cycle, at the edge of a lake, changes the velocity by 0.037
    assert right.mean() > 0.98
    assert np.std(error[right]) < limit


FILES = {
    *(f"_{layer}.tif" for layer in ("unw_phase", "wrapped_phase", "corr", "conncomp", "dem", "amp")),
    *(f"_{layer}.tif" for layer in ("lv_theta", "lv_phi", "water_mask")),
    *("_amp.kmz", "_wrapped_phase.kmz", "_unw_phase.png", "_unw_phase.pgw", "_unw_phase_thumb.png"),
    *(".txt", "_README.md.txt"),
}
RADAR_FILES = {f"_{layer}_rdr.tif" for layer in ("wrapped_phase", "lat", "lon", "los")}


@pytest.mark.parametrize("workflow", ["single", "multi", "whole", "merged"])
def test_every_workflow_has_hyp3_s_files(workflow, request):
    from rio_cogeo import cog_validate

    products = request.getfixturevalue(workflow).folder / "products"
    product = next(path for path in sorted(products.iterdir()) if path.is_dir())
    files = {path.name.removeprefix(product.name) for path in product.iterdir()}
    assert files >= FILES
    radar = {file for file in files if file.endswith("_rdr.tif")}
    assert radar >= RADAR_FILES if workflow == "single" else not radar
    for path in product.glob("*.tif"):
        assert cog_validate(path, strict=True, quiet=True)[0], path.name
    with zipfile.ZipFile(product.with_suffix(".zip")) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {product.name}


def grids(products: Path, pairs: int) -> set[tuple]:
    """Return the grids of all products of a stack."""
    found = set()
    paths = list(products.glob("*/*_unw_phase.tif"))
    assert len(paths) == pairs
    for path in paths:
        with rasterio.open(path) as dataset:
            found.add((dataset.crs.to_epsg(), tuple(dataset.transform), dataset.shape))
    return found


def rate(path: Path, made: np.lib.npyio.NpzFile, days: float) -> np.ndarray:
    """Return the true velocity towards the satellite, metres per year, on MintPy's grid."""
    step = made["X_STEP"]
    values = np.full(made["velocity"].shape, np.nan)
    with rasterio.open(path) as dataset:
        reproject(
            rasterio.band(dataset, 1),
            values,
            dst_transform=Affine(step, 0, made["X_FIRST"], 0, -step, made["Y_FIRST"]),
            dst_crs=f"EPSG:{int(made['EPSG'])}",
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
        )
    return -values * 365.25 / days
