"""The parameter file ``NAME.txt``: one ``key: value`` a line, in HyP3's order, as MintPy reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from isce2_recipe.errors import InputError
from isce2_recipe.files import read_bounded
from isce2_recipe.markup import render_lines
from isce2_recipe.products.facts import ProductFacts

# HyP3 writes these for every Sentinel-1 product, whatever the orbit; MintPy reads both.
SPACECRAFT_HEIGHT_M = 693000.0
EARTH_RADIUS_M = 6337286.638938101

_MOST_BYTES = 10_000_000

# Format of the value of "Radar sensing stop".
RADAR_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%f"

_BASELINE = re.compile(r"<IW-(\d)_Bperp_at_midrange_for_first_common_burst>\s*([^<\s]+)\s*<")


@dataclass(frozen=True, slots=True)
class RadarWindow:
    """Size, valid area and spacing of a single burst's layers in radar geometry, after multilooking.

    In the valid area both images hold data. The spacings are those of azimuth time and slant range;
    ``sensing_stop`` is the UTC of the last line that was used, ``%Y-%m-%dT%H:%M:%S.%f``.
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


RADAR_KEYS = {
    "Radar n lines": "lines",
    "Radar n samples": "samples",
    "Radar first valid line": "first_valid_line",
    "Radar n valid lines": "valid_lines",
    "Radar first valid sample": "first_valid_sample",
    "Radar n valid samples": "valid_samples",
    "Multilook azimuth time interval": "azimuth_interval_s",
    "Multilook range pixel size": "range_spacing_m",
    "Radar sensing stop": "sensing_stop",
}
"""Keys of the parameter file, and the fields of `RadarWindow` that they hold."""


def perpendicular_baseline_m(topsproc: Path) -> float:
    """Return the perpendicular baseline at mid-range of the first common burst of the lowest swath.

    ISCE2's record ``topsProc.xml`` is not well-formed XML and therefore searched, not parsed.

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


def write(path: Path, facts: ProductFacts, more: Mapping[str, object]) -> None:
    """Write keys and values, each line with a colon, which MintPy requires: HyP3's, then further ones.

    Orbit, time, heading and ranges are those of the reference's earliest burst in its lowest swath.
    """
    text = render_lines("product/parameters.txt", facts=facts, processing=facts.processing, more=more)
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def read(path: Path) -> dict[str, str]:
    """Return the keys and values of a parameter file."""
    try:
        text = read_bounded(path, _MOST_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        hint = "unzip the product again; its files belong together"
        raise InputError(f"{path} cannot be read: {reason}", hint=hint) from None
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def seconds_of_day(when: datetime) -> float:
    """Return the time since midnight, seconds."""
    return (when - when.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()


def radar_pairs(radar: RadarWindow) -> dict[str, object]:
    """Return the keys and values of the layers in radar geometry."""
    return {key: getattr(radar, name) for key, name in RADAR_KEYS.items()}
