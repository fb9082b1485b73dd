"""Compare the builtin engine with the truth of a simulated pair, and with ISCE2 if it is installed.

    python benchmarks/engine.py FOLDER                            # one burst, VV, descending, 20x4
    python benchmarks/engine.py FOLDER --source simulated:clean,samples=6000 \\
        --reference NAME NAME --secondary NAME NAME               # others
    ISCE_HOME=... PATH=... python benchmarks/engine.py FOLDER     # with ISCE2

FOLDER keeps the inputs of the run, and `builtin/` and `isce2/` with their files and `steps.json`. An engine
whose `steps.json` exists is not run again. Every step runs in a separate process; its wall time, processor
time and peak memory are those that the kernel reports.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

import isce2_recipe
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.config import tops_steps
from isce2_recipe.engines.isce2 import Isce2Engine
from isce2_recipe.errors import EngineMissing

WAVELENGTH_M = 299792458.0 / 5.405000454e9
REFERENCE = ["S1_136231_IW2_20200604T022312_VV_7C85-BURST"]
SECONDARY = ["S1_136231_IW2_20200616T022313_VV_5D11-BURST"]
# Metres in a degree of latitude, approximately.
DEGREE_M = 111_200.0
# Pixels with less true displacement are outside the lobes and the area around them that the filter smooths.
HALO_M = 1e-3
PRODUCTS = (
    "phsig.cor.geo",
    "filt_topophase.unw.geo",
    "filt_topophase.unw.conncomp.geo",
    "filt_topophase.flat.geo",
    "los.rdr.geo",
)
CONFIG = "../topsapp/config/topsApp.xml"
Array = NDArray[Any]


def measured(
    command: list[str], folder: Path, log: Path, environment: dict[str, str] | None = None
) -> dict[str, float]:
    """Run a child process; return its wall and processor time in seconds and its peak memory in MB."""
    start = time.perf_counter()
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=file)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed: see {log}")
    return {
        "wall_s": round(time.perf_counter() - start, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": round(usage.ru_maxrss / 1024),
    }


def run_steps(
    command: list[str],
    folder: Path,
    environment: dict[str, str] | None = None,
    names: tuple[str, ...] | None = None,
) -> list[dict[str, Any]]:
    """Run steps, by default those of topsApp, each in a process; if `steps.json` exists, read it instead."""
    record = folder / "steps.json"
    if record.is_file():
        return list(json.loads(record.read_text()))
    folder.mkdir(exist_ok=True)
    steps: list[dict[str, Any]] = []
    for step in names or tops_steps():
        arguments = [*command, f"--start={step}", f"--end={step}"]
        steps.append({"step": step, **measured(arguments, folder, folder / f"{step}.log", environment)})
    record.write_text(json.dumps(steps))
    return steps


def run_isce2(folder: Path) -> list[dict[str, Any]] | None:
    """Run ISCE2's topsApp.py; return None if it is not installed."""
    if (folder / "steps.json").is_file():
        return run_steps([], folder)
    try:
        found = Isce2Engine.find().installation
    except EngineMissing as exc:
        print(exc)
        return None
    environment = found.environment(os.environ, 2)
    return run_steps([*found.command("topsApp"), CONFIG], folder, environment)


def read(folder: Path, name: str, band: int = 1, images: str = "merged") -> Array:
    with isceimage.open_raster(isceimage.append_suffix(folder / images / name, "vrt")) as raster:
        return np.asarray(raster.read(band))


def multilooked(array: Array, shape: tuple[int, ...], looks: tuple[int, int]) -> Array:
    """Return means over windows of (azimuth, range) looks, shape ``shape``."""
    lines, samples = shape
    azimuth, range_ = looks
    cut = array[: lines * azimuth, : samples * range_]
    return np.asarray(cut.reshape(lines, azimuth, samples, range_).mean(axis=(1, 3)))


def sampled(path: Path, latitude: Array, longitude: Array, order: int) -> Array:
    """Return the values of a GeoTIFF at latitudes and longitudes (degrees)."""
    with rasterio.open(path) as dataset:
        values, t = dataset.read(1).astype(float), dataset.transform
    place = [(latitude - t.f) / t.e - 0.5, (longitude - t.c) / t.a - 0.5]
    return np.asarray(map_coordinates(values, place, order=order, mode="nearest"))


def water_mask(inputs: Path) -> Path:
    return inputs / "terrain/water_mask/water_mask.tif"


