"""Bursts, SLCs and ALOS scenes: looked up in NASA's catalogue by name, archives fetched from ASF."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from isce2_recipe.errors import SourceError
from isce2_recipe.sources.asf.catalogue import at_host, attribute, search, utc
from isce2_recipe.sources.asf.formats import ZIP
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.base import AlosRecord, BurstRecord, GranuleRecord, Progress, SlcRecord
from isce2_recipe.types import SlcName

if TYPE_CHECKING:
    from isce2_recipe.sources.asf.client import Client

_Record = TypeVar("_Record", bound=GranuleRecord)
_CHANGES = "; the last four characters change when a granule is processed again"


@dataclass(frozen=True, slots=True)
class Kind(Generic[_Record]):
    """A kind of granule.

    Attributes
    ----------
    word : str
        What people call one.
    where : str
        How to find its name at ASF's site.
    read : callable
        A record, of an answer of the catalogue and the host to fetch from.
    host : str
        The setting with that host.
    filters : dict
        What to ask for beside names.
    """

    word: str
    where: str
    read: Callable[[Any, str], _Record]
    host: str
    filters: dict[str, str] = field(default_factory=dict)


def find(
    kind: Kind[_Record], names: Sequence[object], settings: Settings, log: logging.Logger
) -> list[_Record]:
    """Records in the order of the names (the catalogue's own order is another).

    Raises
    ------
    SourceError
        If the catalogue does not answer, or does not know a granule.
    """
    wanted = [str(name) for name in names]
    log.info("asking %s for %d %s(s)", settings.cmr_url, len(wanted), kind.word)
    host = getattr(settings, kind.host)
    answers = search(settings, log, granule_list=wanted, **kind.filters)
    found = {record.name: record for record in (kind.read(answer, host) for answer in answers)}
    missing = [name for name in wanted if name not in found]
    if missing:
        raise SourceError(
            f"ASF's catalogue does not know {', '.join(missing)}",
            hint=f"look the names up at https://search.asf.alaska.edu ({kind.where})",
        )
    return [found[name] for name in wanted]


def find_burst_of(
    slc: SlcName, swath: int, polarization: str, number: int, settings: Settings, log: logging.Logger
) -> BurstRecord:
    """The burst at a position, counted from 0, of an SLC's swath.

    Raises
    ------
    SourceError
        If the catalogue does not answer, or does not know it.
    """
    log.info("asking %s for burst %d of IW%d of %s", settings.cmr_url, number, swath, slc)
    answers = search(
        settings,
        log,
        dataset="SLC-BURST",
        absoluteOrbit=slc.absolute_orbit,
        polarization=polarization,
        start=slc.start.isoformat(),
        end=slc.stop.isoformat(),
    )
    for record in (_burst(answer, settings.burst_url) for answer in answers):
        ours = record.slc == str(slc) and f"_IW{swath}_" in record.name and f"_{polarization}_" in record.name
        if ours and record.index == number:
            return record
    raise SourceError(
        f"ASF's catalogue does not know burst {number} of IW{swath} {polarization} of {slc}",
        hint="bursts are counted from 0; look at https://search.asf.alaska.edu (dataset S1 Bursts)",
    )


def fetch_archive(record: GranuleRecord, target: Path, client: Client, progress: Progress) -> Path:
    """An SLC's or scene's archive, its checksum compared with the catalogue's.

    Raises
    ------
    SourceError
        If the archive is not there or arrives damaged.
    """
    client.log_in()
    return client.download(
        address(record),
        target,
        format=ZIP,
        progress=progress,
        least_bytes=record.bytes or 0,
        md5=record.md5,
    )


def address(record: GranuleRecord) -> str:
    """Where a granule's file is.

    Raises
    ------
    SourceError
        If the catalogue does not say.
    """
    if record.url is None:
        raise SourceError(f"the catalogue has no address for {record.name}", hint="run the search again")
    return record.url


def _common(product: Any, host: str) -> dict[str, Any]:
    """What all answers say, in our words."""
    properties = product.properties
    ring = product.geometry["coordinates"][0]
    return {
        "name": properties["sceneName"],
        "direction": attribute(product, "ASCENDING_DESCENDING").upper(),
        "start": utc(properties["startTime"]),
        "stop": utc(properties["stopTime"]),
        "footprint": tuple((float(longitude), float(latitude)) for longitude, latitude in ring),
        "bytes": int(properties["bytes"]) if properties.get("bytes") else None,
        "md5": properties.get("md5sum"),
        "url": at_host(properties["url"], host),
    }


def _orbits(product: Any) -> dict[str, Any]:
    properties = product.properties
    return {
        "absolute_orbit": int(properties["orbit"]),
        "relative_orbit": int(properties["pathNumber"]),
    }


def _burst(product: Any, host: str) -> BurstRecord:
    # asf_search drops fractions of a second. The granule's own times are when the radar looked; only their
    # length is the image's.
    first_line = utc(attribute(product, "AZIMUTH_TIME"))
    sensed = product.umm["TemporalExtent"]["RangeDateTime"]
    length = utc(sensed["EndingDateTime"]) - utc(sensed["BeginningDateTime"])
    slc = str(product.umm["InputGranules"][0]).removesuffix("-SLC")
    return BurstRecord(
        **_common(product, host) | _orbits(product) | {"start": first_line, "stop": first_line + length},
        platform=slc[:3],
        slc=slc,
        index=int(product.properties["burst"]["burstIndex"]),
    )


def _slc(product: Any, host: str) -> SlcRecord:
    return SlcRecord(
        **_common(product, host), **_orbits(product), platform=product.properties["sceneName"][:3]
    )


def _alos(product: Any, host: str) -> AlosRecord:
    return AlosRecord(**_common(product, host))


BURST = Kind("burst", f"dataset S1 Bursts{_CHANGES}", _burst, "burst_url")
SLC = Kind(
    "SLC",
    f"dataset Sentinel-1, file type L1 SLC{_CHANGES}",
    _slc,
    "slc_url",
    {"processingLevel": "SLC"},
)
ALOS = Kind(
    "ALOS scene",
    "dataset ALOS PALSAR, file type L1.0",
    _alos,
    "alos_url",
    {"processingLevel": "L1.0"},
)
