"""Sizes and checksums of what was downloaded, held against what catalogue and server say."""

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
    """Raise TemporaryError for a file that is not of the size that it ought to have."""
    if total is not None and size != total:
        raise TemporaryError(f"{size} of {total} bytes came", from_scratch=size > total)
    if size < max(least_bytes, 1):
        raise TemporaryError(f"only {size} bytes came of at least {least_bytes}", from_scratch=True)


def check_sums(path: Path, md5: str | None, said: tuple[str, str] | None) -> None:
    """Raise TemporaryError for a file whose checksum is not the catalogue's or the server's."""
    for kind, expected, who in (
        *((("md5", md5, "catalogue"),) if md5 else ()),
        *(((*said, "server"),) if said else ()),
    ):
        if checksum(path, kind) != expected:
            raise TemporaryError(
                f"it arrived damaged: its {kind.upper()} checksum is not the {who}'s", from_scratch=True
            )


def promised(response: requests.Response) -> tuple[str, str] | None:
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


def checksum(path: Path, kind: str) -> str:
    """A file's checksum, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
