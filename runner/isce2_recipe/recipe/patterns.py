"""Patterns of JSON Schema as Python's regular expressions, matched within a time.

Repetitions within repetitions can keep a search going for longer than anybody waits. ``re`` cannot be
stopped; ``regex`` can, but takes time to import, so it gets only what might be slow.
"""

from __future__ import annotations

import re
from functools import lru_cache

SECONDS = 1.0
"""The longest that a text is compared with a pattern."""

# Shorter texts are compared at once with a pattern that repeats so often at most, and no groups.
_SHORT = 256
_FEW = 2
_REPEATED = re.compile(r"[*+?]|\{\d*,\d*\}")
_REPEATED_GROUP = re.compile(r"\)(?:[*+]|\{\d*,\d*\})")


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A JSON Schema pattern as Python's regular expression: ``$`` is the very end, digits are ASCII.

    Raises
    ------
    re.error
        If it is not a regular expression.
    """
    return re.compile(re.sub(r"(?<!\\)\$(?=$|\))", r"\\Z", pattern), re.ASCII)


def matches(pattern: str, text: str, *, trusted: bool = False) -> bool:
    """Whether some of a text is as a pattern says.

    Parameters
    ----------
    trusted : bool
        Whether the pattern is known to be quick.

    Raises
    ------
    re.error
        If it is not a regular expression.
    TimeoutError
        If that cannot be told within `SECONDS`.
    """
    compiled = compile_pattern(pattern)
    if trusted or (len(text) <= _SHORT and not _may_be_slow(pattern)):
        return compiled.search(text) is not None
    import regex

    return regex.search(compiled.pattern, text, regex.ASCII, timeout=SECONDS) is not None


@lru_cache(maxsize=512)
def _may_be_slow(pattern: str) -> bool:
    return bool(_REPEATED_GROUP.search(pattern)) or len(_REPEATED.findall(pattern)) > _FEW
