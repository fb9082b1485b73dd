"""The orbits of the Sentinel-1 satellites: times, orbit numbers, and distances from the nominal track.

All satellites share one nominal track, see `sar.nominal_track`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isce2_recipe.errors import ParameterError
from isce2_recipe.sar.annotation import relative_orbit
from isce2_recipe.sar.burst_grid import CYCLE_ORBITS, ORBIT_S
from isce2_recipe.sar.nominal_track import nominal_position
from isce2_recipe.sources.simulated.noise import hash_normal, hash_uniform

Float = NDArray[np.float64]

_DAY_S = 86400.0
_SLICE_S = 30.0
_EPOCH = datetime(2014, 1, 1, tzinfo=UTC)

# Node times drift by a few seconds a year and vary by 3 s with the seasons. The entries are years since 2014
# and seconds, fitted to real bursts of 2014 to 2025; in that period the model is accurate to a second.
_DRIFT_A = (
    (0.78, 3.47),
    (2.0, 11.18),
    (3.1, 18.06),
    (6.4, 38.21),
    (8.6, 52.46),
    (9.64, 56.97),
    (11.55, 45.6),
)
_DRIFT_B = ((3.1, 5.6), (4.5, 15.06), (6.0, 24.71), (7.95, 36.29))
_SEASON_S = (-0.30, -2.95)


@dataclass(frozen=True, slots=True)
class _Slot:
    """A period of regular flight of a satellite: orbit ``n`` starts at ``n * ORBIT_S + node_s``."""

    platform: str
    since: datetime
    until: datetime
    node_s: float
    drift: tuple[tuple[float, float], ...]


def _like_s1a(orbits: int, days: int) -> float:
    """Return ``node_s`` of a satellite whose orbit ``n`` is ``days`` days after S1A's ``n + orbits``."""
    return 8013100.0 + orbits * ORBIT_S + days * _DAY_S


