"""Compare stripmapApp of the builtin engine with the truth of simulated ALOS scenes, and with ISCE2.

    python benchmarks/stripmap.py FOLDER                                        # 12288 x 3900, no ionosphere
    python benchmarks/stripmap.py FOLDER --source simulated:clean,ionosphere=0.03
    ISCE_HOME=... PATH=... python benchmarks/stripmap.py FOLDER --isce2         # with ISCE2, on the same XML

FOLDER keeps the run of the recipe, and `builtin/` and `isce2/` with their files and `steps.json`, as with
`engine.py`.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from engine import Array, measured, rms, run_steps, sampled, show, speed, total
from engine import read as read_in

import isce2_recipe
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.stripmap.misregistration import correlation_peak
from isce2_recipe.engines.isce2 import Isce2Engine
from isce2_recipe.recipe import isce2_xml
from isce2_recipe.sar.focused import load_focused

REFERENCE, SECONDARY = "ALPSRP156121200", "ALPSRP162831200"
WAVELENGTH_M = 299792458.0 / 1.27e9
RADIANS_PER_METRE = 4.0 * np.pi / WAVELENGTH_M
LOOKS = (14, 4)
CONFIG = "../config/stripmapApp.xml"
# Lines at either end for which the aperture is not complete.
APERTURE_LINES = 2900
CHIP = 64


read = partial(read_in, images="")


@dataclass(frozen=True)
class Truth:
    """Displacement, phase of the ionosphere and their sum, metres, and land, at some places."""

    moved: Array
    ionosphere: Array
    everything: Array
    land: Array

    @classmethod
    def at(cls, inputs: Path, latitude: Array, longitude: Array) -> Truth:
        def of(name: str) -> Array:
            return sampled(inputs / "truth" / f"los_{name}.tif", latitude, longitude, 1)

        moved = of("displacement")
        has = (inputs / "truth/los_ionosphere.tif").is_file()
        mask = inputs / "terrain/water_mask/water_mask.tif"
        return cls(
            moved,
            of("ionosphere") if has else np.zeros_like(moved),
            of("total") if (inputs / "truth/los_total.tif").is_file() else moved,
            sampled(mask, latitude, longitude, 1) > 0.999,
        )


def inner(shape: tuple[int, ...]) -> Array:
    """Return the pixels that are not at an edge."""
    use = np.zeros(shape, bool)
    use[4:-4, 8:-12] = True
    return use


def phase_error(folder: Path, truth: Truth) -> dict[str, float]:
    """Compare the flattened interferogram of the builtin engine with the truth on land."""
    found = read(folder, "interferogram/topophase.flat")
    error = found * np.exp(-1j * RADIANS_PER_METRE * truth.everything)
    line, sample = np.indices(found.shape) * np.reshape(LOOKS, (2, 1, 1))
    height = read(folder, "geometry/z.rdr")
    use = truth.land & (found != 0) & inner(found.shape)
    middle = use & (line > APERTURE_LINES) & (line < line.max() - APERTURE_LINES)
    result: dict[str, float] = {}
    for name, pixels in (("", use), (", lines with the whole aperture", middle)):
        if not pixels.any():
            continue
        constant = float(np.angle((error[pixels] / np.abs(error[pixels])).sum()))
        rest = np.angle(error[pixels] * np.exp(-1j * constant))
        design = np.stack([np.ones(rest.size), line[pixels] / 1e3, sample[pixels] / 1e3], axis=1)
        plane = np.linalg.lstsq(design, rest, rcond=None)[0]
        flat = rest - design @ plane
        result |= {
            f"constant rad{name}": constant,
            f"RMS rad{name}": float(rest.std()),
            f"plane rad per 1000 lines{name}": float(plane[1]),
            f"plane rad per 1000 samples{name}": float(plane[2]),
            f"slope with height rad per km{name}": float(np.polyfit(height[pixels] / 1e3, flat, 1)[0]),
        }
    return result


def ionosphere_error(folder: Path, truth: Truth) -> dict[str, float]:
    """Compare the dispersive phase of the builtin engine with the truth."""
    found = read(folder, "ionosphere/dispersive.bil.unwCor.filt")
    stated = read(folder, "ionosphere/dispersive.bil.sig.filt")
    use = read(folder, "ionosphere/mask.bil") != 0
    use &= inner(found.shape)
    expected = RADIANS_PER_METRE * truth.ionosphere[use]
    error = found[use] - expected
    error -= np.median(error)
    result = {
        "truth, standard deviation rad": float(expected.std()),
        "RMS rad": rms(error),
        "stated standard error rad": float(np.median(stated[use])),
        "share of the displacement in it": float(
            np.polyfit(RADIANS_PER_METRE * truth.moved[use], error, 1)[0]
        ),
    }
    if expected.std() > 0:
        result["slope to the truth"] = float(np.polyfit(expected, found[use], 1)[0])
    return result


def displacement_error(inputs: Path, folder: Path) -> dict[str, float]:
    """Compare the geocoded unwrapped phase of either engine with the truth on land."""
    header = isceimage.read_header(folder / "interferogram/filt_topophase.unw.geo")
    truth = Truth.at(inputs, *places(header))
    labels = read(folder, "interferogram/filt_topophase.unw.conncomp.geo")
    use = (labels > 0) & truth.land
    error = (read(folder, "interferogram/filt_topophase.unw.geo", 2) / RADIANS_PER_METRE - truth.everything)[
        use
    ]
    error -= np.median(error)
    return {
        "displacement RMS mm": 1e3 * rms(error),
        "wrong cycles": int((np.abs(error) > WAVELENGTH_M / 4).sum()),
        "geocoded pixels on land": int(use.sum()),
    }


def places(image: IsceImage) -> tuple[Array, Array]:
    """Return latitude and longitude of the pixels of a geocoded raster, degrees."""
    grid = image.require_map_grid()
    row, col = np.indices((image.lines, image.samples))
    return (
        grid.first_latitude + row * grid.delta_latitude,
        grid.first_longitude + col * grid.delta_longitude,
    )


def position_error_m(folder: Path, source: str) -> dict[str, float]:
    """Correlate the focused reference with the image of which the simulator made the raw signal."""
    from isce2_recipe.sources.simulated.alos.acquisition import acquire
    from isce2_recipe.sources.simulated.alos.image import render_image
    from isce2_recipe.sources.simulated.options import SimulationOptions
    from isce2_recipe.types import AlosName

    image = load_focused(
        folder / "PICKLE/reference_slc_crop.json", folder / "reference_slc_crop/reference.slc"
    )
    options = SimulationOptions.parse(source.partition(":")[2])
    scene = acquire(AlosName.parse(REFERENCE), options.lines, options.samples)
    first = round((image.start - scene.start).total_seconds() * image.prf_hz) + scene.margin_lines
    left = round((image.near_range_m - scene.near_range_m) / image.range_spacing_m)
    drawn = render_image(scene, options, 2)
    pixels = np.asarray(isceimage.open_array(isceimage.read_header(image.path))[0])
    offsets = []
    for top in range(image.lines // 4, 3 * image.lines // 4, image.lines // 16):
        for start in range(CHIP, image.samples - 2 * CHIP, image.samples // 12):
            rows = slice(first + top, first + top + CHIP)
            part = drawn[rows, left + start : left + start + CHIP].astype(np.float32)
            truth = (part[..., 0] + 1j * part[..., 1]).astype(np.complex64)
            chip = np.array(pixels[top : top + CHIP, start : start + CHIP])
            offsets.append(correlation_peak(truth, chip, 0.0, 0.0)[:2])
    line, sample = np.median(offsets, axis=0)
    position, velocity = image.orbit.at(image.start_s)
    spacing = float(np.linalg.norm(velocity)) / image.prf_hz * 6.371e6 / float(np.linalg.norm(position))
    return {"along track m": line * spacing, "slant range m": sample * image.range_spacing_m}


def engines_differ(ours: Path, theirs: Path, inputs: Path) -> dict[str, float]:
    """Compare the geocoded flattened interferograms of both engines on coherent land."""
    names = ("interferogram/topophase.flat.geo", "interferogram/topophase.cor.geo")
    headers = [isceimage.read_header(folder / names[0]) for folder in (ours, theirs)]
    grids = [header.require_map_grid() for header in headers]
    west = max(grid.first_longitude for grid in grids)
    north = min(grid.first_latitude for grid in grids)
    south = max(g.first_latitude + h.lines * g.delta_latitude for g, h in zip(grids, headers, strict=True))
    east = min(g.first_longitude + h.samples * g.delta_longitude for g, h in zip(grids, headers, strict=True))
    parts = []
    for folder, grid in zip((ours, theirs), grids, strict=True):
        row = round((north - grid.first_latitude) / grid.delta_latitude)
        col = round((west - grid.first_longitude) / grid.delta_longitude)
        rows = slice(row, row + round((north - south) / -grid.delta_latitude))
        cols = slice(col, col + round((east - west) / grid.delta_longitude))
        parts.append([read(folder, name, band)[rows, cols] for name, band in zip(names, (1, 2), strict=True)])
    (one, coherence), (two, other) = parts
    step = grids[0]
    row, col = np.indices(one.shape)
    latitude, longitude = north + row * step.delta_latitude, west + col * step.delta_longitude
    height = sampled(inputs / "terrain/dem/dem.tif", latitude, longitude, 1)
    land = sampled(inputs / "terrain/water_mask/water_mask.tif", latitude, longitude, 0) == 1
    product = one * np.conj(two)
    use = land & (product != 0) & (coherence > 0.5) & (other > 0.5)
    phase = np.angle(product[use] / np.exp(1j * np.angle(product[use].sum())))
    design = np.stack([np.ones(phase.size), row[use], col[use], height[use]], axis=1)
    rest = phase - design @ np.linalg.lstsq(design, phase, rcond=None)[0]
    areas = [(np.abs(read(folder, names[0])) > 0).sum() for folder in (ours, theirs)]
    return {
        "flattened phase RMS rad after constant, plane and slope with height": float(rest.std()),
        "flattened phase RMS rad before": float(phase.std()),
        "pixels": int(use.sum()),
        "valid area, builtin by ISCE2": float(areas[0] / areas[1]),
    }


def run_isce2(folder: Path) -> list[dict[str, Any]]:
    """Run ISCE2's stripmapApp.py, up to the geocoding."""
    found = Isce2Engine.find().installation
    steps = isce2_xml.steps("stripmapApp")
    return run_steps(
        [*found.command("stripmapApp"), CONFIG], folder, found.environment(os.environ, 2),
        steps[: steps.index("geocode") + 1],
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--source", default="simulated:clean")
    parser.add_argument("--isce2", action="store_true", help="run ISCE2 too")
    options = parser.parse_args()
    folder = options.folder.resolve()
    result = isce2_recipe.run(
        "insar_stripmap", reference=REFERENCE, secondary=SECONDARY, source=options.source, engine="builtin",
        workdir=folder,
    )  # fmt: skip
    print(result.outputs["agreement"])
    command = [sys.executable, "-m", "isce2_recipe", "app", "--engine", "builtin", "stripmapApp", CONFIG]
    steps = isce2_xml.steps("stripmapApp")
    ours = run_steps(command, folder / "builtin", names=steps[: steps.index("geocode") + 1])
    (folder / "at_once").mkdir(exist_ok=True)
    at_once = measured(command, folder / "at_once", folder / "at_once/log")
    truth = Truth.at(folder, *(read(folder / "builtin", f"geometry/{name}.rdr") for name in ("lat", "lon")))
    show("flattened phase against the truth", phase_error(folder / "builtin", truth))
    show("ionosphere against the truth", ionosphere_error(folder / "builtin", truth))
    show("geocoded against the truth", displacement_error(folder, folder / "builtin"))
    show("position of the focused image", position_error_m(folder / "builtin", options.source))
    theirs = run_isce2(folder / "isce2") if options.isce2 else None
    if theirs:
        show("ISCE2, geocoded against the truth", displacement_error(folder, folder / "isce2"))
        show("builtin against ISCE2", engines_differ(folder / "builtin", folder / "isce2", folder))
    speed(ours, theirs, at_once)
    print(
        f"processor s up to the interferogram: {total(ours[: steps.index('interferogram') + 1], 'cpu_s'):.1f}"
    )


if __name__ == "__main__":
    main()
