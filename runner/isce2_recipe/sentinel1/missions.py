"""The times at which Sentinel-1's satellites took images."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

MISSIONS: Mapping[str, tuple[date, date | None]] = MappingProxyType(
    {
        "S1A": (date(2014, 4, 3), None),
        "S1B": (date(2016, 4, 25), date(2021, 12, 23)),
        "S1C": (date(2024, 12, 5), None),
        "S1D": (date(2025, 11, 4), None),
    }
)
"""Launch and last day with images; the power supply of S1B failed on 2021-12-23.

https://sentinels.copernicus.eu/web/sentinel/missions/sentinel-1
"""

# Two passes over one place are at least a day apart; the same acquisition may have times a few seconds apart.
ONE_PASS = timedelta(hours=12)
_CLOCK = timedelta(days=1)  # by which this machine's clock may be behind


def wrong_time(start: datetime, platform: str = "") -> str:
    """Return why nothing was acquired at a time, by a satellite if it is known; empty if it is possible."""
    first, last = MISSIONS.get(platform, (min(begin for begin, _ in MISSIONS.values()), None))
    name = f"Sentinel-1{platform[2:]}"
    if start.date() < first:
        return f"{name} was launched later, on {first}"
    if last is not None and start.date() > last:
        return f"{name} took its last image on {last}"
    now = datetime.now(UTC)
    return f"that is in the future; this machine's clock shows {now:%Y-%m-%d}" if start > now + _CLOCK else ""


def is_one_pass(first: datetime, second: datetime) -> bool:
    """Return whether two acquisitions of one place are so close in time that they are of one pass."""
    return abs(first - second) < ONE_PASS
