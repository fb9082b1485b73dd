"""Multilooking of whole rasters, like ISCE2's ``looks``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from isce2_recipe.engines.builtin import kernels
from isce2_recipe.engines.builtin.isceimage import IsceImage, append_suffix
from isce2_recipe.engines.builtin.job import Job
from isce2_recipe.engines.builtin.rasters import BLOCK_LINES, LineReader, blocks, line_writer


def multilook_raster(job: Job, image: IsceImage, path: Path) -> IsceImage:
    """Write the means over windows of the application's looks; incomplete windows at the end are dropped.

    Parameters
    ----------
    image : IsceImage
        Input, read through its ``.vrt``; complex64 or float32.
    path : Path
        Output.

    Returns
    -------
    IsceImage
        Header of the output.
    """
    al, rl = job.config.azimuth_looks, job.config.range_looks
    multilooked = replace(image, path=path, lines=image.lines // al, samples=image.samples // rl)
    parts = 2 if image.data_type == "CFLOAT" else 1
    reader = LineReader(append_suffix(image.path, "vrt"))
    with line_writer(multilooked, job.folder) as writer:

        def write(block: range) -> None:
            bands = []
            for band in range(1, image.bands + 1):
                lines = reader.read(range(block.start * al, block.stop * al), band)
                out = np.empty((len(block), multilooked.samples, parts), np.float32)
                kernels.multilook(lines.view(np.float32).reshape(*lines.shape, parts), al, rl, out)
                bands.append(out.reshape(len(block), -1).view(multilooked.dtype))
            writer.write(block.start, *bands)

        job.in_threads(
            write, blocks(multilooked.lines, max(1, BLOCK_LINES // al)), f"multilooking {image.path.name}"
        )
    return multilooked
