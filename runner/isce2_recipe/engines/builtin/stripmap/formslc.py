"""The step ``formslc``: focus the raw signal of both dates."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.alos.signal import RawSignal
from isce2_recipe.engines.builtin.dem import read_dem_window
from isce2_recipe.engines.builtin.isceimage import write_sidecars
from isce2_recipe.engines.builtin.stripmap.crop import raw_window
from isce2_recipe.engines.builtin.stripmap.job import DATES, Date, StripmapJob, radar_of, slc_raster
from isce2_recipe.engines.builtin.stripmap.sampling import range_grids
from isce2_recipe.engines.builtin.workplace import Catalog
from isce2_recipe.sar.focused import FocusedImage
from isce2_recipe.sar.focusing import RangeGrid, focus, range_history
from isce2_recipe.types import Bounds

Complex = NDArray[np.complex64]

# Rows and columns of the terrain that its mean height is computed of.
_STEP = 16


@dataclass(frozen=True, slots=True)
class _Section:
    """Part of the lines of a raw signal."""

    signal: RawSignal
    wanted: range

    @property
    def lines(self) -> int:
        return len(self.wanted)

    @property
    def samples(self) -> int:
        return self.signal.samples

    def columns(self, wanted: range, step: int) -> Iterator[tuple[range, Complex]]:
        for columns, data in self.signal.columns(wanted, step):
            yield columns, data[:, self.wanted.start : self.wanted.stop]


def form_slc(job: StripmapJob) -> Catalog:
    """Focus both dates with the speed of targets at the terrain's mean height."""
    height = mean_height_m(job)
    catalog: Catalog = {}
    for k, date in enumerate(DATES):
        image = _focus(job, date, height, 0.5 * k)
        job.save_image(date, image, cropped=False)
        catalog[f"{date}.slc"] = {
            "NUMBER_OF_LINES": image.lines,
            "NUMBER_OF_SAMPLES": image.samples,
            "SENSING_START": image.start.replace(tzinfo=None),
            "STARTING_RANGE": image.near_range_m,
            "doppler_centroid": image.doppler_hz[0],
            "mean_height": height,
        }
    return catalog


def mean_height_m(job: StripmapJob) -> float:
    """Return the mean height of the terrain in the reference's footprint.

    Raises
    ------
    InputError
        If the DEM cannot be used, or does not cover the scene.
    """
    corners = [corner for scene in job.scenes["reference"] for corner in scene.footprint]
    west, south, east, north = Bounds.around(corners)
    window = read_dem_window(job.config.dem, (south, north, west, east))
    return float(window.heights_m[::_STEP, ::_STEP].mean())


def _focus(job: StripmapJob, date: Date, height_m: float, base: float) -> FocusedImage:
    scene, signal = job.scenes[date][0], job.signal(date)
    lines, columns = raw_window(job, date)
    sampling = range_grids(job)[date]
    grid = RangeGrid(columns, sampling.factor, sampling.bandwidth_hz)
    radar = radar_of(scene, signal)
    spacing = radar.range_spacing_m / grid.factor
    near = signal.near_range_m + columns.start * radar.range_spacing_m
    start = signal.start + timedelta(seconds=lines.start / signal.prf_hz)
    doppler = signal.doppler_hz()
    image = FocusedImage(
        job.slc_path(date, cropped=False), len(lines), grid.samples, start, signal.prf_hz, near, spacing,
        scene.wavelength_m, grid.bandwidth_hz, scene.chirp_rate_hz_s, (doppler,), scene.orbit,
    )  # fmt: skip
    middle = 0.5 * (image.start_s + image.stop_s)
    history = range_history(scene.orbit, middle, near, image.far_range_m, height_m)
    raster = slc_raster(image)
    image.path.parent.mkdir(parents=True, exist_ok=True)
    # The cropped image of an earlier run may be another name of the same file.
    image.path.unlink(missing_ok=True)
    descriptor = os.open(image.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.ftruncate(descriptor, raster.nbytes)

        def write(first_line: int, first_sample: int, part: Complex) -> None:
            for line, row in enumerate(part, first_line):
                _write(descriptor, np.ascontiguousarray(row), 8 * (line * image.samples + first_sample))

        focus(
            _Section(signal, lines), radar, history, signal.near_range_m, grid, doppler, write,
            cpus=job.cpus, progress=lambda part: job.progress(base + 0.5 * part, date),
        )  # fmt: skip
    finally:
        os.close(descriptor)
    write_sidecars(raster, job.folder)
    job.log.info(
        "%s: focused %d lines x %d samples, speed %.2f m/s, mean height %.0f m",
        date, image.lines, image.samples, history.speed_m_s[0], height_m,
    )  # fmt: skip
    return image


def _write(descriptor: int, row: Complex, offset: int) -> None:
    view = row.view(np.uint8)
    while view.size:
        written = os.pwrite(descriptor, view.data, offset)
        view, offset = view[written:], offset + written
