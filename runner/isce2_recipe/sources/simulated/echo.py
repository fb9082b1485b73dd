"""A burst's image: what the radar of a date sees of the one field of scatterers on the ground.

Scatterers are white noise on the pixel grid of a canonical acquisition, which flies the nominal track and
never really happened. For a pixel of a real date the ground point is solved on the date's own orbit, then its
place in the canonical acquisition; there the noise is interpolated with the sensor's impulse response (so it
is band-limited), given the canonical TOPS carrier and the difference of path lengths. All dates are made the
same way, independently, and any two of them show their exact interferometric phase.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isce2_recipe.sar.ellipsoid import ecef_to_geodetic
from isce2_recipe.sar.tops import carrier_phase
from isce2_recipe.sar.zero_doppler import geo2rdr, look_axes, sphere_look, state
from isce2_recipe.sources.simulated.ground import (
    LAKE_LEVEL_M,
    displacement,
    dry_height,
    normal_vector,
    reflectivity,
)

Float = NDArray[np.float64]
Pixels = NDArray[np.int16]

# Geometry is solved on every 4th line and 16th sample (about 60 m on the ground) and interpolated cubically.
LINE_STEP, SAMPLE_STEP = 4, 16
# Nodes of the geometry grid before the burst's first line and sample, and after its last.
MARGIN_NODES = 6
# Half length of the impulse response, pixels, and fractions of a pixel in its table.
HALF_TAPS = 8
TAPS = 2 * HALF_TAPS
FRACTIONS = 256
_RING = 64

# Rows of a geometry grid: canonical line and sample minus the date's; amplitudes of scatterers that all dates
# share and of those of this date alone.
LINE, SAMPLE, SHARED, OWN = 0, 1, 2, 3

_WATER_COHERENCE = 0.08
# Signal to thermal noise 20 dB: amplitude against land's of one.
_THERMAL = 0.1
_DN = 90.0


@dataclass(frozen=True, slots=True)
class View:
    """One acquisition's radar grid, for the kernels.

    Attributes
    ----------
    poly : ndarray
        Orbit, times in seconds since the node.
    start_s : float
        First line's time since the node.
    """

    poly: Float
    start_s: float


@njit(cache=True, nogil=True, error_model="numpy")
def solve_geometry(
    poly: Float,
    start_s: float,
    canonical: Float,
    canonical_start_s: float,
    interval_s: float,
    near_m: float,
    spacing_m: float,
    lobes: Float,
    coherence: float,
    seed: int,
    cache: Float,
    out: Float,
) -> None:
    """Fill ``out`` (4, rows, cols), see `LINE` to `OWN`, on every `LINE_STEP` lines and `SAMPLE_STEP` samples."""
    rows, cols = out.shape[1], out.shape[2]
    first_look = 0.0
    for row in range(rows):
        line = (row - MARGIN_NODES) * LINE_STEP
        t = start_s + line * interval_s
        s = state(poly, t)
        axes = look_axes(s)
        s_norm = math.sqrt(s[0] * s[0] + s[1] * s[1] + s[2] * s[2])
        look = first_look
        old_look = look
        before_height, before_sin = 0.0, 0.0
        for col in range(cols):
            sample = (col - MARGIN_NODES) * SAMPLE_STEP
            observed = near_m + sample * spacing_m
            if row == 0 and col == 0:
                look = sphere_look(s, observed, 0.0)
            guess = look if col < 2 else 2.0 * look - old_look
            old_look = look
            look = guess
            slant = observed
            step_look, step_miss = 0.0, 0.0
            x, y, z, h = 0.0, 0.0, 0.0, 0.0
            n = (0.0, 0.0, 1.0)
            dry = 0.0
            for k in range(20):
                c, q = slant * math.cos(look), slant * math.sin(look)
                x = s[0] + c * axes[0] + q * axes[3]
                y = s[1] + c * axes[1] + q * axes[4]
                z = s[2] + c * axes[2] + q * axes[5]
                lat, lon, h = ecef_to_geodetic(x, y, z)
                n = normal_vector(lat, lon)
                dry = dry_height(cache, n, seed)
                miss = h - max(dry, LAKE_LEVEL_M)
                moved = displacement(lobes, x - h * n[0], y - h * n[1], z - h * n[2])
                settled = abs(observed - moved - slant) < 1e-7
                slant = observed - moved
                if abs(miss) < 1e-3 and settled:
                    break
                if k == 0 or abs(miss - step_miss) < 1e-6:
                    slope = slant * s_norm * math.sin(look) / math.sqrt(x * x + y * y + z * z)
                else:
                    slope = (miss - step_miss) / (look - step_look)
                step_look, step_miss = look, miss
                look -= miss / slope
            if col == 0:
                first_look = look
            t1, r1 = geo2rdr(canonical, x, y, z, t - start_s + canonical_start_s)
            out[LINE, row, col] = (t1 - canonical_start_s) / interval_s - line
            out[SAMPLE, row, col] = (r1 - observed) / spacing_m
            water = dry < LAKE_LEVEL_M
            # Incidence from the range's direction; the slope towards the radar from the sample before.
            dx, dy, dz = (s[0] - x) / slant, (s[1] - y) / slant, (s[2] - z) / slant
            cos_incidence = dx * n[0] + dy * n[1] + dz * n[2]
            incidence = math.acos(cos_incidence)
            tilt = 0.0
            if col > 0:
                ground = SAMPLE_STEP * spacing_m + (h - before_height) * cos_incidence
                tilt = math.atan((h - before_height) * before_sin / max(ground, 1.0))
            before_height, before_sin = h, math.sin(incidence)
            local = max(incidence - tilt, 0.12)
            amplitude = reflectivity(cache, n, seed, water)
            if not water:
                amplitude *= (
                    math.sqrt(math.sin(incidence) / math.sin(local)) * math.cos(local) / cos_incidence
                )
            share = _WATER_COHERENCE if water else coherence
            out[SHARED, row, col] = amplitude * math.sqrt(share)
            out[OWN, row, col] = math.sqrt(amplitude * amplitude * (1.0 - share) + _THERMAL * _THERMAL)


@njit(cache=True, nogil=True, error_model="numpy")
def _upsample_row(grid: Float, position: float, weights: Float, nodes: Float, out: Float) -> None:
    """One line of a grid at every sample: cubic between grid nodes, along and across.

    ``position`` is in rows of the grid, ``weights`` (`SAMPLE_STEP`, 4) the cubic's, ``nodes`` scratch.
    ``out`` starts at column `MARGIN_NODES` of the grid.
    """
    row = int(math.floor(position))
    f = position - row
    g = 1.0 - f
    w0, w1 = -0.5 * f * g * g, 1.0 + f * f * (1.5 * f - 2.5)
    w2, w3 = 1.0 + g * g * (1.5 * g - 2.5), -0.5 * g * f * f
    for col in range(grid.shape[1]):
        nodes[col] = (
            w0 * grid[row - 1, col] + w1 * grid[row, col] + w2 * grid[row + 1, col] + w3 * grid[row + 2, col]
        )
    for sample in range(out.shape[0]):
        col = sample // SAMPLE_STEP + MARGIN_NODES
        w = weights[sample % SAMPLE_STEP]
        out[sample] = (
            w[0] * nodes[col - 1] + w[1] * nodes[col] + w[2] * nodes[col + 1] + w[3] * nodes[col + 2]
        )


@njit(cache=True, nogil=True, error_model="numpy")
def _white(key: np.uint64, counter: int) -> complex:
    """White complex noise of unit power at a counter: a sum of two uniform numbers each, from one hash."""
    z = key + np.uint64(counter) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    low = np.int64(z & np.uint64(0xFFFF)) + np.int64((z >> np.uint64(16)) & np.uint64(0xFFFF)) - 65535
    high = np.int64((z >> np.uint64(32)) & np.uint64(0xFFFF)) + np.int64(z >> np.uint64(48)) - 65535
    # Each sum has variance 65536**2 / 6.
    scale = 0.8660254037844386 * 2.0 / 65536.0
    return complex(low * scale, high * scale)


@njit(cache=True, nogil=True, error_model="numpy")
def _scatter_row(
    line: int,
    grid: Float,
    line_shift: float,
    sample_shift: float,
    pad: int,
    shared_key: np.uint64,
    own_key: np.uint64,
    out: NDArray[np.complex64],
) -> None:
    """One canonical line of scatterers from sample ``-pad`` on, amplitudes bilinear in the date's grid."""
    rows, cols = grid.shape[1], grid.shape[2]
    y = min(max((line - line_shift) / LINE_STEP + MARGIN_NODES, 0.0), rows - 1.001)
    row = int(y)
    f = y - row
    for k in range(out.shape[0]):
        sample = k - pad
        x = min(max((sample - sample_shift) / SAMPLE_STEP + MARGIN_NODES, 0.0), cols - 1.001)
        col = int(x)
        g = x - col
        a, b, c, d = (1 - f) * (1 - g), (1 - f) * g, f * (1 - g), f * g
        shared = a * grid[2, row, col] + b * grid[2, row, col + 1]
        shared += c * grid[2, row + 1, col] + d * grid[2, row + 1, col + 1]
        own = a * grid[3, row, col] + b * grid[3, row, col + 1]
        own += c * grid[3, row + 1, col] + d * grid[3, row + 1, col + 1]
        counter = (line + 65536) * 65536 + sample + 8192
        out[k] = shared * _white(shared_key, counter) + own * _white(own_key, counter)


