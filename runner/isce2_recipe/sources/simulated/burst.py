"""The image of one burst on one date, from its geometry to its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.sar.annotation import BurstGeometry
from isce2_recipe.sar.orbit import Orbit
from isce2_recipe.sar.tops_carrier import carrier_table
from isce2_recipe.sources.base import Progress
from isce2_recipe.sources.simulated import echo, ground
from isce2_recipe.sources.simulated.acquisition import Slice, start_anx_s
from isce2_recipe.sources.simulated.motion import days_of, lobes, pass_polynomial
from isce2_recipe.sources.simulated.noise import hash_integer
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.sources.simulated.orbits import Sentinel1Pass
from isce2_recipe.sources.simulated.swaths import AZIMUTH_INTERVAL_S, IwSwath

Float = NDArray[np.float64]
Pixels = NDArray[np.int16]

# Canonical samples on either side of the burst: more than the largest range shift between two orbits.
_PAD = 160
_BLOCK_LINES = 128


@dataclass(frozen=True, slots=True)
class BurstImage:
    """A burst to be simulated."""

    slc: Slice  # SLC that contains the burst
    number: int  # relative burst number
    swath: IwSwath  # swath of the burst, cropped as the options ask
    polarization: str  # VV, VH, HH or HV
    # The burst's metadata as read from the annotation; the image follows them to the last digit.
    annotation: BurstGeometry
    options: SimulationOptions  # settings of the simulation

    @property
    def canonical(self) -> Sentinel1Pass:
        """The pass on the nominal track in whose pixel grid the scatterers lie."""
        flight = self.slc.flight
        return Sentinel1Pass("S1A", 1, flight.relative_orbit, flight.node)

    def geometry(self) -> Float:
        """Return where the date's pixels lie in the canonical acquisition; see `echo.solve_geometry`."""
        flight, span = self.slc.flight, self.swath.lines * AZIMUTH_INTERVAL_S
        # Use the time in the annotation, which is rounded to microseconds.
        start = (self.annotation.start - flight.node).total_seconds() + flight.clock_error_s
        canonical_start = start_anx_s(self.canonical, self.number, self.swath)
        rows = -(-self.swath.lines // echo.LINE_STEP) + 2 * echo.MARGIN_NODES
        cols = -(-self.swath.samples // echo.SAMPLE_STEP) + 2 * echo.MARGIN_NODES
        grid = np.empty((echo.GRID_ROWS, rows, cols))
        echo.solve_geometry(
            pass_polynomial(flight, start - 1.0, start + span + 1.0), start,
            pass_polynomial(self.canonical, canonical_start - 1.0, canonical_start + span + 1.0),
            canonical_start, AZIMUTH_INTERVAL_S, self.annotation.near_range_m - flight.range_delay_m,
            self.annotation.range_spacing_m, lobes(flight, [self.number], self.options),
            self.options.air(*flight.key), self.options.kinds(), self.options.terrain, ground.new_cache(),
            grid,
        )  # fmt: skip
        grid[echo.SAMPLE] -= flight.range_delay_m / self.annotation.range_spacing_m
        return grid

    def carrier(self) -> Float:
        """Return the TOPS carrier of the canonical acquisition."""
        start = start_anx_s(self.canonical, self.number, self.swath)
        times = np.arange(start - 60.0, start + 64.0, 10.0)
        flight = self.slc.flight
        # The annotation's times count from the node of the date's own pass.
        offset = (self.annotation.start - flight.node).total_seconds() - start
        position, velocity = self.canonical.states(times)
        orbit = Orbit(flight.node, times + offset, position, velocity)
        return carrier_table(self.annotation, orbit, _PAD, _PAD)

    def keys(self) -> NDArray[np.uint64]:
        """Return the noise keys of the scatterers of all dates, of this date, and of those that change."""
        ground_key = (self.options.seed, self.number, self.swath.number, self.polarization)
        words = (("ground",), ("date", *self.slc.flight.key), ("renewed",))
        keys = [hash_integer(word, *ground_key, *date, bits=64) for word, *date in words]
        return np.array(keys, dtype=np.uint64)

    def blocks(self, progress: Progress) -> Iterator[Pixels]:
        """Yield the image in blocks of lines, shape (n, samples, 2), zero outside the valid window."""
        grid, carrier, keys = self.geometry(), self.carrier(), self.keys()
        range_table = response_table(self.swath.range_bandwidth_hz / self.annotation.range_sampling_hz)
        azimuth_table = response_table(self.swath.azimuth_bandwidth_hz * AZIMUTH_INTERVAL_S)
        for first in range(0, self.swath.lines, _BLOCK_LINES):
            progress(first / self.swath.lines, f"line {first} of {self.swath.lines}")
            count = min(_BLOCK_LINES, self.swath.lines - first)
            block = np.empty((count, self.swath.samples, 2), dtype=np.int16)
            echo.render(
                first, grid, carrier, _PAD, AZIMUTH_INTERVAL_S, self.swath.lines // 2,
                self.annotation.range_spacing_m, self.annotation.wavelength_m, range_table, azimuth_table,
                cubic_table(), keys, days_of(self.slc.flight.node), block,
            )  # fmt: skip
            self._blank(block, first)
            yield block

    def _blank(self, block: Pixels, first: int) -> None:
        """Set the pixels outside the valid window to zero."""
        swath = self.swath
        block[:, : swath.first_sample] = 0
        block[:, swath.last_sample + 1 :] = 0
        block[: max(swath.first_line - first, 0)] = 0
        block[max(swath.last_line + 1 - first, 0) :] = 0


def response_table(band: float) -> NDArray[np.float32]:
    """Return the impulse response of a Hamming-weighted (0.75) band at fractions of a pixel.

    ``band`` is the bandwidth divided by the sampling frequency. The rows, shape (FRACTIONS + 1, TAPS), have
    unit energy; row ``f`` is for a point ``f / FRACTIONS`` after tap ``HALF_TAPS - 1``.
    """
    fraction = np.arange(echo.FRACTIONS + 1)[:, None] / echo.FRACTIONS
    x = fraction - (np.arange(echo.TAPS)[None, :] - echo.HALF_TAPS + 1)
    u = band * x
    response = 0.75 * np.sinc(u) + 0.125 * (np.sinc(u - 1.0) + np.sinc(u + 1.0))
    # A smooth taper keeps the energy in the band although the response is cut off.
    response *= np.cos(0.5 * np.pi * np.clip(x / (echo.HALF_TAPS + 0.5), -1.0, 1.0)) ** 2
    response /= np.sqrt((response**2).sum(axis=1, keepdims=True))
    return response.astype(np.float32)


def cubic_table() -> Float:
    """Return weights of cubic interpolation in the geometry grid, for every sample between two nodes."""
    f = np.arange(echo.SAMPLE_STEP) / echo.SAMPLE_STEP
    g = 1.0 - f
    return np.stack(
        [
            -0.5 * f * g * g,
            1.0 + f * f * (1.5 * f - 2.5),
            1.0 + g * g * (1.5 * g - 2.5),
            -0.5 * g * f * f,
        ],
        axis=1,
    )
