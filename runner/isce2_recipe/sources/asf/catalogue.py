"""Questions to NASA's catalogue, through ``asf_search``."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from isce2_recipe.errors import SourceError
from isce2_recipe.sources.asf.retrying import short
from isce2_recipe.sources.asf.settings import Settings

if TYPE_CHECKING:
    import requests

_CMR = "https://cmr.earthdata.nasa.gov"


def search(settings: Settings, **filters: Any) -> list[Any]:
    """Answers of the catalogue, of ``asf_search``'s type.

    Parameters
    ----------
    settings : Settings
    **filters
        As ``asf_search.search`` takes them.

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
        return list(asf_search.search(opts=opts, **filters))
    except trouble as exc:
        raise SourceError(
            f"ASF's catalogue at {settings.cmr_url} does not answer: {short(exc)}",
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
