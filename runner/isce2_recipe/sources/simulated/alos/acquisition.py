"""The acquisition of a scene: its pulses, slant ranges and position, and the motion of the ground there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import UsageError
from isce2_recipe.sources.simulated.alos import palsar
from isce2_recipe.sources.simulated.alos.passes import AlosPass, find_pass, middle_s
from isce2_recipe.sources.simulated.motion import rows
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.types import AlosName, Bounds

Float = NDArray[np.float64]

# Frames of the descending half of the orbit.
_DESCENDING_FRAMES = range(1800, 5400)

_EARTH_RADIUS_M = 6.371e6

# A part of a real scene, which has about 19000 pulses of 10304 samples; stripmapApp can process it.
LINES, SAMPLES = 12288, 3900
# Pulses before and after a scene whose targets still have echoes in it, up to a Doppler frequency of 880 Hz.
APERTURE_LINES = 3800
LEAST_LINES, LEAST_SAMPLES = 256, palsar.PULSE_SAMPLES + 256
MOST_LINES, MOST_SAMPLES = 20480, 10304


@dataclass(frozen=True)
class Acquisition:
    """The acquisition of a scene."""

    name: AlosName
    flight: AlosPass  # pass on which the scene was acquired
    # Number of pulses, and of complex samples of each. The first ``samples - PULSE_SAMPLES`` range bins have
    # complete echoes.
    lines: int
    samples: int

    @property
    def margin_lines(self) -> int:
        """Number of lines before the first pulse and after the last whose ground is simulated too.

        This is a whole aperture, or half of the scene if the scene is small.
        """
        from scipy.fft import next_fast_len

        margin = min(APERTURE_LINES, self.lines // 2)
        return (int(next_fast_len(self.lines + 2 * margin)) - self.lines) // 2

    @cached_property
    def nominal_start_s(self) -> float:
        """Time of the first pulse on the nominal track, seconds since the node; the same for all passes."""
        return self.middle_s - 0.5 * self.lines / palsar.PRF_HZ

    @cached_property
    def start(self) -> datetime:
        """Time of the first pulse, UTC, in whole milliseconds as in the file's records."""
        wanted = self.flight.node + timedelta(seconds=self.nominal_start_s + self.flight.late_s)
        return wanted.replace(microsecond=wanted.microsecond // 1000 * 1000)

    @cached_property
    def start_s(self) -> float:
        """Time of the first pulse, seconds since the node."""
        return (self.start - self.flight.node) / timedelta(seconds=1)

    @cached_property
    def stop(self) -> datetime:
        """Time of the last pulse, UTC."""
        return self.start + timedelta(seconds=(self.lines - 1) / palsar.PRF_HZ)

    @property
    def middle_s(self) -> float:
        """Time of the frame's middle, seconds since the node."""
        return middle_s(self.name.frame)

    @cached_property
    def poly(self) -> Float:
        """Orbit for the kernels of `zero_doppler`; times are seconds since the node."""
        return self._polynomial(self.flight)

    @cached_property
    def nominal_poly(self) -> Float:
        """Nominal track for the kernels of `zero_doppler`."""
        return self._polynomial(self.flight.nominal)

    def _polynomial(self, flight: AlosPass) -> Float:
        margin = self.margin_lines / palsar.PRF_HZ + 1.0
        start, stop = (
            self.nominal_start_s - margin,
            self.nominal_start_s + self.lines / palsar.PRF_HZ + margin,
        )
        return flight.orbit_around(start, stop).polynomial(start, stop)

    @cached_property
    def near_range_m(self) -> float:
        """Slant range of the first sample in whole metres; the same for all passes."""
        bins = self.samples - palsar.PULSE_SAMPLES
        return float(round(self.middle_range_m - 0.5 * bins * palsar.RANGE_SPACING_M))

    @cached_property
    def middle_range_m(self) -> float:
        """Slant range from the nominal track to the ellipsoid at the off-nadir angle."""
        from isce2_recipe.sar.ellipsoid import WGS84_A_M, WGS84_B_M
        from isce2_recipe.sar.zero_doppler import zero_doppler_axes

        position, velocity = self.flight.nominal.states(self.middle_s)
        axes = np.array(zero_doppler_axes((*position[0], *velocity[0]))).reshape(2, 3)
        sight = math.cos(palsar.OFF_NADIR_RAD) * axes[0] + math.sin(palsar.OFF_NADIR_RAD) * axes[1]
        # The nearer root of |position + range * sight| = 1 in units of the ellipsoid's axes.
        unit = np.array([WGS84_A_M, WGS84_A_M, WGS84_B_M])
        p, d = position[0] / unit, sight / unit
        a, b, c = d @ d, p @ d, p @ p - 1.0
        return float((-b - math.sqrt(b * b - a * c)) / a)

    @cached_property
    def centre(self) -> tuple[float, float]:
        """Latitude and longitude of the middle, degrees; the same for all passes."""
        return _place(self.nominal_poly, self.middle_s, self.middle_range_m)

    @cached_property
    def footprint(self) -> tuple[tuple[float, float], ...]:
        """Closed (longitude, latitude) polygon: near and far at the first pulse, far and near at the last."""
        first, last = self.start_s, self.start_s + (self.lines - 1) / palsar.PRF_HZ
        near = self.near_range_m
        far = near + (self.samples - palsar.PULSE_SAMPLES - 1) * palsar.RANGE_SPACING_M
        corners = [
            _place(self.poly, time, slant)[::-1]
            for time, slant in ((first, near), (first, far), (last, far), (last, near))
        ]
        return (*corners, corners[0])

    @cached_property
    def nadir(self) -> tuple[float, float]:
        """Latitude and longitude of the point below the satellite at the middle time, degrees."""
        from isce2_recipe.sar.ellipsoid import ecef_to_geodetic

        position, _ = self.flight.states(self.middle_s)
        lat, lon, _ = ecef_to_geodetic(*position[0])
        return math.degrees(lat), math.degrees(lon)

    @cached_property
    def heading_deg(self) -> float:
        """Direction of the ground track at the middle, degrees clockwise from north, -180 to 180."""
        _, velocity = self.flight.states(self.middle_s)
        lat, lon = (math.radians(value) for value in self.nadir)
        east = np.array([-math.sin(lon), math.cos(lon), 0.0])
        north = np.array([-math.sin(lat) * math.cos(lon), -math.sin(lat) * math.sin(lon), math.cos(lat)])
        return math.degrees(math.atan2(float(velocity[0] @ east), float(velocity[0] @ north)))

    @cached_property
    def incidence_rad(self) -> float:
        """Incidence angle at the centre, relative to the ellipsoid's normal."""
        from isce2_recipe.sar.ellipsoid import geodetic_to_ecef

        lat, lon = (math.radians(value) for value in self.centre)
        position, _ = self.flight.nominal.states(self.middle_s)
        view = position[0] - np.array(geodetic_to_ecef(lat, lon, 0.0))
        normal = np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])
        return math.acos(float(view @ normal) / float(np.linalg.norm(view)))

    @cached_property
    def ground_speed_m_s(self) -> float:
        """Speed of the point below the satellite."""
        position, velocity = self.flight.states(self.middle_s)
        return float(np.linalg.norm(velocity) * _EARTH_RADIUS_M / np.linalg.norm(position))

    @property
    def length_km(self) -> float:
        """Length of the scene on the ground."""
        return self.lines / palsar.PRF_HZ * self.ground_speed_m_s / 1000.0

    @property
    def bounds(self) -> Bounds:
        """Box around the footprint, degrees."""
        return Bounds.around(self.footprint)

    @property
    def ascending(self) -> bool:
        """Whether the satellite flew north."""
        return self.name.frame not in _DESCENDING_FRAMES


