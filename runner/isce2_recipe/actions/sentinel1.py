"""Actions for Sentinel-1 bursts: check and find a pair, fetch it as SAFE folders, fetch orbits."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isce2_recipe.actions.base import Context, action, names_from
from isce2_recipe.errors import InputError, SourceError
from isce2_recipe.inputs import describe_files, write_inputs
from isce2_recipe.paths import INPUTS
from isce2_recipe.sentinel1 import pairs
from isce2_recipe.types import BurstName, SlcName

if TYPE_CHECKING:
    from isce2_recipe.sources.base import BurstFiles, BurstRecord


@dataclass(frozen=True)
class BurstPair:
    """The names of a burst pair that can be processed.

    Attributes
    ----------
    reference, secondary : list of str
        Granule names, sorted by burst number and swath. Items with the same index are a pair.
    polarization : str
        ``VV`` or ``HH``.
    swaths : list of int
        Numbers of the swaths.
    """

    reference: list[str]
    secondary: list[str]
    polarization: str
    swaths: list[int]


def _pair(inputs: Mapping[str, Any]) -> BurstPair:
    pair = pairs.check_pair(
        inputs["reference"], inputs["secondary"], any_order=inputs.get("any_order", False)
    )
    return BurstPair(
        [str(name) for name in pair.reference],
        [str(name) for name in pair.secondary],
        pair.polarization,
        list(pair.swaths),
    )


@action("sentinel1.check_pair", version=1, check=_pair, foresee=_pair)
def check_pair(
    ctx: Context, *, reference: list[str], secondary: list[str], any_order: bool = False
) -> BurstPair:
    """Check that two lists of burst names are a pair that can be processed."""
    pair = _pair({"reference": reference, "secondary": secondary, "any_order": any_order})
    ctx.log.info(
        "%d burst pair(s), %s, swath(s) %s", len(pair.reference), pair.polarization, _words(pair.swaths)
    )
    return pair


_bursts = names_from("bursts", "reference", "secondary", "granules")


@dataclass(frozen=True)
class BurstScenes:
    """The catalogue's facts of a burst pair.

    Attributes
    ----------
    catalog : Path
        JSON list of burst records, the references first.
    bounds : list of float
        Bounds of all bursts: west, south, east, north, degrees.
    reference_bounds : list of float
        Bounds of the reference bursts.
    reference_slc, secondary_slc : list of str
        Names of the SLC granules that the bursts were cut from, without duplicates.
    relative_orbit : int
        Track, 1 to 175.
    direction : str
        ``ASCENDING`` or ``DESCENDING``.
    """

    catalog: Path
    bounds: list[float]
    reference_bounds: list[float]
    reference_slc: list[str]
    secondary_slc: list[str]
    relative_orbit: int
    direction: str


@action("sentinel1.find_bursts", version=2, uses=("source.bursts",), takes=_bursts)
def find_bursts(ctx: Context, *, reference: list[str], secondary: list[str]) -> BurstScenes:
    """Find the bursts of a pair in the source's catalogue."""
    from isce2_recipe.sources.base import bounds_of, check_two_passes
    from isce2_recipe.sources.catalog import write_catalog

    names = [BurstName.parse(name) for name in (*reference, *secondary)]
    records = ctx.source.find_bursts(names, ctx.log)
    first, second = records[: len(reference)], records[len(reference) :]
    _check_pass("reference", first)
    _check_pass("secondary", second)
    check_two_passes(first, second)
    began = min(first, key=lambda record: record.start)
    return BurstScenes(
        write_catalog(records, ctx.out / "bursts.json"),
        list(bounds_of(records)),
        list(bounds_of(first)),
        sorted({record.slc for record in first}),
        sorted({record.slc for record in second}),
        began.relative_orbit,
        began.direction,
    )


def _check_pass(side: str, records: list[BurstRecord]) -> None:
    from isce2_recipe.sources.base import group_by_pass

    groups = group_by_pass(records)
    if len(groups) > 1:
        passes = ", ".join(
            f"{first.platform} orbit {first.absolute_orbit} at {first.start:%Y-%m-%dT%H:%M:%S}"
            for first, *_ in groups
        )
        raise InputError(f"the {side} bursts are of several passes: {passes}", hint="give bursts of one pass")


@dataclass(frozen=True)
class Safes:
    """The SAFE folders of one pass, which ISCE2 joins.

    Attributes
    ----------
    safes : list of Path
        The folders, in order of time.
    ipf_version : str
        Version of ESA's processor that made the bursts.
    inputs : Path
        Names, sizes and checksums of the bursts' files.
    """

    safes: list[Path]
    ipf_version: str
    inputs: Path


@action("sentinel1.fetch_safes", version=2, uses=("source.bursts",), takes=_bursts)
def fetch_safes(ctx: Context, *, catalog: Path, granules: list[str]) -> Safes:
    """Fetch the bursts of one pass and write SAFE folders with the annotation of these bursts only."""
    from isce2_recipe.sentinel1.safe import BurstInput, group_bursts, write_safe
    from isce2_recipe.sources.base import BurstRecord
    from isce2_recipe.sources.catalog import read_catalog

    records = read_catalog(catalog, BurstRecord)
    names = [BurstName.parse(granule) for granule in granules]
    wanted = [_record_of(records, name) for name in names]
    downloads = ctx.out / "download"
    downloads.mkdir()
    files = _fetch_bursts(ctx, wanted, downloads)
    inputs = {
        name: BurstInput(name, found.tiff, found.metadata, record.index)
        for name, found, record in zip(names, files, wanted, strict=True)
    }
    safes = [write_safe([inputs[name] for name in group], ctx.out) for group in group_bursts(names)]
    received = [
        file
        for name, found in zip(names, files, strict=True)
        for file in describe_files("burst", (found.tiff, found.metadata), str(name))
    ]
    shutil.rmtree(downloads)
    versions = sorted({safe.ipf_version for safe in safes})
    if len(versions) > 1:
        raise InputError(
            f"the bursts were made by different versions of ESA's processor: {', '.join(versions)}",
            hint="ISCE2 cannot join them; process them in separate runs",
        )
    return Safes([safe.path for safe in safes], versions[0], write_inputs(ctx.out / INPUTS, received))


