"""The simulated ground and air: terrain, lakes, land cover, motion, delay, as functions of position and date.

Terrain is gradient noise on the sphere of ellipsoid normals, which has no seam at the antimeridian or at the
poles. Noise cells are 14 km to 430 m wide. The terrain has features from 30 km down to about 900 m, so a DEM
of 30 m represents it to centimetres. Slopes rarely reach 18 degrees; IW incidence angles are 30 degrees or
more, so there is no layover.

A ``cache`` keeps the corner gradients of the last cell of each octave. Every thread needs its own cache.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
from isce2_recipe.sources.simulated.world import Air, Landscape

Float = NDArray[np.float64]
Vector = tuple[float, float, float]

EARTH_RADIUS_M = 6.371e6

# Width of the noise cells, and height per unit of noise (which is about -0.7 to 0.7), metres.
_CELL_M = (14000.0, 7000.0, 3400.0, 1700.0, 850.0, 430.0)
_HEIGHT_M = (1000.0, 520.0, 240.0, 95.0, 34.0, 9.0)
_MEAN_HEIGHT_M = 520.0
# Octaves 6 and 7 of a cache are for backscatter.
_TEXTURE_CELL_M = (5200.0, 1300.0)
_TEXTURE_STRENGTH = (0.4, 0.22)
# Octaves 8 to 10 are for land cover: two of fields and forest, one of towns.
_COVER, _COVER_CELL_M = 8, (5600.0, 1500.0, 9000.0)
# Octaves 11 to 16 are for turbulent air. The structure function of its delay grows with the distance to the
# power of 5/3 up to the height of the boundary layer, and to that of 2/3 beyond (Treuhaft and Lanyi 1987).
_AIR, _AIR_CELL_M = 11, (48000.0, 24000.0, 12000.0, 6000.0, 3000.0, 1500.0)
_AIR_SHARE = (1.0, 0.794, 0.63, 0.5, 0.281, 0.158)
# The sum of these octaves has this standard deviation (measured on 2.25 million places).
_AIR_DEVIATION = 0.295
# The ionosphere has waves of twice these sizes.
_IONOSPHERE, _IONOSPHERE_CELL_M = 17, (50000.0, 25000.0)
# The mean of these octaves has this standard deviation (measured on 8 million places).
_IONOSPHERE_DEVIATION = 0.135
_OCTAVES = 19

# Amplitude of open water; land is about one.
_WATER_AMPLITUDE = 0.25

# Radius around the middle of a burst within which the ground moves, metres. A pair of lobes peaks at 0.378 of
# it, with value _PEAK. Slip on a fault is locked down to _LOCKED_M.
MOTION_RADIUS_M = 9000.0
LOBES, BOWL, FAULT = 0, 1, 2
_LOCKED_M = 500.0
_PEAK = 0.378 * (1.0 - 0.378**2) ** 3


def new_cache() -> Float:
    """Return an empty cache for one thread."""
    return np.full((_OCTAVES, 27), np.nan)


@njit(cache=True, nogil=True, error_model="numpy")
def _mix(value: int) -> int:
    """Return a 32-bit hash in which every bit of the input changes every bit of the output."""
    value &= 0xFFFFFFFF
    value = ((value ^ (value >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    value = ((value ^ (value >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    return value ^ (value >> 16)


@njit(cache=True, nogil=True, error_model="numpy")
def _load_cell(cell: Float, i: int, j: int, k: int, seed: int) -> None:
    """Compute the gradients at a cell's eight corners."""
    cell[0], cell[1], cell[2] = i, j, k
    for corner in range(8):
        x, y, z = i + (corner & 1), j + ((corner >> 1) & 1), k + (corner >> 2)
        bits = _mix(x * 0x1B873593 + _mix(y * 0x19D699A5 + _mix(z * 0x2545F491 + seed)))
        for axis in range(3):
            cell[3 + 3 * corner + axis] = ((bits >> (10 * axis)) & 1023) / 511.5 - 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def _noise(cell: Float, x: float, y: float, z: float, seed: int) -> float:
    """Return gradient noise at a point given in units of cells."""
    i, j, k = math.floor(x), math.floor(y), math.floor(z)
    if cell[0] != i or cell[1] != j or cell[2] != k:
        _load_cell(cell, int(i), int(j), int(k), seed)
    u, v, w = x - i, y - j, z - k
    fade_u = u * u * u * (u * (u * 6.0 - 15.0) + 10.0)
    fade_v = v * v * v * (v * (v * 6.0 - 15.0) + 10.0)
    fade_w = w * w * w * (w * (w * 6.0 - 15.0) + 10.0)
    total = 0.0
    for corner in range(8):
        a, b, c = corner & 1, (corner >> 1) & 1, corner >> 2
        g = 3 + 3 * corner
        dot = cell[g] * (u - a) + cell[g + 1] * (v - b) + cell[g + 2] * (w - c)
        weight = (fade_u if a else 1.0 - fade_u) * (fade_v if b else 1.0 - fade_v)
        total += weight * (fade_w if c else 1.0 - fade_w) * dot
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def normal_vector(lat_rad: float, lon_rad: float) -> Vector:
    """Return the unit normal of the ellipsoid."""
    cos_lat = math.cos(lat_rad)
    return cos_lat * math.cos(lon_rad), cos_lat * math.sin(lon_rad), math.sin(lat_rad)


