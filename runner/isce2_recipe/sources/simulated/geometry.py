"""Geometry in the annotation of a swath: grid points on the ground, FM rate, Doppler centroid, angles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S
from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
from isce2_recipe.sar.zero_doppler import rdr2geo, state
from isce2_recipe.sources.simulated import ground
from isce2_recipe.sources.simulated.acquisition import Slice
from isce2_recipe.sources.simulated.motion import pass_polynomial
from isce2_recipe.sources.simulated.noise import hash_uniform
from isce2_recipe.sources.simulated.orbits import Sentinel1Pass
from isce2_recipe.sources.simulated.swaths import (
    AZIMUTH_INTERVAL_S,
    RANGE_SAMPLING_HZ,
    WAVELENGTH_M,
    IwSwath,
)
from isce2_recipe.sources.simulated.world import Landscape

Float = NDArray[np.float64]

# Number of points of the geolocation grid across a swath, as in ESA's products.
_GRID_COLUMNS = 21
_PATTERN_POINTS = 60


@dataclass(frozen=True, slots=True)
class GridPoint:
    """A point of the geolocation grid: radar coordinates, latitude, longitude (degrees), height (metres)."""

    seconds: float
    line: int
    pixel: int
    latitude: float
    longitude: float
    height_m: float
    incidence_deg: float
    elevation_deg: float


@dataclass(frozen=True, slots=True)
class BurstPolynomials:
    """FM rate (Hz/s) and Doppler centroid (Hz) of a burst, in powers of ``tau - t0_s``."""

    t0_s: float
    fm_rate: tuple[float, ...]
    doppler: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AntennaAngles:
    """Elevation and incidence angles across a swath, for the antenna pattern."""

    slant_range_time_s: Float
    elevation_deg: Float
    incidence_deg: Float


@dataclass(frozen=True, slots=True)
class SwathGeometry:
    """Geometry of one swath of an SLC, as its annotation reports it."""

    direction: str
    heading_deg: float
    incidence_deg: float
    ground_speed_m_s: float
    mean_height_m: float
    grid: tuple[GridPoint, ...]
    bursts: tuple[BurstPolynomials, ...]
    pattern: AntennaAngles


def swath_geometry(slc: Slice, swath: IwSwath, terrain: Landscape) -> SwathGeometry:
    """Return the geometry of one swath of an SLC over the simulated ground."""
    starts = [(slc.start(burst, swath) - slc.flight.node).total_seconds() for burst in slc.bursts]
    stop = starts[-1] + (swath.lines - 1) * AZIMUTH_INTERVAL_S
    poly = pass_polynomial(slc.flight, starts[0], stop)
    locator = Locator(poly, swath, terrain)
    rows = [(start, k * swath.lines) for k, start in enumerate(starts)]
    rows.append((stop, len(starts) * swath.lines - 1))
    pixels = np.linspace(0, swath.samples - 1, _GRID_COLUMNS).astype(int).tolist()
    grid = tuple(locator.point(anx, anx - starts[0], line, pixel) for anx, line in rows for pixel in pixels)
    middle = 0.5 * (starts[0] + stop)
    position, velocity = slc.flight.states(middle)
    centre = locator.point(middle, 0.0, 0, swath.samples // 2)
    heading = heading_deg(position[0], velocity[0])
    track = slc.flight.relative_orbit
    return SwathGeometry(
        direction=direction(heading),
        heading_deg=heading,
        incidence_deg=centre.incidence_deg,
        ground_speed_m_s=float(
            np.linalg.norm(velocity[0]) * ground.EARTH_RADIUS_M / np.linalg.norm(position[0])
        ),
        mean_height_m=float(np.mean([point.height_m for point in grid])),
        grid=grid,
        bursts=tuple(
            _burst_polynomials(track, burst, swath, start)
            for burst, start in zip(slc.bursts, starts, strict=True)
        ),
        pattern=_pattern(locator, middle, swath),
    )


def heading_deg(position: Float, velocity: Float) -> float:
    """Return the direction of flight over the ground, degrees clockwise from north, -180 to 180."""
    up = position / np.linalg.norm(position)
    east = np.array([-up[1], up[0], 0.0]) / math.hypot(up[0], up[1])
    north = np.cross(up, east)
    return math.degrees(math.atan2(float(velocity @ east), float(velocity @ north)))


class Locator:
    """Finds the ground point at a time and a slant range of a pass."""

    def __init__(self, poly: Float, swath: IwSwath, terrain: Landscape) -> None:
        self._poly = poly
        self._swath = swath
        self._terrain = terrain
        self._cache = ground.new_cache()

    def place(self, anx_s: float, pixel: float) -> tuple[float, float, float]:
        """Return latitude, longitude (radians) and height (m) of the terrain at a pixel."""
        time = self._swath.slant_range_time_s + pixel / RANGE_SAMPLING_HZ
        surface = np.full((1, 1), 400.0, dtype=np.float32)
        lat = lon = 0.0
        for _ in range(4):
            lat, lon, _ = rdr2geo(
                self._poly, anx_s, time * SPEED_OF_LIGHT_M_S / 2.0, surface, 0.0, 0.0, -1.0, 1.0
            )
            surface[0, 0] = ground.height(self._cache, ground.normal_vector(lat, lon), self._terrain)
        return lat, lon, float(surface[0, 0])

    def point(self, anx_s: float, seconds: float, line: int, pixel: int) -> GridPoint:
        """Return the grid point at a pixel; ``seconds`` and ``line`` are copied into it."""
        lat, lon, height = self.place(anx_s, pixel)
        incidence, elevation = self.angles(anx_s, lat, lon, height)
        return GridPoint(
            seconds, line, pixel, math.degrees(lat), math.degrees(lon), height, incidence, elevation
        )

    def angles(self, anx_s: float, lat: float, lon: float, height: float) -> tuple[float, float]:
        """Return the incidence angle at a point and the elevation (look) angle at the satellite, degrees."""
        satellite = np.array(state(self._poly, anx_s)[:3])
        view = satellite - np.array(geodetic_to_ecef(lat, lon, height))
        view /= np.linalg.norm(view)
        normal = np.array(ground.normal_vector(lat, lon))
        nadir = satellite / np.linalg.norm(satellite)
        return math.degrees(math.acos(view @ normal)), math.degrees(math.acos(view @ nadir))


def _burst_polynomials(track: int, burst: int, swath: IwSwath, start_anx_s: float) -> BurstPolynomials:
    """Return the polynomials of a burst from the nominal track, so that they are the same on every date."""
    t0 = swath.slant_range_time_s
    nominal = Sentinel1Pass("S1A", 1, track, datetime(2020, 1, 1))
    # Rounding to a tenth of a second removes the offset of a few milliseconds that differs between dates.
    middle = round(start_anx_s, 1) + swath.lines / 2 * AZIMUTH_INTERVAL_S
    poly = pass_polynomial(nominal, middle - 3.0, middle + 3.0)
    position, velocity = (values[0] for values in nominal.states(middle))
    acceleration = (nominal.states(middle + 0.5)[1] - nominal.states(middle - 0.5)[1])[0]
    surface = np.full((1, 1), 500.0, dtype=np.float32)
    tau = t0 + np.linspace(0.0, swath.samples - 1, 9) / RANGE_SAMPLING_HZ
    rates = []
    for time in tau:
        slant = float(time) * SPEED_OF_LIGHT_M_S / 2.0
        place = np.array(geodetic_to_ecef(*rdr2geo(poly, middle, slant, surface, 0.0, 0.0, -1.0, 1.0)))
        rates.append(-2.0 / WAVELENGTH_M * (velocity @ velocity + (position - place) @ acceleration) / slant)
    scale = tau[-1] - t0
    fitted = np.polynomial.polynomial.polyfit((tau - t0) / scale, rates, 2) / scale ** np.arange(3)
    draws = [2.0 * hash_uniform("doppler", burst, swath.number, k) - 1.0 for k in range(3)]
    doppler = (15.0 * draws[0], 2e4 * draws[1], 2e7 * draws[2])
    return BurstPolynomials(t0, tuple(fitted.tolist()), tuple(float(f"{value:.6e}") for value in doppler))


def _pattern(locator: Locator, anx_s: float, swath: IwSwath) -> AntennaAngles:
    pixels = np.linspace(0, swath.samples - 1, _PATTERN_POINTS)
    angles = np.array([locator.angles(anx_s, *locator.place(anx_s, float(pixel))) for pixel in pixels])
    return AntennaAngles(swath.slant_range_time_s + pixels / RANGE_SAMPLING_HZ, angles[:, 1], angles[:, 0])


def burst_footprint(
    slc: Slice, burst: int, swath: IwSwath, terrain: Landscape
) -> tuple[tuple[float, float], ...]:
    """Return a closed polygon (longitude, latitude; degrees) around a burst's valid samples."""
    start = (slc.start(burst, swath) - slc.flight.node).total_seconds()
    stop = start + (swath.lines - 1) * AZIMUTH_INTERVAL_S
    locator = Locator(pass_polynomial(slc.flight, start, stop), swath, terrain)
    top = start + swath.first_line * AZIMUTH_INTERVAL_S
    bottom = start + swath.last_line * AZIMUTH_INTERVAL_S
    across = np.linspace(swath.first_sample, swath.last_sample, 5).tolist()
    ring = [(top, pixel) for pixel in across] + [(bottom, pixel) for pixel in across[::-1]]
    corners = [locator.place(anx, pixel)[:2] for anx, pixel in [*ring, ring[0]]]
    return tuple((math.degrees(lon), math.degrees(lat)) for lat, lon in corners)


def slice_footprint(grids: list[tuple[GridPoint, ...]]) -> list[tuple[float, float]]:
    """Return the corners (latitude, longitude; degrees) of an SLC in the order of ESA's manifest."""
    near, far = grids[0], grids[-1]
    columns = _GRID_COLUMNS
    corners = [near[0], far[columns - 1], far[-1], near[-columns]]
    return [(corner.latitude, corner.longitude) for corner in corners]


def flight_direction(slc: Slice, burst: int, swath: IwSwath) -> str:
    """Return ``ASCENDING`` or ``DESCENDING``, the flight direction at a burst's middle."""
    since = (slc.start(burst, swath) - slc.flight.node).total_seconds()
    position, velocity = slc.flight.states(since + swath.lines / 2 * AZIMUTH_INTERVAL_S)
    return direction(heading_deg(position[0], velocity[0]))


def direction(heading: float) -> str:
    """Return ``ASCENDING`` or ``DESCENDING`` for a heading in degrees."""
    return "ASCENDING" if abs(heading) < 90.0 else "DESCENDING"
