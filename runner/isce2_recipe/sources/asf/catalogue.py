"""Searches in NASA's catalogue, through ``asf_search``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from isce2_recipe.errors import SourceError
from isce2_recipe.sources.asf.retrying import TemporaryError, raise_if_temporary, retry, short
from isce2_recipe.sources.asf.settings import Settings

if TYPE_CHECKING:
    import requests

_Answer = TypeVar("_Answer")
_CMR = "https://cmr.earthdata.nasa.gov"


def search(settings: Settings, log: logging.Logger, **filters: Any) -> list[Any]:
    """Return the results of a search, of ``asf_search``'s type.

    Parameters
    ----------
    settings : Settings
        Addresses and limits.
    log : Logger
        Receives a warning before each retry.
    **filters
        Arguments of ``asf_search.search``.

    Raises
    ------
    SourceError
        If the catalogue does not answer, or if its answer cannot be read.
    """
    import asf_search

    return _ask(settings, log, lambda opts: list(asf_search.search(opts=opts, **filters)))


def search_count(settings: Settings, log: logging.Logger, **filters: Any) -> int:
    """Return the number of results that a search has; arguments and errors are those of `search`."""
    import asf_search

    return _ask(settings, log, lambda opts: int(asf_search.search_count(opts=opts, **filters)))


def _ask(settings: Settings, log: logging.Logger, question: Callable[[Any], _Answer]) -> _Answer:
    """Return the answer to a question that needs the options of ``asf_search``."""
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
        return question(asf_search.ASFSearchOptions(session=session))
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
                        temporary.append(TemporaryError(f"{urlsplit(host).netloc}: {short(exc)}"))
                raise temporary[0]

            return retry(f"ask the catalogue at {settings.cmr_url}", attempt, settings, log)

    return Adapter()


def attribute(product: Any, name: str) -> str:
    """Return the first value of an additional attribute of a result."""
    entries = product.umm["AdditionalAttributes"]
    values = {entry["Name"]: entry["Values"][0] for entry in entries if entry["Values"]}
    return str(values[name])


def utc(text: str) -> datetime:
    """Return a time of a result; a time without a zone is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def at_host(url: str | None, host: str) -> str | None:
    """Return an address from a result, at another host if one is set."""
    if not host or url is None:
        return url
    scheme_and_host = urlsplit(host)
    path = f"{scheme_and_host.path}{urlsplit(url).path}"
    return urlunsplit((scheme_and_host.scheme, scheme_and_host.netloc, path, "", ""))
