"""How many random examples the property tests try."""

from __future__ import annotations

import os

_FACTOR = int(os.environ.get("ISCE2_RECIPE_TEST_EXAMPLES", "1"))


def examples(count: int) -> int:
    """Return the number of examples of a test: ``count``, or many times as many every night."""
    return count * _FACTOR
