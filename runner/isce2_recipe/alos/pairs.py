"""Rules for two ALOS scenes that can form an interferogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.types import AlosName, Bounds

if TYPE_CHECKING:
    from isce2_recipe.alos.scene import AlosScene

# Orbits after which the ground track repeats: 46 days.
CYCLE_ORBITS = 671
CYCLE_DAYS = 46
# Positions along an orbit.
FRAMES = 7200
# Last orbit with data, of 2011-04-22.
LAST_ORBIT = 27930
# Longest perpendicular baseline of passes over one track, metres; the critical one is about 13 km.
_LONGEST_BASELINE_M = 15_000.0
# Part of the PRF in which the antenna's two-way gain is above a quarter, and least share of it that both
# dates have: with less, the coherence is below 0.2.
_BAND, _LEAST_OVERLAP = 0.6, 0.3


@dataclass(frozen=True, slots=True)
class AlosPair:
    """Two scenes of the same ground; the older one is the reference."""

    reference: AlosName
    secondary: AlosName

    @property
    def days(self) -> int:
        """Return the number of days between the scenes."""
        return (self.secondary.orbit - self.reference.orbit) // CYCLE_ORBITS * CYCLE_DAYS


def check_pair(reference: str, secondary: str) -> AlosPair:
    """Return two scenes as a pair in order of time.

    Raise ParameterError if a name is invalid, or the scenes have different tracks or frames or are the same.
    """
    first, second = sorted((AlosName.parse(reference), AlosName.parse(secondary)))
    if first == second:
        raise ParameterError(
            f"reference and secondary are the same scene {first}", hint="use scenes of two passes"
        )
    for name in (first, second):
        if not 1 <= name.orbit <= LAST_ORBIT or name.frame >= FRAMES:
            raise ParameterError(
                f"there is no scene {name}: ALOS flew orbits 1 to {LAST_ORBIT}, "
                f"each with the frames 0 to {FRAMES - 1}",
                hint="check the name: ALPSRP, five digits of the orbit, four of the frame",
            )
    apart = second.orbit - first.orbit
    if apart % CYCLE_ORBITS:
        raise ParameterError(
            f"{first} and {second} are on different tracks: their orbits are {apart} apart",
            hint=f"orbits of one track are a multiple of {CYCLE_ORBITS} apart ({CYCLE_DAYS} days)",
        )
    if first.frame != second.frame:
        raise ParameterError(
            f"{first} and {second} have different frames, {first.frame} and {second.frame}",
            hint="the last four digits of both names must be the same",
        )
    return AlosPair(first, second)


def common_ground(one: AlosScene, other: AlosScene) -> bool:
    """Return whether the boxes around two scenes overlap."""
    first, second = (Bounds.around(scene.footprint) for scene in (one, other))
    return first.overlap(second) is not None


def check_scenes(reference: AlosScene, secondary: AlosScene) -> float:
    """Return the perpendicular baseline, m, of two scenes that can form an interferogram.

    Raise InputError if they are of different directions, beams, polarizations, ground or tracks.
    """
    from isce2_recipe.alos.scene import perpendicular_baseline_m

    pair = f"{reference.name} and {secondary.name}"
    for what, first, second, remedy in (
        ("directions", reference.direction, secondary.direction, "two scenes of one track"),
        ("beams", reference.beam, secondary.beam, "two scenes of one off-nadir angle"),
        ("polarizations", reference.polarization, secondary.polarization, "images of one polarization"),
    ):
        if first != second:
            raise InputError(f"{pair} have different {what}, {first} and {second}", hint=f"choose {remedy}")
    if not common_ground(reference, secondary):
        raise InputError(
            f"{pair} do not show the same ground", hint="choose two scenes of one track and frame"
        )
    baseline = perpendicular_baseline_m(reference, secondary)
    if not abs(baseline) < _LONGEST_BASELINE_M:
        raise InputError(
            f"{pair} are on different tracks: their orbits are {abs(baseline) / 1000:.0f} km apart",
            hint="choose two scenes of one track",
        )
    return baseline


def check_doppler(first_hz: float, second_hz: float, prf_hz: float) -> None:
    """Raise InputError if the azimuth spectra of two Doppler centroids have almost nothing in common."""
    apart = abs((first_hz - second_hz + prf_hz / 2.0) % prf_hz - prf_hz / 2.0)
    band = _BAND * prf_hz
    common = max(0.0, 1.0 - apart / band)
    if common < _LEAST_OVERLAP:
        raise InputError(
            f"the Doppler centroids are {first_hz:.0f} and {second_hz:.0f} Hz: the spectra, {band:.0f} Hz "
            f"wide, have only {100 * common:.0f} % in common, and {100 * _LEAST_OVERLAP:.0f} % are needed",
            hint="choose another pair of scenes",
        )
