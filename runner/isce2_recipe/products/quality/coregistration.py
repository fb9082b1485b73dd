"""What ESD found: the shifts between two dates that orbits and annotation do not explain."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from isce2_recipe.paths import MISREGISTRATION, TOPS_PROC

# Nodes of the record of topsApp. ISCE2 itself writes the results of two steps to one node.
_AZIMUTH, _RANGE, _APPLIED = "esd", "rangecoreg", "fineoff"
_LOG, _TIME = "isce.log", re.compile(r"Additional time offset applied in geo2rdr: (\S+) secs")


def coregistration(folder: Path, truth: Path | None) -> dict[str, Any] | None:
    """Return the shifts that were added to the offsets of the secondary, None if ESD did not run.

    Parameters
    ----------
    folder : Path
        topsApp's folder. Its record ``topsProc.xml`` is searched, not parsed, because ISCE2's is not
        well-formed XML.
    truth : Path or None
        GeoTIFF of the true displacement, next to which a source writes simulated shifts.
    """
    try:
        text = (folder / TOPS_PROC).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    azimuth, range_, applied = (_entries(text, name) for name in (_AZIMUTH, _RANGE, _APPLIED))
    if not azimuth and not range_:
        return None
    found: dict[str, Any]
    if applied:
        found = {
            "azimuth": {"seconds": applied.get("Initial_secondary_azimuth_timing_correction", 0.0)}
            | _named(azimuth, "lines", "Median")
            | {"isce2_lines": azimuth.get("ISCE2_Median")},
            "range": {"metres": applied.get("Initial_secondary_range_timing_correction", 0.0)}
            | _named(range_, "samples", "Median"),
        }
    else:
        # ISCE2 corrects the mean in range, and its log alone has the time that it corrects.
        log = folder / _LOG
        times = _TIME.findall(log.read_text(errors="replace")) if log.is_file() else []
        found = {
            "azimuth": {"seconds": float(times[-1]) if times else None},
            "range": _named(azimuth, "samples", "Mean"),
        }
    if truth is not None and (shifts := truth.with_name(MISREGISTRATION)).is_file():
        found["truth"] = json.loads(shifts.read_text(encoding="utf-8"))
    return found


def _named(entries: dict[str, float], name: str, value: str) -> dict[str, Any]:
    return {
        name: entries.get(value),
        "std": entries.get("Std"),
        "points": int(entries.get("number_of_coherent_points", 0)),
    }


def _entries(text: str, node: str) -> dict[str, float]:
    """Return the numbers in a node."""
    found = re.search(rf"<{node}>(.*?)</{node}>", text, re.DOTALL)
    entries = {}
    for name, value in re.findall(r"<([A-Za-z_]\w*)>([^<]*)</", found[1] if found else ""):
        try:
            entries[name] = float(value)
        except ValueError:
            continue
    return entries
