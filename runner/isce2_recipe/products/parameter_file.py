"""The parameter file ``NAME.txt``: one ``key: value`` a line, in HyP3's order, as MintPy reads it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isce2_recipe.errors import InputError
from isce2_recipe.sar.annotation import BurstGeometry
from isce2_recipe.types import Looks

# What HyP3 writes for every Sentinel-1 product, whatever the orbit; MintPy reads both.
_SPACECRAFT_HEIGHT_M = 693000.0
_EARTH_RADIUS_M = 6337286.638938101

# Of the key "Radar sensing stop".
RADAR_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%f"

_BASELINE = re.compile(r"<IW-(\d)_Bperp_at_midrange_for_first_common_burst>\s*([^<\s]+)\s*<")


@dataclass(frozen=True, slots=True)
class Processing:
    """How the interferogram was made.

    Attributes
    ----------
    looks : Looks
        Multilooking window.
    filter_strength : float
        Exponent of the Goldstein filter, 0 for none.
    unwrapper : str
        ISCE2's name of it.
    water_masked : bool
        Whether water was left out of the unwrapping.
    """

    looks: Looks
    filter_strength: float
    unwrapper: str
    water_masked: bool


@dataclass(frozen=True, slots=True)
class RadarWindow:
    """The multilooked radar images of a single-burst product, in looked lines and samples.

    Attributes
    ----------
    lines, samples : int
        Size.
    first_valid_line, valid_lines, first_valid_sample, valid_samples : int
        Where both images hold data.
    azimuth_interval_s, range_spacing_m : float
        From looked pixel to looked pixel; the second in slant range.
    sensing_stop : str
        UTC of the last line that was used, ``%Y-%m-%dT%H:%M:%S.%f``.
    """

    lines: int
    samples: int
    first_valid_line: int
    valid_lines: int
    first_valid_sample: int
    valid_samples: int
    azimuth_interval_s: float
    range_spacing_m: float
    sensing_stop: str


def perpendicular_baseline_m(topsproc: Path) -> float:
    """Perpendicular baseline at mid-range of the first common burst, of the lowest swath there is.

    Parameters
    ----------
    topsproc : Path
        ISCE2's record ``topsProc.xml``; it is not well-formed XML, so it is searched and not parsed.

    Raises
    ------
    InputError
        If the file cannot be read or holds no baseline.
    """
    try:
        text = topsproc.read_text(encoding="utf-8", errors="replace")
    except OSError as exc:
        raise InputError(f"{topsproc} cannot be read: {exc.strerror}") from exc
    found = sorted((int(swath), float(value)) for swath, value in _BASELINE.findall(text))
    if not found:
        raise InputError(
            f"{topsproc} holds no perpendicular baseline",
            hint="run the application again from its step computeBaselines",
        )
    return found[0][1]


def lines(
    *,
    reference: Sequence[str],
    secondary: Sequence[str],
    reference_bursts: Sequence[BurstGeometry],
    secondary_bursts: Sequence[BurstGeometry],
    baseline_m: float,
    processing: Processing,
    radar: RadarWindow | None = None,
) -> list[tuple[str, str]]:
    """Keys and values in order.

    Orbit, time, heading and ranges are those of the reference's earliest burst of its lowest swath.

    Parameters
    ----------
    reference, secondary : sequence of str
        Granule names.
    reference_bursts, secondary_bursts : sequence of BurstGeometry
        At least one each.
    radar : RadarWindow, optional
        Of a single-burst product.
    """
    first = first_burst(reference_bursts)
    other = first_burst(secondary_bursts)
    far = first.far_range_m
    pairs = {
        "Reference Granule": ", ".join(reference),
        "Secondary Granule": ", ".join(secondary),
        "Reference Pass Direction": first.direction.upper(),
        "Reference Orbit Number": first.absolute_orbit,
        "Secondary Pass Direction": other.direction.upper(),
        "Secondary Orbit Number": other.absolute_orbit,
        "Baseline": baseline_m,
        "UTC time": _seconds_of_day(first),
        "Heading": first.heading_deg,
        "Spacecraft height": _SPACECRAFT_HEIGHT_M,
        "Earth radius at nadir": _EARTH_RADIUS_M,
        "Slant range near": first.near_range_m,
        "Slant range center": (first.near_range_m + far) / 2,
        "Slant range far": far,
        "Range looks": processing.looks.range,
        "Azimuth looks": processing.looks.azimuth,
        "INSAR phase filter": _yes(processing.filter_strength > 0),
        "Phase filter parameter": processing.filter_strength,
        "Range bandpass filter": "no",
        "Azimuth bandpass filter": "no",
        "DEM source": "GLO_30",
        "DEM resolution (m)": 30,
        "Unwrapping type": processing.unwrapper,
        "Speckle filter": "yes",
        "Water mask": _yes(processing.water_masked),
    } | ({} if radar is None else _radar_pairs(radar))
    return [(key, str(value)) for key, value in pairs.items()]


def write(path: Path, pairs: Sequence[tuple[str, str]]) -> None:
    """Write keys and values as text; every line has its colon, which MintPy's reader counts on."""
    path.write_text("".join(f"{key}: {value}\n" for key, value in pairs), encoding="utf-8")


def first_burst(bursts: Sequence[BurstGeometry]) -> BurstGeometry:
    """The earliest burst of the lowest swath."""
    return min(bursts, key=lambda burst: (burst.swath, burst.start))


def _seconds_of_day(burst: BurstGeometry) -> float:
    midnight = burst.start.replace(hour=0, minute=0, second=0, microsecond=0)
    return (burst.start - midnight).total_seconds()


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _radar_pairs(radar: RadarWindow) -> dict[str, object]:
    return {
        "Radar n lines": radar.lines,
        "Radar n samples": radar.samples,
        "Radar first valid line": radar.first_valid_line,
        "Radar n valid lines": radar.valid_lines,
        "Radar first valid sample": radar.first_valid_sample,
        "Radar n valid samples": radar.valid_samples,
        "Multilook azimuth time interval": radar.azimuth_interval_s,
        "Multilook range pixel size": radar.range_spacing_m,
        "Radar sensing stop": radar.sensing_stop,
    }
