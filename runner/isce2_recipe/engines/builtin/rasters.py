"""Access to rasters that are larger than memory: threads write blocks of lines; GDAL reads them."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from isce2_recipe.engines.builtin.isceimage import (
    GDAL_CACHE_MB,
    IsceImage,
    append_suffix,
    gdal_type,
    render_xml,
    write_sidecars,
)
from isce2_recipe.errors import InputError

# Lines that a thread processes at once; limits the memory of a step.
BLOCK_LINES = 64


def blocks(lines: int, height: int = BLOCK_LINES) -> list[range]:
    """Return consecutive ranges of at most ``height`` lines that cover a raster."""
    return [range(first, min(first + height, lines)) for first in range(0, lines, height)]


class Buffers(threading.local):
    """Arrays that a thread uses again, so that the system does not have to clear new memory each time."""

    def array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return the thread's array of this name, with any content."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        held = self.__dict__.get(name)
        if held is None or held.size < size:
            held = self.__dict__[name] = np.empty(size, np.uint8)
        return np.asarray(held[:size].view(dtype).reshape(shape))

    def zeros(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return the thread's array of this name, filled with zeros."""
        found = self.array(name, shape, dtype)
        found[...] = 0
        return found


class LineWriter:
    """Writes whole lines of a raster in any order; several threads may use it."""

    def __init__(self, image: IsceImage) -> None:
        self._image = image
        self._descriptor = os.open(image.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.ftruncate(self._descriptor, image.nbytes)

    def write(self, first_line: int, *bands: NDArray[Any]) -> None:
        """Write lines of every band, each ``(lines, samples)``; several bands are interleaved by line."""
        stacked = bands[0] if len(bands) == 1 else np.stack(bands, axis=1)
        data = np.ascontiguousarray(stacked, self._image.dtype)
        view = data.reshape(-1).view(np.uint8)
        offset = first_line * self._image.nbytes // self._image.lines
        while view.size:
            written = os.pwrite(self._descriptor, view.data, offset)
            view, offset = view[written:], offset + written

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


@contextmanager
def line_writer(image: IsceImage, folder: Path) -> Iterator[LineWriter]:
    """Open a writer of a line-interleaved raster; write its headers if the block ends without an error."""
    image.path.parent.mkdir(parents=True, exist_ok=True)
    writer = LineWriter(image)
    try:
        yield writer
    finally:
        writer.close()
    write_sidecars(image, folder)


class LineReader:
    """Reads lines of a ``.vrt``; several threads may use it."""

    def __init__(self, source: Path) -> None:
        self.source = str(source)

    def read(self, lines: range, band: int = 1, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read lines of one band, shape ``(lines, samples)``, into a new array or into ``out``.

        Raises
        ------
        InputError
            If the raster is missing or truncated.
        """
        import rasterio
        from rasterio.errors import RasterioError
        from rasterio.windows import Window

        try:
            with (
                rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_MB),
                rasterio.open(self.source, driver="VRT") as dataset,
            ):
                window = Window(0, lines.start, dataset.width, len(lines))
                return np.asarray(dataset.read(band, window=window, out=out))
        except RasterioError as exc:
            raise unreadable(self.source, exc) from exc


def materialize(image: IsceImage, folder: Path) -> None:
    """Replace a raster that exists only as a ``.vrt`` by a file with its data."""
    reader = LineReader(append_suffix(image.path, "vrt"))
    with line_writer(image, folder) as writer:
        for lines in blocks(image.lines):
            writer.write(lines.start, *(reader.read(lines, band) for band in range(1, image.bands + 1)))


def unreadable(source: str, exc: Exception) -> InputError:
    """Return the error for a raster that GDAL cannot read."""
    path = Path(source)
    size = f" ({path.stat().st_size} bytes)" if path.is_file() else ""
    return InputError(
        f"{source}{size} cannot be read: {exc}", hint="it is missing or truncated; download or make it again"
    )


# First line, first sample, number of lines, number of samples.
Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class MosaicPiece:
    """One source raster of a mosaic: the name that GDAL opens, and its lines and samples.

    ``taken`` and ``placed`` are rectangles in the raster and in the mosaic; ``data_type`` is GDAL's name of
    the type, if it differs from the mosaic's.
    """

    name: str
    size: tuple[int, int]
    taken: Rectangle
    placed: Rectangle
    data_type: str | None = None


def write_mosaic(image: IsceImage, folder: Path, sources: list[MosaicPiece]) -> None:
    """Write the headers of a raster that exists only as a ``.vrt``; later sources cover earlier ones."""
    image.path.parent.mkdir(parents=True, exist_ok=True)
    write_sidecars(image, folder)
    values = {"image": image, "data_type": gdal_type(image), "pieces": sources}
    render_xml(append_suffix(image.path, "vrt"), "mosaic.vrt", relpath=os.path.relpath, **values)
