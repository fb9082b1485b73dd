"""Checks of downloaded files: their sizes and checksums, compared with those of catalogue and server."""

from __future__ import annotations

import base64
import binascii
import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from isce2_recipe.sources.asf.retrying import TemporaryError

if TYPE_CHECKING:
    import requests


def check_size(size: int, total: int | None, least_bytes: int) -> None:
    """Raise TemporaryError for a file of a wrong size."""
    if total is not None and size != total:
        raise TemporaryError(f"received {size} of {total} bytes", from_scratch=size > total)
    if size < max(least_bytes, 1):
        raise TemporaryError(
            f"received only {size} bytes, expected at least {least_bytes}", from_scratch=True
        )


def check_sums(path: Path, md5: str | None, promised_sum: tuple[str, str] | None) -> None:
    """Raise TemporaryError for a file whose checksum differs from the catalogue's or the server's."""
    for kind, expected, origin in (
        *((("md5", md5, "catalogue"),) if md5 else ()),
        *(((*promised_sum, "server"),) if promised_sum else ()),
    ):
        if checksum(path, kind) != expected:
            raise TemporaryError(
                f"the file is damaged: its {kind.upper()} checksum is not the {origin}'s", from_scratch=True
            )


def promised(response: requests.Response) -> tuple[str, str] | None:
    """Return algorithm and checksum of the complete file, if the server sends them."""
    headers = response.headers
    for name, kind in (("x-amz-checksum-sha256", "sha256"), ("Content-MD5", "md5")):
        if headers.get(name) and response.status_code == 200:
            with suppress(binascii.Error):
                return kind, base64.b64decode(headers[name], validate=True).hex()
    etag = headers.get("ETag", "").strip('"')
    # The tag of S3 is an MD5 checksum if the object was uploaded in one piece and is not encrypted with KMS.
    plain = headers.get("Server") == "AmazonS3" and "kms" not in headers.get(
        "x-amz-server-side-encryption", ""
    )
    if plain and len(etag) == 32 and all(letter in "0123456789abcdef" for letter in etag):
        return "md5", etag
    return None


def checksum(path: Path, kind: str) -> str:
    """Return a file's checksum, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
