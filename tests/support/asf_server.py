"""A real HTTP server that behaves like ASF, Earthdata Login, the orbit service and the tile buckets.

Two ports of this machine: one is Earthdata Login, the other everything else.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

USER, PASSWORD, TOKEN = "reader", "secret words", "a-token"


@dataclass
class AsfServer:
    """The files of the server and its faults; tests may change them at any time.

    ``faults[path]`` is a list of faults, one for each request, taken from the front: a status code or

    ============== ================================================
    ``reset``      the connection breaks
    ``html``       a web page
    ``truncate``   half the bytes
    ``stall``      half the bytes, then silence
    ``slow``       half the bytes, then very few a second
    ``drip``       headers without an end, a byte now and then
    ``unsized``    half the bytes, without a length
    ``longer``     the stated length is more than is sent
    ``shorter``    fewer bytes are sent, with their length
    ``damage``     one byte is another
    ``packed``     compressed with gzip without a request for it
    ``cut``        half of the gzip stream, without a length
    ``other part`` the rest of another version
    ``wrong name`` the name of another burst
    ============== ================================================

    Files in ``checksums`` are sent with their checksum, paths in ``circles`` lead back to themselves.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    protected: dict[str, bytes] = field(default_factory=dict)
    items: list[dict[str, Any]] = field(default_factory=list)
    pending: dict[str, int] = field(default_factory=dict)
    faults: dict[str, list[Any]] = field(default_factory=dict)
    eula_accepted: bool = True
    names: dict[str, str] = field(default_factory=dict)
    orbits: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    searches: list[dict[str, list[str]]] = field(default_factory=list)
    url: str = ""
    login_url: str = ""
    cache: str = "none"
    checksums: set[str] = field(default_factory=set)
    circles: set[str] = field(default_factory=set)
    patience_s: float = 2.0

    def count(self, path: str) -> int:
        """Return how often a path was requested."""
        return sum(asked.partition("?")[0] == path for asked, _ in self.requests)

    def environment(self, **more: str) -> dict[str, str]:
        """Return settings with which the source sends every request to this server."""
        endpoints = {
            "CMR_URL": self.url,
            "BURST_URL": self.url,
            "LOGIN_URL": self.login_url,
            "COOKIE_URL": f"{self.url}/cookie.xml",
            "ORBIT_URL": f"{self.url}/scene",
            "DEM_URL": f"{self.url}/dem30",
            "DEM90_URL": f"{self.url}/dem90",
            "GEOID_URL": f"{self.url}/geoid.tif",
            "WATER_MASK_URL": f"{self.url}/water",
            "ATTEMPTS": "3",
            "RETRY_WAIT_S": "0.01",
            "POLL_S": "0.01",
            "TIMEOUT_S": "5",
            "EXTRACTION_TIMEOUT_S": "2",
            "AUX_CAL_URL": f"{self.url}/aux_cal",
            "CACHE": self.cache,
        }
        credentials = {"EARTHDATA_USERNAME": USER, "EARTHDATA_PASSWORD": PASSWORD}
        return {
            **{f"ISCE2_RECIPE_ASF_{key}": value for key, value in endpoints.items()},
            **credentials,
            **more,
        }


