"""The SLC that a burst belongs to, and the start time of each of its bursts."""

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
from isce2_recipe.sources.simulated.swaths import AZIMUTH_INTERVAL_S, RANGE_SPACING_M, SWATHS, IwSwath
from isce2_recipe.types import BurstName, SlcName

# Largest accepted difference between the time in a name and the time of the orbit model. Real names up to
# 2025 differ by one or two seconds. Later names may differ more, because future orbit manoeuvres are unknown.
_TIME_TOLERANCE_S = 20.0
# Number of bursts of each swath in one SLC, a slice of 25 s.
SLICE_BURSTS = 9


@dataclass(frozen=True, slots=True)
class Slice:
    """One SLC, usually with nine bursts of each swath, in two polarizations."""

    flight: Sentinel1Pass  # pass on which the SLC was acquired
    # Number of the slice in the repeat cycle. It holds bursts ``number * 9`` to ``number * 9 + 8``.
    number: int
    suffix: str  # last four characters of the SLC's name, taken from the burst's name
    horizontal: bool  # True if the radar transmitted H (HH and HV), False if it transmitted V (VV and VH)
    swaths: tuple[IwSwath, ...]  # IW1 to IW3, cropped as the options ask
    # Bursts of an SLC that was requested by its own name; None for the nine bursts of ``number``.
    span: range | None = None

    @property
    def bursts(self) -> range:
        """Relative burst numbers, as ESA counts them."""
        if self.span is not None:
            return self.span
        return range(
            max(self.number * SLICE_BURSTS, 1), min((self.number + 1) * SLICE_BURSTS, LAST_BURST + 1)
        )

    @property
    def polarizations(self) -> tuple[str, str]:
        """Names of the two polarizations, co-polarized first."""
        return ("HH", "HV") if self.horizontal else ("VV", "VH")

    def start(self, burst: int, swath: IwSwath) -> datetime:
        """Return the zero-Doppler time of a burst's first line, in whole microseconds as annotated."""
        return self.flight.node + timedelta(seconds=start_anx_s(self.flight, burst, swath))

    def stop(self, burst: int, swath: IwSwath) -> datetime:
        """Return the zero-Doppler time of a burst's last line."""
        return self.start(burst, swath) + timedelta(seconds=(swath.lines - 1) * AZIMUTH_INTERVAL_S)

    @property
    def first_time(self) -> datetime:
        """Time of the first line of all swaths."""
        return min(self.start(self.bursts[0], swath) for swath in self.swaths)

    @property
    def last_time(self) -> datetime:
        """Time of the last line of all swaths."""
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
    """Return the time of a burst's first line since the ascending node, seconds.

    The lines of all bursts of a pass lie on one regular grid of times.
    """
    line = round(middle_anx_s(burst, swath.number, flight.relative_orbit) / AZIMUTH_INTERVAL_S)
    return (line - swath.lines // 2) * AZIMUTH_INTERVAL_S + flight.sync_s


def slice_of(name: BurstName, options: SimulationOptions) -> Slice:
    """Return the SLC that contains a burst.

    Raise ParameterError if the burst number does not exist, or no satellite was in orbit yet.
    """
    burst_slot(name.relative_burst, name.swath)
    number = name.relative_burst // SLICE_BURSTS
    # Times in a slice count from the node before its first burst.
    track = burst_slot(max(number * SLICE_BURSTS, 1), 1).relative_orbit
    swath = SWATHS[name.swath]
    first_line = middle_anx_s(name.relative_burst, name.swath, track) - swath.lines // 2 * AZIMUTH_INTERVAL_S
    try:
        flight = find_pass(track, name.start + timedelta(seconds=0.5 - first_line))
    except ParameterError as exc:
        raise ParameterError(f"burst {name}: {exc.message}", hint=exc.hint) from exc
    cropped = tuple(each.cropped(options.lines, options.samples) for each in SWATHS.values())
    flight = _with_errors(flight, options)
    return Slice(flight, number, name.suffix, name.polarization[0] == "H", cropped)


def _with_errors(flight: Sentinel1Pass, options: SimulationOptions) -> Sentinel1Pass:
    """Return a pass with the errors and shifts of its annotation."""
    lines, samples = options.shifts(flight.node)
    return flight.with_errors(*options.errors, lines * AZIMUTH_INTERVAL_S, samples * RANGE_SPACING_M)


def misregistration(first: Sentinel1Pass, second: Sentinel1Pass) -> tuple[float, float]:
    """Return lines and samples that the offsets of a pass from another have more than its annotation says."""
    return (
        (first.clock_error_s - second.clock_error_s) / AZIMUTH_INTERVAL_S,
        (second.range_delay_m - first.range_delay_m) / RANGE_SPACING_M,
    )


def corrected_name(name: BurstName, options: SimulationOptions) -> BurstName | None:
    """Return the right name of a burst whose name has a wrong time of day, None if the time is right.

    The satellites cross a track at the same time of day on every day.
    """
    slc = slice_of(name, options)
    start = slc.start(name.relative_burst, SWATHS[name.swath])
    if abs((start - name.start).total_seconds() - 0.5) <= _TIME_TOLERANCE_S:
        return None
    return name._replace(start=start.replace(microsecond=0))


def slice_of_slc(name: SlcName, options: SimulationOptions) -> Slice:
    """Return the SLC of a name, with the bursts of each swath between its first and last line.

    Raise ParameterError if the satellite did not fly the named orbit's track at that time.
    """
    track = relative_orbit(name.platform, name.absolute_orbit)
    flights = [f for f in shifted_passes(name.platform, name.start) if f.relative_orbit == track]
    if not flights:
        raise ParameterError(
            f"{name.platform} did not fly track {track} at {name.start:%Y-%m-%d %H:%M:%S}",
            hint=f"check the orbit number in {name}",
        )
    flight = _with_errors(flights[0], options)
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
    """Return the burst of IW1 that starts nearest to the time in an SLC's name; cropping has no effect."""
    since = (name.start - flight.node).total_seconds() + 0.5
    whole = SWATHS[1]
    guess = burst_number(flight.relative_orbit, since + whole.lines // 2 * AZIMUTH_INTERVAL_S)
    near = [number for number in range(guess - 1, guess + 2) if 1 <= number <= LAST_BURST]
    return min(near, key=lambda number: abs(start_anx_s(flight, number, whole) - since))


def pass_at(platform: str, start: datetime, options: SimulationOptions) -> Sentinel1Pass:
    """Return the pass during which a burst started.

    Several passes may contain the time: one of the satellite itself, and passes moved from other days. Only
    one of them has a burst that starts exactly at this time.

    Raise ParameterError if the satellite was not in orbit at that time.
    """
    candidates = shifted_passes(platform, start)
    if not candidates:
        raise ParameterError(f"{platform} was not in orbit on {start:%Y-%m-%d}")
    swaths = [each.cropped(options.lines, options.samples) for each in SWATHS.values()]
    found = next((flight for flight in candidates if _starts_burst(flight, start, swaths)), candidates[0])
    return _with_errors(found, options)


def _starts_burst(flight: Sentinel1Pass, start: datetime, swaths: list[IwSwath]) -> bool:
    """Return whether a burst of a pass starts at exactly this time."""
    since = (start - flight.node).total_seconds()
    for swath in swaths:
        middle = since + swath.lines // 2 * AZIMUTH_INTERVAL_S
        burst = burst_number(flight.relative_orbit, middle)
        if 1 <= burst <= LAST_BURST and abs(start_anx_s(flight, burst, swath) - since) < 2e-6:
            return True
    return False
