"""Rules for two ALOS scenes that can form an interferogram."""

from __future__ import annotations

from dataclasses import dataclass

from isce2_recipe.errors import ParameterError
from isce2_recipe.types import AlosName

# Orbits after which the ground track repeats: 46 days.
CYCLE_ORBITS = 671
CYCLE_DAYS = 46
# Positions along an orbit.
FRAMES = 7200
# Last orbit with data, of 2011-04-22.
LAST_ORBIT = 27930


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