def _utc(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


# S1C was moved by five days when the formula of its relative orbit numbers changed (orbits 891 and 8019).
_SLOTS = (
    _Slot("S1A", _utc(2014, 4, 3), _utc(2100, 1, 1), _like_s1a(0, 0), _DRIFT_A),
    _Slot("S1B", _utc(2016, 4, 25), _utc(2021, 12, 23), 73085600.0, _DRIFT_B),
    _Slot("S1C", _utc(2024, 12, 5), _utc(2025, 2, 5), _like_s1a(56849, 1), _DRIFT_A),
    _Slot("S1C", _utc(2025, 2, 5), _utc(2026, 6, 8), _like_s1a(56776, 6), _DRIFT_A),
    _Slot("S1C", _utc(2026, 6, 8), _utc(2100, 1, 1), _like_s1a(56849, 1), _DRIFT_A),
    _Slot("S1D", _utc(2025, 11, 4), _utc(2100, 1, 1), _like_s1a(61631, 7), _DRIFT_A),
)


@dataclass(frozen=True, slots=True)
class Sentinel1Pass:
    """One orbit of one satellite, from ascending node to ascending node."""

    platform: str  # ``S1A`` to ``S1D``
    # Orbit numbers.
    absolute_orbit: int
    relative_orbit: int
    node: datetime  # time of the ascending node
    day_shift: int = 0  # days by which the pass was moved, to a day on which the satellite flew another track
    # Distance of the satellite from the nominal track, upwards and to the left.
    radial_m: float = 0.0
    cross_m: float = 0.0
    sync_s: float = 0.0  # delay of the start of the bursts relative to the nominal time
    # What the orbit files have more than these distances, and the true times more than the annotated ones.
    radial_error_m: float = 0.0
    cross_error_m: float = 0.0
    clock_error_s: float = 0.0
    range_delay_m: float = 0.0  # what the annotated ranges have more than the true ones

    @property
    def key(self) -> tuple[str, int, int]:
        """What distinguishes it from all other passes."""
        return self.platform, self.absolute_orbit, self.day_shift

    @property
    def announced(self) -> Sentinel1Pass:
        """The pass as orbit files and annotation have it."""
        return replace(
            self, radial_m=self.radial_m + self.radial_error_m, cross_m=self.cross_m + self.cross_error_m
        )

    def with_errors(
        self, orbit_m: float, clock_s: float, late_s: float = 0.0, range_delay_m: float = 0.0
    ) -> Sentinel1Pass:
        """Return the pass with errors of its annotation.

        ``orbit_m`` and ``clock_s`` are standard deviations of random errors that belong to its date. The
        annotated times are ``late_s`` too late, the annotated ranges ``range_delay_m`` too far.
        """
        return replace(
            self,
            radial_error_m=orbit_m * hash_normal("radial error", *self.key),
            cross_error_m=orbit_m * hash_normal("cross error", *self.key),
            clock_error_s=clock_s * hash_normal("clock error", *self.key) - late_s,
            range_delay_m=range_delay_m,
        )

    def states(self, anx_s: ArrayLike) -> tuple[Float, Float]:
        """Return Earth-fixed position (m) and velocity (m/s), shapes (n, 3), at seconds since the node."""
        times = np.atleast_1d(np.asarray(anx_s, dtype=np.float64))
        return self._position(times), _slope(self._position, times)

    def _position(self, anx_s: Float) -> Float:
        nominal = nominal_position(self.relative_orbit, anx_s)
        if self.radial_m == 0.0 and self.cross_m == 0.0:
            return nominal
        up = nominal / np.linalg.norm(nominal, axis=1, keepdims=True)
        ahead = nominal_position(self.relative_orbit, anx_s + 1.0) - nominal
        left = np.cross(up, ahead)
        left /= np.linalg.norm(left, axis=1, keepdims=True)
        moved: Float = nominal + self.radial_m * up + self.cross_m * left
        return moved


def _slope(position: Callable[[Float], Float], times: Float, step: float = 2.0) -> Float:
    """Return the derivative from eight-point central differences, accurate to a micrometre per second."""
    total = np.zeros((times.size, 3))
    for k, weight in ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280)):
        total += weight * (position(times + k * step) - position(times - k * step))
    return total / step


def _node(slot: _Slot, absolute_orbit: int) -> datetime:
    mean_s = absolute_orbit * ORBIT_S + slot.node_s
    years = mean_s / _DAY_S / 365.25
    season = 2.0 * math.pi * years
    drift = float(np.interp(years, [y for y, _ in slot.drift], [s for _, s in slot.drift]))
    drift += _SEASON_S[0] * math.cos(season) + _SEASON_S[1] * math.sin(season)
    return _EPOCH + timedelta(seconds=round(mean_s + drift, 6))


def find_pass(track: int, node_guess: datetime) -> Sentinel1Pass:
    """Return the pass of a track that is nearest to the approximate time at which the orbit started.

    If a satellite flew the track that day, this is its pass. Otherwise it is the nearest pass of any
    satellite, moved by whole days: the orbit is Sun-synchronous, so a track is crossed at the same time on
    every day. All bursts of a pass get the same pass, although their names have rounded seconds. Raise
    ParameterError if no Sentinel-1 had been launched yet.
    """
    found = [
        _nearest_pass(slot, track, node_guess) for slot in _SLOTS if slot.since <= node_guess < slot.until
    ]
    if not found:
        raise ParameterError(
            f"no Sentinel-1 was in orbit on {node_guess:%Y-%m-%d}",
            hint="the first, Sentinel-1A, was launched on 2014-04-03",
        )
    return min(found, key=lambda candidate: abs(candidate.day_shift))


