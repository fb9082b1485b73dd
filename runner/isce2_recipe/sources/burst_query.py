"""A search for bursts, and what the bursts that it finds cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from isce2_recipe.area import Area, Ring
from isce2_recipe.errors import InputError
from isce2_recipe.sentinel1.burst_ids import BurstId

# Mean size of a burst's measurement at ASF: 1500 lines of 25,000 samples of 4 bytes.
_BURST_BYTES = 150e6
# Processor time of a burst and date in a stack in which every date has three pairs: 4 s to register the date,
# and 9 s for each pair with SNAPHU and all layers (measured with the builtin engine on a whole burst).
_BURST_S = 31.0
# Ground that one more burst adds, and days until a satellite is on the same track again.
_SQUARE_KM = 1500.0
_CYCLE_DAYS = 12
# Areas of more than 1 / _SEARCHED of the limit are too large for a search, even for a single date.
_SEARCHED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstQuery:
    """A search for bursts."""

    # Period of the first lines, UTC; ``stop`` is not part of it.
    start: datetime
    stop: datetime
    polarization: str  # VV or HH
    area: Area | None = None  # ground that the bursts must share; None if the bursts are named
    bursts: tuple[BurstId, ...] = ()  # the wanted bursts; empty if the area decides
    track: int | None = None  # relative orbit, 1 to 175; None for all
    direction: str | None = None  # ``ASCENDING`` or ``DESCENDING``; None for both
    limit: int = 20_000  # largest number of bursts that a source returns

    def has_time(self, start: datetime) -> bool:
        """Return whether the time of a first line is in the period."""
        return self.start <= start < self.stop

    def has_track(self, track: int, direction: str) -> bool:
        """Return whether a track and a direction of flight are wanted."""
        return self.track in (None, track) and self.direction in (None, direction)

    def has_ground(self, footprint: Ring) -> bool:
        """Return whether a footprint shares ground with the area, if there is one."""
        return self.area is None or self.area.meets(footprint)

    def check_area(self) -> None:
        """Check by the size of the area and the length of the period that the search is not too large.

        Raise InputError if more bursts are certain to be found than the limit.
        """
        if self.area is None:
            return
        bursts = int(self.area.square_km / _SQUARE_KM)
        granules = bursts * max((self.stop - self.start).days // _CYCLE_DAYS, 1)
        if max(granules, _SEARCHED * bursts) > self.limit:
            raise InputError(
                f"the area of {self.area.square_km:,.0f} square kilometres needs at least {bursts:,} bursts "
                f"on each date and {granules:,} in all ({cost(granules)})",
                hint="choose a smaller area or a shorter period",
            )

    def check_count(self, count: int) -> None:
        """Check the number of bursts that a search would return.

        Raise InputError if it is larger than the limit.
        """
        if count > self.limit:
            raise InputError(
                f"the search finds {count:,} bursts ({cost(count)}), more than {self.limit:,}",
                hint="choose a smaller area, a shorter period, or one track",
            )


def cost(bursts: int, size: int | None = None) -> str:
    """Return what a number of bursts, of a size in bytes if it is known, costs in a stack, as text."""
    gigabytes, hours = (size or bursts * _BURST_BYTES) / 1e9, bursts * _BURST_S / 3600.0
    return f"about {_rounded(gigabytes)} GB to download and {_rounded(hours)} hours of processor time"


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.2g}"