@njit(cache=True, nogil=True, error_model="numpy")
def _filter_row(
    scatterers: NDArray[np.complex64],
    shift: Float,
    pad: int,
    table: NDArray[np.float32],
    out: NDArray[np.complex64],
) -> None:
    """Interpolate a canonical line at the date's samples with the range impulse response."""
    for sample in range(out.shape[0]):
        position = sample + shift[sample] + pad
        whole = int(math.floor(position))
        w = table[int((position - whole) * FRACTIONS + 0.5)]
        first = whole - HALF_TAPS + 1
        re = np.float32(0.0)
        im = np.float32(0.0)
        for k in range(TAPS):
            value = scatterers[first + k]
            re += w[k] * value.real
            im += w[k] * value.imag
        out[sample] = complex(re, im)


@njit(cache=True, nogil=True, error_model="numpy")
def render(
    first_line: int,
    grid: Float,
    carrier: Float,
    carrier_before: int,
    interval_s: float,
    middle_line: int,
    spacing_m: float,
    wavelength_m: float,
    range_table: NDArray[np.float32],
    azimuth_table: NDArray[np.float32],
    cubic: Float,
    keys: NDArray[np.uint64],
    out: Pixels,
) -> None:
    """Fill ``out`` (lines, samples, 2) with a block of the image from ``first_line`` on, not yet windowed."""
    samples = out.shape[1]
    pad = carrier_before
    line_shift = grid[0, grid.shape[1] // 2, grid.shape[2] // 2]
    sample_shift = grid[1, grid.shape[1] // 2, grid.shape[2] // 2]
    nodes = np.empty(grid.shape[2])
    d_line = np.empty(samples)
    d_sample = np.empty(samples)
    scatterers = np.empty(samples + 2 * pad, dtype=np.complex64)
    ring = np.empty((_RING, samples), dtype=np.complex64)
    filled = first_line - 2**30
    turns = 2.0 * spacing_m / wavelength_m
    for i in range(out.shape[0]):
        line = first_line + i
        position = line / LINE_STEP + MARGIN_NODES
        _upsample_row(grid[0], position, cubic, nodes, d_line)
        last = line + int(math.floor(d_line.max())) + HALF_TAPS + 1
        first = max(filled + 1, line + int(math.floor(d_line.min())) - HALF_TAPS)
        for source in range(first, last + 1):
            _scatter_row(source, grid, line_shift, sample_shift, pad, keys[0], keys[1], scatterers)
            _upsample_row(grid[1], (source - line_shift) / LINE_STEP + MARGIN_NODES, cubic, nodes, d_sample)
            _filter_row(scatterers, d_sample, pad, range_table, ring[source % _RING])
        filled = max(filled, last)
        _upsample_row(grid[1], position, cubic, nodes, d_sample)
        for sample in range(samples):
            at = line + d_line[sample]
            whole = int(math.floor(at))
            w = azimuth_table[int((at - whole) * FRACTIONS + 0.5)]
            re = np.float32(0.0)
            im = np.float32(0.0)
            for k in range(TAPS):
                value = ring[(whole - HALF_TAPS + 1 + k) % _RING, sample]
                re += w[k] * value.real
                im += w[k] * value.imag
            x = sample + d_sample[sample] + carrier_before
            col = int(x)
            f = x - col
            phase = carrier_phase(
                carrier[0, col] + f * (carrier[0, col + 1] - carrier[0, col]),
                carrier[1, col] + f * (carrier[1, col + 1] - carrier[1, col]),
                carrier[2, col] + f * (carrier[2, col + 1] - carrier[2, col]),
                (at - middle_line) * interval_s,
            )
            # exp(-j 4 pi (r' - R1) / lambda), with r' - R1 = -d_sample * spacing.
            cycles = phase / (2.0 * math.pi) + turns * d_sample[sample]
            angle = np.float32((cycles - math.floor(cycles)) * 2.0 * math.pi)
            cos, sin = np.float32(_DN) * math.cos(angle), np.float32(_DN) * math.sin(angle)
            out[i, sample, 0] = np.int16(min(max(round(re * cos - im * sin), -32767), 32767))
            out[i, sample, 1] = np.int16(min(max(round(re * sin + im * cos), -32767), 32767))
