"""Tests of islands in masked water: each has its own component, in one piece and in tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from scipy.ndimage import label

from isce2_recipe.engines.builtin import filtering, unwrappers, unwrapping, water_mask
from isce2_recipe.types import Looks
from support import isce_raster

LINES, SAMPLES = 120, 160
LINE, SAMPLE = np.mgrid[:LINES, :SAMPLES]
# Nine islands of 12x10 to 26x20 looks, and a coast.
HEIGHT, WIDTH = 10 + 5 * (LINE // 40), 12 + 7 * (SAMPLE // 40)
LAND = (LINE % 40 >= 8) & (LINE % 40 < 8 + HEIGHT) & (SAMPLE % 40 >= 8) & (SAMPLE % 40 < 8 + WIDTH)
LAND = np.where(SAMPLE >= 130, True, LAND & (SAMPLE < 120))
PHASE = 0.12 * SAMPLE - 0.07 * LINE
LOOKS = Looks(20, 4)


def scene(folder: Path) -> None:
    """Write a folder after ISCE2's step ``filter``, with decorrelated water, and a water mask."""
    rng = np.random.default_rng(4)
    noise = rng.standard_normal((2, LINES, SAMPLES)) * np.where(LAND, 0.2, 0.3)
    pixels = (50 * (np.where(LAND, np.exp(1j * PHASE), 0) + noise[0] + 1j * noise[1])).astype("c8")
    (folder / "merged").mkdir(parents=True)
    degrees = 1e-4 * SAMPLE, -1e-4 * LINE
    files = {"topophase.flat": pixels, "lon.rdr.full": degrees[0] + 5, "lat.rdr.full": degrees[1] + 27}
    for name, array in files.items():
        header = isce_raster.header_for_array(folder / "merged" / name, array)
        isce_raster.write(header, array, folder)
    filtering.filter_interferogram(folder, 0.5)
    transform = Affine(1e-4, 0, 5 - 0.5e-4, 0, -1e-4, 27 + 0.5e-4)
    profile = {"height": LINES, "width": SAMPLES, "count": 1, "dtype": "uint8", "crs": "EPSG:4326"}
    with rasterio.open(folder / "mask.tif", "w", "GTiff", transform=transform, **profile) as dataset:
        dataset.write(LAND.astype("u1"), 1)


@pytest.mark.parametrize("pixels_of_a_tile", [LINES * SAMPLES, 6000])
@pytest.mark.parametrize(
    "unwrapper", ["snaphu_mcf", "snaphu", "joins_all", pytest.param("whirlwind", marks=pytest.mark.slow)]
)
def test_every_island_is_a_component_and_water_is_in_none(tmp_path, monkeypatch, unwrapper, pixels_of_a_tile):
    if unwrapper == "whirlwind":
        pytest.importorskip("whirlwind", reason="the whirlwind extra is not installed")
    register(tmp_path / "plugin", monkeypatch)
    folder = tmp_path / "isce"
    scene(folder)
    before = isce_raster.read(folder / "merged/filt_topophase.flat", 1)
    water_mask.mask_interferogram(folder, folder / "mask.tif", Looks(1, 1))
    unwrapping.unwrap(
        folder, LOOKS, unwrapper, max_untiled_pixels=pixels_of_a_tile, max_tile_pixels=pixels_of_a_tile
    )
    assert water_mask.unmask_interferogram(folder)
    amplitude, phase = isce_raster.read(folder / "merged/filt_topophase.unw")
    labels = isce_raster.read(folder / "merged/filt_topophase.unw.conncomp", 1)
    assert np.array_equal(isce_raster.read(folder / "merged/filt_topophase.flat", 1), before)
    assert np.allclose(amplitude, np.abs(before))
    assert np.array_equal(np.isnan(phase), ~LAND)
    assert not labels[~LAND].any()
    # SNAPHU in DEFO mode and whirlwind leave out rims.
    assert np.mean(labels[LAND] > 0) > 0.85
    assert set(np.unique(labels)) == set(range(11))
    sizes = np.bincount(labels.ravel())[1:]
    assert (np.diff(sizes) <= 0).all()
    pieces, count = label(LAND)
    assert count == 10
    cycles = np.rint((phase - PHASE) / (2 * np.pi))
    for number in range(1, 11):
        own = (pieces == number) & (labels > 0)
        assert len(set(labels[own])) == 1
        assert unwrapper == "joins_all" or len(set(cycles[own])) == 1


def register(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install an unwrapper as another distribution would."""
    info = folder / "joins_all-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: joins-all\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{unwrappers.ENTRY_POINTS}]\njoins_all = joins_all:unwrap\n")
    (folder / "joins_all.py").write_text(
        "import numpy as np\n\n\ndef unwrap(interferogram, correlation, looks, scratch):\n"
        "    return np.angle(interferogram).astype('f4'), np.ones(interferogram.shape, 'u1')\n"
    )
    monkeypatch.syspath_prepend(folder)
