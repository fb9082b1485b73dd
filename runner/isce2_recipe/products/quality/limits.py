"""Limits that a recipe can set for the quality of a product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Quality = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LimitCheck:
    """The result of checking one limit.

    ``what`` describes the limited number; ``value`` is None if it was not measured, and the limit is not met
    then.
    """

    name: str
    what: str
    limit: float
    value: float | None
    met: bool

    @property
    def text(self) -> str:
        """A sentence about the limit that is not met."""
        if self.value is None:
            return f"{self.what} was not measured, but {self.name} is {self.limit:g}"
        sign = "below" if _is_smallest(self.name) else "above"
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


def _is_smallest(name: str) -> bool:
    """Return whether a limit is the smallest accepted number; else it is the largest."""
    return name.startswith("min_")


LIMITS: dict[str, tuple[str, Callable[[Quality], float | None]]] = {
    "min_valid_fraction": (
        "the share of land with unwrapped phase in a component",
        _at("coverage", "valid_fraction"),
    ),
    "min_coherence": ("the median coherence on land", _at("coherence", "land", "p50")),
    "max_residues_per_thousand": (
        "residues of the wrapped phase in a thousand loops",
        _at("unwrapping", "residues_per_thousand"),
    ),
    "max_jumps": ("jumps within components", _at("unwrapping", "jumps")),
    "max_components": ("the number of connected components", _at("components", "count")),
    "min_largest_component": (
        "the share of land in the largest component",
        _at("components", "largest_land_fraction"),
    ),
    "min_observed_fraction": (
        "the share of the map that the radar observed",
        _at("coverage", "observed_fraction"),
    ),
    "max_seam_mm": ("the largest offset at a burst seam in mm", _largest_seam),
    "max_rms_mm": ("the RMS difference from the truth in mm", _at("truth", "rms_mm")),
    "max_wrong_cycles": ("pixels in a wrong cycle", _at("truth", "wrong_cycles")),
}
"""What each limit restricts, and its value in a quality, None if it was not measured.

The last two need the simulated truth.
"""


def check_limits(quality: Quality, limits: Mapping[str, float]) -> list[LimitCheck]:
    """Check a quality against limits and return one result per limit.

    Raises
    ------
    KeyError
        If there is no limit of a name.
    """
    checks = []
    for name, limit in limits.items():
        what, measured = LIMITS[name]
        value = measured(quality)
        met = value is not None and (value >= limit if _is_smallest(name) else value <= limit)
        checks.append(LimitCheck(name, what, float(limit), value, met))
    return checks
