"""Names of bursts that can be simulated: the time of day follows from burst and satellite."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from isce2_recipe.sar.burst_grid import burst_slot
from isce2_recipe.sources.simulated.acquisition import start_anx_s
from isce2_recipe.sources.simulated.orbits import find_pass
from isce2_recipe.sources.simulated.swaths import SWATHS
from isce2_recipe.types import BurstName


def burst_name(number: int, swath: int, day: datetime, polarization: str = "VV") -> BurstName:
    """Return the name of a burst on the pass nearest to a day's morning."""
    morning = day.replace(hour=2, minute=23, tzinfo=UTC) - timedelta(minutes=42)
    flight = find_pass(burst_slot(number, swath).relative_orbit, morning)
    start = flight.node + timedelta(seconds=start_anx_s(flight, number, SWATHS[swath]))
    return BurstName(start.replace(microsecond=0), number, swath, polarization, "7C85")
