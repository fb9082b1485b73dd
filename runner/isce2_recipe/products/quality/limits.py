"""Limits that a recipe may set to a product's quality."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Quality = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Limit:
    """A number that a product is held against.

    Attributes
    ----------
    what : str
        The number, in words.
    at_least : bool
        Whether it must not be smaller; else it must not be larger.
    value : callable
        From the quality to the number; None where it was not measured.
    """

    what: str
    at_least: bool
    value: Callable[[Quality], float | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One limit and what became of it.

    Attributes
    ----------
    name, what : str
        Of the limit.
    limit : float
        As set.
    value : float or None
        As measured; None where it was not.
    kept : bool
        Whether it was kept. What was not measured keeps no limit.
    """

    name: str
    what: str
    limit: float
    value: float | None
    kept: bool

    @property
    def text(self) -> str:
        """What is wrong, in a sentence."""
        sign = "below" if self.name.startswith("min_") else "above"
        if self.value is None:
            return f"{self.what} was not measured, but {self.name} is {self.limit:g}"
        return f"{self.what} is {self.value:g}, {sign} {self.name} {self.limit:g}"


def _at(*path: str) -> Callable[[Quality], float | None]:
    def value(quality: Quality) -> float | None:
        found: Any = quality
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return None if found is None else float(found)

    return value


def _largest_seam(quality: Quality) -> float | None:
    return max((abs(seam["displacement_mm"]) for seam in quality.get("seams", ())), default=0.0)


LIMITS = {
    "min_valid_fraction": Limit(
        "the share of land with unwrapped phase in a component", True, _at("coverage", "valid_fraction")
    ),
    "min_coherence": Limit("the median coherence on land", True, _at("coherence", "land", "p50")),
    "max_residues_per_thousand": Limit(
        "residues of the wrapped phase in a thousand loops",
        False,
        _at("unwrapping", "residues_per_thousand"),
    ),
    "max_jumps": Limit("jumps within components", False, _at("unwrapping", "jumps")),
    "max_components": Limit("the number of connected components", False, _at("components", "count")),
    "max_seam_mm": Limit("the largest offset at a burst seam in mm", False, _largest_seam),
    "max_rms_mm": Limit("the RMS difference from the truth in mm", False, _at("truth", "rms_mm")),
    "max_wrong_cycles": Limit("pixels in a wrong cycle", False, _at("truth", "wrong_cycles")),
}
"""Limits by name. Numbers about the truth are there for simulated scenes only."""


def judge(quality: Quality, limits: Mapping[str, float]) -> list[Verdict]:
    """What became of each limit that is set.

    Raises
    ------
    KeyError
        If a limit has no such name.
    """
    verdicts = []
    for name, limit in limits.items():
        known = LIMITS[name]
        value = known.value(quality)
        kept = value is not None and (value >= limit if known.at_least else value <= limit)
        verdicts.append(Verdict(name, known.what, float(limit), value, kept))
    return verdicts
