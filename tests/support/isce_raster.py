"""Rasters in ISCE2's format from arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.isceimage import IsceImage

NAMES = {
    "u1": "BYTE",
    "i2": "SHORT",
    "i4": "INT",
    "f4": "FLOAT",
    "f8": "DOUBLE",
    "c8": "CFLOAT",
    "c16": "CDOUBLE",
}


def header_for_array(path: Path, array: np.ndarray, **facts: Any) -> IsceImage:
    """Return the header for an array of shape ``(lines, samples)`` or ``(bands, lines, samples)``."""
    bands, lines, samples = array.shape if array.ndim == 3 else (1, *array.shape)
    return IsceImage(path, lines, samples, bands, NAMES[array.dtype.str[1:]], **facts)


def write(image: IsceImage, array: np.ndarray, folder: Path | None = None) -> None:
    """Write a raster and its headers."""
    isceimage.create(image, folder)[:] = array.reshape(image.shape)


def read(path: Path, band: int | None = None) -> np.ndarray:
    """Return a whole raster, which may be virtual, or one of its bands (from 1)."""
    if path.is_file() and isceimage.append_suffix(path, "xml").is_file():
        bands = isceimage.open_array(isceimage.read_header(path))
        picked = bands if band is None else bands[band - 1]
        return np.array(picked, picked.dtype.newbyteorder("="), order="C")
    with isceimage.open_raster(isceimage.append_suffix(path, "vrt")) as dataset:
        return np.asarray(dataset.read(band))
