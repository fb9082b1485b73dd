"""Kernels that make the image of a burst or scene from one field of scatterers that all dates share.

Scatterers are white noise on the pixel grid of a canonical acquisition: a fictitious pass on the nominal
track. For each pixel of a date, the kernels find the ground point on the date's own orbit, and then the
position of that point in the canonical acquisition. There the noise is interpolated with the sensor's impulse
response, which limits its bandwidth, and multiplied by the canonical TOPS carrier and by the phase of the
path difference. Each date is made independently in this way; any two of them have the exact interferometric
phase.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isce2_recipe.sar.ellipsoid import ecef_to_geodetic
from isce2_recipe.sar.tops_carrier import carrier_phase
from isce2_recipe.sar.zero_doppler import State, geo2rdr, sphere_look_angle, state, zero_doppler_axes
from isce2_recipe.sources.simulated.ground import (
    Vector,
    cover,
    delay,
    displacement,
    dry_height,
    ionosphere,
    normal_vector,
    reflectivity,
)
from isce2_recipe.sources.simulated.world import Air, Landscape

Float = NDArray[np.float64]
Pixels = NDArray[np.int16]

# Geometry is solved on every 4th line and 16th sample (about 60 m on the ground) and interpolated cubically.
LINE_STEP, SAMPLE_STEP = 4, 16
# Nodes of the geometry grid before the burst's first line and sample, and after its last.
MARGIN_NODES = 6
# Half length of the impulse response in pixels, and number of fractions of a pixel in its table.
HALF_TAPS = 8
TAPS = 2 * HALF_TAPS
FRACTIONS = 256
_RING = 64

# Rows of a geometry grid: line and sample in the canonical acquisition minus those of the date, amplitude of
# the scatterers that all dates share, of those of this date alone and of those that are renewed one by one,
# the rate at which these are renewed, per day, and the samples by which the way of the carrier is shorter
# than that of the envelope.
LINE, SAMPLE, SHARED, OWN, RENEWED, RATE, ADVANCE = 0, 1, 2, 3, 4, 5, 6
GRID_ROWS = 7

_SOLVE_STEPS = 20
# A millimetre of height changes the path difference between two orbits by nanometres.
_HEIGHT_TOLERANCE_M = 1e-3

# Amplitude of thermal noise; land has an amplitude of one, so the signal-to-noise ratio is 20 dB.
_THERMAL = 0.1
_DN = 90.0


@njit(cache=True, nogil=True, error_model="numpy")
def _ground_point(
    s: State,
    axes: State,
    observed: float,
    look: float,
    lobes: Float,
    air: Air,
    land: Landscape,
    cache: Float,
) -> tuple[float, float, float, float, float, Vector, float]:
    """Return the ground point at an observed range: ECEF, height, dry height, normal and look angle.

    Uses secant steps in the look angle on the zero-Doppler circle, as `zero_doppler.solve_look_angle` does,
    and subtracts the displacement of the ground and the delay in the air from the range.
    """
    s_norm = math.sqrt(s[0] * s[0] + s[1] * s[1] + s[2] * s[2])
    slant = observed
    old_look, old_miss = 0.0, 0.0
    x, y, z, h, dry = 0.0, 0.0, 0.0, 0.0, 0.0
    n = (0.0, 0.0, 1.0)
    for k in range(_SOLVE_STEPS):
        c, q = slant * math.cos(look), slant * math.sin(look)
        x = s[0] + c * axes[0] + q * axes[3]
        y = s[1] + c * axes[1] + q * axes[4]
        z = s[2] + c * axes[2] + q * axes[5]
        lat, lon, h = ecef_to_geodetic(x, y, z)
        n = normal_vector(lat, lon)
        dry = dry_height(cache, n, land)
        miss = h - max(dry, land.water_level_m)
        moved = displacement(lobes, x - h * n[0], y - h * n[1], z - h * n[2]) + delay(cache, n, h, air)
        moved += ionosphere(cache, n, air)
        settled = abs(observed - moved - slant) < 1e-7
        slant = observed - moved
        if abs(miss) < _HEIGHT_TOLERANCE_M and settled:
            break
        if k == 0 or abs(miss - old_miss) < 1e-6:
            # d height / d look on a sphere.
            slope = slant * s_norm * math.sin(look) / math.sqrt(x * x + y * y + z * z)
        else:
            slope = (miss - old_miss) / (look - old_look)
        old_look, old_miss = look, miss
        look -= miss / slope
    return x, y, z, h, dry, n, look


@njit(cache=True, nogil=True, error_model="numpy")
def _brightness(incidence: float, rise: float, spacing_m: float) -> float:
    """Return the amplitude of sloping ground relative to level ground.

    ``rise`` is the height above the previous node of the geometry grid, which is nearer to the radar.
    """
    ground = SAMPLE_STEP * spacing_m + rise * math.cos(incidence)
    tilt = math.atan(rise * math.sin(incidence) / max(ground, 1.0))
    local = max(incidence - tilt, 0.12)
    return math.sqrt(math.sin(incidence) / math.sin(local)) * math.cos(local) / math.cos(incidence)


@njit(cache=True, nogil=True, error_model="numpy")
def solve_geometry(
    poly: Float, start_s: float, canonical: Float, canonical_start_s: float, interval_s: float,
    near_m: float, spacing_m: float, lobes: Float, air: Air, kinds: Float, land: Landscape, cache: Float,
    out: Float,
) -> None:  # fmt: skip
    """Fill a geometry grid ``out``, with a node every `LINE_STEP` lines and `SAMPLE_STEP` samples.

    Its shape is (GRID_ROWS, rows, cols), and `LINE` to `ADVANCE` name its first axis. ``poly`` and
    ``canonical`` are the orbits of the date and of the canonical acquisition; ``start_s`` and
    ``canonical_start_s`` are the times of the first line on them. ``kinds`` has the fields of `world.Cover`
    of each kind of land and, in the last row, of water.
    """
    first_look = 0.0
    for row in range(out.shape[1]):
        line = (row - MARGIN_NODES) * LINE_STEP
        t = start_s + line * interval_s
        s = state(poly, t)
        axes = zero_doppler_axes(s)
        look, step = first_look, 0.0
        nearer_h = 0.0
        for col in range(out.shape[2]):
            observed = near_m + (col - MARGIN_NODES) * SAMPLE_STEP * spacing_m
            if row == 0 and col == 0:
                look = sphere_look_angle(s, observed, 0.0)
            x, y, z, h, dry, n, found = _ground_point(s, axes, observed, look + step, lobes, air, land, cache)
            step = found - look if col > 0 else 0.0
            look = found
            if col == 0:
                first_look, nearer_h = found, h
            t1, r1 = geo2rdr(canonical, x, y, z, t - start_s + canonical_start_s)
            out[LINE, row, col] = (t1 - canonical_start_s) / interval_s - line
            out[SAMPLE, row, col] = (r1 - observed) / spacing_m
            # The ionosphere advances the phase as much as it delays the envelope.
            out[ADVANCE, row, col] = 2.0 * ionosphere(cache, n, air) / spacing_m
            up = ((s[0] - x) * n[0] + (s[1] - y) * n[1] + (s[2] - z) * n[2]) / observed
            water = dry < land.water_level_m
            kind = kinds.shape[0] - 1
            if not water:
                kind = cover(cache, n, land.seed) if kind > 1 else 0
            amplitude = reflectivity(cache, n, land.seed, water) * kinds[kind, 3]
            if not water:
                amplitude *= _brightness(math.acos(up), h - nearer_h, spacing_m)
            nearer_h = h
            share, lasting = kinds[kind, 0], kinds[kind, 1]
            out[SHARED, row, col] = amplitude * math.sqrt(share * lasting)
            out[RENEWED, row, col] = amplitude * math.sqrt(share * (1.0 - lasting))
            out[RATE, row, col] = kinds[kind, 2]
            out[OWN, row, col] = math.sqrt(amplitude * amplitude * (1.0 - share) + _THERMAL * _THERMAL)


@njit(cache=True, nogil=True, error_model="numpy")
def _upsample_row(grid: Float, position: float, weights: Float, nodes: Float, out: Float) -> None:
    """Interpolate one line of a grid at every sample, cubic in both directions.

    ``position`` is in rows of the grid, ``weights`` (`SAMPLE_STEP`, 4) are those of `burst.cubic_table`, and
    ``nodes`` is scratch space. ``out`` starts at column `MARGIN_NODES` of the grid.
    """
    row = math.floor(position)
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
def _mixed(z: np.uint64) -> np.uint64:
    """Return a hash in which every bit of the input changes every bit of the output."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True, error_model="numpy")
