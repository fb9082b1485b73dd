"""Old command lines translated as the commands do it, with bursts that the simulated source knows."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from isce2_recipe import legacy
from isce2_recipe.legacy import Translation
from isce2_recipe.sources import open_source
from isce2_recipe.types import BurstName, SlcName


def find_burst(slc: SlcName, swath: int, polarization: str, number: int) -> BurstName:
    """The burst at a place, of the simulated source."""
    source = open_source("simulated")
    return source.burst_at(slc, swath, polarization, number, logging.getLogger("test"))


def translate(words: Sequence[str]) -> Translation:
    """An old command line as one of ours."""
    return legacy.translate(words, find_burst)
