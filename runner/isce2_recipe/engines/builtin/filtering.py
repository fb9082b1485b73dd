"""The files of ISCE2's ``filter`` step."""

from __future__ import annotations

from pathlib import Path

from isce2_recipe import paths
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.goldstein import goldstein
from isce2_recipe.engines.builtin.phase_sigma import phase_sigma_correlation


def filter_interferogram(folder: Path, strength: float, workers: int = 1) -> None:
    """Filter ``merged/topophase.flat`` and estimate the coherence of the result.

    Writes ``filt_topophase.flat`` (CFloat32) and ``phsig.cor`` (Float32, 0 to 1) beside it, with headers.

    Parameters
    ----------
    folder : Path
        The application's work folder.
    strength : float
        ISCE2's ``filter strength``, 0 to 1.

    Raises
    ------
    InputError
        If the interferogram is missing or broken.
    """
    merged = folder / paths.MERGED
    filtered = goldstein(isceimage.open_band(merged / paths.INTERFEROGRAM), strength, workers)
    image = isceimage.describe(merged / paths.FILTERED_INTERFEROGRAM, filtered, image_type="cpx")
    isceimage.write(image, filtered, folder)
    correlation = phase_sigma_correlation(filtered, workers)
    image = isceimage.describe(merged / paths.PHASE_SIGMA, correlation, image_type="cor")
    isceimage.write(image, correlation, folder)
