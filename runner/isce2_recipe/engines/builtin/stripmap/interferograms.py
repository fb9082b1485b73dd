"""The steps from ``interferogram`` to ``geocode``: phase, coherence, unwrapping, ionosphere and maps."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin import filtering, isceimage, kernels, unwrapping
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.postprocess import geocode_existing
from isce2_recipe.engines.builtin.rasters import blocks, line_writer
from isce2_recipe.engines.builtin.stripmap import align
from isce2_recipe.engines.builtin.stripmap.ionosphere import BandPair, Ionosphere, Smoothing, estimate
from isce2_recipe.engines.builtin.stripmap.job import StripmapJob
from isce2_recipe.engines.builtin.stripmap.sub_bands import Bands, write_bands
from isce2_recipe.engines.builtin.workplace import STATE, Catalog
from isce2_recipe.errors import InputError
from isce2_recipe.files import write_text
from isce2_recipe.types import Bounds

# Names of ISCE2's folders and files.
FOLDER = paths.STRIPMAP_INTERFEROGRAM
IONOSPHERE = "ionosphere"
_BANDS = ("lowBand", "highBand")
_CORRELATION = "topophase.cor"
DISPERSIVE, NONDISPERSIVE, ERROR, MASK = (
    f"{IONOSPHERE}/{name}"
    for name in (
        "dispersive.bil.unwCor.filt", "nondispersive.bil.unwCor.filt", "dispersive.bil.sig.filt", "mask.bil"
    )
)  # fmt: skip
# Files that are geocoded if the XML has no list (ISCE2 2.6.5, StripmapProc.py), and the error of the
# ionosphere.
_GEOCODED = (
    *(
        f"{FOLDER}/{name}"
        for name in (
            paths.INTERFEROGRAM, paths.FILTERED_INTERFEROGRAM, paths.PHASE_SIGMA, _CORRELATION,
            paths.UNWRAPPED, f"{paths.UNWRAPPED}.conncomp",
        )
    ),
    f"{align.GEOMETRY}/{paths.LINE_OF_SIGHT}", DISPERSIVE, NONDISPERSIVE, MASK, ERROR,
)  # fmt: skip

# Share of the azimuth spectrum that the antenna illuminates.
_AZIMUTH_SHARE = 0.75
# Standard deviations of the ionosphere's filter, lines and samples of the images: 1.8 km by 1.5 km, or 40
# by 50 pixels of 4x14 looks. A longer filter flattens waves of 40 km, a shorter one leaves more noise.
_SIGMA_LINES, _SIGMA_SAMPLES = 560.0, 200.0
# Multilooked lines that a thread computes at once.
_ROWS = 16
# ISCE2's name of SNAPHU in this application means another mode than in topsApp.
_UNWRAPPERS = {"snaphu": "snaphu_mcf"}


def interfere(job: StripmapJob) -> None:
    """Write the multilooked interferogram and its coherence."""
    looks, reference = align.looks_of(job), job.image("reference")
    one, two = (
        align.pixels_of(path) for path in (reference.path, job.folder / align.COREGISTERED / align.REFINED)
    )
    size = reference.lines // looks.azimuth, reference.samples // looks.range
    folder = job.subfolder(FOLDER)
    product = IsceImage(folder / paths.INTERFEROGRAM, *size, 1, "CFLOAT", image_type="cpx")
    correlation = IsceImage(folder / _CORRELATION, *size, 2, "FLOAT", "BIL", "cor")
    with line_writer(product, job.folder) as phases, line_writer(correlation, job.folder) as coherences:

        def write(rows: range) -> None:
            lines = slice(rows.start * looks.azimuth, rows.stop * looks.azimuth)
            mean = np.empty((len(rows), size[1]), np.complex64)
            coherence = np.empty((len(rows), size[1]), np.float32)
            kernels.multilooked_product(
                np.array(one[lines]), np.array(two[lines]), looks.azimuth, looks.range, mean, coherence
            )
            phases.write(rows.start, mean)
            coherences.write(rows.start, np.abs(mean), coherence)

        job.in_threads(write, blocks(size[0], _ROWS), "interferogram")


def interfere_bands(job: StripmapJob) -> Catalog:
    """Write the interferograms of the lower and the upper band, if the ionosphere is estimated."""
    if not job.config.do_dispersive:
        return {}
    resampler = align.load_resampler(job)
    looks = align.looks_of(job)
    size = resampler.reference.lines // looks.azimuth, resampler.reference.samples // looks.range
    folders = [job.subfolder(FOLDER, band) for band in _BANDS]
    images = [
        IsceImage(folder / paths.INTERFEROGRAM, *size, 1, "CFLOAT", image_type="cpx") for folder in folders
    ]
    images.append(IsceImage(folders[0] / _CORRELATION, *size, image_type="cor"))
    with ExitStack() as stack:
        low, high, coherence = (stack.enter_context(line_writer(image, job.folder)) for image in images)

        def write(first: int, *rows: NDArray[Any]) -> None:
            for writer, part in zip((low, high, coherence), rows, strict=True):
                writer.write(first, part)

        bands = write_bands(
            align.pixels_of(resampler.reference.path),
            align.pixels_of(job.folder / align.COREGISTERED / align.REFINED),
            resampler, looks, write, partial(job.in_threads, text="sub-bands"),
        )  # fmt: skip
    write_text(job.subfolder(STATE) / "bands.json", json.dumps(asdict(bands)))
    job.log.info("sub-bands at %.3f and %.3f MHz", 1e-6 * bands.low_hz, 1e-6 * bands.high_hz)
    return {"sub-bands": {"Low band (Hz)": bands.low_hz, "High band (Hz)": bands.high_hz}}


def filter_interferogram(job: StripmapJob) -> None:
    """Filter the interferogram and estimate its coherence."""
    filtering.filter_interferogram(job.folder, job.config.filter_strength, job.cpus, FOLDER)


def unwrap(job: StripmapJob) -> None:
    """Unwrap the filtered interferogram if ``do unwrap`` is set."""
    if job.config.do_unwrap:
        name = _UNWRAPPERS.get(job.config.unwrapper, job.config.unwrapper)
        unwrapping.unwrap(
            job.folder, align.looks_of(job), name, images=FOLDER, log=job.log, progress=job.progress
        )


def estimate_ionosphere(job: StripmapJob) -> None:
    """Write the dispersive and the nondispersive phase, if ``do dispersive`` is set."""
    if not job.config.do_dispersive:
        return
    bands = Bands(**json.loads((job.folder / STATE / "bands.json").read_text(encoding="utf-8")))
    pair = _read_bands(job)
    image = job.image("reference")
    settings = job.config.dispersive
    scale, looks = _smoothing(job), _independent_looks(job)
    found = estimate(pair, bands, image.frequency_hz, looks, _shift_m(job), scale)
    if found is None:
        raise InputError(
            "the ionosphere cannot be estimated: too little of the interferogram is unwrapped and has a "
            f"coherence above {settings.least_coherence:g}",
            hint="lower 'dispersive filter coherence threshold', or set 'do dispersive' to False "
            "(split_spectrum=false of the recipe)",
        )
    job.log.info(
        "ionosphere smoothed with standard deviations of %g lines and %g samples of the interferogram; "
        "standard error %.3f rad (median)",
        scale.lines, scale.samples, np.median(found.error[found.used]),
    )  # fmt: skip
    _write_ionosphere(job, found)


def _smoothing(job: StripmapJob) -> Smoothing:
    """Return the scale of the XML, or else one of the same size on the ground for all looks."""
    looks, settings = align.looks_of(job), job.config.dispersive
    return Smoothing(
        settings.sigma_lines or _SIGMA_LINES / looks.azimuth,
        settings.sigma_samples or _SIGMA_SAMPLES / looks.range,
    )


def _independent_looks(job: StripmapJob) -> float:
    """Return the number of independent samples of a third of the band in a pixel."""
    looks, image = align.looks_of(job), job.image("reference")
    return _AZIMUTH_SHARE * looks.range * looks.azimuth * image.bandwidth_hz / image.sampling_hz / 3.0


def _read_bands(job: StripmapJob) -> BandPair:
    """Return the interferograms of the bands, the unwrapped phase, and what may be used of them."""
    folder = job.folder / FOLDER

    def raster(name: str, band: int = 0) -> NDArray[Any]:
        return np.array(isceimage.open_array(isceimage.read_header(folder / name))[band])

    low, high = (raster(f"{band}/{paths.INTERFEROGRAM}") for band in _BANDS)
    phase, sigma = raster(paths.UNWRAPPED, 1), raster(paths.PHASE_SIGMA)
    known = np.isfinite(phase) & (low != 0) & (high != 0)
    usable = known & (sigma >= job.config.dispersive.least_coherence)
    labels = raster(f"{paths.UNWRAPPED}.conncomp")
    return BandPair(
        low, high, raster(f"{_BANDS[0]}/{_CORRELATION}"), np.where(known, phase, 0), labels, usable
    )


def _shift_m(job: StripmapJob) -> NDArray[np.float64]:
    """Return the range by which the secondary was shifted beyond the geometry, shape (lines, samples)."""
    looks, image = align.looks_of(job), job.image("reference")
    constant, per_line, per_sample = align.load_resampler(job).residual.range
    row, col = (
        (np.arange(size // step) + 0.5) * step
        for size, step in ((image.lines, looks.azimuth), (image.samples, looks.range))
    )
    return np.asarray(image.range_spacing_m * (constant + per_line * row[:, None] + per_sample * col))


def _write_ionosphere(job: StripmapJob, found: Ionosphere) -> None:
    job.subfolder(IONOSPHERE)
    unwrapped = isceimage.read_header(job.folder / FOLDER / paths.UNWRAPPED)
    seen = isceimage.open_array(unwrapped)[0] != 0
    size = unwrapped.lines, unwrapped.samples
    for name, values in (
        (DISPERSIVE, found.dispersive), (NONDISPERSIVE, found.nondispersive), (ERROR, found.error)
    ):  # fmt: skip
        with line_writer(IsceImage(job.folder / name, *size, scheme="BIL"), job.folder) as writer:
            writer.write(0, np.where(seen, values, 0))
    with line_writer(IsceImage(job.folder / MASK, *size, 1, "BYTE", "BIL"), job.folder) as writer:
        writer.write(0, found.used)


def geocode(job: StripmapJob) -> Catalog:
    """Geocode the files of the ``geocode list`` that exist."""
    south, north, west, east = job.config.geocode_bounding_box or align.ground_box(job)
    looks = align.looks_of(job)
    return geocode_existing(
        job, job.config.geocode_list or _GEOCODED, looks, align.radar_grid(job.image("reference"), looks),
        Bounds(west, south, east, north), job.config.dem, Path(paths.DEM_CROP),
    )  # fmt: skip
