"""HTTP as ASF and NASA speak it: redirects through a login, cookies, files that are not ready yet.

Redirects are followed here and not by ``requests``, because credentials may go to the login host alone and
because it matters *where* a chain ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urljoin, urlsplit

from isce2_recipe.errors import SourceError
from isce2_recipe.sources.asf.credentials import HINT, Credentials
from isce2_recipe.sources.asf.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

_MAX_REDIRECTS = 20
_CHUNK_BYTES = 1 << 20
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT_S = 120.0
# A token is shown to hosts of this domain and to the login host, to nobody else.
_TOKEN_DOMAIN = ".asf.alaska.edu"

Check = Callable[["requests.Response", bytes], str | None]
"""What is wrong with an answer, given its first bytes; None for nothing."""


class _TemporaryError(Exception):
    """A fault that may be gone next time."""

    def __init__(self, reason: str, *, wait_s: float | None = None, from_scratch: bool = False) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        self.from_scratch = from_scratch


@dataclass(slots=True)
class _Partial:
    """What of a file is on disk already, and which version of it."""

    path: Path
    etag: str | None = None
    total: int | None = None

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0


class Client:
    """A session with ASF: logs in once, retries, resumes, leaves whole files or none."""

    def __init__(self, settings: Settings, credentials: Credentials, log: logging.Logger) -> None:
        import requests

        self._settings = settings
        self._credentials = credentials
        self._log = log
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "isce2-recipe"
        self._lock = threading.Lock()
        self._logged_in = False

    def log_in(self) -> None:
        """Obtain the session cookie of the burst extractor, once.

        Raises
        ------
        SourceError
            If there are no credentials or they are refused.
        """
        with self._lock:
            if self._logged_in:
                return
            if not self._credentials.found:
                raise SourceError("there are no Earthdata credentials, and ASF wants a login", hint=HINT)
            self._log.info("logging in to Earthdata with %s", self._credentials.origin)
            self._again("log in", lambda: self._touch(self._settings.cookie_url))
            self._logged_in = True

    def _touch(self, url: str) -> None:
        with self._open(url, {}) as response:
            next(response.iter_content(1024), b"")

    def download(
        self,
        url: str,
        target: Path,
        *,
        check: Check,
        progress: Callable[[float, str], None],
        least_bytes: int = 0,
    ) -> Path:
        """Fetch a file; it appears under its name only when it is whole.

        Parameters
        ----------
        url : str
            An answer 202 (not ready) is asked again until the time for extraction is over.
        target : Path
            The file.
        check : callable
            Looks at the answer and its first bytes.
        progress : callable
            Gets the fraction that has arrived.
        least_bytes : int
            A smaller file is not whole.

        Raises
        ------
        SourceError
            If the file is not there, or not after all attempts.
        """
        partial = _Partial(target.with_name(target.name + ".part"))

        def attempt() -> None:
            try:
                self._receive(url, partial, check, progress)
                if partial.size < max(least_bytes, 1):
                    raise _TemporaryError(
                        f"only {partial.size} bytes came of at least {least_bytes}", from_scratch=True
                    )
            except _TemporaryError as exc:
                if exc.from_scratch:
                    partial.path.unlink(missing_ok=True)
                raise

        try:
            self._again(f"fetch {target.name}", attempt)
            return partial.path.replace(target)
        finally:
            partial.path.unlink(missing_ok=True)

    def _receive(
        self, url: str, partial: _Partial, check: Check, progress: Callable[[float, str], None]
    ) -> None:
        import requests

        have = partial.size
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if partial.etag:
                headers["If-Range"] = partial.etag
        with self._open_when_ready(url, headers) as response:
            mode = "ab" if response.status_code == 206 else "wb"
            have = have if mode == "ab" else 0
            length = response.headers.get("Content-Length")
            partial.etag = response.headers.get("ETag")
            partial.total = have + int(length) if length else None
            try:
                with partial.path.open(mode) as file:
                    for chunk in response.iter_content(_CHUNK_BYTES):
                        if file.tell() == 0:
                            _raise_if(check(response, chunk))
                        file.write(chunk)
                        if partial.total:
                            progress(file.tell() / partial.total, partial.path.stem)
            except requests.RequestException as exc:
                raise _TemporaryError(f"the connection broke ({_short(exc)})") from exc
        if partial.total is not None and partial.size != partial.total:
            too_many = partial.size > partial.total
            raise _TemporaryError(f"{partial.size} of {partial.total} bytes came", from_scratch=too_many)

    @contextmanager
    def _open_when_ready(self, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        deadline = time.monotonic() + self._settings.extraction_timeout_s
        wait_s = self._settings.poll_s
        while True:
            with self._open(url, headers) as response:
                if response.status_code != 202:
                    yield response
                    return
            if time.monotonic() + wait_s > deadline:
                raise SourceError(
                    f"{url} was not ready within {self._settings.extraction_timeout_s:g} s",
                    hint="run the same command again: the extractor goes on working; "
                    "or raise ISCE2_RECIPE_ASF_EXTRACTION_TIMEOUT_S",
                )
            time.sleep(wait_s)
            wait_s = min(1.5 * wait_s, 20.0 * self._settings.poll_s)

    @contextmanager
    def _open(self, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """The answer at the end of the redirects, its status known to be good."""
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
            except requests.RequestException as exc:
                raise _TemporaryError(f"{urlsplit(url).netloc}: {_short(exc)}") from exc
            with response:
                if not response.is_redirect:
                    self._judge(asked, response)
                    yield response
                    return
                url = urljoin(url, response.headers["Location"])
        raise SourceError(
            f"{asked} leads round in circles ({_MAX_REDIRECTS} redirects)",
            hint="the login left no cookie; check the credentials, and that nothing filters cookies",
        )

    def _is_login(self, url: str) -> bool:
        return urlsplit(url).netloc == urlsplit(self._settings.login_url).netloc

    def _login_for(self, url: str) -> Any:
        """User and password for the login host, else a value that keeps ``requests`` from reading netrc."""
        if self._is_login(url) and self._credentials.user:
            return self._credentials.user, self._credentials.password or ""
        return lambda request: request

    def _token_for(self, url: str) -> dict[str, str]:
        if not self._credentials.token:
            return {}
        parts = urlsplit(url)
        shown = self._is_login(url) or (
            parts.scheme == "https" and (parts.hostname or "").endswith(_TOKEN_DOMAIN)
        )
        return {"Authorization": f"Bearer {self._credentials.token}"} if shown else {}

    def _judge(self, asked: str, response: requests.Response) -> None:
        """Raise for an answer that is not what was asked for."""
        status, url = response.status_code, response.url
        query = parse_qs(urlsplit(url).query)
        if "error_msg" in query:
            raise _refusal(query["error_msg"][0], query.get("resolution_url", [""])[0])
        if status in _RETRIED:
            raise _TemporaryError(f"{urlsplit(url).netloc} answered {status}", wait_s=_retry_after(response))
        if status == 416:
            raise _TemporaryError("the file has changed at the server", from_scratch=True)
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
        credentials = self._credentials
        if credentials.token:
            return SourceError(
                f"Earthdata Login refuses the token in {credentials.origin}: it is wrong or has expired",
                hint="make a new one at https://urs.earthdata.nasa.gov/user_tokens (they last 60 days)",
            )
        if credentials.user:
            return SourceError(
                f"Earthdata Login refuses user '{credentials.user}' and the password of {credentials.origin}",
                hint="check both at https://urs.earthdata.nasa.gov",
            )
        return SourceError("Earthdata Login wants credentials, and there are none", hint=HINT)

    def _again(self, what: str, attempt: Callable[[], None]) -> None:
        """Try until it works, waiting longer each time."""
        wait_s = self._settings.retry_wait_s
        for number in range(1, self._settings.attempts + 1):
            try:
                attempt()
                return
            except _TemporaryError as exc:
                if number == self._settings.attempts:
                    raise SourceError(
                        f"could not {what}: {exc} (tried {number} times)",
                        hint="the service or the connection is in trouble; run the same command again later",
                    ) from exc
                pause_s = min(exc.wait_s if exc.wait_s is not None else wait_s, _LONGEST_WAIT_S)
                self._log.warning("%s: %s; trying again in %g s", what, exc, pause_s)
                time.sleep(pause_s)
                wait_s *= 2.0


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


def _raise_if(reason: str | None) -> None:
    if reason:
        raise _TemporaryError(reason)


def _retry_after(response: requests.Response) -> float | None:
    """Seconds a server asks to wait, if it does: a number or a date."""
    text = response.headers.get("Retry-After", "")
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _short(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}"[:200]
