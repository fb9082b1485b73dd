"""The beginning of a file on disk, and whether an answer brings the rest of it."""

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
    """Whether the server packed the file on the way, unasked."""
    return response.headers.get("Content-Encoding", "identity").lower() != "identity"


class Answer:
    """What an answer's headers say of the file."""

    def __init__(self, response: requests.Response) -> None:
        headers = response.headers
        packed = encoded(response)
        text = headers.get("Content-Length", "")
        self.status = response.status_code
        self.length = int(text) if text.isdigit() and not packed else None  # of a packed file it is another's
        tag = headers.get("ETag", "")
        self.tag = "" if packed or tag.startswith("W/") else tag
        self.promised = None if packed else promised(response)
        span, _, whole = headers.get("Content-Range", "").partition("/")
        self._first = span.removeprefix("bytes ").partition("-")[0]
        self._whole = whole

    def is_nothing_more(self, size: int) -> bool:
        """Whether all had come already; that there is less than had come is another matter.

        Raises
        ------
        TemporaryError
            If the file has become shorter.
        """
        if self.status != 416:
            return False
        if self._whole == str(size):
            return True
        raise TemporaryError("the file has changed at the server", from_scratch=True)

    def goes_on(self, size: int, tag: str) -> bool:
        """Whether this is the rest of the very file of which so much is there."""
        return self.status == 206 and self._first == str(size) and self.tag == tag


@dataclass(frozen=True, slots=True)
class Partial:
    """What of a file is on disk already, and beside it which version of which server's file that is."""

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
        """Bytes that are there."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def promised(self) -> tuple[str, str] | None:
        """Algorithm and checksum of the whole file, where the server sent one with its beginning."""
        found = self._note.get("promised")
        return (found[0], found[1]) if found else None

    def headers(self, url: str) -> dict[str, str]:
        """What asks for the rest; nothing where the rest cannot be told to belong to the beginning."""
        note = self._note
        if not self.size or not note.get("etag") or note.get("url") != url:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": note["etag"]}

    def begin(self, url: str, answer: Answer) -> int:
        """Get ready for what an answer brings, and say after how many bytes it goes on.

        Raises
        ------
        TemporaryError
            If it is a part of another file.
        """
        if answer.goes_on(self.size, self._note.get("etag", "")):
            return self.size
        if answer.status == 206:
            raise TemporaryError("the server sent a part of another file", from_scratch=True)
        note = {"url": url, "etag": answer.tag, "promised": answer.promised}
        self._note_path.write_text(json.dumps(note), encoding="utf-8")
        return 0

    def discard(self) -> None:
        """Throw it away."""
        for path in (self.path, self._note_path):
            path.unlink(missing_ok=True)
