"""The focused image that a scene's raw signal is made of.

Made as a Sentinel-1 burst is, without its carrier: one field of scatterers for all passes over a frame, each
pass with its own exact geometry over the terrain.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.sources.simulated import echo, ground
from isce2_recipe.sources.simulated.alos.acquisition import (
    PRF_HZ,
    RANGE_SPACING_M,
    WAVELENGTH_M,
    Acquisition,
)
from isce2_recipe.sources.simulated.alos.motion import lobes
from isce2_recipe.sources.simulated.burst import cubic_table
from isce2_recipe.sources.simulated.noise import hash_integer
from isce2_recipe.sources.simulated.options import SimulationOptions

Float = NDArray[np.float64]
Pixels = NDArray[np.int16]

# Nodes of the geometry grid that one task solves, and lines of the image that one task renders.
_GRID_ROWS = 128
_BLOCK_LINES = 512
# Samples of scatterers on either side of the image: orbits 600 m apart see a place within 20 samples.
_PAD = 96
# Of the sampling rate: nearly all, as the chirp and the antenna limit the raw signal's bands afterwards.
_BAND = 0.94
# Kaiser window of the impulse response.
_BETA = 6.0


def render_image(scene: Acquisition, options: SimulationOptions, cpus: int) -> Pixels:
    """A scene's image in zero-Doppler coordinates, with the lines before and after it that echo into it.

    Every scatterer at slant range R has the phase ``-4 pi R / wavelength`` and its own.

    Parameters
    ----------
    scene : Acquisition
        The scene.
    options : SimulationOptions
        Seed, motion and coherence.
    cpus : int
        Threads.

    Returns
    -------
    ndarray of int16, shape (lines + 2 * margin_lines, samples, 2)
        Real and imaginary part; land has about 90 RMS.
    """
    lines = scene.lines + 2 * scene.margin_lines
    grid = _solve(scene, options, cpus)
    image = np.empty((lines, scene.samples, 2), dtype=np.int16)
    carrier = np.zeros((3, scene.samples + 2 * _PAD + 2))
    table = _impulse_response()
    frame = ("alos scatterers", options.seed, scene.flight.path, scene.name.frame)
    keys = np.array(
        [hash_integer(*frame), hash_integer("alos noise", options.seed, scene.name)], dtype=np.uint64
    )

    def block(first: int) -> None:
        echo.render(
            first,
            grid,
            carrier,
            _PAD,
            1.0 / PRF_HZ,
            0,
            RANGE_SPACING_M,
            WAVELENGTH_M,
            table,
            table,
            cubic_table(),
            keys,
            image[first : first + _BLOCK_LINES],
        )

    with ThreadPoolExecutor(cpus) as pool:
        list(pool.map(block, range(0, lines, _BLOCK_LINES)))
    return image


def _solve(scene: Acquisition, options: SimulationOptions, cpus: int) -> Float:
    """Where in the nominal acquisition each node of the scene lies, and how bright it is."""
    lines = scene.lines + 2 * scene.margin_lines
    rows = -(-lines // echo.LINE_STEP) + 2 * echo.MARGIN_NODES
    cols = -(-scene.samples // echo.SAMPLE_STEP) + 2 * echo.MARGIN_NODES
    grid = np.empty((4, rows, cols))
    moving = lobes(scene, options.motion)

    def block(first: int) -> None:
        part = np.empty((4, min(_GRID_ROWS, rows - first), cols))
        late = (first * echo.LINE_STEP - scene.margin_lines) / PRF_HZ
        echo.solve_geometry(
            scene.poly,
            scene.start_s + late,
            scene.nominal_poly,
            scene.nominal_start_s + late,
            1.0 / PRF_HZ,
            scene.near_range_m,
            RANGE_SPACING_M,
            moving,
            options.coherence,
            options.seed,
            ground.new_cache(),
            part,
        )
        grid[:, first : first + _GRID_ROWS] = part

    with ThreadPoolExecutor(cpus) as pool:
        list(pool.map(block, range(0, rows, _GRID_ROWS)))
    return grid


def _impulse_response() -> NDArray[np.float32]:
    """Rows of taps for fractions 0 to 1 of a pixel: a windowed sinc of unit gain."""
    fraction = np.arange(echo.FRACTIONS + 1) / echo.FRACTIONS
    tap = np.arange(echo.TAPS) - (echo.HALF_TAPS - 1)
    distance = tap[np.newaxis] - fraction[:, np.newaxis]
    window = np.i0(_BETA * np.sqrt(np.clip(1.0 - (distance / echo.HALF_TAPS) ** 2, 0.0, None)))
    table = _BAND * np.sinc(_BAND * distance) * window / np.i0(_BETA)
    return table.astype(np.float32)
