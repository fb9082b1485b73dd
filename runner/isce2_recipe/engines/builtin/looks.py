"""Multilooking of whole rasters, as ISCE2's looks do it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from isce2_recipe.engines.builtin import kernels
from isce2_recipe.engines.builtin.isceimage import IsceImage, beside
from isce2_recipe.engines.builtin.job import Job
from isce2_recipe.engines.builtin.rasters import BLOCK_LINES, LineReader, blocks, line_writer


def take_looks(job: Job, image: IsceImage, path: Path) -> IsceImage:
    """Mean over windows of the application's looks; lines and samples that fill no window are dropped.

    Parameters
    ----------
    image : IsceImage
        What to read, through its ``.vrt``: complex, or 32-bit real.
    path : Path
        Where to write.
    """
    al, rl = job.config.azimuth_looks, job.config.range_looks
    looked = replace(image, path=path, lines=image.lines // al, samples=image.samples // rl)
    parts = 2 if image.data_type == "CFLOAT" else 1
    reader = LineReader(beside(image.path, "vrt"))
    with line_writer(looked, job.folder) as writer:

        def write(block: range) -> None:
            bands = []
            for band in range(1, image.bands + 1):
                lines = reader.read(range(block.start * al, block.stop * al), band)
                out = np.empty((len(block), looked.samples, parts), np.float32)
                kernels.look(lines.view(np.float32).reshape(*lines.shape, parts), al, rl, out)
                bands.append(out.reshape(len(block), -1).view(looked.dtype))
            writer.write(block.start, *bands)

        job.in_threads(write, blocks(looked.lines, max(1, BLOCK_LINES // al)), f"looks of {image.path.name}")
    return looked
