"""Patterns of JSON Schema as Python's regular expressions, matched within a time limit.

A pattern with repetitions inside repetitions can take hours to match. ``re`` cannot be stopped. ``regex`` has
a timeout, but takes time to import, so it is used only for patterns that may be slow.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from functools import lru_cache

from isce2_recipe.sandbox import MAX_STEPS, BudgetError, spend

SECONDS = 1.0
"""Time limit of comparing a text with a pattern."""

_TOGETHER_S = 5.0
"""Time limit of all comparisons within one `isce2_recipe.sandbox.budget`."""

# A text of at most _SHORT characters is compared without a time limit with a pattern that has at most _FEW
# repetitions and does not repeat groups.
_SHORT = 256
_FEW = 2
_REPEATED = re.compile(r"[*+?]|\{\d*,\d*\}")
_REPEATED_GROUP = re.compile(r"\)(?:[*+]|\{\d*,\d*\})")


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return a JSON Schema pattern as a Python regular expression: ``$`` is the very end, digits are ASCII.

    Raise re.error if it is not a regular expression.
    """
    return re.compile(re.sub(r"(?<!\\)\$(?=$|\))", r"\\Z", pattern), re.ASCII)


def matches(pattern: str, text: str, *, trusted: bool = False) -> bool:
    """Return whether a pattern matches somewhere in a text.

    Parameters
    ----------
    trusted : bool
        Whether the pattern is known to be fast.

    Raises
    ------
    re.error
        If it is not a regular expression.
    TimeoutError
        If matching takes longer than `SECONDS`.
    """
    compiled = compile_pattern(pattern)
    if trusted or (len(text) <= _SHORT and not _may_be_slow(pattern)):
        return compiled.search(text) is not None
    import regex

    began = time.perf_counter()
    try:
        spend(0)
        return regex.search(compiled.pattern, text, regex.ASCII, timeout=SECONDS) is not None
    except BudgetError:
        raise TimeoutError from None
    finally:
        with suppress(BudgetError):
            spend(round((time.perf_counter() - began) * MAX_STEPS / _TOGETHER_S))


@lru_cache(maxsize=512)
def _may_be_slow(pattern: str) -> bool:
    return bool(_REPEATED_GROUP.search(pattern)) or len(_REPEATED.findall(pattern)) > _FEW
