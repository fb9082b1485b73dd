"""Measurements: TIFF files of bursts, and whole SLCs, in whose SAFE folder bursts are stacked."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.files import replace_when_complete
from isce2_recipe.progress import partly
from isce2_recipe.sar.annotation import BurstGeometry, read_annotation
from isce2_recipe.sources.base import Progress, SlcRecord
from isce2_recipe.sources.simulated.acquisition import Slice, slice_of_slc
from isce2_recipe.sources.simulated.burst import BurstImage
from isce2_recipe.sources.simulated.geometry import burst_footprint, swath_geometry
from isce2_recipe.sources.simulated.metadata_xml import AnnotatedImage, annotation_files, manifest_file
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.types import Bounds, SlcName

Pixels = NDArray[np.int16]

_SHORT, _LONG = 3, 4  # types of TIFF fields


def slc_record(name: SlcName, options: SimulationOptions) -> SlcRecord:
    """Return the catalogue record of an SLC."""
    slc = slice_of_slc(name, options)
    corners = [
        burst_footprint(slc, burst, swath, options.terrain)
        for burst in (slc.bursts[0], slc.bursts[-1])
        for swath in (slc.swaths[0], slc.swaths[-1])
    ]
    west, south, east, north = Bounds.around(place for ring in corners for place in ring)
    middle = slc.swaths[1]
    geometry = swath_geometry(slc, middle, options.terrain)
    return SlcRecord(
        name=str(name),
        platform=name.platform,
        absolute_orbit=slc.flight.absolute_orbit,
        relative_orbit=slc.flight.relative_orbit,
        direction=geometry.direction,
        start=slc.first_time,
        stop=slc.last_time,
        footprint=((west, south), (east, south), (east, north), (west, north), (west, south)),
        bytes=sum(len(slc.bursts) * swath.lines * swath.samples * 4 for swath in slc.swaths),
    )


def write_slc(
    name: SlcName,
    polarization: str,
    swaths: Sequence[int],
    options: SimulationOptions,
    folder: Path,
    progress: Progress,
) -> Path:
    """Write ``NAME.SAFE`` in ``folder`` with manifest, annotation and measurement of the given swaths.

    Only a block of lines of one burst is in memory at a time. Every burst has the same pixels as the burst
    granule with its number.
    """
    slc = slice_of_slc(name, options)
    images = [_image(slc, number, polarization, options) for number in sorted(set(swaths))]
    safe = folder / f"{name}.SAFE"
    files = annotation_files(images)
    for file in files:
        _write(safe / file.path, file.content or b"")
    for position, image in enumerate(images):
        share = partly(progress, position / len(images), (position + 1) / len(images))
        annotation = files[position].content or b""
        _write_measurement(safe / f"measurement/{image.stem}.tiff", image, annotation, options, share)
    _write(safe / "manifest.safe", manifest_file(images, files))
    return safe


def _image(slc: Slice, number: int, polarization: str, options: SimulationOptions) -> AnnotatedImage:
    swath = slc.swaths[number - 1]
    lines = swath.lines * len(slc.bursts)
    geometry = swath_geometry(slc, swath, options.terrain)
    return AnnotatedImage(slc, swath, polarization, geometry, _header_bytes(lines, swath.samples))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_when_complete(path) as partial:
        partial.write_bytes(content)


def _write_measurement(
    path: Path, image: AnnotatedImage, annotation: bytes, options: SimulationOptions, progress: Progress
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    bursts = read_annotation(annotation)
    write_tiff(path, image.lines, image.swath.samples, _blocks(image, bursts, options, progress))


def _blocks(
    image: AnnotatedImage, annotation: list[BurstGeometry], options: SimulationOptions, progress: Progress
) -> Iterator[Pixels]:
    """Yield blocks of lines of all bursts in order."""
    bursts = image.slc.bursts
    for position, (number, burst) in enumerate(zip(bursts, annotation, strict=True)):
        made = BurstImage(image.slc, number, image.swath, image.polarization, burst, options)
        share = partly(progress, position / len(bursts), (position + 1) / len(bursts))
        yield from made.blocks(share)


def write_tiff(path: Path, lines: int, samples: int, blocks: Iterator[Pixels]) -> None:
    """Write blocks of lines, shape (n, samples, 2) each, as one image; a failure leaves no file."""
    with replace_when_complete(path) as partial, partial.open("wb") as file:
        file.write(_header(lines, samples))
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype="<i2").data)


def _header_bytes(lines: int, samples: int) -> int:
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
