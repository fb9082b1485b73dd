"""The simulated ionosphere delays the envelope of ALOS images and advances their phase by as much."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import rasterio

from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S
from isce2_recipe.sources.simulated import echo
from isce2_recipe.sources.simulated.alos import image, palsar
from isce2_recipe.sources.simulated.alos.acquisition import acquire
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.sources.simulated.source import SimulatedSource
from isce2_recipe.types import AlosName, Bounds

NAMES = [AlosName.parse(text) for text in ("ALPSRP156121200", "ALPSRP162831200")]


def complex_image(scene, options: SimulationOptions) -> np.ndarray:
    pixels = image.render_image(scene, options, 2).astype(np.float32)
    return pixels[..., 0] + 1j * pixels[..., 1]


def test_envelope_is_delayed_and_phase_advanced() -> None:
    """Compare an image with and without an ionosphere of half a metre: 0.02 rad, and 2 % of the delay."""
    scene = acquire(NAMES[0], 256, 1120)
    options = SimulationOptions.parse("clean,ionosphere=0.5")
    clean, delayed = (complex_image(scene, each) for each in (SimulationOptions.parse("clean"), options))
    nodes = image._solve(scene, options, 2)[echo.ADVANCE]
    row = np.arange(clean.shape[0]) / echo.LINE_STEP + echo.MARGIN_NODES
    col = np.arange(clean.shape[1]) / echo.SAMPLE_STEP + echo.MARGIN_NODES
    across = np.array([np.interp(col, np.arange(nodes.shape[1]), line) for line in nodes])
    delay_m = np.array([np.interp(row, np.arange(nodes.shape[0]), each) for each in across.T]).T
    delay_m *= 0.5 * palsar.RANGE_SPACING_M
    assert 0.05 < np.abs(delay_m).max() < 2.0
    phase = 4 * np.pi * delay_m / palsar.WAVELENGTH_M
    assert np.angle(np.sum(delayed * np.conj(clean) * np.exp(-1j * phase))) == pytest.approx(0.0, abs=0.02)
    frequency = np.fft.fftfreq(clean.shape[1], 1 / palsar.SAMPLING_HZ)
    bands = []
    for centre in (-9e6, 9e6):
        weights = np.abs(frequency - centre) < 4e6
        one, two = (np.fft.ifft(np.fft.fft(each, axis=1) * weights, axis=1) for each in (delayed, clean))
        bands.append((one * np.conj(two))[:, 64:-64])
    seen = bands[1] * np.conj(bands[0])
    expected = -4 * np.pi / SPEED_OF_LIGHT_M_S * 18e6 * delay_m[:, 64:-64]
    size = np.average(np.abs(expected), weights=np.abs(seen))
    assert np.angle(np.sum(seen * np.exp(-1j * expected))) == pytest.approx(0.0, abs=0.02 * size + 0.003)


def test_truth_has_the_ionosphere_apart(tmp_path) -> None:
    source = SimulatedSource.from_text("clean,ionosphere=0.03,lines=256,samples=1120")
    records = source.find_alos(NAMES, logging.getLogger())
    bounds = Bounds.around(records[0].footprint)
    dem = source.fetch_dem(bounds, tmp_path, logging.getLogger(), lambda *_: None)
    source.write_truth(records, dem, tmp_path)
    found = {}
    for name in ("displacement", "ionosphere", "total"):
        with rasterio.open(tmp_path / f"los_{name}.tif") as raster:
            found[name] = raster.read(1)
    assert 0.0 < np.abs(found["ionosphere"]).max() < 0.2
    assert np.allclose(found["total"], found["displacement"] + found["ionosphere"], atol=1e-6)
    assert not (tmp_path / "los_neutral.tif").exists()
