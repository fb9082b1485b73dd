"""Bursts of complete SLCs by ESA's burst numbers, and the common bursts of two SLCs."""

from __future__ import annotations

from pathlib import Path

from isce2_recipe.errors import InputError
from isce2_recipe.sar.annotation import BurstGeometry, read_annotation
from isce2_recipe.sar.burst_grid import burst_number
from isce2_recipe.types import BurstName


def common_bursts(
    reference: Path, secondary: Path
) -> tuple[tuple[BurstGeometry, ...], tuple[BurstGeometry, ...]]:
    """Return the bursts of two SAFE folders that show the same ground, in the same order of swath and time.

    Raise InputError if there are none.
    """
    first, second = (
        {(burst.swath, number_of(burst)): burst for burst in _bursts(safe)} for safe in (reference, secondary)
    )
    shared = sorted(first.keys() & second.keys(), key=lambda key: (key[0], first[key].start))
    if not shared:
        raise InputError(
            f"{reference.name} and {secondary.name} have no burst in common",
            hint="use scenes of the same place",
        )
    return tuple(first[key] for key in shared), tuple(second[key] for key in shared)


def _bursts(safe: Path) -> list[BurstGeometry]:
    files = sorted(safe.glob("annotation/*.xml"))
    if not files:
        raise InputError(f"no annotation in {safe}", hint="download it again")
    return [burst for file in files for burst in read_annotation(file)]


def number_of(burst: BurstGeometry) -> int:
    """Return ESA's relative burst number; it is computed if the processor did not write it."""
    if burst.burst_id is not None:
        return burst.burst_id
    since_node = (burst.middle - burst.ascending_node).total_seconds()
    return burst_number(burst.relative_orbit, since_node)


def burst_name(burst: BurstGeometry) -> BurstName:
    """Return the name of a burst granule for the names of products; its suffix is not known."""
    return BurstName(
        burst.start.replace(microsecond=0), number_of(burst), burst.swath, burst.polarization, "0000"
    )
