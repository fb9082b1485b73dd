"""Comparison of a run without rasters of full resolution with one that has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isce2_recipe.engines.builtin import isceimage, water_mask
from isce2_recipe.types import Looks
from support import isce_raster

LOOKS = Looks(range=20, azimuth=4)


def assert_same_looks(looks: Path, full: Path) -> None:
    """Compare interferogram, line of sight and coordinates of two work folders after ``mergebursts``."""
    ours, theirs = (isce_raster.read(folder / "merged/topophase.flat", 1) for folder in (looks, full))
    assert np.array_equal(ours != 0, theirs != 0)
    both = ours != 0
    assert both.sum() > 1000
    assert np.abs(np.angle(ours * theirs.conj()))[both].max() < 1e-4
    assert np.abs(ours - theirs).max() < 1e-5 * np.abs(theirs).max()
    for band in (1, 2):
        means = [isce_raster.read(folder / "merged/topophase.cor", band) for folder in (looks, full)]
        assert np.abs(means[0] - means[1]).max() < 1e-4 * np.abs(means[1]).max()
    known = np.ones(ours.shape, bool)
    for name, tolerance in (("lat", 1e-6), ("lon", 1e-6), ("z", 0.1)):
        with isceimage.open_raster(full / f"merged/{name}.rdr.full.vrt") as dataset:
            covered = dataset.read(1)[: ours.shape[0] * 4, : ours.shape[1] * 20] != 0
            mean = water_mask.mean_of_nonzero(dataset, range(ours.shape[0]), LOOKS)
        if name == "lat":
            known = covered.reshape(ours.shape[0], 4, ours.shape[1], 20).all(axis=(1, 3))
        # A degree is 111 km: 0.1 m. Without it, pixels of a window at a shore are not moved onto the DEM.
        assert np.abs(isce_raster.read(looks / f"merged/{name}.rdr", 1) - mean).max() < tolerance
    for band in (1, 2):
        angles = [isce_raster.read(folder / "merged/los.rdr", band) for folder in (looks, full)]
        assert np.abs(angles[0] - angles[1])[known].max() < 1e-4
