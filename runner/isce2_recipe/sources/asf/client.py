"""An HTTP session with ASF and NASA: redirects through a login, cookies, files that are not ready yet.

Redirects are followed here and not by ``requests``, because only the login host may receive credentials and
because the address at the end of the redirects matters.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, urljoin, urlsplit

from isce2_recipe.errors import SourceError
from isce2_recipe.sources.asf.cache import open_cache
from isce2_recipe.sources.asf.credentials import HINT, Credentials
from isce2_recipe.sources.asf.download import Downloader, Wanted
from isce2_recipe.sources.asf.formats import Format, refuse_page
from isce2_recipe.sources.asf.retrying import TemporaryError, raise_if_temporary, retry, short
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.base import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

_MAX_REDIRECTS = 20
_BEGINNING_BYTES = 1024
# Only hosts of this domain and the login host receive a token.
_TOKEN_DOMAIN = ".asf.alaska.edu"

_Result = TypeVar("_Result")


def _ignore(_fraction: float, _text: str) -> None:
    """Report no progress."""


class Client:
    """A session with ASF. It logs in once, retries and resumes downloads, and leaves only complete files."""

    def __init__(self, settings: Settings, credentials: Credentials, log: logging.Logger) -> None:
        import requests

        from isce2_recipe.sources.asf.patience import PatientAdapter

        self.credentials = credentials
        self._settings = settings
        self._log = log
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "isce2-recipe"
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, PatientAdapter())
        cache = open_cache(settings, log)
        self._downloader = Downloader(self._open, settings, cache, log)
        self._lock = threading.Lock()
        self._logged_in = False

    def log_in(self) -> None:
        """Get the session cookie of the burst extractor; raise SourceError without valid credentials."""
        with self._lock:
            if self._logged_in:
                return
            if not self.credentials.found:
                raise SourceError("there are no Earthdata credentials, and ASF requires a login", hint=HINT)
            self._log.info("logging in to Earthdata with %s", self.credentials.origin)
            if self.credentials.warning:
                self._log.warning("%s", self.credentials.warning)
            expires = self.credentials.expires
            if expires is not None and expires <= datetime.now(UTC):
                raise self._refused_login()
            retry("log in", self._touch, self._settings, self._log)
            self._logged_in = True

    def locate(self, url: str) -> str:
        """Return where an address or a mirror is redirected; raise SourceError if there is no file."""
        return self._from_any_mirror(url, SourceError, self._reach)

    def _reach(self, url: str) -> str:
        def attempt() -> str:
            with self._open(url, {}) as response:
                return str(response.url)

        return retry(f"reach {urlsplit(url).netloc}", attempt, self._settings, self._log)

    def _touch(self) -> None:
        self._from_any_mirror(self._settings.cookie_url, TemporaryError, self._read_beginning)

    def _from_any_mirror(
        self, url: str, fault: type[Exception], request: Callable[[str], _Result]
    ) -> _Result:
        """Return the result of the first address without a fault; raise the fault of the last one."""
        *others, last = self._settings.mirrors_of(url)
        for each in others:
            with suppress(fault):
                return request(each)
        return request(last)

    def _read_beginning(self, url: str) -> None:
        from isce2_recipe.sources.asf.patience import steadily

        beginning = b""
        with self._open(url, {}) as response:
            for piece in steadily(response, self._settings):
                beginning += piece
                if len(beginning) >= _BEGINNING_BYTES:
                    break
            refuse_page(response, beginning[:_BEGINNING_BYTES])

    def download(
        self,
        url: str,
        target: Path,
        *,
        format: Format,
        progress: Progress = _ignore,
        least_bytes: int = 0,
        md5: str | None = None,
    ) -> Path:
        """Download a file, which appears under its name only when it is complete; see `Wanted`.

        After a response 202 (not ready) the request is repeated until the extraction timeout. Raise
        SourceError if the file does not exist, or if all attempts fail.
        """
        return self._downloader.fetch(Wanted(url, target, format, least_bytes, md5), progress)

    def download_all(
        self, urls: Sequence[str], folder: Path, *, format: Format, progress: Progress
    ) -> list[Path]:
        """Download files in parallel, each under the name at the end of its address."""
        from concurrent.futures import ThreadPoolExecutor

        done = itertools.count(1)

        def fetch(url: str) -> Path:
            target = folder / url.rpartition("/")[2]
            path = self.download(url, target, format=format)
            progress(next(done) / len(urls), target.name)
            return path

        with ThreadPoolExecutor(self._settings.downloads) as pool:
            return list(pool.map(fetch, urls))

    @contextmanager
    def _open(self, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Yield the response at the end of the redirects, after its status has been checked."""
        import requests

        asked = url
        for _ in range(_MAX_REDIRECTS):
            try:
                response = self._session.get(
                    url,
                    headers={**headers, **self._token_for(url)},
                    auth=self._login_for(url),
                    stream=True,
                    allow_redirects=False,
                    timeout=self._settings.timeout_s,
                )
            except requests.exceptions.SSLError as exc:
                raise _distrust(url, exc) from exc
            except requests.exceptions.ProxyError as exc:
                raise TemporaryError(f"{urlsplit(url).netloc}: {_proxy_of(url)}: {short(exc)}") from exc
            except requests.RequestException as exc:
                raise TemporaryError(f"{urlsplit(url).netloc}: {short(exc)}") from exc
            with response:
                if not response.is_redirect:
                    self._check(asked, response)
                    yield response
                    return
                url = urljoin(url, response.headers["Location"])
        raise SourceError(
            f"{asked} is redirected in circles ({_MAX_REDIRECTS} redirects)",
            hint="the login left no cookie; check the credentials, and that nothing filters cookies",
        )

    def _is_login(self, url: str) -> bool:
        return urlsplit(url).netloc == urlsplit(self._settings.login_url).netloc

    def _login_for(self, url: str) -> Any:
        """Return user and password for the login host, else a value that disables ``requests``' netrc."""
        if self._is_login(url) and self.credentials.user:
            # As bytes: requests would encode text as Latin-1, and Earthdata Login expects UTF-8.
            both = self.credentials.user, self.credentials.password or ""
            return tuple(text.encode("utf-8", "surrogateescape") for text in both)
        return lambda request: request

    def _token_for(self, url: str) -> dict[str, str]:
        if not self.credentials.token:
            return {}
        parts = urlsplit(url)
        # The burst extractor accepts the session's cookie but no token.
        shown = self._is_login(url) or (
            not self._logged_in and parts.scheme == "https" and (parts.hostname or "").endswith(_TOKEN_DOMAIN)
        )
        return {"Authorization": f"Bearer {self.credentials.token}"} if shown else {}

    def _check(self, asked: str, response: requests.Response) -> None:
        """Raise an error for a response that is not the requested file."""
        status, url = response.status_code, response.url
        query = parse_qs(urlsplit(url).query)
        if "error_msg" in query:
            raise _refusal(query["error_msg"][0], query.get("resolution_url", [""])[0])
        raise_if_temporary(response)
        if status == 416:  # the answer to a request for the rest of a file that is complete
            return
        if status == 401 or (self._is_login(url) and status in (400, 403)):
            raise self._refused_login()
        if self._is_login(url):
            raise _refusal("the login did not lead back to the file", _application_page(self._settings))
        if status == 403:
            raise _refusal("ASF refuses access", _application_page(self._settings))
        if status in (404, 410):
            raise SourceError(f"{asked} does not exist ({status})", hint="check the granule's name")
        if status >= 400:
            raise SourceError(f"{asked}: the server answered {status} {response.reason}")

    def _refused_login(self) -> SourceError:
        credentials = self.credentials
        if credentials.token:
            expires, now = credentials.expires, datetime.now(UTC)
            over = expires is not None and expires <= now
            return SourceError(
                f"the token in {credentials.origin} expired on {expires:%Y-%m-%d %H:%M} UTC "
                f"(by this machine's clock it is {now:%Y-%m-%d %H:%M})"
                if over
                else f"Earthdata Login refuses the token in {credentials.origin}: it is wrong or has expired",
                hint="make a new one at https://urs.earthdata.nasa.gov/user_tokens (they last 60 days)",
            )
        if credentials.user:
            return SourceError(
                f"Earthdata Login refuses user '{credentials.user}' and the password of {credentials.origin}",
                hint="log in at https://urs.earthdata.nasa.gov to check both; "
                "a new password: https://urs.earthdata.nasa.gov/reset_passwords/new",
            )
        return SourceError("Earthdata Login requires credentials, and there are none", hint=HINT)


