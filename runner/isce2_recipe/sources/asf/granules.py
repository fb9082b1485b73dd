"""Bursts, SLCs and ALOS scenes: searches in NASA's catalogue with ``asf_search``, downloads from ASF."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit, urlunsplit

from isce2_recipe.errors import SourceError
from isce2_recipe.sources.asf.formats import ZIP
from isce2_recipe.sources.asf.retrying import TemporaryError, is_offline, raise_if_temporary, retry, short
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.base import AlosRecord, BurstRecord, GranuleRecord, Progress, SlcRecord
from isce2_recipe.sources.burst_query import BurstQuery
from isce2_recipe.sources.catalog import faults
from isce2_recipe.types import SlcName

if TYPE_CHECKING:
    import requests

    from isce2_recipe.sources.asf.client import Client

_CMR = "https://cmr.earthdata.nasa.gov"
_Record = TypeVar("_Record", bound=GranuleRecord)
# Names of bursts in one search; the request has a limited length.
_MOST_NAMES = 100
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
    records = _records(kind, settings, log, granule_list=wanted, **kind.filters)
    found = {record.name: record for record in records}
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
    filters = {"dataset": "SLC-BURST", "absoluteOrbit": slc.absolute_orbit, "polarization": polarization}
    period = {"start": slc.start.isoformat(), "end": slc.stop.isoformat()}
    for record in _records(BURST, settings, log, **filters, **period):
        matches = (
            record.slc == str(slc) and f"_IW{swath}_" in record.name and f"_{polarization}_" in record.name
        )
        if matches and record.index == number:
            return record
    raise SourceError(
        f"ASF's catalogue does not have burst {number} of IW{swath} {polarization} of {slc}",
        hint="bursts are counted from 0; search at https://search.asf.alaska.edu (dataset S1 Bursts)",
    )


def _records(
    kind: GranuleKind[_Record], settings: Settings, log: logging.Logger, **filters: Any
) -> Iterator[_Record]:
    """Yield the records of a kind that a search finds."""
    host = getattr(settings, kind.host)
    for answer in _ask("search", settings, log, **filters):
        yield _read_record(kind, answer, host, settings)


def _read_record(kind: GranuleKind[_Record], answer: Any, host: str, settings: Settings) -> _Record:
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


def search_bursts(query: BurstQuery, settings: Settings, log: logging.Logger) -> list[BurstRecord]:
    """Return the records of all bursts that match a query.

    Raise InputError if there are more than the query's limit, and SourceError if the catalogue does not
    answer, or if its answer cannot be read.
    """
    log.info("searching %s for %s bursts", settings.cmr_url, query.polarization)
    searches = [_filters(query) | part for part in _parts(query)]
    query.check_count(sum(_ask("search_count", settings, log, **filters) for filters in searches))
    found = {
        record.name: record for filters in searches for record in _records(BURST, settings, log, **filters)
    }
    log.info("%d bursts found", len(found))
    return [record for record in found.values() if _matches(record, query)]


def _filters(query: BurstQuery) -> dict[str, Any]:
    filters: dict[str, Any] = {
        "dataset": "SLC-BURST",
        "polarization": query.polarization,
        # The catalogue's times are those of sensing, some seconds before and after the lines of the image.
        "start": (query.start - timedelta(minutes=1)).isoformat(),
        "end": (query.stop + timedelta(minutes=1)).isoformat(),
    }
    if query.track is not None:
        filters["relativeOrbit"] = query.track
    if query.direction is not None:
        filters["flightDirection"] = query.direction
    return filters


def _parts(query: BurstQuery) -> Iterator[dict[str, Any]]:
    """Yield the filters of place of each search."""
    if query.area is not None:
        yield from ({"intersectsWith": hull} for hull in query.area.hulls())
    names = [f"{each.track:03d}_{each}" for each in query.bursts]
    for first in range(0, len(names), _MOST_NAMES):
        yield {"fullBurstID": names[first : first + _MOST_NAMES]}


def _matches(record: BurstRecord, query: BurstQuery) -> bool:
    return query.has_time(record.start) and query.has_ground(record.footprint)


def _ask(function: str, settings: Settings, log: logging.Logger, **filters: Any) -> Any:
    """Return the result of a function of ``asf_search``; raise SourceError if the answer cannot be read."""
    import asf_search
    import requests

    # Errors of a search go to our log, not to ASF.
    asf_search.REPORT_ERRORS = False
    session = asf_search.ASFSession()
    session.mount(_CMR, _adapter(settings, log))
    unreadable = (
        asf_search.exceptions.ASFSearchError,
        requests.RequestException,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
    )
    try:
        opts = asf_search.ASFSearchOptions(session=session)
        return getattr(asf_search, function)(opts=opts, **filters)
    except unreadable as exc:
        raise SourceError(
            f"the answer of the catalogue at {settings.cmr_url} cannot be read: {short(exc)}",
            hint="check https://status.earthdata.nasa.gov, then run the same command again",
        ) from exc


def _adapter(settings: Settings, log: logging.Logger) -> requests.adapters.HTTPAdapter:
    """Return the transport of a search, with time limits, retries and the servers of the settings."""
    import requests

    from isce2_recipe.sources.asf.patience import PatientAdapter, steadily

    hosts = settings.mirrors_of(settings.cmr_url)

    class Adapter(PatientAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            kwargs |= {"timeout": settings.timeout_s, "stream": True}
            asked = request.url.removeprefix(_CMR)

            def attempt() -> Any:
                """Try each host once."""
                temporary: list[TemporaryError] = []
                for host in hosts:
                    request.url = host + asked
                    try:
                        answer = super(Adapter, self).send(request, *args, **kwargs)
                        raise_if_temporary(answer)
                        answer.raw = BytesIO(b"".join(steadily(answer, settings)))
                        return answer
                    except TemporaryError as exc:
                        temporary.append(exc)
                    except requests.RequestException as exc:
                        what = f"{urlsplit(host).netloc}: {short(exc)}"
                        temporary.append(TemporaryError(what, offline=is_offline(exc)))
                raise next((each for each in temporary if not each.offline), temporary[0])

            what = f"ask the catalogue at {settings.cmr_url}"
            return retry(what, attempt, settings, log, needs_network=True)

    return Adapter()


def _attribute(product: Any, name: str) -> str:
    """Return the first value of an additional attribute of a result."""
    entries = product.umm["AdditionalAttributes"]
    values = {entry["Name"]: entry["Values"][0] for entry in entries if entry["Values"]}
    return str(values[name])


def _utc(text: str) -> datetime:
    """Return a time of a result; a time without a zone is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _at_host(url: str | None, host: str) -> str | None:
    """Return an address from a result, at another host if one is set."""
    if not host or url is None:
        return url
    scheme_and_host = urlsplit(host)
    path = f"{scheme_and_host.path}{urlsplit(url).path}"
    return urlunsplit((scheme_and_host.scheme, scheme_and_host.netloc, path, "", ""))


def _common(product: Any, host: str) -> dict[str, Any]:
    """Return the fields of a record that all kinds have."""
    properties = product.properties
    ring = product.geometry["coordinates"][0]
    return {
        "name": properties["sceneName"],
        "direction": _attribute(product, "ASCENDING_DESCENDING").upper(),
        "start": _utc(properties["startTime"]),
        "stop": _utc(properties["stopTime"]),
        "footprint": tuple((float(longitude), float(latitude)) for longitude, latitude in ring),
        "bytes": int(properties["bytes"]) if properties.get("bytes") else None,
        "md5": properties.get("md5sum"),
        "url": _at_host(properties["url"], host),
    }


def _orbits(product: Any) -> dict[str, Any]:
    properties = product.properties
    return {"absolute_orbit": int(properties["orbit"]), "relative_orbit": int(properties["pathNumber"])}


def _burst(product: Any, host: str) -> BurstRecord:
    # asf_search drops fractions of a second. The granule's times are sensing times; only their difference
    # is that of the image.
    first_line = _utc(_attribute(product, "AZIMUTH_TIME"))
    sensed = product.umm["TemporalExtent"]["RangeDateTime"]
    length = _utc(sensed["EndingDateTime"]) - _utc(sensed["BeginningDateTime"])
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
