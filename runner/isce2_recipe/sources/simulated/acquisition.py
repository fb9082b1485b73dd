"""Which SLC a burst belongs to, and when each of its bursts starts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from isce2_recipe.errors import ParameterError
from isce2_recipe.sar.annotation import relative_orbit
from isce2_recipe.sar.burst_grid import (
    BURST_PERIOD_S,
    LAST_BURST,
    burst_number,
    burst_slot,
    middle_anx_s,
)
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.sources.simulated.orbits import Sentinel1Pass, find_pass, shifted_passes
from isce2_recipe.sources.simulated.swaths import AZIMUTH_INTERVAL_S, SWATHS, IwSwath
from isce2_recipe.types import BurstName, SlcName

# A name's time and the model's may differ by this much, seconds: real ones by a second or two up to 2025, by
# more later, when satellites will have been moved in a way that nobody knows.
_TIME_TOLERANCE_S = 20.0
# Bursts of a swath in one SLC: a slice of 25 s.
SLICE_BURSTS = 9


@dataclass(frozen=True, slots=True)
class Slice:
    """One SLC: nine bursts of each swath, in both polarizations.

    Attributes
    ----------
    flight : Sentinel1Pass
        The orbit it was taken on.
    number : int
        Counts the slices of the cycle; it holds bursts ``number * 9`` to ``number * 9 + 8``.
    suffix : str
        The last four characters of its name, given by the burst's.
    horizontal : bool
        Whether it transmitted H (HH and HV) or V (VV and VH).
    swaths : tuple of IwSwath
        IW1 to IW3 as simulated.
    span : range or None
        Bursts of an SLC that was asked for by name; None for the nine of its number.
    """

    flight: Sentinel1Pass
    number: int
    suffix: str
    horizontal: bool
    swaths: tuple[IwSwath, ...]
    span: range | None = None

    @property
    def bursts(self) -> range:
        """ESA's relative burst numbers."""
        if self.span is not None:
            return self.span
        return range(
            max(self.number * SLICE_BURSTS, 1), min((self.number + 1) * SLICE_BURSTS, LAST_BURST + 1)
        )

    @property
    def polarizations(self) -> tuple[str, str]:
        """Co-polarized first."""
        return ("HH", "HV") if self.horizontal else ("VV", "VH")

    def start(self, burst: int, swath: IwSwath) -> datetime:
        """Zero-Doppler time of a burst's first line, to the microsecond that annotation holds."""
        return self.flight.node + timedelta(seconds=start_anx_s(self.flight, burst, swath))

    def stop(self, burst: int, swath: IwSwath) -> datetime:
        """Zero-Doppler time of a burst's last line."""
        return self.start(burst, swath) + timedelta(seconds=(swath.lines - 1) * AZIMUTH_INTERVAL_S)

    @property
    def first_time(self) -> datetime:
        """Time of the first line."""
        return min(self.start(self.bursts[0], swath) for swath in self.swaths)

    @property
    def last_time(self) -> datetime:
        """Time of the last line."""
        return max(self.stop(self.bursts[-1], swath) for swath in self.swaths)

    @property
    def data_take(self) -> int:
        """Mission data-take number."""
        return int(self.flight.absolute_orbit * 7.59)

    @property
    def name(self) -> str:
        """The SLC granule's name."""
        kind = "H" if self.horizontal else "V"
        return (
            f"{self.flight.platform}_IW_SLC__1SD{kind}_{self.first_time:%Y%m%dT%H%M%S}"
            f"_{self.last_time:%Y%m%dT%H%M%S}_{self.flight.absolute_orbit:06d}_{self.data_take:06X}_{self.suffix}"
        )