@njit(cache=True, nogil=True, error_model="numpy")
def dry_height(cache: Float, n: Vector, terrain: Landscape) -> float:
    """Return the height of land or lake bed at an ellipsoid normal, metres above the ellipsoid."""
    coarse = 0.0
    fine = 0.0
    rough = 0.0
    for octave in range(6):
        scale = EARTH_RADIUS_M / _CELL_M[octave]
        value = _noise(cache[octave], n[0] * scale, n[1] * scale, n[2] * scale, terrain.seed + octave)
        if octave < 2:
            coarse += _HEIGHT_M[octave] * value
            rough += 0.8 * value
        else:
            fine += _HEIGHT_M[octave] * value
    # Mountains are rough, plains are smooth.
    t = min(max(0.5 + rough, 0.0), 1.0)
    roughness = 0.4 + 0.8 * t * t * (3.0 - 2.0 * t)
    return _MEAN_HEIGHT_M + terrain.relief * coarse + terrain.relief * roughness * fine


@njit(cache=True, nogil=True, error_model="numpy")
def height(cache: Float, n: Vector, terrain: Landscape) -> float:
    """Return the height of the surface of land and lakes, metres above the ellipsoid."""
    return max(dry_height(cache, n, terrain), terrain.water_level_m)


@njit(cache=True, nogil=True, error_model="numpy")
def reflectivity(cache: Float, n: Vector, seed: int, water: bool) -> float:
    """Return the backscattered amplitude of level ground, about one on land."""
    if water:
        return _WATER_AMPLITUDE
    exponent = 0.0
    for k in range(2):
        scale = EARTH_RADIUS_M / _TEXTURE_CELL_M[k]
        value = _noise(cache[6 + k], n[0] * scale, n[1] * scale, n[2] * scale, seed + 6 + k)
        exponent += _TEXTURE_STRENGTH[k] * value
    return math.exp(exponent)


@njit(cache=True, nogil=True, error_model="numpy")
def cover(cache: Float, n: Vector, seed: int) -> int:
    """Return the kind of land, an index of `world.MIXED`."""
    value = 0.0
    town = 0.0
    for k in range(3):
        scale = EARTH_RADIUS_M / _COVER_CELL_M[k]
        noise = _noise(cache[_COVER + k], n[0] * scale, n[1] * scale, n[2] * scale, seed + 20 + k)
        if k < 2:
            value += noise * (1.0 - 0.4 * k)
        else:
            town = noise
    if town > 0.35:
        return 0
    if value > 0.12:
        return 1
    return 2 if value > -0.15 else 3


@njit(cache=True, nogil=True, error_model="numpy")
def ionosphere(cache: Float, n: Vector, air: Air) -> float:
    """Return the delay of the signal's envelope in the ionosphere along the line of sight, metres."""
    total = 0.0
    if air.ionosphere_m > 0.0:
        for k in range(2):
            scale = EARTH_RADIUS_M / _IONOSPHERE_CELL_M[k]
            noise = _noise(
                cache[_IONOSPHERE + k], n[0] * scale, n[1] * scale, n[2] * scale, air.seed + _IONOSPHERE + k
            )
            total += 0.5 * noise
    return air.ionosphere_m / _IONOSPHERE_DEVIATION * total


