"""Checks that a received file has the expected format, at its beginning and at its end."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from isce2_recipe.errors import SourceError

if TYPE_CHECKING:
    import requests

_TIFF_BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BIG_TIFF = 43
# TIFF tags with the offsets and lengths of strips and tiles.
_OFFSETS, _LENGTHS = (273, 324), (279, 325)
_NUMBERS = {3: "H", 4: "I", 16: "Q"}
_TAIL_BYTES = 256


@dataclass(frozen=True, slots=True)
class Format:
    """A file format."""

    name: str  # its name with an article, for messages
    begins: Callable[[bytes], bool]  # returns whether the first bytes are those of such a file
    ends: Callable[[Path], bool]  # returns whether a file has its end
    sent_name: str = ""  # the name that the server must send, if it sends one

    def refuse_beginning(self, response: requests.Response, beginning: bytes) -> str | None:
        """Return what is wrong with a response, from its first bytes; None if nothing is.

        Raise SourceError if it is a web page.
        """
        sent = response.headers.get("Content-Disposition", "").partition("filename=")[2].strip('"; ')
        if self.sent_name and sent.endswith("-BURST.tiff") and sent != self.sent_name:
            return f"the server sent {sent}"
        refuse_page(response, beginning)
        return None if self.begins(beginning) else f"the response is not {self.name}"

    def refuse_end(self, path: Path) -> str | None:
        """Return what is wrong with a file that should be complete; None if nothing is."""
        return None if self.ends(path) else f"the response is not a complete {self.name.partition(' ')[2]}"


def refuse_page(response: requests.Response, beginning: bytes) -> None:
    """Raise SourceError for a web page, which a failed login returns with status 200."""
    head = beginning.lstrip()[:64].lower()
    if head.startswith((b"<!doctype html", b"<html")):
        url = response.url.partition("?")[0]
        raise SourceError(
            f"{url} sent a web page instead of a file: the login failed",
            hint="log in to https://search.asf.alaska.edu once with a browser and accept the licence, "
            "then check the Earthdata credentials",
        )


def _ends_tiff(path: Path) -> bool:
    """Return whether all strips and tiles lie within the file."""
    with path.open("rb") as stream:
        try:
            return max(_strip_ends(stream), default=0) <= path.stat().st_size
        except (struct.error, KeyError, ValueError, OverflowError):
            return False


def _strip_ends(stream: BinaryIO) -> Iterator[int]:
    order = {b"II": "<", b"MM": ">"}[stream.read(2)]
    word, count, skip = ("Q", "Q", 4) if _read(stream, f"{order}H")[0] == _BIG_TIFF else ("I", "H", 0)
    stream.seek(skip, 1)
    [directory] = _read(stream, order + word)
    seen: set[int] = set()
    while directory and directory not in seen:
        seen.add(directory)
        stream.seek(directory)
        [entries] = _read(stream, order + count)
        form = f"{order}HH{word}{struct.calcsize(word)}s"
        listed: list[Any] = [_read(stream, form) for _ in range(entries)]
        [directory] = _read(stream, order + word)
        found = {
            tag: _values(stream, order, word, kind, number, field)
            for tag, kind, number, field in listed
            if tag in _OFFSETS + _LENGTHS
        }
        for offsets, lengths in zip(_OFFSETS, _LENGTHS, strict=True):
            pairs = zip(found.get(offsets, ()), found.get(lengths, ()), strict=False)
            yield from (offset + length for offset, length in pairs)


def _values(stream: BinaryIO, order: str, word: str, kind: int, count: int, field: bytes) -> tuple[int, ...]:
    """Return an entry's numbers, which are in its field or, if they do not fit, at the offset in it."""
    form = f"{order}{count}{_NUMBERS[kind]}"
    size = struct.calcsize(form)
    if size <= len(field):
        return struct.unpack(form, field[:size])
    stream.seek(struct.unpack(order + word, field)[0])
    return _read(stream, form)


def _read(stream: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, stream.read(struct.calcsize(form)))


def _ends_xml(path: Path) -> bool:
    """Return whether the last element is closed."""
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
        tail = stream.read().rstrip(b"\0 \t\r\n")
    return (tail.endswith(b">") and tail[tail.rfind(b"<") :].startswith(b"</")) or tail.endswith(b"/>")


TIFF = Format("a TIFF", lambda bytes_: bytes_.startswith(_TIFF_BEGINNINGS), _ends_tiff)
XML = Format("an XML file", lambda bytes_: bytes_.lstrip().startswith(b"<"), _ends_xml)
ZIP = Format("a zip archive", lambda bytes_: bytes_.startswith(b"PK"), zipfile.is_zipfile)


def burst(granule: str) -> Format:
    """Return the format of a burst's TIFF. Its name is checked: under load, ASF may send another burst."""
    return replace(TIFF, sent_name=f"{granule}.tiff")
