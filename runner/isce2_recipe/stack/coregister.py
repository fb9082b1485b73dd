"""Coregistration of one date: one merged, flattened SLC on the reference's grid.

Every date is flattened once with the range offsets that it was resampled with. So the interferogram of two
dates is the product of one and the conjugate of the other, and no geometry is left in it.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin import isceimage, preprocess
from isce2_recipe.engines.builtin.isceimage import IsceImage, append_suffix
from isce2_recipe.engines.builtin.job import Job
from isce2_recipe.engines.builtin.offsets import Misregistration, Offsets, solve_offsets
from isce2_recipe.engines.builtin.preprocess import burst_image
from isce2_recipe.engines.builtin.rasters import LineReader, blocks
from isce2_recipe.engines.builtin.resample import Resampling
from isce2_recipe.engines.builtin.swaths import SwathPair
from isce2_recipe.errors import InputError
from isce2_recipe.progress import Progress
from isce2_recipe.sar.annotation import BurstGeometry
from isce2_recipe.stack.frame import Frame, Piece, read_frame
from isce2_recipe.stack.geometry import Pass, tops_config

SLC = "coregistered.slc"


def coregister(
    out: Path,
    geometry: Path,
    reference: Pass,
    date: Pass,
    azimuth_lines: float = 0.0,
    *,
    log: logging.Logger,
    progress: Progress,
    cpus: int,
) -> float:
    """Write one date on the reference's grid, zero where it has no data; return its baseline.

    Parameters
    ----------
    out : Path
        Folder for ``coregistered.slc`` and its headers, and a copy of the annotation.
    geometry : Path
        Folder that `isce2_recipe.stack.geometry.make_geometry` wrote.
    reference, date : Pass
        The date that has the geometry, and the date to write, which may be the same.
    azimuth_lines : float
        What is added to the azimuth offsets of the date, see `isce2_recipe.stack.misregistration`.

    Returns
    -------
    float
        Perpendicular baseline from the reference in the middle of the first burst, m.

    Raises
    ------
    InputError
        If the date lacks a burst of the reference.
    """
    frame = read_frame(geometry)
    swaths = tuple(sorted({piece.swath for piece in frame.pieces}))
    # No DEM is read: the geometry has all that the offsets need.
    job = Job(out, tops_config(reference, date, swaths, frame.looks, geometry), log, progress, cpus)
    preprocess.preprocess(job)
    pairs = {pair.number: pair for pair in job.pairs}
    _require_all(frame, pairs, date)
    image = IsceImage(out / SLC, frame.lines, frame.samples, 1, "CFLOAT", image_type="slc")
    slc = isceimage.create(image, out)[0]
    same = reference.safes == date.safes
    for piece in frame.pieces:
        pair, window = pairs[piece.swath], _Window(piece, slc)
        if same:
            _copy(job, pair, piece.index, window.write)
            continue
        grid = solve_offsets(job, pair, piece.index, geometry, Misregistration(azimuth_lines))
        offsets = Offsets(grid, pair.reference.bursts[piece.index].geometry.samples)
        made = Resampling(job, pair, piece.index, offsets)
        made.write(window.write, flatten=True)
        window.blank_outside(made.window())
    first = pairs[frame.pieces[0].swath]
    for name in ("reference", "secondary"):
        remove_links(out / name)
    (out / "annotation").mkdir()
    for file in sorted(file for safe in date.safes for file in safe.glob("annotation/*.xml")):
        shutil.copyfile(file, out / "annotation" / file.name)
    return 0.0 if same else preprocess.baseline(first, frame.pieces[0].index)[1]


@dataclass(frozen=True, slots=True)
class _Window:
    """The pixels of a burst in the merged image."""

    piece: Piece
    slc: NDArray[np.complex64]

    @property
    def _burst(self) -> NDArray[np.complex64]:
        """The merged image from the burst's first pixel."""
        return self.slc[self.piece.line :, self.piece.sample :]

    def write(self, first: int, lines: NDArray[np.complex64]) -> None:
        """Write lines of the burst, as far as they are used."""
        top, bottom = max(first, self.piece.first_line), min(first + len(lines), self.piece.stop_line)
        if bottom > top:
            across = slice(self.piece.first_sample, self.piece.stop_sample)
            self._burst[top:bottom, across] = lines[top - first : bottom - first, across]

    def blank_outside(self, covered: BurstGeometry) -> None:
        """Set the pixels outside a burst's valid window to zero."""
        piece = self.piece
        used = self._burst[piece.first_line : piece.stop_line, piece.first_sample : piece.stop_sample]
        top, left = (
            covered.first_valid_line - piece.first_line,
            covered.first_valid_sample - piece.first_sample,
        )
        used[: max(top, 0)] = 0
        used[max(top + covered.valid_lines, 0) :] = 0
        used[:, : max(left, 0)] = 0
        used[:, max(left + covered.valid_samples, 0) :] = 0


def _require_all(frame: Frame, pairs: dict[int, SwathPair], date: Pass) -> None:
    """Raise an error if the date lacks a burst of the frame."""
    for piece in frame.pieces:
        pair = pairs.get(piece.swath)
        if pair is None or piece.index not in pair.indices():
            raise InputError(
                f"{date.safes[0].name} lacks burst {piece.index + 1} of IW{piece.swath} of the reference",
                hint="leave the date out, or leave the burst out of all dates",
            )


def _copy(job: Job, pair: SwathPair, index: int, write: Callable[[int, NDArray[np.complex64]], None]) -> None:
    """Write a burst of the reference itself."""
    image = burst_image(job, job.config.reference, pair.reference, index)
    reader = LineReader(append_suffix(image.path, "vrt"))
    job.in_threads(lambda block: write(block.start, reader.read(block)), blocks(image.lines), "reference")


def remove_links(folder: Path) -> None:
    """Remove the headers of bursts in a folder, which point to SAFE folders."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".xml").unlink(missing_ok=True)
