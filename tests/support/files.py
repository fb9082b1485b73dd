"""The smallest files of a format around some bytes."""

from __future__ import annotations

import io
import struct
import zipfile


def tiff(content: bytes) -> bytes:
    """Return a TIFF file with one line of 8-bit samples at its end."""
    entries = ((256, 4, len(content)), (257, 4, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 1))
    entries += ((273, 4, 0), (278, 4, 1), (279, 4, len(content)))
    start = 8 + 2 + 12 * len(entries) + 4
    listed = sorted((tag, kind, start if tag == 273 else value) for tag, kind, value in entries)
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in listed)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4) + content


def zipped(content: bytes) -> bytes:
    """Return an archive of one file, not compressed."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("content", content)
    return stream.getvalue()