@njit(cache=True, nogil=True, error_model="numpy")
def delay(cache: Float, n: Vector, h: float, air: Air) -> float:
    """Return the delay in the neutral air in line of sight, metres, at a height above the ellipsoid."""
    total = air.per_height * h
    if air.turbulent_m > 0.0:
        turbulent = 0.0
        for k in range(6):
            scale = EARTH_RADIUS_M / _AIR_CELL_M[k]
            noise = _noise(cache[_AIR + k], n[0] * scale, n[1] * scale, n[2] * scale, air.seed + k)
            turbulent += _AIR_SHARE[k] * noise
        total += air.turbulent_m / _AIR_DEVIATION * turbulent
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def displacement(lobes: Float, x: float, y: float, z: float) -> float:
    """Return the displacement of an ellipsoid point (ECEF, m), metres away from the radar in line of sight.

    ``lobes`` (n, 8) has for each motion its centre, an axis, its kind and its size (m). The axis of a pair of
    `LOBES` is as long as the displacement at the peaks, the size of a `BOWL` is that in its middle, and the
    size of a `FAULT` is the offset between its sides, which lie along the axis. Only the ground within
    `MOTION_RADIUS_M` of a centre moves.
    """
    total = 0.0
    for k in range(lobes.shape[0]):
        dx, dy, dz = x - lobes[k, 0], y - lobes[k, 1], z - lobes[k, 2]
        near = 1.0 - (dx * dx + dy * dy + dz * dz) / (MOTION_RADIUS_M * MOTION_RADIUS_M)
        if near > 0.0:
            along = dx * lobes[k, 3] + dy * lobes[k, 4] + dz * lobes[k, 5]
            if lobes[k, 6] == LOBES:
                total += along / (MOTION_RADIUS_M * _PEAK) * near * near * near
            elif lobes[k, 6] == BOWL:
                total += lobes[k, 7] * near * near * near
            else:
                total += lobes[k, 7] / math.pi * math.atan(along / _LOCKED_M) * near * near
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def height_grid(lat0: float, lon0: float, step: float, out: NDArray[np.float32], terrain: Landscape) -> None:
    """Fill ``out`` (rows, cols) with surface heights; origin and step are in radians, rows run southwards."""
    cache = np.full((_OCTAVES, 27), np.nan)
    for row in range(out.shape[0]):
        lat = lat0 - row * step
        for col in range(out.shape[1]):
            out[row, col] = height(cache, normal_vector(lat, lon0 + col * step), terrain)


@njit(cache=True, nogil=True, error_model="numpy")
def water_grid(lat0: float, lon0: float, step: float, out: NDArray[np.uint8], terrain: Landscape) -> None:
    """Fill ``out`` (rows, cols) with 1 on lakes and 0 on land, on the same grid as `height_grid`."""
    cache = np.full((_OCTAVES, 27), np.nan)
    for row in range(out.shape[0]):
        lat = lat0 - row * step
        for col in range(out.shape[1]):
            dry = dry_height(cache, normal_vector(lat, lon0 + col * step), terrain)
            out[row, col] = dry < terrain.water_level_m


@njit(cache=True, nogil=True, error_model="numpy")
def displacement_grid(
    lat0: float,
    lon0: float,
    lat_step: float,
    lon_step: float,
    reference: Float,
    secondary: Float,
    out: NDArray[np.float32],
) -> None:
    """Fill ``out`` with the displacement from the reference's lobes to the secondary's, metres."""
    for row in range(out.shape[0]):
        for col in range(out.shape[1]):
            x, y, z = geodetic_to_ecef(lat0 - row * lat_step, lon0 + col * lon_step, 0.0)
            out[row, col] = displacement(secondary, x, y, z) - displacement(reference, x, y, z)


@njit(cache=True, nogil=True, error_model="numpy")
def delay_grid(
    lat0: float,
    lon0: float,
    lat_step: float,
    lon_step: float,
    terrain: Landscape,
    reference: Air,
    secondary: Air,
    out: NDArray[np.float32],
) -> None:
    """Fill ``out`` with the delay of the secondary's neutral air minus that of the reference's, metres."""
    first, second = np.full((_OCTAVES, 27), np.nan), np.full((_OCTAVES, 27), np.nan)
    for row in range(out.shape[0]):
        for col in range(out.shape[1]):
            n = normal_vector(lat0 - row * lat_step, lon0 + col * lon_step)
            h = height(first, n, terrain)
            out[row, col] = delay(second, n, h, secondary) - delay(first, n, h, reference)


@njit(cache=True, nogil=True, error_model="numpy")
def ionosphere_grid(
    lat0: float,
    lon0: float,
    lat_step: float,
    lon_step: float,
    reference: Air,
    secondary: Air,
    out: NDArray[np.float32],
) -> None:
    """Fill ``out`` with the delay of the secondary's ionosphere minus that of the reference's, metres."""
    first, second = np.full((_OCTAVES, 27), np.nan), np.full((_OCTAVES, 27), np.nan)
    for row in range(out.shape[0]):
        for col in range(out.shape[1]):
            n = normal_vector(lat0 - row * lat_step, lon0 + col * lon_step)
            out[row, col] = ionosphere(second, n, secondary) - ionosphere(first, n, reference)
