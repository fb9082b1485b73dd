"""The orbit of ALOS: time, ground track and state vectors of a scene, from its name.

ALOS repeats its ground track after 46 days and 671 orbits. The model is the closed form of a frozen, nearly
circular orbit around the oblate Earth. Its radius was checked with real state vectors of Sentinel-1, whose
orbit is of the same kind with a period of 5924.57 s, and scaled by Kepler's third law.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isce2_recipe.alos.pairs import CYCLE_DAYS, CYCLE_ORBITS
from isce2_recipe.errors import ParameterError
from isce2_recipe.sar.orbit import Orbit
from isce2_recipe.sources.simulated.alos import palsar
from isce2_recipe.types import AlosName

Float = NDArray[np.float64]

_DAY_S = 86400.0
PERIOD_S = CYCLE_DAYS * _DAY_S / CYCLE_ORBITS
# A frame is a twentieth of a degree of the orbit's argument of latitude.
_FRAME_RAD = math.radians(0.05)
FRAMES = 7200

_INCLINATION_RAD = math.radians(98.16)
_MEAN_RADIUS_M = 7074240.0
_ECCENTRICITY = 1.164e-3
# J2 / 4 * (equatorial radius / orbit's radius)^2 * sin^2(inclination): the radius oscillates twice per orbit.
_OBLATENESS = 2.145e-4
# Phase at which the argument of latitude is zero, so that the node is at time zero.
_PHASE_RAD = 0.0023274945

# The real scene ALPSRP111041130 (orbit 11104, path 238, frame 1130; centre 56.8411 N, 135.6799 W, 2008-02-24
# 07:13:21 to 07:13:29 in ASF's catalogue) determines the node. Its argument of latitude is then 56.501
# degrees.
_DATUM_ORBIT = 11104
_DATUM_NODE = datetime(2008, 2, 24, 6, 57, 56, 456000, tzinfo=UTC)
_DATUM_NODE_LONGITUDE_DEG = -127.472
_WESTWARD_DEG = 360.0 * CYCLE_DAYS / CYCLE_ORBITS

_FIRST_DATA = datetime(2006, 5, 16, tzinfo=UTC)
_LAST_DATA = datetime(2011, 4, 22, tzinfo=UTC)

# Distances from the nominal track in four successive cycles, perpendicular to the line of sight. Passes of
# successive cycles are 300 m apart.
_OFFSETS_M = (0.0, 300.0, 600.0, 300.0)
# Largest delay of a pass, seconds.
_LATE_S = 0.02
_DIFFERENCE_S = 0.5


@dataclass(frozen=True, slots=True)
class AlosPass:
    """One orbit of ALOS, from ascending node to ascending node."""

    orbit: int
    node: datetime  # time of the ascending node, UTC
    node_longitude_deg: float  # longitude at which the satellite crossed the equator
    # Distance from the nominal track, perpendicular to the line of sight; positive right and up.
    offset_m: float
    late_s: float  # delay of the recording

    @property
    def nominal(self) -> AlosPass:
        """The same pass on the nominal track and without delay; it is the common geometry of all passes."""
        return replace(self, offset_m=0.0, late_s=0.0)

    @property
    def path(self) -> int:
        """Number of the ground track in the reference system for planning, 1 to 671."""
        return (CYCLE_DAYS * self.orbit + 84) % CYCLE_ORBITS + 1

    def states(self, since_node_s: ArrayLike) -> tuple[Float, Float]:
        """Return Earth-fixed position (m) and velocity (m/s), shapes (n, 3), at seconds since the node."""
        time = np.atleast_1d(np.asarray(since_node_s, dtype=np.float64))
        return self._position(time), _slope(self._position, time)

    def orbit_around(self, start_s: float, stop_s: float) -> Orbit:
        """Return state vectors every ten seconds, from 90 s before an interval to 90 s after it."""
        times = np.arange(start_s - 90.0, stop_s + 91.0, 10.0)
        return Orbit(self.node, times, *self.states(times))

    def _position(self, time: Float) -> Float:
        track = self._track(time)
        up = _unit(track)
        right = _unit(np.cross(_slope(self._track, time), track))
        return track + self.offset_m * (
            math.cos(palsar.OFF_NADIR_RAD) * right + math.sin(palsar.OFF_NADIR_RAD) * up
        )

    def _track(self, time: Float) -> Float:
        """Return the position on the nominal track."""
        latitude_argument = _argument(2.0 * math.pi * time / PERIOD_S)
        radius = _MEAN_RADIUS_M * (
            1.0 - _ECCENTRICITY * np.sin(latitude_argument) + _OBLATENESS * np.cos(2.0 * latitude_argument)
        )
        ahead, aside = radius * np.cos(latitude_argument), radius * np.sin(latitude_argument)
        # The orbit is Sun-synchronous, so its plane turns once a day in the Earth-fixed frame.
        turn = math.radians(self.node_longitude_deg) - 2.0 * math.pi * time / _DAY_S
        x, y = ahead, aside * math.cos(_INCLINATION_RAD)
        return np.stack(
            [
                x * np.cos(turn) - y * np.sin(turn),
                x * np.sin(turn) + y * np.cos(turn),
                aside * math.sin(_INCLINATION_RAD),
            ],
            axis=-1,
        )


def find_pass(name: AlosName) -> AlosPass:
    """Return the pass on which a scene was acquired.

    Raise ParameterError if PALSAR was not recording on that orbit, or the frame does not exist.
    """
    cycle, place = divmod(name.orbit, CYCLE_ORBITS)
    orbits = name.orbit - _DATUM_ORBIT
    node = _DATUM_NODE + timedelta(seconds=orbits * PERIOD_S)
    if not _FIRST_DATA <= node <= _LAST_DATA:
        raise ParameterError(
            f"{name}: orbit {name.orbit} was on {node:%Y-%m-%d}",
            hint=f"ALOS PALSAR recorded from {_FIRST_DATA:%Y-%m-%d} to {_LAST_DATA:%Y-%m-%d}",
        )
    if name.frame >= FRAMES:
        raise ParameterError(f"{name}: frame {name.frame} does not exist; frames go from 0 to {FRAMES - 1}")
    longitude = (_DATUM_NODE_LONGITUDE_DEG - orbits * _WESTWARD_DEG + 180.0) % 360.0 - 180.0
    late = _LATE_S * ((cycle * 7 + place) % 10) / 10.0
    return AlosPass(name.orbit, node, longitude, _OFFSETS_M[cycle % 4], late)


def middle_s(frame: int) -> float:
    """Return the time of the middle of a frame, seconds since the node."""
    wanted = frame * _FRAME_RAD
    phase = wanted
    for _ in range(8):
        phase += wanted - float(_argument(np.array(phase)))
    return phase * PERIOD_S / (2.0 * math.pi)


def _argument(phase: Float) -> Float:
    """Return the argument of latitude, radians, for a mean argument counted from the node."""
    mean = phase + _PHASE_RAD
    swing: Float = mean - 2.0 * _ECCENTRICITY * np.cos(mean) + 0.5 * _OBLATENESS * np.sin(2.0 * mean)
    return swing


def _slope(curve: Callable[[Float], Float], time: Float) -> Float:
    """Return the time derivative from fourth-order differences, accurate to a micrometre per second."""
    d = _DIFFERENCE_S
    near, far = curve(time + d) - curve(time - d), curve(time + 2 * d) - curve(time - 2 * d)
    slope: Float = (8.0 * near - far) / (12.0 * d)
    return slope


def _unit(vectors: Float) -> Float:
    unit: Float = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
