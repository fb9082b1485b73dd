"""The focused image from which the raw signal of a scene is made.

It is made like a Sentinel-1 burst, but without the TOPS carrier: all passes over a frame share one field of
scatterers, and each pass has its own exact geometry over the terrain.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.sources.simulated import echo, ground
from isce2_recipe.sources.simulated.alos import palsar
from isce2_recipe.sources.simulated.alos.acquisition import Acquisition, lobes
from isce2_recipe.sources.simulated.burst import cubic_table
from isce2_recipe.sources.simulated.motion import days_of
from isce2_recipe.sources.simulated.noise import hash_integer
from isce2_recipe.sources.simulated.options import SimulationOptions

Float = NDArray[np.float64]
Pixels = NDArray[np.int16]

# Rows of the geometry grid that one task computes, and lines of the image that one task renders.
_GRID_ROWS = 128
_BLOCK_LINES = 512
# Samples of scatterers on either side of the image. Between orbits 600 m apart a point shifts by up to 20
# samples.
_PAD = 96
# Bandwidth as a fraction of the sampling rate. Chirp and antenna limit the bands of the raw signal
# afterwards.
_BAND = 0.94
# Parameter of the Kaiser window of the impulse response.
_BETA = 6.0


def render_image(scene: Acquisition, options: SimulationOptions, cpus: int) -> Pixels:
    """Return the image of a scene in zero-Doppler coordinates, with the margins whose echoes reach into it.

    The phase of a scatterer at slant range R is its own random phase plus ``-4 pi R / wavelength``. The
    result, int16 of shape (lines + 2 * margin_lines, samples, 2), has real and imaginary part; the RMS on
    land is about 90.
    """
    lines = scene.lines + 2 * scene.margin_lines
    grid = _solve(scene, options, cpus)
    image = np.empty((lines, scene.samples, 2), dtype=np.int16)
    carrier = np.zeros((3, scene.samples + 2 * _PAD + 2))
    table = _impulse_response()
    frame = ("alos scatterers", options.seed, scene.flight.path, scene.name.frame)
    date = ("alos noise", options.seed, scene.name)
    keys = np.array([hash_integer(*key) for key in (frame, date, ("renewed", *frame))], dtype=np.uint64)

    def block(first: int) -> None:
        echo.render(
            first, grid, carrier, _PAD, 1.0 / palsar.PRF_HZ, 0, palsar.RANGE_SPACING_M, palsar.WAVELENGTH_M,
            table, table, cubic_table(), keys, days_of(scene.start), image[first : first + _BLOCK_LINES],
        )  # fmt: skip

    with ThreadPoolExecutor(cpus) as pool:
        list(pool.map(block, range(0, lines, _BLOCK_LINES)))
    return image


def _solve(scene: Acquisition, options: SimulationOptions, cpus: int) -> Float:
    """Return the geometry grid of the scene and the nominal acquisition; see `echo.solve_geometry`."""
    lines = scene.lines + 2 * scene.margin_lines
    rows = -(-lines // echo.LINE_STEP) + 2 * echo.MARGIN_NODES
    cols = -(-scene.samples // echo.SAMPLE_STEP) + 2 * echo.MARGIN_NODES
    grid = np.empty((echo.GRID_ROWS, rows, cols))
    moving, kinds = lobes(scene, options), options.kinds()
    air = options.air("alos", scene.name, ionosphere=True)

    def block(first: int) -> None:
        part = np.empty((echo.GRID_ROWS, min(_GRID_ROWS, rows - first), cols))
        late = (first * echo.LINE_STEP - scene.margin_lines) / palsar.PRF_HZ
        echo.solve_geometry(
            scene.poly, scene.start_s + late, scene.nominal_poly, scene.nominal_start_s + late,
            1.0 / palsar.PRF_HZ, scene.near_range_m, palsar.RANGE_SPACING_M, moving, air, kinds,
            options.terrain, ground.new_cache(), part,
        )  # fmt: skip
        grid[:, first : first + _GRID_ROWS] = part

    with ThreadPoolExecutor(cpus) as pool:
        list(pool.map(block, range(0, rows, _GRID_ROWS)))
    return grid


def _impulse_response() -> NDArray[np.float32]:
    """Return rows of taps of a windowed sinc of unit gain, for fractions 0 to 1 of a pixel."""
    fraction = np.arange(echo.FRACTIONS + 1) / echo.FRACTIONS
    tap = np.arange(echo.TAPS) - (echo.HALF_TAPS - 1)
    distance = tap[np.newaxis] - fraction[:, np.newaxis]
    window = np.i0(_BETA * np.sqrt(np.clip(1.0 - (distance / echo.HALF_TAPS) ** 2, 0.0, None)))
    table = _BAND * np.sinc(_BAND * distance) * window / np.i0(_BETA)
    return table.astype(np.float32)
