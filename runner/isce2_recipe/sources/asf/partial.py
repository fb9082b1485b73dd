"""The beginning of a file on disk, and the check that a response contains the rest of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isce2_recipe.sources.asf.retrying import TemporaryError
from isce2_recipe.sources.asf.verifying import promised

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
        self.promised = None if compressed else promised(response)
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
