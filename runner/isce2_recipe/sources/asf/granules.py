"""Bursts, SLCs and ALOS scenes: found in NASA's catalogue by name, archives downloaded from ASF."""

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
from isce2_recipe.sources.plausibility import faults
from isce2_recipe.types import SlcName

if TYPE_CHECKING:
    from isce2_recipe.sources.asf.client import Client

_Record = TypeVar("_Record", bound=GranuleRecord)
_CHANGES = "; the last four characters change when a granule is processed again"


@dataclass(frozen=True, slots=True)
class GranuleKind(Generic[_Record]):
    """A kind of granule."""

    title: str  # its name for messages
    where: str  # how to find the names of such granules at ASF's site
    # Returns a record, from a result of a search and the host to download from.
    read: Callable[[Any, str], _Record]
    host: str  # name of the setting with that host
    filters: dict[str, str] = field(default_factory=dict)  # of the search, besides the names


def find(
    kind: GranuleKind[_Record], names: Sequence[object], settings: Settings, log: logging.Logger
) -> list[_Record]:
    """Return the records of granules in the order of their names.

    Raise SourceError if the catalogue does not answer, or does not have a granule.
    """
    wanted = [str(name) for name in names]
    log.info("searching %s for %d %s(s)", settings.cmr_url, len(wanted), kind.title)
    host = getattr(settings, kind.host)
    answers = search(settings, log, granule_list=wanted, **kind.filters)
    found = {
        record.name: record for record in (read_record(kind, answer, host, settings) for answer in answers)
    }
    missing = [name for name in wanted if name not in found]
    if missing:
        raise SourceError(
            f"ASF's catalogue does not have {', '.join(missing)}",
            hint=f"search the names at https://search.asf.alaska.edu ({kind.where})",
        )
    return [found[name] for name in wanted]


def find_burst_of(
    slc: SlcName, swath: int, polarization: str, number: int, settings: Settings, log: logging.Logger
) -> BurstRecord:
    """Return the burst at a position, counted from 0, of a swath of an SLC.

    Raise SourceError if the catalogue does not answer, or does not have it.
    """
    log.info("searching %s for burst %d of IW%d of %s", settings.cmr_url, number, swath, slc)
    answers = search(
        settings,
        log,
        dataset="SLC-BURST",
        absoluteOrbit=slc.absolute_orbit,
        polarization=polarization,
        start=slc.start.isoformat(),
        end=slc.stop.isoformat(),
    )
    for record in (read_record(BURST, answer, settings.burst_url, settings) for answer in answers):
        matches = (
            record.slc == str(slc) and f"_IW{swath}_" in record.name and f"_{polarization}_" in record.name
        )
        if matches and record.index == number:
            return record
    raise SourceError(
        f"ASF's catalogue does not have burst {number} of IW{swath} {polarization} of {slc}",
        hint="bursts are counted from 0; search at https://search.asf.alaska.edu (dataset S1 Bursts)",
    )


def read_record(kind: GranuleKind[_Record], answer: Any, host: str, settings: Settings) -> _Record:
    """Return the record that an answer of the catalogue describes.

    Raise SourceError if a fact is missing or cannot be true.
    """
    try:
        record = kind.read(answer, host)
        wrong = faults(record)
    except (LookupError, TypeError, ValueError, AttributeError) as exc:
        wrong = [f"a fact is missing or has the wrong form ({type(exc).__name__}: {exc})"]
    if not wrong:
        return record
    name = (getattr(answer, "properties", None) or {}).get("sceneName") or f"a {kind.title} without a name"
    raise SourceError(
        f"the catalogue at {settings.cmr_url} has wrong facts about {name}: {'; '.join(wrong)}",
        hint="run the same command again later, or report it to ASF (https://asf.alaska.edu/contact); with "
        "--source directory:DIR the facts are read from the granule's own files",
    )


def fetch_archive(record: GranuleRecord, target: Path, client: Client, progress: Progress) -> Path:
    """Download the archive of an SLC or scene and compare its checksum with the catalogue's.

    Raise SourceError if the archive does not exist or is damaged.
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
    """Return the address of a granule's file; raise SourceError if the catalogue has none."""
    if record.url is None:
        raise SourceError(f"the catalogue has no address for {record.name}", hint="run the search again")
    return record.url


def _common(product: Any, host: str) -> dict[str, Any]:
    """Return the fields of a record that all kinds have."""
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
    # asf_search drops fractions of a second. The granule's times are sensing times; only their difference
    # is that of the image.
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


BURST = GranuleKind("burst", f"dataset S1 Bursts{_CHANGES}", _burst, "burst_url")
SLC = GranuleKind(
    "SLC",
    f"dataset Sentinel-1, file type L1 SLC{_CHANGES}",
    _slc,
    "slc_url",
    {"processingLevel": "SLC"},
)
ALOS = GranuleKind(
    "ALOS scene",
    "dataset ALOS PALSAR, file type L1.0",
    _alos,
    "alos_url",
    {"processingLevel": "L1.0"},
)
