"""Time limits for a server: for all headers of a response together, and for the rate of its body.

The time limit of ``requests`` applies only to silence; a server that sends a byte a minute never reaches it.
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
    """The transport of requests whose time limit is for all headers of the response together."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Use connections with that time limit."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Use such connections through a proxy, too."""
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
    """End the wait for headers when the connection's time limit is reached."""
    late = threading.Event()
    sock, seconds = connection.sock, connection.timeout

    def end() -> None:
        late.set()
        with suppress(OSError):
            # Not the method of an encrypted socket, which would remove the encryption during a read.
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
    """Yield the pieces of a response while they are received fast enough.

    Raise TemporaryError if the connection breaks, or if the rate is below ``slowest_kb_s`` for ``timeout_s``.
    """
    began, received = time.monotonic(), 0
    try:
        for chunk in _pieces(response):
            yield chunk
            received += len(chunk)
            seconds = time.monotonic() - began
            if seconds > settings.timeout_s:
                if received < settings.slowest_kb_s * 1e3 * seconds:
                    raise TemporaryError(f"received only {received / 1e3:.0f} kB in {seconds:.0f} s")
                began, received = time.monotonic(), 0
    except (requests.RequestException, urllib3.exceptions.HTTPError) as exc:
        raise TemporaryError(f"the connection broke ({short(exc)})") from exc


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield the bytes as soon as they are received: a full buffer would hide that a server is slow."""
    read = getattr(response.raw, "read1", None)
    if read is None:
        yield from response.iter_content(_CHUNK_BYTES >> 4)
        return
    while chunk := read(_CHUNK_BYTES, decode_content=encoded(response)):
        yield chunk
