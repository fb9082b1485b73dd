"""The actions of terrain, water and unwrapping, with a folder as the source."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from isce2_recipe.actions import dem, unwrap, water
from isce2_recipe.actions.base import Context
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.sources.directory import DirectorySource
from support import isce_raster


class NoEngine:
    """An engine that these actions do not use."""


def context(workdir: Path, step: str, source: Path | None = None, out: Path | None = None) -> Context:
    scratch = out or workdir / ".scratch" / step
    scratch.mkdir(parents=True, exist_ok=True)
    return Context(
        workdir=workdir,
        out=scratch,
        source=DirectorySource(source) if source else None,
        engine=NoEngine(),
        log=logging.getLogger("test"),
        progress=lambda _fraction, _text: None,
        cpus=1,
        published=workdir / step,
    )


@pytest.fixture
def source(tmp_path):
    """Write terrain and water around 53 E, 27.5 N, with a lake in the west."""
    folder = tmp_path / "source"
    step = 1 / 600
    for name in ("dem", "water_mask"):
        (folder / name).mkdir(parents=True)
    corner = Affine(step, 0, 52.9, 0, -step, 27.6)
    longitude = np.broadcast_to(52.9 + (np.arange(120) + 0.5) * step, (120, 120))
    for path, values in (
        (folder / "dem/terrain.tif", (100 + 1000 * (longitude - 52.9)).astype("f4")),
        (folder / "water_mask/n25e050.tif", (longitude < 53.0).astype("u1")),
    ):
        with rasterio.open(
            path, "w", "GTiff", height=120, width=120, count=1, dtype=values.dtype, crs="EPSG:4326",
            transform=corner,
        ) as dataset:  # fmt: skip
            dataset.write(values, 1)
    return folder


def test_terrain_and_water(tmp_path, source):
    ctx = context(tmp_path / "work", "dem", source)
    found = dem.fetch.function(ctx, bounds=[52.97, 27.47, 53.03, 27.53], margin=0.01)
    image = isceimage.read_header(found.isce)
    assert image.grid.first_longitude == pytest.approx(52.96, abs=1e-9)
    assert isce_raster.read(found.isce, 1)[5, 0] == pytest.approx(160, abs=0.01)
    assert (
        "<value>../dem/full_res.dem.wgs84</value>" in isceimage.append_suffix(found.isce, "xml").read_text()
    )
    fine = dem.resample.function(context(tmp_path / "work", "geocode_dem"), dem=found.geotiff)
    header = isceimage.append_suffix(fine.isce, "xml").read_text()
    assert "<value>../geocode_dem/full_res_geocode.dem.wgs84</value>" in header
    assert isceimage.read_header(fine.isce).grid.delta_longitude == pytest.approx(2 / 3 / 3600)
    ctx = context(tmp_path / "work", "water_mask", source)
    mask = water.fetch.function(ctx, dem=found.geotiff).mask
    with rasterio.open(mask) as dataset, rasterio.open(found.geotiff) as terrain:
        assert dataset.shape == terrain.shape
        values = dataset.read(1)
    assert not values[:, :140].any()
    assert values[:, 148:].all()
    assert [path.name for path in ctx.out.iterdir()] == ["water_mask.tif"]


def test_same_request_same_bytes(tmp_path, source):
    written = []
    for run in ("one", "two"):
        ctx = context(tmp_path / run, "dem", source)
        dem.fetch.function(ctx, bounds=[52.97, 27.47, 53.03, 27.53], margin=0.01)
        written.append({path.name: path.read_bytes() for path in ctx.out.iterdir()})
    assert written[0] == written[1]
    assert sorted(written[0]) == [
        "dem.tif", "full_res.dem.wgs84", "full_res.dem.wgs84.vrt", "full_res.dem.wgs84.xml",
    ]  # fmt: skip


def test_unwrap_in_isce2s_folder(tmp_path):
    folder = tmp_path / "work" / "isce"
    (folder / "merged").mkdir(parents=True)
    line, sample = np.mgrid[:40, :50]
    surface = 0.3 * line + 0.2 * sample
    for name, values, kind in (
        ("filt_topophase.flat", np.exp(1j * surface).astype("c8"), "cpx"),
        ("phsig.cor", np.full(surface.shape, 0.9, "f4"), "cor"),
    ):
        image = isce_raster.header_for_array(folder / "merged" / name, values, image_type=kind)
        isce_raster.write(image, values, folder)
    ctx = context(tmp_path / "work", "isce", out=folder)
    found = unwrap.run.function(ctx, unwrapper="snaphu", looks="20x4")
    phase = isce_raster.read(found.phase, 2)
    assert np.ptp(phase - surface) < 1e-4
    assert found.components.is_file()
