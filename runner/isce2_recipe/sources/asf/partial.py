"""The beginning of a file on disk, and checks: that a response is the rest of it, of sizes and checksums."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isce2_recipe.sources.asf.retrying import TemporaryError

if TYPE_CHECKING:
    import requests


def encoded(response: requests.Response) -> bool:
    """Return whether the server compressed the file for the transfer, which is not requested."""
    return response.headers.get("Content-Encoding", "identity").lower() != "identity"


class Answer:
    """The facts of a file in the headers of a response."""

    def __init__(self, response: requests.Response) -> None:
        headers = response.headers
        compressed = encoded(response)
        text = headers.get("Content-Length", "")
        self.status = response.status_code
        # The length and the tag of a compressed file are not those of the file.
        self.length = int(text) if text.isdigit() and not compressed else None
        tag = headers.get("ETag", "")
        self.tag = "" if compressed or tag.startswith("W/") else tag
        self.promised = None if compressed else _promised(response)
        span, _, whole = headers.get("Content-Range", "").partition("/")
        self._first = span.removeprefix("bytes ").partition("-")[0]
        self._whole = whole

    def has_nothing_more(self, size: int) -> bool:
        """Return whether the ``size`` bytes on disk were already the complete file.

        Raise TemporaryError if the server's file is shorter now.
        """
        if self.status != 416:
            return False
        if self._whole == str(size):
            return True
        raise TemporaryError("the file has changed at the server", from_scratch=True)

    def continues(self, size: int, tag: str) -> bool:
        """Return whether the response is the rest, after ``size`` bytes, of the file with that tag."""
        return self.status == 206 and self._first == str(size) and self.tag == tag


@dataclass(frozen=True, slots=True)
class Partial:
    """The part of a file that is on disk; a note next to it has the address and version of the file."""

    path: Path

    @property
    def _note_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def _note(self) -> Mapping[str, Any]:
        try:
            note = json.loads(self._note_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    @property
    def size(self) -> int:
        """The number of bytes on disk."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def promised(self) -> tuple[str, str] | None:
        """Algorithm and checksum of the complete file, if the server sent them with its beginning."""
        found = self._note.get("promised")
        return (found[0], found[1]) if found else None

    def headers(self, url: str) -> dict[str, str]:
        """Return the headers that request the rest; none if the rest might not belong to the beginning."""
        note = self._note
        if not self.size or not note.get("etag") or note.get("url") != url:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": note["etag"]}

    def begin(self, url: str, answer: Answer) -> int:
        """Prepare for a response and return the number of bytes after which it continues.

        Raise TemporaryError if it is part of another file.
        """
        if answer.continues(self.size, self._note.get("etag", "")):
            return self.size
        if answer.status == 206:
            raise TemporaryError("the server sent part of another file", from_scratch=True)
        note = {"url": url, "etag": answer.tag, "promised": answer.promised}
        self._note_path.write_text(json.dumps(note), encoding="utf-8")
        return 0

    def discard(self) -> None:
        """Delete it."""
        for path in (self.path, self._note_path):
            path.unlink(missing_ok=True)


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


def _promised(response: requests.Response) -> tuple[str, str] | None:
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
