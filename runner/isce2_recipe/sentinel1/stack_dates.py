"""The dates of a stack: the result of a search over an area, which network, coregistration and pairs read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StackDate:
    """One pass over the area of a stack.

    Attributes
    ----------
    date : str
        Day on which the pass began over the area, UTC, ``YYYYMMDD``.
    platform : str
        ``S1A`` to ``S1D``.
    granules : list of str
        Names of the burst granules, in the order of the stack's bursts; every date has the same bursts.
    catalog : Path
        Catalogue with the records of this date's granules only, so that a date more changes no other date.
    """

    date: str
    platform: str
    granules: list[str]
    catalog: Path


@dataclass(frozen=True)
class StackScenes:
    """The dates of a stack and what they have in common.

    Attributes
    ----------
    dates : list of StackDate
        In order of time.
    reference : StackDate
        The date that has the common geometry; by default the first.
    bursts : list of str
        Burst IDs, such as ``136231_IW2``, sorted by number and swath.
    relative_orbit : int
        Track, 1 to 175.
    direction : str
        ``ASCENDING`` or ``DESCENDING``.
    polarization : str
        ``VV`` or ``HH``.
    swaths : list of int
        Numbers of the swaths, ascending.
    bounds : list of float
        Bounds of the reference date's bursts, which a date more does not change: west, south, east, north,
        degrees.
    notes : list of str
        Dates or bursts that were left out, and other findings for the user.
    """

    dates: list[StackDate]
    reference: StackDate
    bursts: list[str]
    relative_orbit: int
    direction: str
    polarization: str
    swaths: list[int]
    bounds: list[float]
    notes: list[str]