def passes_of(track: int, start: datetime, stop: datetime) -> list[Sentinel1Pass]:
    """Return all passes of a track whose ascending node is in a period, of every satellite in orbit then."""
    found = []
    for slot in _SLOTS:
        first, last = max(start, slot.since), min(stop, slot.until)
        number = math.ceil(((first - _EPOCH).total_seconds() - slot.node_s) / ORBIT_S)
        number += (track - relative_orbit(slot.platform, max(number, 1))) % CYCLE_ORBITS
        while (node := _node(slot, number)) < last:
            if number >= 1 and node >= first:
                found.append(make_pass(slot.platform, number, track, node, 0))
            number += CYCLE_ORBITS
    return sorted(found, key=lambda flight: flight.node)


def _nearest_pass(slot: _Slot, track: int, node_guess: datetime) -> Sentinel1Pass:
    count = ((node_guess - _EPOCH).total_seconds() - slot.node_s) / ORBIT_S
    start = round(count)
    # The orbit number nearest to the time that has this track. A track repeats every 175 orbits.
    ahead = (track - relative_orbit(slot.platform, max(start, 1))) % CYCLE_ORBITS
    number = start + ahead - (CYCLE_ORBITS if ahead > CYCLE_ORBITS // 2 else 0)
    node = _node(slot, number)
    days = round((node_guess - node).total_seconds() / _DAY_S)
    if number < 1:
        number += CYCLE_ORBITS
    return make_pass(slot.platform, number, track, node + timedelta(days=days), days)


def make_pass(
    platform: str, absolute_orbit: int, track: int, node: datetime, day_shift: int
) -> Sentinel1Pass:
    """Return a pass with the offset from the nominal track and the burst start that belong to its date."""
    radial, cross = _offset(track, node)
    # Real bursts start within a few milliseconds of the nominal time.
    sync = 2e-3 * (2.0 * hash_uniform("sync", platform, absolute_orbit, day_shift) - 1.0)
    return Sentinel1Pass(platform, absolute_orbit, track, node, day_shift, radial, cross, sync)


# Perpendicular offsets from the nominal track take four values. The sequence (eight entries of 6 days) keeps
# passes that are 6, 12, 24 and 36 days apart 50 to 150 m from each other.
_LEVEL_M = 50.4
_SEQUENCE = (2, 1, 3, 0, 1, 2, 0, 3)
# Look angle at the middle of IW2, where the baseline is perpendicular.
_LOOK_RAD = math.radians(34.5)


def _offset(track: int, node: datetime) -> tuple[float, float]:
    """Return the offsets from the nominal track, upwards and to the left, metres."""
    first = _node(_SLOTS[0], 73 + track - 1)
    days = round((node - first).total_seconds() / _DAY_S)
    level = (_SEQUENCE[days // 6 % 8] + days % 6) % 4
    across = (level - 1.5) * _LEVEL_M
    along_view = 5.0 * (2.0 * hash_uniform("range", track, days) - 1.0)
    sin, cos = math.sin(_LOOK_RAD), math.cos(_LOOK_RAD)
    # The radar looks down and to the right: (up, left) = (-cos, -sin). The perpendicular is (sin, -cos).
    return across * sin - along_view * cos, -across * cos - along_view * sin


def shifted_passes(platform: str, when: datetime) -> list[Sentinel1Pass]:
    """Return all passes that may contain a time: the satellite's own, then those moved by whole days."""
    found = []
    for days in sorted(range(-6, 7), key=abs):
        real = when - timedelta(days=days)
        for slot in _SLOTS:
            if slot.platform == platform and slot.since <= when < slot.until:
                number = math.floor(((real - _EPOCH).total_seconds() - slot.node_s) / ORBIT_S)
                number -= _node(slot, number) > real
                # A slice that began before the node belongs to the orbit before it.
                since_s = (real - _node(slot, number)).total_seconds()
                for orbit in (number, number - 1) if since_s < _SLICE_S else (number,):
                    node = _node(slot, orbit) + timedelta(days=days)
                    found.append(
                        make_pass(platform, orbit, relative_orbit(platform, max(orbit, 1)), node, days)
                    )
    return found
