"""The steps ``cropraw`` and ``cropslc``: the lines and samples that show the region of interest."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product

import numpy as np

from isce2_recipe.alos.scene import AlosScene
from isce2_recipe.engines.builtin.config import Box
from isce2_recipe.engines.builtin.isceimage import write_sidecars
from isce2_recipe.engines.builtin.rasters import blocks
from isce2_recipe.engines.builtin.stripmap.job import DATES, Date, StripmapJob, radar_of, slc_raster
from isce2_recipe.engines.builtin.workplace import STATE, Catalog
from isce2_recipe.errors import InputError
from isce2_recipe.files import write_json
from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
from isce2_recipe.sar.focused import FocusedImage
from isce2_recipe.sar.focusing import half_aperture_lines
from isce2_recipe.sar.zero_doppler import geo2rdr

# Terrain in the region of interest unless the XML says otherwise, metres; ISCE2's.
_HEIGHTS_M = (-500.0, 9000.0)
# Least speed in the hyperbola of ranges, for the length of the aperture.
_SPEED_M_S = 7100.0


@dataclass(frozen=True, slots=True)
class _Limits:
    """Zero-Doppler times, seconds since the orbit's epoch, and slant ranges."""

    first_s: float
    last_s: float
    near_m: float
    far_m: float


def _limits(job: StripmapJob, scene: AlosScene, box: Box) -> _Limits:
    """Return the times and ranges at which a scene's radar sees the region of interest."""
    start, stop = (scene.orbit.seconds(when) for when in (scene.start, scene.stop))
    middle = 0.5 * (start + stop)
    # The box may reach beyond the scene.
    poly = scene.orbit.polynomial(
        max(start - 30.0, float(scene.orbit.time_s[0])), min(stop + 30.0, float(scene.orbit.time_s[-1]))
    )
    seen = [
        geo2rdr(poly, *geodetic_to_ecef(math.radians(lat), math.radians(lon), height), middle)
        for lat, lon, height in product(box[:2], box[2:], job.config.height_range_m or _HEIGHTS_M)
    ]
    times, ranges = zip(*seen, strict=True)
    return _Limits(min(times), max(times), min(ranges), max(ranges))


def _window(first: float, last: float, count: int, what: str, scene: str) -> range:
    window = range(max(0, math.floor(first)), min(count, math.ceil(last) + 1))
    if len(window) < 2:
        raise InputError(
            f"the region of interest shows no {what} of {scene}",
            hint="correct 'regionOfInterest' (south, north, west, east)",
        )
    return window


def crop_raw(job: StripmapJob) -> Catalog:
    """Find the pulses and columns that focusing the region of interest needs; nothing is copied."""
    for date in DATES:
        signal, scene = job.signal(date), job.scenes[date][0]
        lines, columns = range(signal.lines), range(signal.samples - scene.pulse_samples)
        if len(columns) < 1:
            raise InputError(f"{scene.name} has {signal.samples} samples, fewer than its pulse")
        if job.config.region_of_interest:
            limits = _limits(job, scene, job.config.region_of_interest)
            start = scene.orbit.seconds(signal.start)
            aperture = half_aperture_lines(radar_of(scene, signal), limits.far_m, _SPEED_M_S, 0.0)
            lines = _window(
                (limits.first_s - start) * signal.prf_hz - aperture,
                (limits.last_s - start) * signal.prf_hz + aperture,
                signal.lines, "lines", str(scene.name),
            )  # fmt: skip
            columns = _window(
                (limits.near_m - signal.near_range_m) / scene.range_spacing_m - 1,
                (limits.far_m - signal.near_range_m) / scene.range_spacing_m + 1,
                len(columns), "samples", str(scene.name),
            )  # fmt: skip
        window = {"lines": [lines.start, lines.stop], "columns": [columns.start, columns.stop]}
        write_json(job.subfolder(STATE) / f"{date}_raw_crop.json", window)
        job.log.info("%s: lines %s to %s, samples %s to %s", date, *window["lines"], *window["columns"])
    return {}


def raw_window(job: StripmapJob, date: Date) -> tuple[range, range]:
    """Return the lines and columns of the raw signal that `crop_raw` found."""
    values = json.loads((job.folder / STATE / f"{date}_raw_crop.json").read_text(encoding="utf-8"))
    return range(*values["lines"]), range(*values["columns"])


def crop_slc(job: StripmapJob) -> Catalog:
    """Cut the focused images to the region of interest."""
    for date in DATES:
        image = job.image(date, cropped=False)
        if job.config.region_of_interest:
            image = _crop(job, date, image, job.config.region_of_interest)
        job.save_image(date, image, cropped=True)
    return {}


def _crop(job: StripmapJob, date: Date, image: FocusedImage, box: Box) -> FocusedImage:
    scene = job.scenes[date][0]
    limits = _limits(job, scene, box)
    lines = _window(
        (limits.first_s - image.start_s) * image.prf_hz, (limits.last_s - image.start_s) * image.prf_hz,
        image.lines, "lines", str(scene.name),
    )  # fmt: skip
    samples = _window(
        (limits.near_m - image.near_range_m) / image.range_spacing_m,
        (limits.far_m - image.near_range_m) / image.range_spacing_m,
        image.samples, "samples", str(scene.name),
    )  # fmt: skip
    cut = replace(
        image,
        path=job.slc_path(date),
        lines=len(lines),
        samples=len(samples),
        start=image.start + timedelta(seconds=lines.start / image.prf_hz),
        near_range_m=image.near_range_m + samples.start * image.range_spacing_m,
        doppler_hz=_shifted(image.doppler_hz, samples.start),
    )
    _copy(image, cut, lines, samples)
    write_sidecars(slc_raster(cut), job.folder)
    return cut


def _shifted(coefficients: tuple[float, ...], samples: int) -> tuple[float, ...]:
    """Return the coefficients of a polynomial whose origin is moved."""
    moved = np.poly1d(coefficients[::-1])(np.poly1d([1.0, samples]))
    return tuple(np.poly1d(moved).coeffs[::-1].tolist())


def _copy(image: FocusedImage, cut: FocusedImage, lines: range, samples: range) -> None:
    """Copy part of an image; the whole of it becomes a second name of the same file where possible."""
    cut.path.parent.mkdir(parents=True, exist_ok=True)
    cut.path.unlink(missing_ok=True)
    if cut.lines == image.lines and cut.samples == image.samples:
        try:
            os.link(image.path, cut.path)
            return
        except OSError:
            pass
    with image.path.open("rb") as source, cut.path.open("wb") as target:
        for part in blocks(cut.lines):
            source.seek(8 * image.samples * (lines.start + part.start))
            data = np.fromfile(source, np.complex64, image.samples * len(part)).reshape(len(part), -1)
            np.ascontiguousarray(data[:, samples.start : samples.stop]).tofile(target)
