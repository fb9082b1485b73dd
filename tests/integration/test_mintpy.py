"""MintPy, from the package index, on stacks of our products as they are."""

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
from isce2_recipe.types import Bounds, BurstName, SlcName
from support.main_job import RECIPE, silent, stock_folder

# On one worker: all stacks share one environment with MintPy, and the merged one the bursts of the first.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("mintpy")]

LOG = logging.getLogger("mintpy")
TRUTH = "los_displacement.tif"
SUPPORT = Path(__file__).parents[1] / "support"
DATES = {
    "20200604T022312": "7C85",
    "20200616T022313": "5D11",
    "20200628T022314": "1111",
    "20200710T022314": "2222",
}
BURSTS = (136231, 136232)
# Three pairs tie four dates together; a fourth closes the loop.
CHAIN = list(pairwise(DATES))
LOOP = [*CHAIN, (next(iter(DATES)), next(reversed(DATES)))]
SOURCE = "simulated:motion=linear,samples=1000"
SLC_SOURCE = "simulated:motion=linear,samples=1000,bursts=1"
# Around the data, so that the other stacks take little time; the first has the grid that is the default.
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
# Prints what MintPy made as a NumPy archive; MintPy's own environment reads its HDF5 files.
EXPORT = """
import sys, h5py, numpy as np
with h5py.File("velocity.h5") as velocity, h5py.File("maskTempCoh.h5") as mask:
    names = ("REF_Y", "REF_X", "X_FIRST", "Y_FIRST", "X_STEP", "EPSG")
    np.savez(sys.argv[1], velocity=velocity["velocity"][:], mask=mask["mask"][:],
             **{name: float(velocity.attrs[name]) for name in names})
"""


def burst(date: str, number: int) -> str:
    """A burst; the second is seen a burst's period of 2.76 s after the first."""
    moment = datetime.strptime(date, "%Y%m%dT%H%M%S") + timedelta(seconds=3 * BURSTS.index(number))
    return f"S1_{number}_IW2_{moment:%Y%m%dT%H%M%S}_VV_{DATES[date]}-BURST"


def slc(date: str) -> str:
    """The SLC of a date; 175 orbits make twelve days."""
    start = datetime.strptime(date, "%Y%m%dT%H%M%S") - timedelta(seconds=21)
    stop, number = start + timedelta(seconds=27), list(DATES).index(date)
    orbit = f"{32861 + 175 * number:06d}_{0x3CE65 + 0x53E * number:06X}"
    return f"S1A_IW_SLC__1SDV_{start:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}_{orbit}_{DATES[date]}"


@pytest.fixture(scope="module")
def mintpy(tmp_path_factory) -> Path:
    """Folder of the commands of an environment with MintPy in it: MINTPY_BIN, or a new one."""
    if "MINTPY_BIN" in os.environ:
        return Path(os.environ["MINTPY_BIN"])
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


def run(folder: Path, inputs: Path, recipe: str, *words: str) -> None:
    """Run a recipe on inputs in a folder, its product into ``products``."""
    work = folder / f"run_{len(list(folder.glob('run_*')))}"
    argv = [
        sys.executable,
        "-m",
        "isce2_recipe",
        "run",
        recipe,
        "--workdir",
        str(work),
        "--engine",
        "builtin",
    ]
    argv += ["--source", f"directory:{inputs}", "--publish", str(folder / "products"), *words]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, cwd=folder, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr


def run_bursts(
    folder: Path, inputs: Path, pair: tuple[str, str], *numbers: int, words: Sequence[str]
) -> None:
    """The bursts of two dates."""
    reference, secondary = ([burst(date, number) for number in numbers] for date in pair)
    run(folder, inputs, RECIPE, "--reference", *reference, "--secondary", *secondary, *words)


@dataclass(frozen=True)
class Stack:
    """Products in a folder, and the ground's true displacement between the first date and the last."""

    folder: Path
    truth: Path


