"""The steps that the builtin engine publishes."""

from __future__ import annotations

from functools import cache

from isce2_recipe.recipe import isce2_xml


@cache
def tops_steps() -> tuple[str, ...]:
    """Return the steps of topsApp up to ``geocode``; the engine has no steps for dense offsets."""
    steps = isce2_xml.steps("topsApp")
    return steps[: steps.index("geocode") + 1]
