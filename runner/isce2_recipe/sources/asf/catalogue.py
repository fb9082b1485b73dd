"""Bursts looked up by name in NASA's catalogue, through ``asf_search``."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from isce2_recipe.errors import SourceError
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.base import BurstRecord
from isce2_recipe.types import BurstName

if TYPE_CHECKING:
    import requests

_CMR = "https://cmr.earthdata.nasa.gov"


def find_bursts(names: Sequence[BurstName], settings: Settings, log: logging.Logger) -> list[BurstRecord]:
    """Records in the order of the names (the catalogue's own order is another).

    Raises
    ------
    SourceError
        If the catalogue does not answer, or does not know a burst.
    """
    wanted = [str(name) for name in names]
    log.info("asking %s for %d burst(s)", settings.cmr_url, len(wanted))
    found = {record.name: record for record in map(_record, search_granules(wanted, settings))}
    missing = [name for name in wanted if name not in found]
    if missing:
        raise SourceError(
            f"ASF's catalogue does not know {', '.join(missing)}",
            hint="look the names up at https://search.asf.alaska.edu (dataset S1 Bursts); the last four "
            "characters change when a granule is processed again",
        )
    return [replace(found[name], url=at_host(found[name].url, settings.burst_url)) for name in wanted]


def search_granules(names: list[str], settings: Settings, **filters: str) -> list[Any]:
    """Answers of the catalogue for granules by name, of ``asf_search``'s type.

    Raises
    ------
    SourceError
        If the catalogue does not answer.
    """
    import asf_search
    import requests

    # Faults of a search go to our log, not to ASF's error collector.
    asf_search.REPORT_ERRORS = False
    session = asf_search.ASFSession()
    session.mount(_CMR, _adapter(settings))
    trouble = (
        asf_search.exceptions.ASFSearchError,
        requests.RequestException,
        json.JSONDecodeError,
        KeyError,
    )
    try:
        opts = asf_search.ASFSearchOptions(session=session)
        return list(asf_search.search(granule_list=names, opts=opts, **filters))
    except trouble as exc:
        raise SourceError(
            f"ASF's catalogue at {settings.cmr_url} does not answer: {type(exc).__name__}: {str(exc)[:200]}",
            hint="check the connection and https://status.earthdata.nasa.gov, then run this again",
        ) from exc


def _adapter(settings: Settings) -> requests.adapters.HTTPAdapter:
    """What carries the search's requests: retries, a time limit, and another server where one is set."""
    import requests
    from urllib3.util import Retry

    class Adapter(requests.adapters.HTTPAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            kwargs["timeout"] = settings.timeout_s
            *others, last = settings.mirrors_of(settings.cmr_url)
            asked = request.url.removeprefix(_CMR)
            for host in others:
                request.url = host + asked
                with suppress(requests.RequestException):
                    answer = super().send(request, *args, **kwargs)
                    if answer.status_code < 500:
                        return answer
            request.url = last + asked
            return super().send(request, *args, **kwargs)

    retry = Retry(
        total=settings.attempts - 1,
        backoff_factor=settings.retry_wait_s / 2.0,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None,
    )
    return Adapter(max_retries=retry)


def _record(product: Any) -> BurstRecord:
    """What an answer of the catalogue says, in our words."""
    properties = product.properties
    # asf_search drops fractions of a second. The granule's own times are when the radar looked; only their
    # length is the image's.
    first_line = utc(attribute(product, "AZIMUTH_TIME"))
    sensed = product.umm["TemporalExtent"]["RangeDateTime"]
    length = utc(sensed["EndingDateTime"]) - utc(sensed["BeginningDateTime"])
    ring = product.geometry["coordinates"][0]
    return BurstRecord(
        name=properties["sceneName"],
        slc=str(product.umm["InputGranules"][0]).removesuffix("-SLC"),
        index=int(properties["burst"]["burstIndex"]),
        absolute_orbit=int(properties["orbit"]),
        relative_orbit=int(properties["pathNumber"]),
        direction=str(properties["flightDirection"]).upper(),
        start=first_line,
        stop=first_line + length,
        footprint=tuple((float(longitude), float(latitude)) for longitude, latitude in ring),
        bytes=int(properties["bytes"]),
        url=properties["url"],
    )


def attribute(product: Any, name: str) -> str:
    """The first value of an additional attribute of an answer."""
    entries = product.umm["AdditionalAttributes"]
    values = {entry["Name"]: entry["Values"][0] for entry in entries if entry["Values"]}
    return str(values[name])


def utc(text: str) -> datetime:
    """A time of an answer; one without a zone is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def at_host(url: str | None, host: str) -> str | None:
    """An address of the catalogue's answers, at another host where one is set."""
    if not host or url is None:
        return url
    scheme_and_host = urlsplit(host)
    path = f"{scheme_and_host.path}{urlsplit(url).path}"
    return urlunsplit((scheme_and_host.scheme, scheme_and_host.netloc, path, "", ""))
