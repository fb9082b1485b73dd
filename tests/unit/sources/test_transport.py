"""Servers that violate HTTP, and the connections to servers."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import rasterio

from isce2_recipe.errors import SourceError
from isce2_recipe.sources.asf import AsfSource, formats
from isce2_recipe.sources.asf.dem import fetch_geoid
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.types import Bounds
from support import asf_server
from support.downloads import FILE, LOG, TIFF, fetch, ranges, silent
from support.files import tiff


def certificate(path: Path) -> Path:
    """Write a key and a self-signed certificate."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def encrypted(chain: Path, content: bytes = TIFF) -> Iterator[str]:
    """Run an HTTPS server that sends one file for every request."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format, *args):
            pass

        def do_HEAD(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()

        def do_GET(self):
            first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
            part = content[int(first) : int(last) + 1 if last else None]
            self.send_response(206 if "Range" in self.headers else 200)
            self.send_header("Content-Length", str(len(part)))
            stop = int(first) + len(part) - 1
            self.send_header("Content-Range", f"bytes {first}-{stop}/{len(content)}")
            self.end_headers()
            self.wfile.write(part)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class TestServersThatLie:
    """Faults that the HTTP library does not detect."""

    @pytest.mark.parametrize("fault", ["unsized", "shorter"])
    def test_a_file_without_its_end_is_detected(self, cached, tmp_path, fault):
        cached.faults[FILE] = [fault]
        assert fetch(cached, tmp_path / "a.tif").read_bytes() == TIFF
        assert ranges(cached) == [None, None]
        cached.files["/other.tif"] = TIFF
        cached.faults["/other.tif"] = [fault] * 9
        with pytest.raises(SourceError, match="the response is not a complete TIFF"):
            fetch(cached, tmp_path / "b.tif", "/other.tif")

    def test_a_length_that_is_too_large_is_detected(self, server, tmp_path):
        server.faults[FILE] = ["longer"]
        assert fetch(server, tmp_path / "a.tif").read_bytes() == TIFF
        assert ranges(server) == [None, f"bytes={len(TIFF)}-"]

    def test_a_file_that_the_server_compressed_is_decompressed(self, server, tmp_path):
        server.checksums.add(FILE)
        server.faults[FILE] = ["packed"]
        assert fetch(server, tmp_path / "a.tif").read_bytes() == TIFF

    def test_a_compressed_file_that_ends_early_is_downloaded_from_its_beginning(self, server, tmp_path):
        server.faults[FILE] = ["cut"]
        assert fetch(server, tmp_path / "a.tif").read_bytes() == TIFF
        assert ranges(server) == [None, None]

    def test_the_rest_of_another_version_is_not_joined_to_the_beginning(self, server, tmp_path):
        server.faults[FILE] = ["truncate", "other part"]
        assert fetch(server, tmp_path / "a.tif").read_bytes() == TIFF
        assert [asked is None for asked in ranges(server)] == [True, False, True]

    def test_a_complete_partial_file_is_not_downloaded_again(self, cached, tmp_path):
        cached.faults[FILE] = ["truncate"]
        with pytest.raises(SourceError):
            fetch(cached, tmp_path / "a.tif", ATTEMPTS="1")
        [partial] = Path(cached.cache).glob("*.part")
        partial.write_bytes(TIFF)
        assert fetch(cached, tmp_path / "a.tif").read_bytes() == TIFF
        assert ranges(cached) == [None, f"bytes={len(TIFF)}-"]

    def test_a_file_that_has_become_shorter_is_downloaded_from_its_beginning(self, cached, tmp_path):
        cached.faults[FILE] = ["truncate"]
        with pytest.raises(SourceError):
            fetch(cached, tmp_path / "a.tif", ATTEMPTS="1")
        cached.files[FILE] = short = tiff(b"short")
        assert fetch(cached, tmp_path / "a.tif").read_bytes() == short

    def test_circular_redirects_are_reported(self, server, tmp_path):
        server.circles.add(FILE)
        with pytest.raises(SourceError, match="is redirected in circles") as caught:
            fetch(server, tmp_path / "a.tif")
        assert "cookies" in caught.value.hint
        assert server.count(FILE) == 20


class TestWays:
    """Connections to a server."""

    def test_ipv6(self, tmp_path):
        try:
            running = asf_server.running("::1")
            with running as server:
                server.files[FILE] = TIFF
                assert fetch(server, tmp_path / "a.tif").read_bytes() == TIFF
                AsfSource(server.environment())._client(LOG).log_in()
                assert server.count("/oauth/authorize") == 1
        except OSError as exc:
            pytest.skip(f"this machine has no IPv6: {exc}")

    def test_a_proxy(self, server, tmp_path, monkeypatch):
        with asf_server.running() as proxy:
            proxy.files[FILE] = tiff(b"from the proxy")  # a proxy is asked by the whole address
            monkeypatch.setenv("http_proxy", proxy.url)
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
            assert fetch(server, tmp_path / "a.tif").read_bytes() == proxy.files[FILE]
            assert server.count(FILE) == 0
            monkeypatch.setenv("no_proxy", "127.0.0.1")
            assert fetch(server, tmp_path / "b.tif").read_bytes() == TIFF

    def test_a_certificate_that_is_not_accepted(self, tmp_path):
        made = certificate(tmp_path / "host.pem")
        with encrypted(made) as url:
            settings = {"ISCE2_RECIPE_ASF_CACHE": "none", "ISCE2_RECIPE_ASF_RETRY_WAIT_S": "60"}
            client = AsfSource(settings)._client(LOG)
            with pytest.raises(SourceError, match=r"the certificate of .* is not accepted") as caught:
                client.download(f"{url}{FILE}", tmp_path / "a.tif", format=formats.TIFF, progress=silent)
        assert f"clock ({datetime.now(UTC):%Y-%m-%d}" in caught.value.hint
        assert "REQUESTS_CA_BUNDLE" in caught.value.hint

    def test_a_certificate_in_requests_ca_bundle_is_accepted(self, tmp_path, monkeypatch):
        made = certificate(tmp_path / "host.pem")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made))
        with encrypted(made) as url:
            client = AsfSource({"ISCE2_RECIPE_ASF_CACHE": "none"})._client(LOG)
            path = client.download(f"{url}{FILE}", tmp_path / "a.tif", format=formats.TIFF, progress=silent)
        assert path.read_bytes() == TIFF

    def test_gdal_reads_the_geoid_by_the_same_certificate(self, tmp_path, monkeypatch):
        made = certificate(tmp_path / "host.pem")
        shape = {"width": 36, "height": 18, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
        affine = rasterio.Affine(10, 0, -180, 0, -10, 90)
        with rasterio.open(tmp_path / "g.tif", "w", driver="GTiff", transform=affine, **shape) as dataset:
            dataset.write(np.full((18, 36), 20, np.float32), 1)
        box, target = Bounds(1, 1, 2, 2), tmp_path / "cut.tif"
        for trusted in (False, True):
            with encrypted(made, (tmp_path / "g.tif").read_bytes()) as url:
                settings = Settings(geoid_url=f"{url}/g.tif", attempts=1)
                if trusted:
                    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made))
                    fetch_geoid(box, target, settings)
                else:
                    with pytest.raises(SourceError, match=r"the geoid cannot be read: .*certificate"):
                        fetch_geoid(box, target, settings)
        with rasterio.open(target) as dataset:
            assert (dataset.read(1) == 20).all()

    def test_a_refused_connection_is_reported_briefly(self, tmp_path):
        settings = {"ISCE2_RECIPE_ASF_ATTEMPTS": "1", "ISCE2_RECIPE_ASF_CACHE": "none"}
        client = AsfSource(settings)._client(LOG)
        url = "http://127.0.0.1:9/water/a.tif"
        with pytest.raises(SourceError) as caught:
            client.download(url, tmp_path / "a.tif", format=formats.TIFF, progress=silent)
        assert caught.value.message == (
            "could not fetch a.tif: 127.0.0.1:9: NewConnectionError: Failed to establish a new connection: "
            "[Errno 111] Connection refused (tried 1 times)"
        )
