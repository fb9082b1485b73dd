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