def _proxy_of(url: str) -> str:
    """Return the proxy that the environment sets for an address, without its password, and the variable."""
    scheme = urlsplit(url).scheme
    for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY"):
        if os.environ.get(name):
            return f"the proxy {os.environ[name].rpartition('@')[2]} of the variable {name} does not answer"
    return "the proxy does not answer"


def _distrust(url: str, exc: Exception) -> Exception:
    """Return the error for a fault of encryption, which is temporary unless the certificate is refused."""
    host, reason = urlsplit(url).netloc, short(exc)
    if "CERTIFICATE_VERIFY_FAILED" not in reason:
        return TemporaryError(f"{host}: {reason}")
    return SourceError(
        f"the certificate of {host} is not accepted: {reason}",
        hint=f"check this machine's clock ({datetime.now(UTC):%Y-%m-%d %H:%M} UTC); if a proxy has "
        "its own certificate, set REQUESTS_CA_BUNDLE to the file with its certificate authority",
    )


def _application_page(settings: Settings) -> str:
    return (
        f"{settings.login_url}/profile (Applications > Approved Applications, and EULAs > Accept New EULAs)"
    )


def _refusal(reason: str, where: str) -> SourceError:
    page = f" at {where}" if where else ""
    return SourceError(
        f"Earthdata Login: {reason}",
        hint=f"accept the end-user licence agreement and authorise ASF's application{page}, then run again",
    )
