"""Complex TIFF files like Sentinel-1's measurements: CInt16, uncompressed, one strip per line."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.files import replace_when_complete

Pixels = NDArray[np.int16]

_SHORT, _LONG = 3, 4


def write_tiff(path: Path, lines: int, samples: int, blocks: Iterator[Pixels]) -> None:
    """Write blocks of lines, shape (n, samples, 2) each, as one image; a failure leaves no file."""
    with replace_when_complete(path) as partial, partial.open("wb") as file:
        file.write(_header(lines, samples))
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype="<i2").data)


def header_bytes(lines: int, samples: int) -> int:
    """Return the offset of the first pixel in a file of `write_tiff`."""
    return len(_header(lines, samples))


def _header(lines: int, samples: int) -> bytes:
    """Return everything before the pixels: the image directory and the two tables of strips."""
    strip = samples * 4
    entries: list[tuple[int, int, int, int]] = [
        (256, _LONG, 1, samples),
        (257, _LONG, 1, lines),
        (258, _SHORT, 1, 32),
        (259, _SHORT, 1, 1),
        (262, _SHORT, 1, 1),
        (273, _LONG, lines, 0),
        (277, _SHORT, 1, 1),
        (278, _LONG, 1, 1),
        (279, _LONG, lines, 0),
        (284, _SHORT, 1, 1),
        # Sample format: complex signed integers.
        (339, _SHORT, 1, 5),
    ]
    tables = 8 + 2 + 12 * len(entries) + 4
    first = tables + 8 * lines
    where = {273: tables, 279: tables + 4 * lines}
    directory = struct.pack("<H", len(entries))
    for tag, kind, count, value in entries:
        directory += struct.pack("<HHII", tag, kind, count, where.get(tag, value))
    offsets = first + strip * np.arange(lines, dtype="<u4")
    sizes = np.full(lines, strip, dtype="<u4")
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(4) + offsets.tobytes() + sizes.tobytes()
