"""A source delivers the inputs of a run as files: granules, orbits, terrain, water masks.

A source has a name and a fingerprint (`Source`), properties (`SourceTraits`) and any number of capabilities,
each a small Protocol of this module. An action declares the capabilities that it calls:
``@action(..., uses=("source.terrain",))``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, runtime_checkable

from isce2_recipe.errors import InputError, RecipeToolError
from isce2_recipe.sar.burst_grid import CYCLE_ORBITS as TRACKS
from isce2_recipe.sentinel1.pairs import PASS_WINDOW, is_one_pass, wrong_time
from isce2_recipe.types import AlosName, Bounds, BurstName, PreflightCheck, SlcName

if TYPE_CHECKING:
    from isce2_recipe.sources.burst_query import BurstQuery

Progress = Callable[[float, str], None]
Outcome = tuple[Literal["ok", "note", "wrong"], str, str]
"""State, detail and remedy of a `PreflightCheck`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GranuleRecord:
    """The facts of a granule that a catalogue has before the granule is downloaded."""

    name: str
    direction: str  # ASCENDING or DESCENDING
    # Times of the first and the last line or pulse, UTC.
    start: datetime
    stop: datetime
    footprint: tuple[tuple[float, float], ...]  # closed polygon of (longitude, latitude), degrees
    # Size, checksum and address of the file to download, where known: of an archive, or of a burst's
    # measurement.
    bytes: int | None = None
    md5: str | None = None
    url: str | None = None

    @property
    def bounds(self) -> Bounds:
        """The box around the footprint, degrees."""
        return Bounds.around(self.footprint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinel1Record(GranuleRecord):
    """The record of a Sentinel-1 granule."""

    platform: str  # ``S1A`` to ``S1D``
    absolute_orbit: int
    relative_orbit: int


_Sentinel1 = TypeVar("_Sentinel1", bound=Sentinel1Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstRecord(Sentinel1Record):
    """The record of a burst. Its url ends in ``.tiff``; with ``.xml`` instead it leads to the metadata."""

    slc: str  # name of the SLC granule that the burst was cut from (``S1A_IW_SLC__1SDV_...``)
    index: int  # zero-based position in the annotation's burst list of its swath


@dataclass(frozen=True, slots=True, kw_only=True)
class SlcRecord(Sentinel1Record):
    """The record of a whole Sentinel-1 SLC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlosRecord(GranuleRecord):
    """The record of an ALOS PALSAR scene of level 1.0."""


def group_by_pass(records: Iterable[_Sentinel1]) -> list[list[_Sentinel1]]:
    """Return the granules of each pass, in order of time.

    A pass is continuous in time. Its orbit number changes at the ascending node, and its date at midnight.
    """
    groups: list[list[_Sentinel1]] = []
    for record in sorted(records, key=lambda record: (record.platform, record.start)):
        before = groups[-1] if groups else []
        if (
            before
            and record.platform == before[0].platform
            and record.start - max(each.stop for each in before) <= PASS_WINDOW
            and record.absolute_orbit - before[-1].absolute_orbit in (0, 1)
        ):
            before.append(record)
        else:
            groups.append([record])
    return sorted(groups, key=lambda group: group[0].start)


def passes(records: Iterable[Sentinel1Record]) -> list[tuple[str, datetime, datetime]]:
    """Return the platform, first line and last line of each pass, in order of time."""
    return [
        (group[0].platform, group[0].start, max(record.stop for record in group))
        for group in group_by_pass(records)
    ]


def bounds_of(records: Iterable[GranuleRecord]) -> Bounds:
    """Return the box around the footprints of all granules, degrees."""
    return Bounds.around(place for record in records for place in record.footprint)


def common_bounds(first: GranuleRecord, second: GranuleRecord, kind: str) -> Bounds:
    """Return the box that two granules share, degrees.

    Raises
    ------
    InputError
        If they do not overlap. The hint names their ``kind``, such as ``SLCs``.
    """
    box = first.bounds.overlap(second.bounds)
    if box is None:
        raise InputError(
            f"{first.name} and {second.name} do not overlap", hint=f"choose two {kind} of the same area"
        )
    return box


def check_two_passes(reference: Sequence[GranuleRecord], secondary: Sequence[GranuleRecord]) -> None:
    """Check by the catalogue's facts that the granules of two sides are of two passes on one track.

    Raise InputError if they are not.
    """
    first, second = (min(side, key=lambda record: record.start) for side in (reference, secondary))
    directions = {record.direction.upper(): record.name for record in (*reference, *secondary)}
    if len(directions) > 1:
        found = " and ".join(f"{name} is {direction.lower()}" for direction, name in directions.items())
        raise InputError(f"the passes have different directions: {found}", hint=_ONE_TRACK)
    if is_one_pass(first.start, second.start):
        raise InputError(
            f"{first.name} and {second.name} are one acquisition: the catalogue has {first.start} and "
            f"{second.start}",
            hint="use granules of two passes, which are days apart",
        )
    if isinstance(first, Sentinel1Record) and isinstance(second, Sentinel1Record):
        _check_track(first, second)


_ONE_TRACK = "use granules of one track"


def _check_track(first: Sentinel1Record, second: Sentinel1Record) -> None:
    """Check that two passes have one track; its number may change at the ascending node."""
    if (first.relative_orbit - second.relative_orbit) % TRACKS not in (0, 1, TRACKS - 1):
        raise InputError(
            f"{first.name} is on track {first.relative_orbit}, "
            f"{second.name} on track {second.relative_orbit}",
            hint=_ONE_TRACK,
        )
    for record in (first, second):
        why = wrong_time(record.start, record.platform)
        if why:
            raise InputError(f"there is no image of {record.platform} at {record.start}: {why}", hint=_DATES)


_DATES = "check the metadata of the granules"


@dataclass(frozen=True, slots=True)
class BurstFiles:
    """The two files of a burst granule on disk."""

    tiff: Path  # ``{granule}.tiff``: CInt16, one burst, uncompressed
    metadata: Path  # ``{granule}.xml``: manifest and all annotation of the SLC that the burst was cut from


@dataclass(frozen=True, slots=True)
class Needs:
    """The inputs that a run will request from its source."""

    granules: tuple[str, ...]  # names of bursts, SLCs or scenes
    # Platform, first and last line of passes that need an orbit file; empty where granules contain orbits.
    passes: tuple[tuple[str, datetime, datetime], ...]
    terrain: Bounds  # area of the terrain and the water mask, degrees


def run_checks(checks: Mapping[str, Callable[[], Outcome]]) -> list[PreflightCheck]:
    """Return the results of checks by name; an error of a check is a result too."""
    results = []
    for name, check in checks.items():
        try:
            results.append(PreflightCheck(name, *check()))
        except RecipeToolError as exc:
            results.append(PreflightCheck(name, "wrong", exc.message, exc.hint or ""))
    return results


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTraits:
    """Properties of a source; the defaults hold for a source without an attribute ``traits``."""

    # Whether the fingerprint depends only on the text after ``--source`` and on the installed package. Only
    # then can a repeated command that has nothing to do end without opening the source.
    steady: bool = False
    # Whether it downloads from ASF: a plan then lists sizes and checks for an Earthdata login.
    downloads: bool = False
    # Whether its data show the real ground. Products of other data are marked as simulated.
    observed: bool = True
    terrain: str = ""  # name of the terrain model in products; the source's name where it is empty
    # Share of the usual data that it delivers; plans multiply the disk that steps request by it.
    share: float = 1.0
    parallel_bursts: int = 1  # number of bursts that an action requests at the same time


class Source(Protocol):
    """The part that all sources have. The other methods belong to capabilities.

    Every method that takes a ``folder`` writes only below it, under the names that the real services use, and
    leaves either a complete file or none. Each raises SourceError when the source cannot deliver and
    InputError when its files cannot be used.
    """

    name: str
    """The name after ``--source``, for example ``asf``."""

    def fingerprint(self) -> str:
        """Return a text that changes when the source would deliver other data; part of content keys."""


@runtime_checkable
class BurstSource(Protocol):
    """The capability ``bursts``: Sentinel-1 bursts by name."""

    def find_bursts(self, names: list[BurstName], log: logging.Logger) -> list[BurstRecord]:
        """Return the catalogue records, in the order of ``names``."""

    def fetch_burst(
        self, record: BurstRecord, folder: Path, log: logging.Logger, progress: Progress
    ) -> BurstFiles:
        """Write a burst's measurement and metadata."""


@runtime_checkable
class BurstSearchSource(Protocol):
    """The capability ``burst_search``: Sentinel-1 bursts by area and time."""

    def search_bursts(self, query: BurstQuery, log: logging.Logger) -> list[BurstRecord]:
        """Return the records of all bursts that match, in any order.

        Raises InputError if there are more than the query's limit.
        """


@runtime_checkable
class BurstPositionSource(Protocol):
    """The capability ``burst_positions``: bursts by their position in an SLC."""

    def burst_at(
        self, slc: SlcName, swath: int, polarization: str, number: int, log: logging.Logger
    ) -> BurstName:
        """Return the burst at a position, counted from 0, of a swath of an SLC."""


@runtime_checkable
class SlcSource(Protocol):
    """The capability ``slcs``: Sentinel-1 SLCs."""

    def find_slcs(self, names: list[SlcName], log: logging.Logger) -> list[SlcRecord]:
        """Return the catalogue records, in the order of ``names``."""

    def fetch_slc(
        self,
        record: SlcRecord,
        polarization: str,
        swaths: Sequence[int],
        folder: Path,
        log: logging.Logger,
        progress: Progress,
    ) -> Path:
        """Return the archive ``{name}.zip`` of an SLC, or the folder of an unpacked one.

        It contains at least the given swaths in the given polarization.
        """


@runtime_checkable
class AlosSource(Protocol):
    """The capability ``alos``: ALOS PALSAR scenes of level 1.0."""

    def find_alos(self, names: list[AlosName], log: logging.Logger) -> list[AlosRecord]:
        """Return the catalogue records, in the order of ``names``."""

    def fetch_alos(self, record: AlosRecord, folder: Path, log: logging.Logger, progress: Progress) -> Path:
        """Return the archive ``{name}-L1.0.zip`` of a scene, or the folder of an unpacked one."""


@runtime_checkable
class OrbitSource(Protocol):
    """The capability ``orbits``: Sentinel-1 orbit files."""

    def fetch_orbit(
        self, platform: str, start: datetime, stop: datetime, folder: Path, log: logging.Logger
    ) -> Path:
        """Write an EOF orbit file that covers ``start`` to ``stop`` and one minute more on both sides."""


@runtime_checkable
class CalibrationSource(Protocol):
    """The capability ``calibration``: ESA's auxiliary calibration files."""

    def fetch_aux_cal(self, platform: str, folder: Path, log: logging.Logger) -> list[Path]:
        """Write ESA's calibration files and return their folders, ``{platform}_AUX_CAL_*.SAFE``."""


@runtime_checkable
class TerrainSource(Protocol):
    """The capability ``terrain``: heights."""

    def fetch_dem(self, bounds: Bounds, folder: Path, log: logging.Logger, progress: Progress) -> Path:
        """Write a GeoTIFF ``dem.tif``: float32, EPSG:4326, metres above the WGS84 ellipsoid, no gaps.

        Its pixels are one arc second wide, their centres lie on whole arc seconds (so that neighbouring DEMs
        share a grid), and they cover ``bounds``; see `isce2_recipe.sources.demgrid`.
        """


@runtime_checkable
class WaterMaskSource(Protocol):
    """The capability ``water_mask``: tiles of land and water."""

    def fetch_water_mask(
        self, bounds: Bounds, folder: Path, log: logging.Logger, progress: Progress
    ) -> list[Path]:
        """Write the tiles that cover ``bounds`` (5 degrees, ``n25e050.tif``; 1 = water, 0 = land)."""


@runtime_checkable
class TruthSource(Protocol):
    """The capability ``truth``: the known displacement of a simulated ground."""

    def write_truth(self, records: Sequence[GranuleRecord], dem: Path, folder: Path) -> Path:
        """Write the line-of-sight displacement from the first record's pass to the other pass.

        ``los_displacement.tif``: float32, metres on the grid of ``dem``, positive where the range increased.
        Where the phase contains more than displacement, ``los_total.tif`` has the sum.
        """


@runtime_checkable
class DateTruthSource(Protocol):
    """The capability ``date_truth``: the known state of a simulated ground and its air on each date."""

    def write_date_truth(self, records: Sequence[GranuleRecord], dem: Path, folder: Path) -> Path:
        """Write the line-of-sight displacement on the date of the records, which are of one pass.

        The displacement of a pair is that of its later date minus that of its earlier one. If there is a
        delay in the air, ``los_atmosphere.tif`` has it, and ``los_total.tif`` the sum.
        """


@runtime_checkable
class PreflightSource(Protocol):
    """The capability ``preflight``: reports problems before anything large is fetched."""

    def examine(self, needs: Needs, log: logging.Logger) -> list[PreflightCheck]:
        """Check without large downloads whether the source will deliver, and return all findings."""


@runtime_checkable
class FileSource(Protocol):
    """The capability ``files``: the source delivers files that the user may change."""

    def contents(self, wanted: Mapping[str, Sequence[str]] | None) -> list[Path]:
        """Return the files that it may deliver; their contents become part of content keys.

        ``wanted`` has names by kind, as an action's ``takes`` returns them. An empty list means all names of
        that kind, None means every kind.
        """


class FullSource(
    Source,
    BurstSource,
    BurstSearchSource,
    BurstPositionSource,
    SlcSource,
    AlosSource,
    OrbitSource,
    CalibrationSource,
    TerrainSource,
    WaterMaskSource,
    TruthSource,
    DateTruthSource,
    PreflightSource,
    Protocol,
):
    """The static type of a source in actions, which call only the capabilities that they declare."""


CAPABILITIES: Mapping[str, type] = MappingProxyType(
    {
        "bursts": BurstSource,
        "burst_search": BurstSearchSource,
        "burst_positions": BurstPositionSource,
        "slcs": SlcSource,
        "alos": AlosSource,
        "orbits": OrbitSource,
        "calibration": CalibrationSource,
        "terrain": TerrainSource,
        "water_mask": WaterMaskSource,
        "truth": TruthSource,
        "date_truth": DateTruthSource,
        "preflight": PreflightSource,
        "files": FileSource,
    }
)
"""The Protocols of the capabilities by name."""


def traits_of(source: object) -> SourceTraits:
    """Return the properties that a source states, or the defaults."""
    return getattr(source, "traits", SourceTraits())


def capabilities_of(source: object) -> frozenset[str]:
    """Return the names of the capabilities that a source, or a class of sources, has."""
    return frozenset(
        name
        for name, protocol in CAPABILITIES.items()
        if (issubclass(source, protocol) if isinstance(source, type) else isinstance(source, protocol))
    )