def _place(poly: Float, time_s: float, slant_range_m: float) -> tuple[float, float]:
    """Return latitude and longitude, in degrees, of a point on the ellipsoid."""
    from isce2_recipe.sar.zero_doppler import rdr2geo

    sea = np.zeros((1, 1), dtype=np.float32)
    lat, lon, _ = rdr2geo(poly, time_s, slant_range_m, sea, 0.0, 0.0, -1.0, 1.0)
    return math.degrees(lat), math.degrees(lon)


def acquire(name: AlosName, lines: int | None, samples: int | None) -> Acquisition:
    """Return the acquisition of a scene: a number of pulses and samples around the frame's middle.

    Raise ParameterError if no such scene can exist, and UsageError if the size is out of range.
    """
    size = (lines or LINES, samples or SAMPLES)
    for key, value, least, most in (
        ("lines", size[0], LEAST_LINES, MOST_LINES),
        ("samples", size[1], LEAST_SAMPLES, MOST_SAMPLES),
    ):
        if not least <= value <= most:
            raise UsageError(
                f"simulated: ALOS scenes need {least} to {most} {key}, instead got {key}={value}",
                hint=f"the pulse has {palsar.PULSE_SAMPLES} samples, and stripmapApp needs about 9000 lines",
            )
    return Acquisition(name, find_pass(name), *size)


def lobes(scene: Acquisition, options: SimulationOptions) -> Float:
    """Return the motion of the ground on the date of a scene, shape (n, 8), for `ground.displacement`."""
    from isce2_recipe.sar.ellipsoid import geodetic_to_ecef

    lat, lon = scene.centre
    centre = np.array(geodetic_to_ecef(math.radians(lat), math.radians(lon), 0.0))
    position, velocity = scene.flight.nominal.states(scene.middle_s)
    up = centre / np.linalg.norm(centre)
    right = _level(centre - position[0], up)
    ahead = _level(velocity[0], up)
    return np.array(rows(centre, right, ahead, scene.flight.node, options)).reshape(-1, 8)


def _level(vector: Float, up: Float) -> Float:
    """Return the unit vector along the horizontal part of a vector."""
    flat = vector - (vector @ up) * up
    unit: Float = flat / np.linalg.norm(flat)
    return unit
