"""Actions that refine the coregistration of a stack by enhanced spectral diversity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isce2_recipe.actions.base import Context, action
from isce2_recipe.actions.stack import pass_of
from isce2_recipe.stack.network import StackPair


@dataclass(frozen=True, slots=True)
class DateOverlaps:
    """The overlaps of the bursts of one date.

    Attributes
    ----------
    date : str
        ``YYYYMMDD``.
    folder : Path
        Folder with an array for each overlap.
    safes : list of Path
        SAFE folders of the date.
    """

    date: str
    folder: Path
    safes: list[Path]


@action("esd.overlaps", version=1, uses=("engine",))
def overlaps(
    ctx: Context,
    *,
    date: str,
    geometry: Path,
    reference_safes: list[Path],
    reference_orbits: list[Path],
    safes: list[Path],
    orbits: list[Path],
    polarization: str,
) -> DateOverlaps:
    """Resample the overlaps of neighbouring bursts of one date to the reference geometry.

    Parameters
    ----------
    date : str
        ``YYYYMMDD``.
    geometry : Path
        Folder of the reference geometry.
    reference_safes, reference_orbits : list of Path
        SAFE folders and orbit file of the reference date.
    safes, orbits : list of Path
        Those of the date itself.
    """
    from isce2_recipe.products.rasters import without_place
    from isce2_recipe.stack.misregistration import write_overlaps

    reference = pass_of(reference_safes, reference_orbits, polarization)
    with without_place():
        count = write_overlaps(
            ctx.out, geometry, reference, pass_of(safes, orbits, polarization),
            log=ctx.log, progress=ctx.progress, cpus=ctx.cpus,
        )  # fmt: skip
    ctx.log.info("%s: %d overlap(s) of bursts", date, count)
    return DateOverlaps(date, ctx.out, safes)


@dataclass(frozen=True, slots=True)
class RefinedDate:
    """A date with its azimuth shift.

    Attributes
    ----------
    date : str
        ``YYYYMMDD``.
    safes : list of Path
        SAFE folders of the date.
    azimuth_lines : float
        What is added to its azimuth offsets, lines.
    """

    date: str
    safes: list[Path]
    azimuth_lines: float


@dataclass(frozen=True, slots=True)
class RefinedDates:
    """The azimuth shifts of the dates of a stack.

    Attributes
    ----------
    dates : dict
        Every date but the reference, by name.
    table : Path
        JSON with the shifts of the dates and of the pairs.
    summary : str
        The most important numbers in a sentence.
    """

    dates: dict[str, RefinedDate]
    table: Path
    summary: str


@action("esd.solve", version=1, uses=("engine",))
def solve(
    ctx: Context,
    *,
    reference: str,
    reference_overlaps: Path,
    pairs: list[StackPair],
    dates: list[str],
    folders: list[Path],
    safes: list[list[Path]],
) -> RefinedDates:
    """Estimate the azimuth shift of every pair, and solve for those of the dates.

    Parameters
    ----------
    reference : str
        The date that has the common geometry; it is not shifted.
    reference_overlaps : Path
        Folder of its overlaps.
    pairs : list of StackPair
        The pairs of the network.
    dates, folders, safes : list
        All other dates, and the folder of overlaps and the SAFE folders of each.
    """
    from isce2_recipe.stack.misregistration import pair_shift, solve_network

    places = {reference: reference_overlaps} | dict(zip(dates, folders, strict=True))
    found = []
    for number, pair in enumerate(pairs, 1):
        shift = pair_shift(places, pair)
        if shift is None:
            ctx.log.warning("%s has too few coherent points in overlaps of bursts", pair.name)
        else:
            found.append(shift)
        ctx.progress(number / len(pairs), pair.name)
    solved = solve_network(reference, pairs, found)
    for date in solved.unknown:
        ctx.log.warning("%s is not refined: no pair with coherent overlaps connects it", date)
    table = ctx.out / "misregistration.json"
    solved.write(table)
    largest = max((abs(lines) for lines in solved.lines.values()), default=0.0)
    rest = max((abs(pair.residual) for pair in solved.pairs), default=0.0)
    summary = (
        f"azimuth shifts of {len(solved.lines) - 1 - len(solved.unknown)} of {len(dates)} dates from "
        f"{len(solved.pairs)} pairs, at most {largest:.4f} lines; the pairs agree within {rest:.4f} lines"
        if solved.pairs
        else "no azimuth shift was found, because no pair has enough coherent points in overlaps of bursts"
    )
    ctx.log.info("%s", summary)
    refined = {
        date: RefinedDate(date, own, solved.lines.get(date, 0.0))
        for date, own in zip(dates, safes, strict=True)
    }
    return RefinedDates(refined, table, summary)
