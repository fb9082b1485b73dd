"""What a source is: something that delivers granules, orbits, terrain and water masks as files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Protocol, runtime_checkable

from isce2_recipe.errors import InputError
from isce2_recipe.types import AlosName, Bounds, BurstName, PreflightCheck, SlcName

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class GranuleRecord:
    """What a catalogue knows of a granule before it is downloaded.

    Attributes
    ----------
    name : str
        The granule's name.
    direction : str
        ASCENDING or DESCENDING.
    start, stop : datetime
        First and last line or pulse, UTC.
    footprint : tuple of (longitude, latitude)
        Closed polygon, degrees.
    bytes, md5, url : int, str, str or None
        Of the file to download, where known: an archive, or a burst's measurement.
    """

    name: str
    direction: str
    start: datetime
    stop: datetime
    footprint: tuple[tuple[float, float], ...]
    bytes: int | None = None
    md5: str | None = None
    url: str | None = None

    @property
    def bounds(self) -> Bounds:
        """Box around the footprint, degrees."""
        longitudes, latitudes = zip(*self.footprint, strict=True)
        return Bounds(min(longitudes), min(latitudes), max(longitudes), max(latitudes))

    @property
    def crosses_antimeridian(self) -> bool:
        """Whether the box around the footprint reaches around the Earth."""
        return self.bounds.east - self.bounds.west > 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinel1Record(GranuleRecord):
    """A granule of Sentinel-1.

    Attributes
    ----------
    platform : str
        ``S1A`` to ``S1D``.
    absolute_orbit, relative_orbit : int
        Orbit numbers.
    """

    platform: str
    absolute_orbit: int
    relative_orbit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstRecord(Sentinel1Record):
    """A burst; its url ends in ``.tiff``, and the same in ``.xml`` has the metadata.

    Attributes
    ----------
    slc : str
        Name of the SLC granule it was cut from (``S1A_IW_SLC__1SDV_...``).
    index : int
        Zero-based position in the annotation's burst list of its swath.
    """

    slc: str
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlcRecord(Sentinel1Record):
    """A whole SLC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlosRecord(GranuleRecord):
    """An ALOS PALSAR scene of level 1.0."""


def passes(records: Iterable[Sentinel1Record]) -> list[tuple[str, datetime, datetime]]:
    """Platform, first line and last line of each pass, in order of time."""
    groups: dict[tuple[str, int], list[Sentinel1Record]] = {}
    for record in records:
        groups.setdefault((record.platform, record.absolute_orbit), []).append(record)
    return sorted(
        (
            (platform, min(record.start for record in group), max(record.stop for record in group))
            for (platform, _), group in groups.items()
        ),
        key=itemgetter(1),
    )


def refuse_antimeridian(records: Iterable[GranuleRecord]) -> None:
    """Raise InputError for granules on both sides of 180 degrees."""
    crossing = [record.name for record in records if record.crosses_antimeridian]
    if crossing:
        raise InputError(
            f"Products that cross the anti-meridian are not currently supported ({', '.join(crossing)})",
            hint="choose granules that lie on one side of 180 degrees",
        )


@dataclass(frozen=True, slots=True)
class BurstFiles:
    """A burst granule on disk.

    Attributes
    ----------
    tiff : Path
        ``{granule}.tiff``: CInt16, one burst, uncompressed.
    metadata : Path
        ``{granule}.xml``: manifest and all annotation of the SLC the burst was cut from.
    """

    tiff: Path
    metadata: Path


@dataclass(frozen=True, slots=True)
class Needs:
    """What a run is going to ask a source for.

    Attributes
    ----------
    granules : tuple of str
        Bursts, SLCs or scenes.
    passes : tuple of (platform, first line, last line)
        Orbits; empty where the granules bring theirs.
    terrain : Bounds
        Degrees.
    """

    granules: tuple[str, ...]
    passes: tuple[tuple[str, datetime, datetime], ...]
    terrain: Bounds