def geocoded_places(folder: Path) -> tuple[Array, Array]:
    """Return latitude and longitude of every geocoded pixel, degrees."""
    header = isceimage.read_header(folder / "merged/filt_topophase.unw.geo")
    grid = header.grid
    assert grid is not None
    rows, columns = np.indices((header.lines, header.samples))
    return (
        grid.first_latitude + rows * grid.delta_latitude,
        grid.first_longitude + columns * grid.delta_longitude,
    )


class Phase:
    """Flattened multilooked interferogram, its coordinates, and masks of complete pixels and of land."""

    def __init__(self, inputs: Path, folder: Path, looks: tuple[int, int]) -> None:
        self.interferogram = read(folder, "topophase.flat")
        shape = self.interferogram.shape
        self.latitude, self.longitude = (
            multilooked(read(folder, f"{k}.rdr.full"), shape, looks) for k in ("lat", "lon")
        )
        self.whole = multilooked(read(folder, "topophase.flat.full") != 0, shape, looks) == 1
        self.land = self.whole & (sampled(water_mask(inputs), self.latitude, self.longitude, 1) > 0.999)

    def against_truth(self, truth: Path) -> dict[str, float]:
        """Return the RMS error on land without a constant, and the slope of the best plane."""
        moved = sampled(truth, self.latitude, self.longitude, 3)
        error = self.interferogram * np.exp(-4j * np.pi / WAVELENGTH_M * moved)
        constant = np.angle(error[self.land] / np.abs(error[self.land]))
        middle = np.angle(np.exp(1j * constant).mean())
        rest = np.angle(np.exp(1j * (np.angle(error[self.land]) - middle)))
        line, sample = np.nonzero(self.land)
        columns = [np.ones(line.size), line / error.shape[0], sample / error.shape[1]]
        plane, *_ = np.linalg.lstsq(np.stack(columns, axis=1), rest, rcond=None)
        return {
            "flattened phase RMS rad": float(rest.std()),
            "plane across azimuth rad": float(plane[1]),
            "plane across range rad": float(plane[2]),
            "land pixels": int(self.land.sum()),
        }


def displacement_error(inputs: Path, folder: Path, truth: Path) -> dict[str, float]:
    """Return errors of the geocoded unwrapped displacement on land inside connected components."""
    latitude, longitude = geocoded_places(folder)
    moved = sampled(truth, latitude, longitude, 1)
    use = read(folder, "filt_topophase.unw.conncomp.geo") > 0
    use &= sampled(water_mask(inputs), latitude, longitude, 0) == 1
    error = read(folder, "filt_topophase.unw.geo", 2) * WAVELENGTH_M / (4 * np.pi) - moved
    error -= np.median(error[use])
    still = use & (np.abs(moved) < HALO_M)
    return {
        "displacement RMS mm": float(1e3 * np.sqrt(np.mean(error[use] ** 2))),
        "displacement RMS mm outside the lobes": float(1e3 * np.sqrt(np.mean(error[still] ** 2))),
        "wrong cycles": int((np.abs(error[use]) > WAVELENGTH_M / 4).sum()),
        "geocoded pixels": int(use.sum()),
    }


def baselines_m(folder: Path) -> list[float]:
    """Return Bperp of the first and last common burst of every swath."""
    text = (folder / "topsProc.xml").read_text()
    return [float(found) for found in re.findall(r"Bperp_at_midrange_for_\w+?>\s*([-\d.e+]+)", text)]


def engines_differ(inputs: Path, ours: Path, theirs: Path, land: Array) -> dict[str, float]:
    """Return differences between the files of the two engines."""
    product = read(ours, "topophase.flat") * np.conj(read(theirs, "topophase.flat"))
    both = product != 0
    metres = [
        DEGREE_M * np.abs(read(ours, f"{k}.rdr.full") - read(theirs, f"{k}.rdr.full")) for k in ("lat", "lon")
    ]
    metres[1] *= np.cos(np.radians(read(theirs, "lat.rdr.full")))
    baselines = np.subtract(baselines_m(ours), baselines_m(theirs))
    valid = [int((read(folder, "topophase.flat.full") != 0).sum()) for folder in (ours, theirs)]
    grids = [[isceimage.read_header(f / "merged" / n) for n in PRODUCTS] for f in (ours, theirs)]
    same = all(a.grid == b.grid and a.shape == b.shape for a, b in zip(*grids, strict=True))
    return {
        "flattened phase RMS rad": rms(np.angle(product[both])),
        "flattened phase RMS rad on land": rms(np.angle(product[both & land])),
        "latitude m, worst": float(metres[0].max()),
        "longitude m, worst": float(metres[1].max()),
        "Bperp m, worst": float(np.abs(baselines).max()),
        "valid area %": 100 * (valid[0] / valid[1] - 1),
        "geocoded grids equal": same,
        **unwrapped_differ(ours, theirs, water_mask(inputs)),
    }


