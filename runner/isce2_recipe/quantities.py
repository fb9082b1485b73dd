"""Numbers, sizes and durations as text for people."""

from __future__ import annotations


def counted(number: int, word: str) -> str:
    """Return a number of things: ``1 burst``, ``1,200 bursts``."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def format_bytes(size: float) -> str:
    """Return a number of bytes in decimal units: ``512 B``, ``1.5 MB``, ``830 MB``, ``4.2 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.95 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def format_duration(seconds: float) -> str:
    """Return a time span: ``1.5 s``, ``2 min 05 s``, ``1 h 04 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def format_share(share: float, digits: int = 1) -> str:
    """Return a share as percent; one that is nearly all or nearly none is not rounded to all or none.

    0.99996 becomes ``> 99.9 %``, so that it is not taken for a share that meets a limit of 1.
    """
    least = 10.0**-digits
    if 0.0 < share < 1.0:
        if round(100.0 * share, digits) >= 100.0:
            return f"> {100.0 - least:.{digits}f} %"
        if round(100.0 * share, digits) <= 0.0:
            return f"< {least:.{digits}f} %"
    return f"{100.0 * share:.{digits}f} %"
