"""Rules of thumb for the numbers of a product's quality: good, usable or poor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RuleOfThumb:
    """A rule of thumb for one number.

    ``path`` leads to the number in ``quality.json``. It is good from ``good`` on and usable from ``usable``
    on; larger numbers are better if ``good`` is the larger of the two. ``text`` states both.
    """

    path: tuple[str, ...]
    good: float
    usable: float
    text: str

    def word(self, value: float) -> str:
        """Return what the number is."""
        sign = 1.0 if self.good > self.usable else -1.0
        if sign * value >= sign * self.good:
            return "good"
        return "usable" if sign * value >= sign * self.usable else "poor"


RULES: Mapping[str, RuleOfThumb] = {
    "valid": RuleOfThumb(("coverage", "valid_fraction"), 0.9, 0.5, "good from 90 %, usable from 50 %"),
    "largest": RuleOfThumb(
        ("components", "largest_land_fraction"), 0.9, 0.5, "good from 90 %, usable from 50 %"
    ),
    "coherence": RuleOfThumb(("coherence", "land", "p50"), 0.9, 0.6, "good from 0.9, usable from 0.6"),
    "unfiltered": RuleOfThumb(
        ("coherence_unfiltered", "land", "p50"), 0.6, 0.4, "good from 0.6, usable from 0.4"
    ),
    "residues": RuleOfThumb(
        ("unwrapping", "residues_per_thousand"), 5.0, 50.0, "good up to 5 ‰, usable up to 50 ‰"
    ),
}
"""The rules by a short name; they are for orientation, and no product is refused by them."""


def judgements(quality: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the word and the text of each rule whose number was measured."""
    found = {}
    for name, rule in RULES.items():
        value: Any = quality
        for key in rule.path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            found[name] = (rule.word(float(value)), rule.text)
    return found
