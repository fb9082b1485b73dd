"""Questions to NASA's catalogue, through ``asf_search``."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from isce2_recipe.errors import SourceError
from isce2_recipe.sources.asf.retrying import TemporaryError, again, raise_if_passing, short
from isce2_recipe.sources.asf.settings import Settings

if TYPE_CHECKING:
    import requests

_CMR = "https://cmr.earthdata.nasa.gov"


def search(settings: Settings, log: logging.Logger, **filters: Any) -> list[Any]:
    """Answers of the catalogue, of ``asf_search``'s type.

    Parameters
    ----------
    settings : Settings
    log : Logger
        Told of what is tried again.
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
    session.mount(_CMR, _adapter(settings, log))
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
            f"what the catalogue at {settings.cmr_url} answered makes no sense: {short(exc)}",
            hint="look at https://status.earthdata.nasa.gov, then run this again",
        ) from exc


def _adapter(settings: Settings, log: logging.Logger) -> requests.adapters.HTTPAdapter:
    """What carries the search's requests: time limits, retries, and other servers where they are set."""
    import requests

    from isce2_recipe.sources.asf.patience import PatientAdapter, steadily

    hosts = settings.mirrors_of(settings.cmr_url)

    class Adapter(PatientAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            kwargs |= {"timeout": settings.timeout_s, "stream": True}
            asked = request.url.removeprefix(_CMR)

            def attempt() -> Any:
                """Each host once."""
                passing: list[TemporaryError] = []
                for host in hosts:
                    request.url = host + asked
                    try:
                        answer = super(Adapter, self).send(request, *args, **kwargs)
                        raise_if_passing(answer)
                        answer.raw = BytesIO(b"".join(steadily(answer, settings)))
                        return answer
                    except TemporaryError as exc:
                        passing.append(exc)
                    except requests.RequestException as exc:
                        passing.append(TemporaryError(f"{urlsplit(host).netloc}: {short(exc)}"))
                raise passing[0]

            return again(f"ask the catalogue at {settings.cmr_url}", attempt, settings, log)

    return Adapter()


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
