"""Functions that recipes of this folder call."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass
class Masked:
    """What `mask` returns."""

    mask: Path
    fraction: float


def mask(coherence: Path, threshold: float = 0.3, kind: Literal["a", "b"] | None = None) -> Masked:
    """Return a mask."""
    raise NotImplementedError
