"""Names of orbit files and of the scenes in requests to ASF's orbit service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SERVICE = "https://s1-orbits.asf.alaska.edu/scene"
PRECISE, RESTITUTED = "AUX_POEORB", "AUX_RESORB"

_MARGIN = timedelta(seconds=60)  # before the first and after the last line
_TIME = "%Y%m%dT%H%M%S"


def covers(name: str, platform: str, start: datetime, stop: datetime) -> bool:
    """Return whether a file covers ``start`` to ``stop`` of a satellite, and one minute before and after.

    ``S1A_OPER_AUX_POEORB_OPOD_20210314T184202_V20200603T225942_20200605T005942.EOF``
    """
    if not name.startswith(f"{platform}_OPER_AUX_"):
        return False
    first, _, last = name.partition(".")[0].rpartition("_V")[2].partition("_")
    try:
        begins, ends = (datetime.strptime(text, _TIME).replace(tzinfo=UTC) for text in (first, last))
    except ValueError:
        return False
    return begins <= start - _MARGIN and stop + _MARGIN <= ends


def scene_name(platform: str, start: datetime, stop: datetime) -> str:
    """Return a scene's name for a request; the service reads only its platform and times."""
    return f"{platform}_IW_SLC__1SDV_{start:{_TIME}}_{stop:{_TIME}}_000000_000000_0000"