def _white(key: np.uint64, counter: int) -> complex:
    """Return white complex noise of unit power for a counter.

    One hash gives four uniform numbers; real and imaginary part are sums of two of them.
    """
    z = _mixed(key + np.uint64(counter) * np.uint64(0x9E3779B97F4A7C15))
    low = np.int64(z & np.uint64(0xFFFF)) + np.int64((z >> np.uint64(16)) & np.uint64(0xFFFF)) - 65535
    high = np.int64((z >> np.uint64(32)) & np.uint64(0xFFFF)) + np.int64(z >> np.uint64(48)) - 65535
    # Each sum has variance 65536**2 / 6.
    scale = 0.8660254037844386 * 2.0 / 65536.0
    return complex(low * scale, high * scale)


@njit(cache=True, nogil=True, error_model="numpy")
def _renewals(key: np.uint64, counter: int, age: float) -> int:
    """Return how often a scatterer was renewed until an age in units of the mean time that it lasts.

    It is renewed at regular times. Their interval is the sum of two exponential times, different for every
    scatterer, so that the share of those that are not renewed between two dates decays exponentially.
    """
    z = _mixed(key + np.uint64(counter) * np.uint64(0x9E3779B97F4A7C15))
    u1 = (float(np.int64(z & np.uint64(0x1FFFFF))) + 0.5) / 2097152.0
    u2 = (float(np.int64((z >> np.uint64(21)) & np.uint64(0x1FFFFF))) + 0.5) / 2097152.0
    u3 = float(np.int64(z >> np.uint64(42))) / 4194304.0
    return math.floor(age / -math.log(u1 * u2) + u3)


