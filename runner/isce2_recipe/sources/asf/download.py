"""A file from the network to the disk: in pieces, resumed, checked, from any of its mirrors."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from isce2_recipe.errors import SourceError
from isce2_recipe.sources.asf.cache import Cache, Entry
from isce2_recipe.sources.asf.retrying import TemporaryError, again
from isce2_recipe.sources.asf.settings import Settings

if TYPE_CHECKING:
    import requests

_CHUNK_BYTES = 1 << 16

Check = Callable[["requests.Response", bytes], str | None]
"""What is wrong with an answer, given its first bytes; None for nothing."""

Progress = Callable[[float, str], None]

Open = Callable[[str, dict[str, str]], AbstractContextManager["requests.Response"]]
"""Ask for an address with some headers; an answer that is no file raises."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch.

    Attributes
    ----------
    url : str
        Its address.
    target : Path
        Where it goes.
    check : callable
        Looks at the answer and its first bytes.
    least_bytes : int
        A smaller file is not whole.
    md5 : str or None
        Checksum, where a catalogue gives one.
    """

    url: str
    target: Path
    check: Check
    least_bytes: int = 0
    md5: str | None = None


class Downloader:
    """Fetches files; each appears under its name only when it is whole.

    Parameters
    ----------
    open_url : callable
        How to ask a server.
    cache : Cache or None
        Shared by all runs.
    """

    def __init__(self, open_url: Open, settings: Settings, cache: Cache | None, log: logging.Logger) -> None:
        self._open = open_url
        self._settings = settings
        self._cache = cache
        self._log = log
        self._slots = threading.BoundedSemaphore(settings.downloads)

    def fetch(self, wanted: Wanted, progress: Progress) -> Path:
        """The file, in its place.

        Raises
        ------
        SourceError
            If it is not there, or not after all attempts.
        """
        if self._cache is None:
            partial = wanted.target.with_name(f"{wanted.target.name}.part")
            try:
                self._download(wanted, partial, progress)
                return partial.replace(wanted.target)
            finally:
                _Partial(partial).discard()
        with self._cache.entry(wanted.url) as entry:
            if not self._usable(entry, wanted):
                self._download(wanted, entry.partial, progress)
                entry.keep(entry.partial)
                _Partial(entry.partial).discard()
            return entry.give(wanted.target)

    def _usable(self, entry: Entry, wanted: Wanted) -> bool:
        """Whether the cache has the file that is wanted."""
        if not entry.whole() or entry.path.stat().st_size < wanted.least_bytes:
            return False
        if wanted.md5 is not None and _checksum(entry.path, "md5") != wanted.md5:
            return False
        self._log.info("%s is in the cache", wanted.target.name)
        return True

    def _download(self, wanted: Wanted, file: Path, progress: Progress) -> None:
        partial = _Partial(file)
        mirrors = self._settings.mirrors_of(wanted.url)

        def attempt() -> None:
            """Each mirror once. One that will never deliver is not asked again while others may."""
            final: list[SourceError] = []
            passing: list[TemporaryError] = []
            for url in list(mirrors):
                try:
                    with self._slot():
                        self._receive(url, wanted, partial, progress)
                    return
                except TemporaryError as exc:
                    if exc.from_scratch:
                        partial.discard()
                    passing.append(exc)
                except SourceError as exc:
                    mirrors.remove(url)
                    final.append(exc)
                self._log.info("%s did not deliver %s", urlsplit(url).netloc, wanted.target.name)
            if passing:
                raise passing[0]
            raise final[0]

        again(f"fetch {wanted.target.name}", attempt, self._settings, self._log)

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if self._cache is None:
            with self._slots:
                yield
        else:
            with self._cache.slot(self._settings.downloads):
                yield

    def _receive(self, url: str, wanted: Wanted, partial: _Partial, progress: Progress) -> None:
        import requests
        import urllib3

        with self._open(url, {"Accept-Encoding": "identity", **partial.headers(url)}) as response:
            goes_on = response.status_code == 206
            start = partial.size if goes_on else 0
            length = response.headers.get("Content-Length")
            total = start + int(length) if length else None
            partial.remember(url, response.headers.get("ETag"))
            promised = _promised(response)
            try:
                with partial.path.open("ab" if goes_on else "wb") as file:
                    for chunk in self._steadily(response):
                        if file.tell() == 0:
                            _raise_if(wanted.check(response, chunk))
                        file.write(chunk)
                        if total:
                            progress(min(file.tell() / total, 1.0), wanted.target.name)
            except (requests.RequestException, urllib3.exceptions.HTTPError) as exc:
                raise TemporaryError(f"the connection broke ({short(exc)})") from exc
        _check_size(partial.size, total, wanted.least_bytes)
        _check_sums(partial.path, wanted.md5, promised)

    def _steadily(self, response: requests.Response) -> Iterator[bytes]:
        """Pieces of an answer, as long as they come fast enough."""
        began, received = time.monotonic(), 0
        for chunk in _pieces(response):
            yield chunk
            received += len(chunk)
            seconds = time.monotonic() - began
            if seconds > self._settings.timeout_s:
                if received < self._settings.slowest_kb_s * 1e3 * seconds:
                    raise TemporaryError(f"only {received / 1e3:.0f} kB came in {seconds:.0f} s")
                began, received = time.monotonic(), 0


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """What has come, as soon as it comes: a slow server must not be able to hide behind a buffer."""
    read = getattr(response.raw, "read1", None)
    if read is None:
        yield from response.iter_content(_CHUNK_BYTES >> 4)
        return
    while chunk := read(_CHUNK_BYTES):
        yield chunk


@dataclass(frozen=True, slots=True)
class _Partial:
    """What of a file is on disk already, and beside it which version of which server's file that is."""

    path: Path

    @property
    def _note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def headers(self, url: str) -> dict[str, str]:
        """What asks for the rest; nothing where the rest cannot be told to belong to the beginning."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            note = {}
        if not self.size or not note.get("etag") or note.get("url") != url:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": note["etag"]}

    def remember(self, url: str, etag: str | None) -> None:
        self._note.write_text(json.dumps({"url": url, "etag": etag}), encoding="utf-8")

    def discard(self) -> None:
        for path in (self.path, self._note):
            path.unlink(missing_ok=True)


def _check_size(size: int, total: int | None, least_bytes: int) -> None:
    if total is not None and size != total:
        raise TemporaryError(f"{size} of {total} bytes came", from_scratch=size > total)
    if size < max(least_bytes, 1):
        raise TemporaryError(f"only {size} bytes came of at least {least_bytes}", from_scratch=True)


def _check_sums(path: Path, md5: str | None, promised: tuple[str, str] | None) -> None:
    """Compare with what the catalogue and the server say."""
    for kind, expected, who in (
        *((("md5", md5, "catalogue"),) if md5 else ()),
        *(((*promised, "server"),) if promised else ()),
    ):
        if _checksum(path, kind) != expected:
            raise TemporaryError(
                f"it arrived damaged: its {kind.upper()} checksum is not the {who}'s", from_scratch=True
            )


def _promised(response: requests.Response) -> tuple[str, str] | None:
    """Algorithm and checksum of the whole file, where the server sends one."""
    headers = response.headers
    for name, kind in (("x-amz-checksum-sha256", "sha256"), ("Content-MD5", "md5")):
        if headers.get(name) and response.status_code == 200:
            with suppress(binascii.Error):
                return kind, base64.b64decode(headers[name], validate=True).hex()
    etag = headers.get("ETag", "").strip('"')
    # S3's tag of an object that was put there in one piece and not encrypted with a key of its own.
    plain = headers.get("Server") == "AmazonS3" and "kms" not in headers.get(
        "x-amz-server-side-encryption", ""
    )
    if plain and len(etag) == 32 and all(letter in "0123456789abcdef" for letter in etag):
        return "md5", etag
    return None


def _checksum(path: Path, kind: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


def _raise_if(reason: str | None) -> None:
    if reason:
        raise TemporaryError(reason, from_scratch=True)


def short(exc: Exception) -> str:
    """A foreign error in a few words, without what follows an address's question mark."""
    return f"{type(exc).__name__}: {exc}".partition("?")[0][:200]
