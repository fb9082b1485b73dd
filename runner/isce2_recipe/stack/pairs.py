"""Pairs of a stack: interferogram, coherence, filter, unwrapping; all pairs of a block of lines at once."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin import filtering, isceimage, kernels, unwrapping, water_mask
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.rasters import blocks, line_writer
from isce2_recipe.errors import InputError
from isce2_recipe.progress import Progress, partly
from isce2_recipe.stack.coregister import SLC
from isce2_recipe.stack.frame import Frame, read_frame
from isce2_recipe.stack.geometry import LAND, read_raster
from isce2_recipe.stack.network import StackPair

COHERENCE, PHASE = "coherence.cor", "phase.rdr"
# Multilooked lines that are formed at once.
_BLOCK = 8
_STRIP = 32
_SLC_BYTES = 8


@dataclass(frozen=True, slots=True)
class Unwrapping:
    """How pairs are filtered and unwrapped."""

    filter_strength: float  # exponent of the Goldstein filter
    unwrapper: str  # name of the unwrapper
    mask_water: bool  # whether water is no data for the unwrapper


def form_pairs(
    out: Path,
    geometry: Path,
    dates: Mapping[str, Path],
    pairs: Sequence[StackPair],
    how: Unwrapping,
    *,
    log: logging.Logger,
    progress: Progress,
    cpus: int,
) -> dict[str, float]:
    """Form, filter and unwrap pairs; return the mean coherence on land of each.

    Every pair gets a folder with its name and ISCE2's files in ``merged``. Two more files are there:
    ``coherence.cor``, the coherence of the looks, and ``phase.rdr``, the unfiltered phase in the cycles of
    the unwrapped one, NaN where there is none. The filter flattens fringes in the same way in every pair, so
    that it is the largest error of a time series; it serves only the unwrapping.

    Parameters
    ----------
    dates : mapping of Path
        Folders that `isce2_recipe.stack.coregister.coregister` wrote, by date.
    """
    frame = read_frame(geometry)
    slcs = {date: _check_slc(folder / SLC, frame) for date, folder in dates.items()}
    for pair in pairs:
        (out / pair.name / paths.MERGED).mkdir(parents=True)
    _multiply(out, frame, slcs, pairs, partly(progress, 0.0, 0.3), cpus)
    land = np.asarray(read_raster(geometry / LAND)[0]) == water_mask.LAND
    found = {}
    for number, pair in enumerate(pairs):
        progress(0.3 + 0.7 * number / len(pairs), f"unwrapping {pair.name}")
        _unwrap(out / pair.name, land, frame, how, log, cpus)
        found[pair.name] = _mean_coherence(out / pair.name, land)
        log.info("%s: mean coherence on land %.3f", pair.name, found[pair.name])
    return found


def _check_slc(path: Path, frame: Frame) -> Path:
    image = isceimage.read_header(path)
    if (image.lines, image.samples) != (frame.lines, frame.samples):
        raise InputError(
            f"{path} has {image.lines} lines x {image.samples} samples, but the geometry has "
            f"{frame.lines} x {frame.samples}",
            hint="coregister the date again",
        )
    isceimage.open_array(image)  # raises an error if the file is truncated
    return path


def _read_lines(path: Path, lines: range, samples: int) -> NDArray[np.complex64]:
    """Return lines of an SLC. Pages of a memory map would stay in memory until the step ends."""
    count, offset = len(lines) * samples, lines.start * samples * _SLC_BYTES
    return np.fromfile(path, "<c8", count, offset=offset).reshape(len(lines), samples)


def _multiply(
    out: Path,
    frame: Frame,
    slcs: Mapping[str, Path],
    pairs: Sequence[StackPair],
    progress: Progress,
    cpus: int,
) -> None:
    """Write interferogram and coherence of all pairs; every block of lines of an SLC is read once."""
    lines, samples = frame.shape
    looks = frame.looks
    with ExitStack() as stack:
        writers = {}
        for pair in pairs:
            merged = out / pair.name / paths.MERGED
            writers[pair.name] = [
                stack.enter_context(line_writer(image, out / pair.name))
                for image in (
                    IsceImage(
                        merged / paths.INTERFEROGRAM, lines, samples, data_type="CFLOAT", image_type="cpx"
                    ),
                    IsceImage(merged / COHERENCE, lines, samples, image_type="cor"),
                )
            ]

        def make(block: range) -> None:
            rows = range(block.start * looks.azimuth, block.stop * looks.azimuth)
            read = {date: _read_lines(path, rows, frame.samples) for date, path in slcs.items()}
            for pair in pairs:
                product = np.empty((len(block), samples), np.complex64)
                correlation = np.empty((len(block), samples), np.float32)
                kernels.multilooked_product(
                    read[pair.reference], read[pair.secondary], looks.azimuth, looks.range,
                    product, correlation,
                )  # fmt: skip
                for writer, values in zip(writers[pair.name], (product, correlation), strict=True):
                    writer.write(block.start, values)

        parts = blocks(lines, _BLOCK)
        with ThreadPoolExecutor(cpus) as pool:
            for done, _ in enumerate(pool.map(make, parts), 1):
                progress(done / len(parts), "interferograms")


def _unwrap(
    folder: Path, land: NDArray[np.bool_], frame: Frame, how: Unwrapping, log: logging.Logger, cpus: int
) -> None:
    filtering.filter_interferogram(folder, how.filter_strength, cpus)
    if how.mask_water:
        strips = (land[rows.start : rows.stop] for rows in blocks(len(land), _STRIP))
        water_mask.mask_by_land(folder, strips)
    unwrapping.unwrap(folder, frame.looks, how.unwrapper, log=log)
    if how.mask_water:
        water_mask.unmask_interferogram(folder)
    _write_phase(folder)


def _write_phase(folder: Path) -> None:
    """Write the unfiltered phase in the cycles of the unwrapped one."""
    merged = folder / paths.MERGED
    names = paths.INTERFEROGRAM, paths.UNWRAPPED
    product, unwrapped = (isceimage.open_array(isceimage.read_header(merged / name)) for name in names)
    image = IsceImage(merged / PHASE, *product.shape[1:])
    with line_writer(image, folder) as writer:
        for rows in blocks(image.lines, _STRIP):
            wrapped = np.asarray(product[0, rows.start : rows.stop])
            smooth = np.asarray(unwrapped[1, rows.start : rows.stop])
            known = (wrapped != 0) & (np.asarray(unwrapped[0, rows.start : rows.stop]) > 0)
            rest = np.angle(wrapped * np.exp(-1j * smooth))
            writer.write(rows.start, np.where(known, smooth + rest, np.nan))


def _mean_coherence(folder: Path, land: NDArray[np.bool_]) -> float:
    values = np.asarray(isceimage.open_array(isceimage.read_header(folder / paths.MERGED / COHERENCE))[0])
    counted = values[land & (values > 0)]
    return round(float(counted.mean()), 4) if counted.size else 0.0
