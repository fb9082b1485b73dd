"""Goldstein filter and phase-sigma coherence of a merged interferogram: the files of ISCE2's ``filter``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.goldstein import goldstein_strips
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.phase_sigma import phase_sigma_strips
from isce2_recipe.files import replace_when_complete


def filter_interferogram(folder: Path, strength: float, workers: int = 1) -> None:
    """Filter ``merged/topophase.flat`` and estimate the coherence of the result.

    Writes ``filt_topophase.flat`` (CFloat32) and ``phsig.cor`` (Float32, 0 to 1) with headers to ``merged``.

    Parameters
    ----------
    folder : Path
        Work folder of the application.
    strength : float
        ISCE2's ``filter strength``, 0 to 1.

    Raises
    ------
    InputError
        If the interferogram is missing or cannot be read.
    """
    merged = folder / paths.MERGED
    source = isceimage.read_header(merged / paths.INTERFEROGRAM)
    size = source.lines, source.samples
    filtered = IsceImage(merged / paths.FILTERED_INTERFEROGRAM, *size, data_type="CFLOAT", image_type="cpx")
    read = partial(isceimage.read_part, source.path)
    _write(filtered, goldstein_strips(read, *size, strength, workers), folder)
    correlation = IsceImage(merged / paths.PHASE_SIGMA, *size, image_type="cor")
    read = partial(isceimage.read_part, filtered.path)
    _write(correlation, phase_sigma_strips(read, *size, workers), folder)


def _write(image: IsceImage, strips: Iterable[NDArray[Any]], folder: Path) -> None:
    with replace_when_complete(image.path) as unfinished, unfinished.open("wb") as stream:
        for strip in strips:
            isceimage.append_lines(stream, image, strip[None])
    isceimage.write_sidecars(image, folder)