@njit(cache=True, nogil=True, error_model="numpy")
def _scatter_row(
    line: int, grid: Float, line_shift: float, sample_shift: float, pad: int, keys: NDArray[np.uint64],
    days: float, renewing: bool, out: NDArray[np.complex64],
) -> None:  # fmt: skip
    """Fill ``out`` with one canonical line of scatterers, from sample ``-pad`` on.

    Amplitudes are interpolated bilinearly in the date's geometry grid; the rate is the nearest node's.
    """
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
        shared = a * grid[SHARED, row, col] + b * grid[SHARED, row, col + 1]
        shared += c * grid[SHARED, row + 1, col] + d * grid[SHARED, row + 1, col + 1]
        own = a * grid[OWN, row, col] + b * grid[OWN, row, col + 1]
        own += c * grid[OWN, row + 1, col] + d * grid[OWN, row + 1, col + 1]
        counter = (line + 65536) * 65536 + sample + 8192
        value = shared * _white(keys[0], counter) + own * _white(keys[1], counter)
        if renewing:
            renewed = a * grid[RENEWED, row, col] + b * grid[RENEWED, row, col + 1]
            renewed += c * grid[RENEWED, row + 1, col] + d * grid[RENEWED, row + 1, col + 1]
            age = days * grid[RATE, row + int(f + 0.5), col + int(g + 0.5)]
            count = np.uint64(_renewals(keys[2], counter, age))
            value += renewed * _white(keys[2] ^ _mixed(count + np.uint64(1)), counter)
        out[k] = value


@njit(cache=True, nogil=True, error_model="numpy")
def _filter_row(
    scatterers: NDArray[np.complex64],
    shift: Float,
    pad: int,
    table: NDArray[np.float32],
    out: NDArray[np.complex64],
) -> None:
    """Interpolate a canonical line at the date's samples with the impulse response in range."""
    for sample in range(out.shape[0]):
        position = sample + shift[sample] + pad
        whole = math.floor(position)
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
def _quantised(value: Any) -> int:
    """Return the nearest 16-bit integer."""
    whole: int = math.floor(min(max(value, -32767.0), 32767.0) + 0.5)
    return whole


