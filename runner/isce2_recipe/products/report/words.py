"""Numbers for people."""

from __future__ import annotations


def duration(seconds: float | None) -> str:
    """A time span."""
    if seconds is None:
        return "\N{EN DASH}"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def size(value: float | None) -> str:
    """Memory."""
    if not value:
        return "\N{EN DASH}"
    return f"{value / 1e9:.1f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"


def percent(share: float | None, digits: int = 1) -> str:
    """A share of one."""
    return "\N{EN DASH}" if share is None else f"{100 * share:.{digits}f} %"