def unwrapped_differ(ours: Path, theirs: Path, mask: Path) -> dict[str, float]:
    """Return differences of the geocoded unwrapped phase, and the number of pixels in another cycle."""
    a, b = (read(folder, "filt_topophase.unw.geo", 2) for folder in (ours, theirs))
    use = (a != 0) & (b != 0)
    difference = (a - b)[use]
    difference -= np.median(difference)
    other = abs(difference) > 3
    land = sampled(mask, *geocoded_places(theirs), 0)[use] == 1
    return {
        "geocoded unwrapped phase RMS rad where the cycle is the same": rms(difference[~other]),
        "pixels in another cycle": int(other.sum()),
        "of them on land": int((other & land).sum()),
    }


def rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def table(ours: list[dict[str, Any]], theirs: list[dict[str, Any]] | None) -> Iterator[str]:
    """Yield the lines of a table of wall time, processor time and peak memory of the steps."""
    other = f"{'ISCE2 s':>10}{'cpu s':>9}{'peak MB':>9}" if theirs else ""
    yield f"{'step':18}{'wall s':>9}{'cpu s':>9}{'peak MB':>9}{other}"
    for index, step in enumerate(ours):
        line = f"{step['step']:18}{step['wall_s']:9.2f}{step['cpu_s']:9.2f}{step['peak_mb']:9.0f}"
        if theirs:
            other = theirs[index]
            yield f"{line}{other['wall_s']:10.2f}{other['cpu_s']:9.2f}{other['peak_mb']:9.0f}"
        else:
            yield line


def total(steps: list[dict[str, Any]], key: str) -> float:
    return float(sum(step[key] for step in steps))


def show(title: str, found: dict[str, Any]) -> None:
    print(f"\n{title}")
    for name, value in found.items():
        print(f"  {name:62}{value if isinstance(value, (bool, int)) else format(value, '.4g')}")


def speed(ours: list[dict[str, Any]], theirs: list[dict[str, Any]] | None, at_once: dict[str, float]) -> None:
    print("\n" + "\n".join(table(ours, theirs)))
    wall_s, cpu_s = (total(theirs, key) for key in ("wall_s", "cpu_s")) if theirs else (np.nan, np.nan)
    show(
        "startup to geocode",
        {
            "a process for every step: wall s": total(ours, "wall_s"),
            "a process for every step: processor s": total(ours, "cpu_s"),
            "one process: wall s": at_once["wall_s"],
            "one process: processor s": at_once["cpu_s"],
            "one process: peak MB": at_once["peak_mb"],
            "ISCE2: wall s": wall_s,
            "ISCE2: processor s": cpu_s,
            "times faster by wall time": wall_s / at_once["wall_s"],
            "times faster by processor time": cpu_s / at_once["cpu_s"],
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--reference", nargs="+", default=REFERENCE)
    parser.add_argument("--secondary", nargs="+", default=SECONDARY)
    parser.add_argument("--looks", default="20x4")
    parser.add_argument("--source", default="simulated:clean")
    options = parser.parse_args()
    folder = options.folder.resolve()
    result = isce2_recipe.run(
        "insar_tops_burst", reference=options.reference, secondary=options.secondary, looks=options.looks,
        source=options.source, engine="builtin", workdir=folder,
    )  # fmt: skip
    print(result.outputs["agreement"])
    range_, azimuth = (int(number) for number in options.looks.split("x"))
    looks = azimuth, range_
    command = [sys.executable, "-m", "isce2_recipe", "app", "--engine", "builtin", "topsApp", CONFIG]
    ours = run_steps(command, folder / "builtin")
    (folder / "at_once").mkdir(exist_ok=True)
    at_once = measured(command, folder / "at_once", folder / "at_once/log")
    phase, truth = Phase(folder, folder / "builtin", looks), folder / "truth/los_displacement.tif"
    show("builtin against the truth", phase.against_truth(truth))
    show("geocoded", displacement_error(folder, folder / "builtin", truth))
    theirs = run_isce2(folder / "isce2")
    if theirs:
        other = Phase(folder, folder / "isce2", looks)
        show("ISCE2 against the truth", other.against_truth(truth))
        show("geocoded", displacement_error(folder, folder / "isce2", truth))
        show(
            "builtin against ISCE2",
            engines_differ(folder, folder / "builtin", folder / "isce2", phase.land & other.whole),
        )
    speed(ours, theirs, at_once)


if __name__ == "__main__":
    main()