@pytest.fixture(scope="module")
def bursts(tmp_path_factory) -> Path:
    """Two bursts of four dates, simulated once for all stacks, and the truth."""
    folder = tmp_path_factory.mktemp("bursts")
    names = [burst(date, number) for date in DATES for number in BURSTS]
    stock_folder(folder, *names, source=SOURCE)
    ends = [BurstName.parse(name) for name in names[:2] + names[-2:]]
    source = open_source(SOURCE)
    source.write_truth(source.find_bursts(ends, LOG), folder / "dem" / "dem.tif", folder)
    return folder


@pytest.fixture(scope="module")
def single(tmp_path_factory, bursts) -> Stack:
    """One burst, all pixels that it can show."""
    folder = tmp_path_factory.mktemp("single")
    for pair in LOOP:
        run_bursts(folder, bursts, pair, BURSTS[0], words=[])
    return Stack(folder, bursts / TRUTH)


@pytest.fixture(scope="module")
def multi(tmp_path_factory, bursts) -> Stack:
    """Two bursts together."""
    folder = tmp_path_factory.mktemp("multi")
    for pair in CHAIN:
        run_bursts(folder, bursts, pair, *BURSTS, words=BOX)
    return Stack(folder, bursts / TRUTH)


@pytest.fixture(scope="module")
def merged(tmp_path_factory, bursts, single) -> Stack:
    """The products of two bursts, merged."""
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
    """Whole SLCs, here of a single burst in one of their swaths."""
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
        run(
            folder,
            folder,
            "insar_tops",
            "--reference",
            slc(older),
            "--secondary",
            slc(newer),
            "--swaths",
            "2",
        )
    return Stack(folder, folder / TRUTH)


# Metres a year. An interferogram of these stacks is good to 0.25 mm: 7.5 mm a year over 12 days, 2.5 over the
# 36 days of the pair that only the first stack has.
@pytest.mark.parametrize(
    ("workflow", "pairs", "limit"),
    [("single", 4, 0.006), ("multi", 3, 0.012), ("whole", 3, 0.012), ("merged", 3, 0.012)],
)
def test_the_velocity_of_a_stack_is_that_of_the_ground(workflow, pairs, limit, mintpy, request):
    stack = request.getfixturevalue(workflow)
    assert len(grids(stack.folder / "products", pairs)) == 1
    work = stack.folder / "mintpy"
    work.mkdir()
    (work / "stack.cfg").write_text(SETTINGS.format(stack.folder / "products"))
    # The step between, quick_overview, draws a histogram of wrong cycles and fails where there are none.
    for steps in (("--end", "reference_point"), ("--start", "correct_unwrap_error", "--end", "velocity")):
        run_mintpy(mintpy, work, "smallbaselineApp.py", "stack.cfg", *steps)
    run_mintpy(mintpy, work, "python", "-c", EXPORT, "velocity.npz")
    made = np.load(work / "velocity.npz")
    truth = rate(stack.truth, made, days=36)
    there = made["mask"].astype(bool) & np.isfinite(truth)
    assert there.sum() > 8_000
    assert np.ptp(truth[there]) > 0.3
    # Up to one constant: MintPy draws its reference among coherent pixels, and may draw one on a lake.
    assert np.std((made["velocity"] - truth)[there]) < limit


FILES = {
    *(f"_{layer}.tif" for layer in ("unw_phase", "wrapped_phase", "corr", "conncomp", "dem", "amp")),
    *(f"_{layer}.tif" for layer in ("lv_theta", "lv_phi", "water_mask")),
    *("_amp.kmz", "_wrapped_phase.kmz", "_unw_phase.png", "_unw_phase_thumb.png"),
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
    """Pixels of all products of a stack."""
    found = set()
    paths = list(products.glob("*/*_unw_phase.tif"))
    assert len(paths) == pairs
    for path in paths:
        with rasterio.open(path) as dataset:
            found.add((dataset.crs.to_epsg(), tuple(dataset.transform), dataset.shape))
    return found


def rate(path: Path, made: np.lib.npyio.NpzFile, days: float) -> np.ndarray:
    """True displacement towards the satellite in metres a year on MintPy's grid."""
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
