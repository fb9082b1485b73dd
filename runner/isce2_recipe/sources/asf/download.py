"""Downloads one file: it is resumed, retried, checked and taken from any of its mirrors."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from isce2_recipe.errors import SourceError
from isce2_recipe.sources.asf.cache import Cache, CacheEntry
from isce2_recipe.sources.asf.formats import Format
from isce2_recipe.sources.asf.partial import Answer, Partial, check_size, check_sums, checksum
from isce2_recipe.sources.asf.retrying import TemporaryError, retry
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.base import Progress

if TYPE_CHECKING:
    import requests

_NOT_READY = 202

Open = Callable[[str, dict[str, str]], AbstractContextManager["requests.Response"]]
"""Requests an address with additional headers, and raises an error for a response that is not a file."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to download."""

    url: str
    target: Path
    format: Format
    least_bytes: int = 0  # size below which it is incomplete
    md5: str | None = None  # checksum from the catalogue, if there is one


class Downloader:
    """Downloads files, if possible through a cache. Each appears under its name only when it is complete."""

    def __init__(self, open_url: Open, settings: Settings, cache: Cache | None, log: logging.Logger) -> None:
        self._open = open_url
        self._settings = settings
        self._cache = cache
        self._log = log
        self._slots = threading.BoundedSemaphore(settings.downloads)

    def fetch(self, wanted: Wanted, progress: Progress) -> Path:
        """Return a file's path, downloaded or from the cache; raise SourceError if all attempts fail."""
        if self._cache is not None:
            try:
                return self._through_cache(self._cache, wanted, progress)
            except OSError as exc:
                self._log.warning("the cache cannot be used (%s): continuing without it", exc)
                self._cache = None
        partial = Partial(wanted.target.with_name(f"{wanted.target.name}.part"))
        try:
            self._download(wanted, partial, progress)
            return partial.path.replace(wanted.target)
        finally:
            partial.discard()

    def _through_cache(self, cache: Cache, wanted: Wanted, progress: Progress) -> Path:
        with cache.entry(wanted.url) as entry:
            if not self._usable(entry, wanted):
                partial = Partial(entry.partial)
                try:
                    self._download(wanted, partial, progress)
                    entry.store(partial.path)
                except OSError:
                    partial.discard()
                    raise
                partial.discard()
            return entry.copy_to(wanted.target)

    def _usable(self, entry: CacheEntry, wanted: Wanted) -> bool:
        """Return whether the cache has the file."""
        if not entry.is_complete() or entry.path.stat().st_size < wanted.least_bytes:
            return False
        if wanted.md5 is not None and checksum(entry.path, "md5") != wanted.md5:
            return False
        self._log.info("%s is in the cache", wanted.target.name)
        return True

    def _download(self, wanted: Wanted, partial: Partial, progress: Progress) -> None:
        mirrors = self._settings.mirrors_of(wanted.url)

        def attempt() -> None:
            """Try each mirror once, except those that failed for good in an earlier attempt."""
            final: list[SourceError] = []
            temporary: list[TemporaryError] = []
            for url in list(mirrors):
                try:
                    self._receive_when_ready(url, wanted, partial, progress)
                    return
                except TemporaryError as exc:
                    if exc.from_scratch:
                        partial.discard()
                    temporary.append(exc)
                except SourceError as exc:
                    mirrors.remove(url)
                    final.append(exc)
                self._log.info("%s did not deliver %s", urlsplit(url).netloc, wanted.target.name)
            if temporary:
                raise temporary[0]
            raise final[0]

        retry(f"fetch {wanted.target.name}", attempt, self._settings, self._log)

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if self._cache is None:
            with self._slots:
                yield
        else:
            with self._cache.slot(self._settings.downloads):
                yield

    def _receive_when_ready(self, url: str, wanted: Wanted, partial: Partial, progress: Progress) -> None:
        """Request a file until the extractor has made it. A waiting request does not occupy a slot."""
        patience_s, wait_s = self._settings.extraction_timeout_s, self._settings.poll_s
        deadline = time.monotonic() + patience_s
        while not self._receive(url, wanted, partial, progress):
            if time.monotonic() + wait_s > deadline:
                raise SourceError(
                    f"{url} was not ready within {patience_s:g} s",
                    hint="run the same command again, because the extractor continues its work; "
                    "or increase ISCE2_RECIPE_ASF_EXTRACTION_TIMEOUT_S",
                )
            time.sleep(wait_s)
            wait_s = min(1.5 * wait_s, 20.0 * self._settings.poll_s)

    def _receive(self, url: str, wanted: Wanted, partial: Partial, progress: Progress) -> bool:
        """Receive a file and check it; return False if the server has not made it yet."""
        headers = {"Accept-Encoding": "identity", **partial.headers(url)}
        with self._slot(), self._open(url, headers) as response:
            answer = Answer(response)
            if answer.status == _NOT_READY:
                return False
            if answer.has_nothing_more(partial.size):
                total: int | None = partial.size
            else:
                start = partial.begin(url, answer)
                total = None if answer.length is None else start + answer.length
                self._write(response, start, total, wanted, partial, progress)
        check_size(partial.size, total, wanted.least_bytes)
        check_sums(partial.path, wanted.md5, partial.promised)
        _raise_if(wanted.format.refuse_end(partial.path))
        return True

    def _write(
        self,
        response: requests.Response,
        start: int,
        total: int | None,
        wanted: Wanted,
        partial: Partial,
        progress: Progress,
    ) -> None:
        from isce2_recipe.sources.asf.patience import steadily

        with partial.path.open("ab" if start else "wb") as file:
            for chunk in steadily(response, self._settings):
                if file.tell() == 0:
                    _raise_if(wanted.format.refuse_beginning(response, chunk))
                file.write(chunk)
                if total:
                    progress(min(file.tell() / total, 1.0), wanted.target.name)


def _raise_if(reason: str | None) -> None:
    if reason:
        raise TemporaryError(reason, from_scratch=True)
