"""Limits that a recipe can set for the quality of a product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Quality = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Limit:
    """A kind of limit.

    Attributes
    ----------
    what : str
        Description of the number that is limited.
    at_least : bool
        Whether the limit is the smallest accepted number; else it is the largest.
    value : callable
        Returns the number from a quality, or None if it was not measured.
    """

    what: str
    at_least: bool
    value: Callable[[Quality], float | None]


@dataclass(frozen=True, slots=True)
class LimitCheck:
    """The result of checking one limit.

    Attributes
    ----------
    name, what : str
        Name of the limit, and description of the limited number.
    limit : float
        Value of the limit.
    value : float or None
        Measured number; None if it was not measured.
    met : bool
        Whether the limit is met. A number that was not measured does not meet its limit.
    """

    name: str
    what: str
    limit: float
    value: float | None
    met: bool

    @property
    def text(self) -> str:
        """A sentence about the limit that is not met."""
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
    "min_largest_component": Limit(
        "the share of land in the largest component", True, _at("components", "largest_land_fraction")
    ),
    "min_observed_fraction": Limit(
        "the share of the map that the radar observed", True, _at("coverage", "observed_fraction")
    ),
    "max_seam_mm": Limit("the largest offset at a burst seam in mm", False, _largest_seam),
    "max_rms_mm": Limit("the RMS difference from the truth in mm", False, _at("truth", "rms_mm")),
    "max_wrong_cycles": Limit("pixels in a wrong cycle", False, _at("truth", "wrong_cycles")),
}
"""Limits by name. The last two need the simulated truth."""


def check_limits(quality: Quality, limits: Mapping[str, float]) -> list[LimitCheck]:
    """Check a quality against limits and return one result per limit.

    Raises
    ------
    KeyError
        If there is no limit of a name.
    """
    checks = []
    for name, limit in limits.items():
        kind = LIMITS[name]
        value = kind.value(quality)
        met = value is not None and (value >= limit if kind.at_least else value <= limit)
        checks.append(LimitCheck(name, kind.what, float(limit), value, met))
    return checks
