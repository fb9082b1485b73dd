"""How long a server may take: for an answer's headers in all, and for its body by how fast that comes.

A time limit of ``requests`` is for silence alone: a server that sends one byte a minute never reaches it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from typing import Any

import requests
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from isce2_recipe.sources.asf.partial import encoded
from isce2_recipe.sources.asf.retrying import TemporaryError, short
from isce2_recipe.sources.asf.settings import Settings

_CHUNK_BYTES = 1 << 16


class PatientAdapter(requests.adapters.HTTPAdapter):
    """Carries requests whose time limit holds for all headers of the answer together."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """With connections that watch the time."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """The same through a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Watched(HTTPConnection):
    def getresponse(self) -> Any:
        with _watch(self):
            return super().getresponse()


class _WatchedTls(HTTPSConnection):
    def getresponse(self) -> Any:
        with _watch(self):
            return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


_POOLS = {"http": _Pool, "https": _TlsPool}


@contextmanager
def _watch(connection: HTTPConnection) -> Iterator[None]:
    """Ends a connection's wait for headers when its time is over."""
    late = threading.Event()
    sock, seconds = connection.sock, connection.timeout

    def end() -> None:
        late.set()
        with suppress(OSError):
            # Not that of an encrypted socket, which would pull its layer from under whoever reads.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(seconds or threading.TIMEOUT_MAX, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, HTTPException) as exc:
        if late.is_set():
            raise TimeoutError(f"the headers took longer than {seconds:g} s") from exc
        raise
    finally:
        timer.cancel()


def steadily(response: requests.Response, settings: Settings) -> Iterator[bytes]:
    """Pieces of an answer, as long as they come fast enough.

    Raises
    ------
    TemporaryError
        If the connection breaks, or less than ``slowest_kb_s`` comes for ``timeout_s``.
    """
    began, received = time.monotonic(), 0
    try:
        for chunk in _pieces(response):
            yield chunk
            received += len(chunk)
            seconds = time.monotonic() - began
            if seconds > settings.timeout_s:
                if received < settings.slowest_kb_s * 1e3 * seconds:
                    raise TemporaryError(f"only {received / 1e3:.0f} kB came in {seconds:.0f} s")
                began, received = time.monotonic(), 0
    except (requests.RequestException, urllib3.exceptions.HTTPError) as exc:
        raise TemporaryError(f"the connection broke ({short(exc)})") from exc


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """What has come, as soon as it comes: a slow server must not be able to hide behind a buffer."""
    read = getattr(response.raw, "read1", None)
    if read is None:
        yield from response.iter_content(_CHUNK_BYTES >> 4)
        return
    while chunk := read(_CHUNK_BYTES, decode_content=encoded(response)):
        yield chunk