def start_anx_s(flight: Sentinel1Pass, burst: int, swath: IwSwath) -> float:
    """First line's time since the node, seconds: all bursts of a pass lie on one grid of lines."""
    line = round(middle_anx_s(burst, swath.number, flight.relative_orbit) / AZIMUTH_INTERVAL_S)
    return (line - swath.lines // 2) * AZIMUTH_INTERVAL_S + flight.sync_s


def slice_of(name: BurstName, options: SimulationOptions) -> Slice:
    """The SLC that a burst is part of.

    Raises
    ------
    ParameterError
        If there is no such burst number, or no satellite yet.
    """
    burst_slot(name.relative_burst, name.swath)
    number = name.relative_burst // SLICE_BURSTS
    # The whole slice counts from the node before its first burst.
    track = burst_slot(max(number * SLICE_BURSTS, 1), 1).relative_orbit
    swath = SWATHS[name.swath]
    first_line = middle_anx_s(name.relative_burst, name.swath, track) - swath.lines // 2 * AZIMUTH_INTERVAL_S
    try:
        flight = find_pass(track, name.start + timedelta(seconds=0.5 - first_line))
    except ParameterError as exc:
        raise ParameterError(f"burst {name}: {exc.message}", hint=exc.hint) from exc
    cropped = tuple(each.cropped(options.lines, options.samples) for each in SWATHS.values())
    return Slice(flight, number, name.suffix, name.polarization[0] == "H", cropped)


def other_time(name: BurstName, options: SimulationOptions) -> BurstName | None:
    """The right name of a burst whose name tells a time of day at which it is not seen.

    A track is crossed at one time of day, on any day; None where that is the name's.
    """
    slc = slice_of(name, options)
    start = slc.start(name.relative_burst, SWATHS[name.swath])
    if abs((start - name.start).total_seconds() - 0.5) <= _TIME_TOLERANCE_S:
        return None
    return name._replace(start=start.replace(microsecond=0))


def slice_of_slc(name: SlcName, options: SimulationOptions) -> Slice:
    """An SLC by its own name: the bursts of each swath between its first and last line.

    Raises
    ------
    ParameterError
        If its satellite did not fly its track then.
    """
    track = relative_orbit(name.platform, name.absolute_orbit)
    flights = [f for f in shifted_passes(name.platform, name.start) if f.relative_orbit == track]
    if not flights:
        raise ParameterError(
            f"{name.platform} did not fly track {track} at {name.start:%Y-%m-%d %H:%M:%S}",
            hint=f"check the orbit number in {name}",
        )
    flight = flights[0]
    cropped = tuple(each.cropped(options.lines, options.samples) for each in SWATHS.values())
    first = _first_burst(name, flight)
    whole_s = (name.stop - name.start).total_seconds() - (
        (middle_anx_s(first, 3, track) - middle_anx_s(first, 1, track)) + SWATHS[3].lines * AZIMUTH_INTERVAL_S
    )
    count = min(options.bursts or LAST_BURST, max(1, round(whole_s / BURST_PERIOD_S) + 1))
    span = range(first, min(first + count, LAST_BURST + 1))
    horizontal = name.polarizations[0] == "HH"
    return Slice(flight, first // SLICE_BURSTS, name.suffix, horizontal, cropped, span)


def _first_burst(name: SlcName, flight: Sentinel1Pass) -> int:
    """The burst of IW1 that starts nearest to the second in an SLC's name, cropped or not."""
    since = (name.start - flight.node).total_seconds() + 0.5
    whole = SWATHS[1]
    guess = burst_number(flight.relative_orbit, since + whole.lines // 2 * AZIMUTH_INTERVAL_S)
    near = [number for number in range(guess - 1, guess + 2) if 1 <= number <= LAST_BURST]
    return min(near, key=lambda number: abs(start_anx_s(flight, number, whole) - since))


def pass_at(platform: str, start: datetime, options: SimulationOptions) -> Sentinel1Pass:
    """The pass during which a burst started.

    Passes that were moved to another day are told from the satellite's own by the time of the burst, which
    only one of them has on its grid.

    Raises
    ------
    ParameterError
        If the satellite did not fly then.
    """
    candidates = shifted_passes(platform, start)
    if not candidates:
        raise ParameterError(f"{platform} was not in orbit on {start:%Y-%m-%d}")
    swaths = [each.cropped(options.lines, options.samples) for each in SWATHS.values()]
    return next((flight for flight in candidates if _starts_burst(flight, start, swaths)), candidates[0])


def _starts_burst(flight: Sentinel1Pass, start: datetime, swaths: list[IwSwath]) -> bool:
    """Whether some burst of a pass starts at this very time."""
    since = (start - flight.node).total_seconds()
    for swath in swaths:
        middle = since + swath.lines // 2 * AZIMUTH_INTERVAL_S
        burst = burst_number(flight.relative_orbit, middle)
        if 1 <= burst <= LAST_BURST and abs(start_anx_s(flight, burst, swath) - since) < 2e-6:
            return True
    return False