class _Server(ThreadingHTTPServer):
    def __init__(self, host: str, handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that closed the connection, as tests make them do."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """Return the address of the server."""
        host = str(self.server_address[0])
        return f"http://{f'[{host}]' if ':' in host else host}:{self.server_port}"


@contextmanager
def running(host: str = "127.0.0.1") -> Iterator[AsfServer]:
    """A server with nothing in it yet."""
    state = AsfServer(protected={"/cookie.xml": b"<cookie/>"})
    handler = type("Handler", (_Handler,), {"state": state})
    servers = [_Server(host, handler) for _ in range(2)]
    state.url, state.login_url = (server.url for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield state
    finally:
        state.patience_s = 0
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


def _names(umm: dict[str, Any]) -> set[str]:
    """Return the names by which a granule can be requested."""
    ids = umm.get("DataGranule", {}).get("Identifiers", [])
    return {umm["GranuleUR"], *(entry["Identifier"] for entry in ids)}


def _fits(umm: dict[str, Any], asked: dict[str, list[str]]) -> bool:
    """Return whether a granule matches a search by name, or by orbit, attributes, place and time."""
    if "readable_granule_name[]" in asked:
        return bool(_names(umm).intersection(asked["readable_granule_name[]"]))
    attributes = {entry["Name"]: entry["Values"] for entry in umm["AdditionalAttributes"]}
    wanted: dict[str, set[str]] = {}
    for text in asked.get("attribute[]", []):
        _, name, value, *_ = text.split(",")
        wanted.setdefault(name, set()).add(value)
    orbits = [str(domain.get("OrbitNumber")) for domain in umm["OrbitCalculatedSpatialDomains"]]
    first, last = (datetime.fromisoformat(text) for text in asked["temporal"][0].split(",")[:2])
    sensed = umm["TemporalExtent"]["RangeDateTime"]
    begins, ends = (datetime.fromisoformat(sensed[f"{word}DateTime"]) for word in ("Beginning", "Ending"))
    return (
        asked.get("orbit_number", orbits)[0] in orbits
        and all(values.intersection(attributes.get(name, [])) for name, values in wanted.items())
        and _meets(umm, asked)
        and begins <= last
        and ends >= first
    )


def _meets(umm: dict[str, Any], query: dict[str, list[str]]) -> bool:
    """Return whether a granule shares ground with the box or polygon of a search."""
    import shapely

    text = (query.get("polygon") or query.get("bounding_box") or [""])[0]
    if not text:
        return True
    values = [float(word) for word in text.split(",")]
    (outline,) = umm["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]["GPolygons"]
    points = [(each["Longitude"], each["Latitude"]) for each in outline["Boundary"]["Points"]]
    corners = list(zip(values[::2], values[1::2], strict=True))
    asked = shapely.Polygon(corners) if "polygon" in query else shapely.box(*values)
    return bool(asked.intersects(shapely.Polygon(points)))


def _tag(content: bytes) -> str:
    return f'"{hash(content)}"'


def _body(content: bytes, fault: str | None) -> bytes:
    """Return the bytes that are sent for a file."""
    if fault == "damage":
        return content[:-1] + bytes([content[-1] ^ 1])
    if fault == "shorter":
        return content[:-100]
    return gzip.compress(content, mtime=0) if fault in ("packed", "cut") else content


_BROKEN_OFF = ("truncate", "stall", "slow", "unsized", "cut", "longer")
_OF_CONTENT = (*_BROKEN_OFF, "wrong name", "damage", "shorter", "packed", "other part")


class _Handler(BaseHTTPRequestHandler):
    state: AsfServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if not self._misbehave(self.path):
            self._search(body)

    def do_GET(self) -> None:
        self.state.requests.append((self.path, dict(self.headers)))
        path = urlsplit(self.path).path
        if path == "/oauth/authorize":
            self._authorize()
        elif path == "/login":
            destination = parse_qs(urlsplit(self.path).query)["state"][0]
            self._redirect(destination, {"Set-Cookie": "asf-urs=yes; Path=/"})
        elif path in self.state.circles:
            self._redirect(path)
        elif path in self.state.protected:
            self._protected(path)
        elif path.startswith("/presigned/"):
            self._presigned(path.removeprefix("/presigned"))
        elif path.startswith("/scene/"):
            self._orbit(path)
        else:
            self._send_file(path, self.state.files.get(path))

    def _search(self, body: str) -> None:
        asked = parse_qs(body)
        found = [item for item in self.state.items if _fits(item["umm"], asked)]
        page = [] if asked.get("page_size") == ["0"] else found
        answer = json.dumps({"hits": len(found), "items": page}).encode()
        self.state.searches.append(asked)
        waiting = self.state.faults.get(self.path, [])
        if waiting and waiting.pop(0) == "slow":
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self._drip(answer)
        else:
            self._answer(200, answer, "application/json")

    def _authorize(self) -> None:
        basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        query = parse_qs(urlsplit(self.path).query)
        if self.headers.get("Authorization") not in (basic, f"Bearer {TOKEN}"):
            self._answer(401, b"<html>who are you?</html>", "text/html")
        elif not self.state.eula_accepted:
            page = quote("https://urs.example/accept_eulas?eula_id=sentinel")
            self._redirect(
                f"{self.state.url}/denied?error_msg=EULA+acceptance+required&resolution_url={page}"
            )
        else:
            self._redirect(f"{query['redirect_uri'][0]}?code=1&state={quote(query['state'][0])}")

    def _protected(self, path: str) -> None:
        if "asf-urs=yes" not in self.headers.get("Cookie", ""):
            back = quote(f"{self.state.url}/login")
            self._redirect(f"{self.state.login_url}/oauth/authorize?redirect_uri={back}&state={quote(path)}")
        elif self.state.pending.get(path, 0) > 0:
            self.state.pending[path] -= 1
            self._answer(202, b'{"status": "cutting"}', "application/json")
        else:
            self._redirect(f"{self.state.url}/presigned{path}?signature=1", status=307)

    def _presigned(self, path: str) -> None:
        if "Authorization" in self.headers:
            self._answer(400, b"only one auth mechanism allowed", "text/plain")
        else:
            self._send_file(path, self.state.protected.get(path))

    def _orbit(self, path: str) -> None:
        day = path.rpartition("/")[2][17:25]
        if day in self.state.orbits:
            self._redirect(self.state.url + self.state.orbits[day])
            return
        if path.rpartition("/")[2].startswith("S1"):
            for name in self.state.files:
                if name.endswith(".EOF"):
                    if not self._misbehave("/scene"):
                        self._redirect(self.state.url + name)
                    return
        self._answer(404, b"no orbit", "text/plain")

    def _misbehave(self, path: str) -> bool:
        waiting = self.state.faults.get(path, [])
        if not waiting or not isinstance(waiting[0], int | str) or waiting[0] in _OF_CONTENT:
            return False
        fault = waiting.pop(0)
        if fault == "reset":
            self.close_connection = True
            self.connection.close()
        elif fault == "drip":
            self._drip(b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 10**6)
        elif fault == "html":
            self._answer(200, b"<!DOCTYPE html><html>Earthdata Login</html>", "text/html")
        else:
            self._answer(fault, b"{}", "application/json", {"Retry-After": "0"})
        return True

    def _send_file(self, path: str, content: bytes | None) -> None:
        if self._misbehave(path):
            return
        if content is None:
            self._answer(404, b"not here", "text/plain")
            return
        waiting = self.state.faults.get(path, [])
        fault = waiting.pop(0) if waiting else None
        start, stop, status = self._range(len(content), _tag(content), blind=fault == "other part")
        if status == 416:
            self._answer(416, b"", "text/plain", {"Content-Range": f"bytes */{len(content)}"})
            return
        body = _body(content, fault)[start:stop]
        self.send_response(status)
        for header, value in self._headers(path, content, body, fault).items():
            self.send_header(header, value)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault not in _BROKEN_OFF:
            self.wfile.write(body)
            return
        middle = len(body) if fault == "longer" else len(body) // 2
        self.wfile.write(body[:middle])
        self.wfile.flush()
        self._keep_waiting(fault, body[middle:])
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def _headers(self, path: str, content: bytes, body: bytes, fault: str | None) -> dict[str, str]:
        name = "neighbour-BURST.tiff" if fault == "wrong name" else self.state.names.get(path, path[1:])
        headers = {
            "Content-Length": str(len(body) + (100 if fault == "longer" else 0)),
            "Accept-Ranges": "bytes",
            "ETag": '"another"' if fault == "other part" else _tag(content),
            "Content-Disposition": f'attachment; filename="{name}"',
        }
        if path in self.state.checksums:
            digest = hashlib.md5(content, usedforsecurity=False).digest()
            headers["Content-MD5"] = base64.b64encode(digest).decode()
        if fault in ("packed", "cut"):
            headers["Content-Encoding"] = "gzip"
        if fault in ("unsized", "cut"):
            del headers["Content-Length"]
            headers["Connection"] = "close"
        return headers

    def _keep_waiting(self, fault: str, rest: bytes) -> None:
        if fault in ("stall", "slow"):
            self._drip(rest if fault == "slow" else b"")

    def _drip(self, rest: bytes) -> None:
        """A byte now and then, as long as patience lasts; then the connection ends."""
        self.close_connection = True
        began = time.monotonic()
        while time.monotonic() < began + self.state.patience_s:
            time.sleep(0.05)
            with suppress(OSError):
                self.wfile.write(rest[:1])
            rest = rest[1:]

    def _range(self, size: int, tag: str, *, blind: bool) -> tuple[int, int, int]:
        """Return first byte, end and status; ``blind`` ignores the version that the client has a part of."""
        unit, _, span = self.headers.get("Range", "").partition("=")
        if unit != "bytes" or (not blind and self.headers.get("If-Range", tag) != tag):
            return 0, size, 200
        first, _, last = span.partition("-")
        if int(first) >= size:
            return 0, size, 416
        return int(first), min(int(last) + 1 if last else size, size), 206

    def _redirect(self, location: str, headers: dict[str, str] | None = None, status: int = 302) -> None:
        self._answer(status, b"", "text/plain", {"Location": location, **(headers or {})})

    def _answer(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
