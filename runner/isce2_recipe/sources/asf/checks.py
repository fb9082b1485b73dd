"""What arrives under a file's name, looked at before it is believed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from isce2_recipe.errors import SourceError

if TYPE_CHECKING:
    import requests

    from isce2_recipe.sources.asf.download import Check

_TIFF_BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def check_tiff(response: requests.Response, beginning: bytes) -> str | None:
    """What is wrong with an answer that ought to be a TIFF."""
    refuse_page(response, beginning)
    return None if beginning.startswith(_TIFF_BEGINNINGS) else "what came is not a TIFF"


def check_burst(granule: str) -> Check:
    """ASF's extractor, when busy, can hand out a neighbour's burst; the name it sends tells."""

    def check(response: requests.Response, beginning: bytes) -> str | None:
        sent = response.headers.get("Content-Disposition", "").partition("filename=")[2].strip('"; ')
        if sent.endswith("-BURST.tiff") and sent != f"{granule}.tiff":
            return f"the server sent {sent}"
        return check_tiff(response, beginning)

    return check


def check_xml(response: requests.Response, beginning: bytes) -> str | None:
    """What is wrong with an answer that ought to be XML."""
    refuse_page(response, beginning)
    return None if beginning.lstrip().startswith(b"<") else "what came is not XML"


def check_zip(response: requests.Response, beginning: bytes) -> str | None:
    """What is wrong with an answer that ought to be a zip archive."""
    refuse_page(response, beginning)
    return None if beginning.startswith(b"PK") else "what came is not a zip archive"


def md5_of(path: Path) -> str:
    """A file's checksum as catalogues have it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def refuse_page(response: requests.Response, beginning: bytes) -> None:
    """A login that went wrong ends on a page for people, with status 200."""
    head = beginning.lstrip()[:64].lower()
    if head.startswith((b"<!doctype html", b"<html")):
        url = response.url.partition("?")[0]
        raise SourceError(
            f"{url} sent a web page instead of a file: the login did not go through",
            hint="log in to https://search.asf.alaska.edu once with a browser and accept the licence, "
            "then check the Earthdata credentials",
        )
