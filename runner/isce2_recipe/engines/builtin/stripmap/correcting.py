"""Removal of the ionosphere from the interferogram that stripmapApp has unwrapped, with either engine."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from isce2_recipe import paths
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.stripmap.interferograms import DISPERSIVE, FOLDER
from isce2_recipe.errors import InputError
from isce2_recipe.files import replace_when_complete

_KEPT = "with_ionosphere"


def remove_ionosphere(folder: Path) -> float:
    """Subtract the dispersive phase, without its median, from the filtered and the unwrapped interferogram.

    Copies of both are kept next to them, with the ending ``with_ionosphere``. The function may be called
    again, also after a crash at any point: it always begins with the copies.

    Parameters
    ----------
    folder : Path
        stripmapApp's folder after its step ``ionosphere``.

    Returns
    -------
    float
        Standard deviation of what was subtracted, over the connected components, rad.

    Raises
    ------
    InputError
        If the ionosphere was not estimated, or nothing is unwrapped.
    """
    wrapped, unwrapped = (
        isceimage.read_header(folder / FOLDER / name)
        for name in (paths.FILTERED_INTERFEROGRAM, paths.UNWRAPPED)
    )
    dispersive = isceimage.read_header(folder / DISPERSIVE)
    labels = isceimage.read_header(isceimage.append_suffix(unwrapped.path, "conncomp"))
    phase = np.array(isceimage.open_array(dispersive)[0])
    inside = (isceimage.open_array(labels)[0] > 0) & np.isfinite(phase)
    if not inside.any():
        raise InputError(
            f"{unwrapped.path} has no connected component from which the ionosphere could be removed",
            hint="run without remove_ionosphere",
        )
    phase -= np.median(phase[inside])
    phase[~np.isfinite(phase)] = 0.0
    pixels = np.array(isceimage.open_array(_kept(wrapped)))
    pixels[0] *= np.exp(-1j * phase)
    _write(wrapped, pixels)
    pixels = np.array(isceimage.open_array(_kept(unwrapped)))
    # Zero means that a pixel has no data.
    pixels[1] -= np.where(pixels[0] == 0, 0.0, phase)
    _write(unwrapped, pixels)
    return float(phase[inside].std())


def _kept(image: IsceImage) -> IsceImage:
    """Return the copy of a raster, which is made if there is none."""
    kept = replace(image, path=isceimage.append_suffix(image.path, _KEPT))
    if not kept.path.is_file():
        with replace_when_complete(kept.path) as partial:
            shutil.copyfile(image.path, partial)
    return kept


def _write(image: IsceImage, pixels: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> None:
    with replace_when_complete(image.path) as partial, partial.open("wb") as stream:
        isceimage.append_lines(stream, image, pixels)