class Source(Protocol):
    """One door to the network, a folder and the simulator.

    Every method writes below ``folder`` only, with the names the real services use, whole files or none.
    Each raises SourceError when it cannot deliver and InputError when what it has cannot be used.
    """

    name: str
    """``asf``, ``directory`` or ``simulated``."""

    def fingerprint(self) -> str:
        """Everything about the source that changes what it delivers; part of content keys."""

    def examine(self, needs: Needs, log: logging.Logger) -> list[PreflightCheck]:
        """What can be told, without large downloads, of whether it will deliver: everything, good and bad."""

    def find_bursts(self, names: list[BurstName], log: logging.Logger) -> list[BurstRecord]:
        """Catalogue records, in the order of ``names``."""

    def fetch_burst(
        self, record: BurstRecord, folder: Path, log: logging.Logger, progress: Progress
    ) -> BurstFiles:
        """A burst's measurement and metadata."""

    def fetch_orbit(
        self, platform: str, start: datetime, stop: datetime, folder: Path, log: logging.Logger
    ) -> Path:
        """An EOF orbit file that covers ``start`` to ``stop`` with a minute to spare on both sides."""

    def fetch_dem(self, bounds: Bounds, folder: Path, log: logging.Logger, progress: Progress) -> Path:
        """A GeoTIFF ``dem.tif``: float32, EPSG:4326, metres above the WGS84 ellipsoid, no gaps.

        One arc second, pixel centres on whole arc seconds (so that neighbouring DEMs share a grid), and
        covering ``bounds``.
        """

    def fetch_water_mask(
        self, bounds: Bounds, folder: Path, log: logging.Logger, progress: Progress
    ) -> list[Path]:
        """ASF water mask tiles (5 degrees, ``n25e050.tif``; 1 = water, 0 = land) that cover ``bounds``."""

    def fetch_aux_cal(self, platform: str, folder: Path, log: logging.Logger) -> list[Path]:
        """ESA's calibration files ``{platform}_AUX_CAL_*.SAFE``, folders."""

    def write_truth(self, records: Sequence[Sentinel1Record], dem: Path, folder: Path) -> Path | None:
        """The known line-of-sight displacement from reference to secondary, where there is one.

        ``los_displacement.tif``: float32 metres on the grid of ``dem``, positive where range increased.
        None for sources that observe the real ground.
        """

    def find_slcs(self, names: list[SlcName], log: logging.Logger) -> list[SlcRecord]:
        """Catalogue records of Sentinel-1 SLCs, in the order of ``names``."""

    def fetch_slc(
        self,
        record: SlcRecord,
        polarization: str,
        swaths: Sequence[int],
        folder: Path,
        log: logging.Logger,
        progress: Progress,
    ) -> Path:
        """An SLC's archive ``{name}.zip``, or a folder that already is one unpacked.

        It holds at least what is said to be needed of it.
        """

    def find_alos(self, names: list[AlosName], log: logging.Logger) -> list[AlosRecord]:
        """Catalogue records of ALOS PALSAR scenes of level 1.0, in the order of ``names``."""

    def fetch_alos(self, record: AlosRecord, folder: Path, log: logging.Logger, progress: Progress) -> Path:
        """A scene's archive ``{name}-L1.0.zip``, or a folder that already is one unpacked."""

    def write_alos_truth(
        self, reference: AlosRecord, secondary: AlosRecord, dem: Path, folder: Path
    ) -> Path | None:
        """As `write_truth`, between two ALOS scenes."""


@runtime_checkable
class BurstCounter(Protocol):
    """What a source has besides, where it knows bursts by their place in an SLC."""

    def burst_at(
        self, slc: SlcName, swath: int, polarization: str, number: int, log: logging.Logger
    ) -> BurstName:
        """The burst at a position, counted from 0, of an SLC's swath."""


@runtime_checkable
class FileSource(Protocol):
    """What a source has besides, where it delivers files of the user's own."""

    def contents(self, wanted: Mapping[str, Sequence[str]] | None) -> list[Path]:
        """Files that it may deliver, whose content is part of content keys too.

        ``wanted`` has names by kind as an action ``takes`` them: none mean all of a kind, None everything.
        """