def _record_of(records: dict[str, BurstRecord], name: BurstName) -> BurstRecord:
    if str(name) not in records:
        raise InputError(f"burst {name} is not in the catalogue", hint="run the search again")
    return records[str(name)]


def _fetch_bursts(ctx: Context, records: list[BurstRecord], folder: Path) -> list[BurstFiles]:
    """Fetch every burst into a folder of its own, several at a time if the source asks for that."""
    from isce2_recipe.sources.base import traits_of

    done = [0.0] * len(records)

    def progress_of(position: int) -> Callable[[float, str], None]:
        def progress(fraction: float, text: str) -> None:
            done[position] = fraction
            ctx.progress(sum(done) / len(done), text)

        return progress

    def fetch(position: int) -> BurstFiles:
        record = records[position]
        target = folder / record.name
        target.mkdir()
        return ctx.source.fetch_burst(record, target, ctx.log, progress_of(position))

    workers = traits_of(ctx.source).parallel_bursts
    if workers == 1:
        return [fetch(position) for position in range(len(records))]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(fetch, range(len(records))))


@dataclass(frozen=True)
class Orbits:
    """The orbit files of all passes.

    Attributes
    ----------
    files : list of Path
        One EOF file for each pass.
    folder : Path
        Their folder, in which ISCE2 selects a file by its name.
    """

    files: list[Path]
    folder: Path


@action("sentinel1.fetch_orbits", version=1, uses=("source.orbits",), takes=lambda _: {"orbits": ()})
def fetch_orbits(ctx: Context, *, catalog: Path) -> Orbits:
    """Fetch an orbit file for every pass and check that it covers the bursts."""
    from isce2_recipe.sources.base import Sentinel1Record, passes
    from isce2_recipe.sources.catalog import read_catalog

    files = []
    for platform, start, stop in passes(read_catalog(catalog, Sentinel1Record).values()):
        path = ctx.source.fetch_orbit(platform, start, stop, ctx.out, ctx.log)
        _check_cover(path, platform, start, stop)
        ctx.log.info("orbit of %s at %s: %s", platform, start.isoformat(timespec="seconds"), path.name)
        files.append(path)
    return Orbits(files, ctx.out)


@dataclass(frozen=True)
class AuxCal:
    """ESA's calibration files.

    Attributes
    ----------
    folder : Path or None
        Their folder; None if ISCE2 does not need them.
    """

    folder: Path | None


@action("sentinel1.fetch_aux_cal", version=3, uses=("source",), takes=lambda _: {"aux_cal": ()})
def fetch_aux_cal(ctx: Context, *, safes: list[Path]) -> AuxCal:
    """Fetch the calibration files, which ISCE2 needs only for data of version 002.36 of ESA's processor.

    Only those that are valid at the times of the acquisitions are kept.

    Parameters
    ----------
    safes : list of Path
        SAFE folders, whose manifests have the version.
    """
    from isce2_recipe.sentinel1 import aux_cal
    from isce2_recipe.sources import sources_with
    from isce2_recipe.sources.base import capabilities_of

    needing = [SlcName.parse(safe.name) for safe in safes if aux_cal.needed(safe)]
    platforms = sorted({name.platform for name in needing})
    if not platforms:
        ctx.log.info("no data of version %s", aux_cal.UNCORRECTED_IPF)
        return AuxCal(None)
    if "calibration" not in capabilities_of(ctx.source):
        raise SourceError(
            f"the source {ctx.source.name} has no calibration files, which data of version "
            f"{aux_cal.UNCORRECTED_IPF} need",
            hint=f"use one of the sources {', '.join(sources_with(['calibration']))}",
        )
    folder = ctx.out / "aux_cal"
    folder.mkdir()
    for platform in platforms:
        found = ctx.source.fetch_aux_cal(platform, folder, ctx.log)
        right = {aux_cal.select(found, name) for name in needing if name.platform == platform}
        # ISCE2 takes the one that was generated last, not the one that became valid last.
        for other in set(found) - right:
            shutil.rmtree(other)
        ctx.log.info("calibration of %s: %s", platform, ", ".join(sorted(path.name for path in right)))
    return AuxCal(folder)


def _check_cover(path: Path, platform: str, start: datetime, stop: datetime) -> None:
    from isce2_recipe.sar.orbit import read_orbit

    orbit = read_orbit(path, start, stop)
    if not orbit.covers(orbit.seconds(start), orbit.seconds(stop)):
        raise InputError(
            f"orbit file {path.name} does not cover {platform}'s bursts from {start:%Y-%m-%dT%H:%M:%S} to "
            f"{stop:%Y-%m-%dT%H:%M:%S} and one minute before and after (it has {orbit.describe_span()})",
            hint="use the precise (POEORB) or restituted (RESORB) orbit of that satellite and time",
        )


def _words(numbers: Iterable[int]) -> str:
    return ", ".join(f"IW{number}" for number in numbers)
