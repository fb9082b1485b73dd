"""Identifiers of the ground of a burst, which are the same on all dates."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from isce2_recipe.errors import ParameterError
from isce2_recipe.sar.burst_grid import CYCLE_ORBITS, ORBIT_S, burst_slot
from isce2_recipe.types import BurstName

BURST_ID_PATTERN = r"(?:(\d{3})_)?(\d{6})_IW([123])"


class BurstId(NamedTuple):
    """The ground of a burst, written ``136231_IW2``, or with its track as ASF does ``064_136231_IW2``."""

    number: int  # ESA's relative burst number
    swath: int  # 1, 2 or 3

    @classmethod
    def parse(cls, text: str) -> BurstId:
        """Parse an identifier, with or without its track.

        Raise ParameterError if the text is not an identifier, or there is no such burst on the track that it
        names.
        """
        match = re.fullmatch(BURST_ID_PATTERN, text)
        if match is None:
            raise ParameterError(
                f"'{text}' is not a burst ID", hint="write it as 136231_IW2 or 064_136231_IW2"
            )
        found = cls(int(match[2]), int(match[3]))
        track = found.track
        if match[1] and int(match[1]) != track:
            raise ParameterError(f"burst {found} is of track {track}, not {int(match[1])}")
        return found

    @classmethod
    def of(cls, name: BurstName) -> BurstId:
        """Return the identifier of a granule's ground."""
        return cls(name.relative_burst, name.swath)

    @property
    def track(self) -> int:
        """Return the relative orbit, 1 to 175."""
        return burst_slot(self.number, self.swath).relative_orbit

    @property
    def half_orbit(self) -> int:
        """Return the number of its half of an orbit in the cycle; even ones fly north, odd ones south.

        All bursts of a pass have one number, also where the track changes at the ascending node. The halves
        end at the northernmost and southernmost point.
        """
        slot = burst_slot(self.number, self.swath)
        halves = 2 * (slot.relative_orbit - 1) + math.floor(2.0 * slot.middle_anx_s / ORBIT_S + 0.5)
        return halves % (2 * CYCLE_ORBITS)

    @property
    def direction(self) -> str:
        """Return ``ASCENDING`` or ``DESCENDING``."""
        return "DESCENDING" if self.half_orbit % 2 else "ASCENDING"

    def __str__(self) -> str:
        return f"{self.number:06d}_IW{self.swath}"
