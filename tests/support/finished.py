"""Small finished products whose numbers are known in closed form."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

from isce2_recipe.products.facts import SENTINEL1_WAVELENGTH_M as WAVELENGTH_M

ROWS, COLS, PIXEL_M = 60, 90, 80.0
NAME = "S1_136231_IW2_20200604_20200616_VV_INT80_ABCD"
CM = 100 * WAVELENGTH_M / (4 * math.pi)
TEXT = """\
Reference Granule: S1_136231_IW2_20200604T022312_VV_7C85-BURST
Secondary Granule: S1_136231_IW2_20200616T022313_VV_5D11-BURST
Reference Pass Direction: DESCENDING
Baseline: -100.7768233117365
Heading: -167.3816409166541
Range looks: 20
Azimuth looks: 4
Unwrapping type: snaphu_mcf
"""


def fields() -> dict[str, np.ndarray]:
    """A hill of displacement on land to the west, water in the last thirty columns, a border without data."""
    row, col = np.mgrid[0:ROWS, 0:COLS].astype(np.float64)
    phase = 9.0 * np.exp(-((row - 30) ** 2 + (col - 30) ** 2) / 200.0) + 0.25
    layers = {
        "unw_phase": phase,
        "wrapped_phase": phase - 2 * math.pi * np.round(phase / (2 * math.pi)),
        "corr": np.where(col < 60, 0.8, 0.2),
        "conncomp": np.where(col < 60, 1, 2),
        "dem": 100.0 + row,
        "lv_theta": np.full_like(row, 0.9),
        "lv_phi": np.full_like(row, 3.0),
        "amp": 1.0 + row + col,
        "water_mask": np.where(col < 60, 1, 0),
    }
    seen = (row >= 2) & (row < ROWS - 2) & (col >= 2) & (col < COLS - 2)
    for name in layers.keys() - {"dem", "water_mask"}:
        layers[name] = np.where(seen, layers[name], 0)
    return layers


def write_product(folder: Path, name: str = NAME, shift: int = 0, **changed: Any) -> Path:
    """A product's folder; ``shift`` moves its grid by pixels to the east."""
    directory = folder / name
    directory.mkdir(parents=True)
    transform = Affine(PIXEL_M, 0, 400000.0 + shift * PIXEL_M, 0, -PIXEL_M, 3080000.0)
    for layer, values in (fields() | changed).items():
        dtype = "uint8" if layer in ("conncomp", "water_mask") else "float32"
        nodata = {"water_mask": None, "dem": -32768.0}.get(layer, 0)
        path = directory / f"{name}_{layer}.tif"
        size = {"width": values.shape[1], "height": values.shape[0], "count": 1, "nodata": nodata}
        with rasterio.open(
            path, "w", driver="GTiff", dtype=dtype, crs="EPSG:32639", transform=transform, **size
        ) as dataset:
            dataset.write(values.astype(dtype), 1)
            dataset.update_tags(ENGINE="builtin 0.1.0", INPUTS="simulated")
    (directory / f"{name}.txt").write_text(TEXT)
    return directory


def write_truth(path: Path, error_m: float = 0.0) -> Path:
    """Write the displacement behind `fields`, with half of the pixels off by ``error_m``."""
    truth = fields()["unw_phase"] * WAVELENGTH_M / (4 * math.pi)
    truth[::2] += error_m
    transform = Affine(PIXEL_M, 0, 400000.0, 0, -PIXEL_M, 3080000.0)
    size = {"width": COLS, "height": ROWS, "count": 1, "dtype": "float64"}
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32639", transform=transform, **size) as dataset:
        dataset.write(truth, 1)
    return path
