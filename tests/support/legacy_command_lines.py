"""Translation of hyp3-isce2 command lines with the bursts of the simulated source."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from isce2_recipe import legacy
from isce2_recipe.legacy import Translation
from isce2_recipe.sources import open_source
from isce2_recipe.types import BurstName, SlcName


def find_burst(slc: SlcName, swath: int, polarization: str, number: int) -> BurstName:
    """Find the burst at a position in an SLC with the simulated source."""
    source = open_source("simulated")
    return source.burst_at(slc, swath, polarization, number, logging.getLogger("test"))


def translate(arguments: Sequence[str]) -> Translation:
    """Translate a hyp3-isce2 command line."""
    return legacy.translate(arguments, find_burst)