@njit(cache=True, nogil=True, error_model="numpy")
def _focus_row(
    line: int, d_line: Float, d_sample: Float, advance: Float, ring: NDArray[np.complex64],
    table: NDArray[np.float32], carrier: Float, pad: int, interval_s: float, middle_line: int,
    turns: float, out: Pixels,
) -> None:  # fmt: skip
    """Make one line of the image: apply the azimuth impulse response, the carrier and the path difference.

    ``turns`` is the number of phase cycles per sample of range difference, ``advance`` the samples by which
    the ionosphere shortens the way of the phase; ``out`` has shape (samples, 2).
    """
    for sample in range(out.shape[0]):
        at = line + d_line[sample]
        whole = math.floor(at)
        w = table[int((at - whole) * FRACTIONS + 0.5)]
        re = np.float32(0.0)
        im = np.float32(0.0)
        for k in range(TAPS):
            value = ring[(whole - HALF_TAPS + 1 + k) % _RING, sample]
            re += w[k] * value.real
            im += w[k] * value.imag
        x = sample + d_sample[sample] + pad
        col = int(x)
        f = x - col
        phase = carrier_phase(
            carrier[0, col] + f * (carrier[0, col + 1] - carrier[0, col]),
            carrier[1, col] + f * (carrier[1, col + 1] - carrier[1, col]),
            carrier[2, col] + f * (carrier[2, col + 1] - carrier[2, col]),
            (at - middle_line) * interval_s,
        )
        # exp(-j 4 pi (r' - R1) / lambda), with r' - R1 = -d_sample * spacing.
        cycles = phase / (2.0 * math.pi) + turns * (d_sample[sample] + advance[sample])
        angle = np.float32((cycles - math.floor(cycles)) * 2.0 * math.pi)
        cos, sin = np.float32(_DN) * math.cos(angle), np.float32(_DN) * math.sin(angle)
        out[sample, 0] = _quantised(re * cos - im * sin)
        out[sample, 1] = _quantised(re * sin + im * cos)


@njit(cache=True, nogil=True, error_model="numpy")
def render(
    first_line: int, grid: Float, carrier: Float, pad: int, interval_s: float, middle_line: int,
    spacing_m: float, wavelength_m: float, range_table: NDArray[np.float32],
    azimuth_table: NDArray[np.float32], cubic: Float, keys: NDArray[np.uint64], days: float, out: Pixels,
) -> None:  # fmt: skip
    """Fill ``out`` (lines, samples, 2) with the image from ``first_line`` on, invalid edges included.

    Parameters
    ----------
    grid : ndarray
        From `solve_geometry`.
    carrier, pad
        Carrier table with ``pad`` more samples on either side, where there are scatterers too.
    range_table, azimuth_table : ndarray, shape (FRACTIONS + 1, TAPS)
        Impulse responses.
    cubic : ndarray, shape (SAMPLE_STEP, 4)
        Weights for interpolating ``grid``.
    keys : ndarray of uint64
        Noise keys of the shared scatterers, of those of this date, and of those that are renewed.
    days : float
        Time of the date in days, from which the renewals follow.
    """
    samples = out.shape[1]
    line_shift = grid[LINE, grid.shape[1] // 2, grid.shape[2] // 2]
    sample_shift = grid[SAMPLE, grid.shape[1] // 2, grid.shape[2] // 2]
    renewing = bool(grid[RENEWED].max() > 0.0)
    dispersive = bool(grid[ADVANCE].max() != 0.0)
    nodes = np.empty(grid.shape[2])
    d_line = np.empty(samples)
    d_sample = np.empty(samples)
    advance = np.zeros(samples)
    scatterers = np.empty(samples + 2 * pad, dtype=np.complex64)
    # Canonical lines filtered in range; line n is stored at n modulo _RING, as long as the azimuth response
    # needs it.
    ring = np.empty((_RING, samples), dtype=np.complex64)
    filled = first_line - 2**30
    for i in range(out.shape[0]):
        line = first_line + i
        position = line / LINE_STEP + MARGIN_NODES
        _upsample_row(grid[LINE], position, cubic, nodes, d_line)
        last = line + math.floor(d_line.max()) + HALF_TAPS + 1
        first = max(filled + 1, line + math.floor(d_line.min()) - HALF_TAPS)
        for source in range(first, last + 1):
            _scatter_row(source, grid, line_shift, sample_shift, pad, keys, days, renewing, scatterers)
            _upsample_row(
                grid[SAMPLE], (source - line_shift) / LINE_STEP + MARGIN_NODES, cubic, nodes, d_sample
            )
            _filter_row(scatterers, d_sample, pad, range_table, ring[source % _RING])
        filled = max(filled, last)
        _upsample_row(grid[SAMPLE], position, cubic, nodes, d_sample)
        if dispersive:
            _upsample_row(grid[ADVANCE], position, cubic, nodes, advance)
        _focus_row(
            line, d_line, d_sample, advance, ring, azimuth_table, carrier, pad, interval_s, middle_line,
            2.0 * spacing_m / wavelength_m, out[i],
        )  # fmt: skip
