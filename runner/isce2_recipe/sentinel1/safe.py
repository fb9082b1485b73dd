"""SAFE folders made from burst granules, in the form that ISCE2's Sentinel-1 reader needs.

ISCE2 joins a list of SAFE folders of one pass, but requires *every* processed swath in each of them
(isceobj/Sensor/TOPS/Sentinel1.py, ``validateUserInputs``). A pass is therefore written to as many folders as
its shortest swath has bursts: each folder has one burst of each swath, and the last one the remaining bursts.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from isce2_recipe.copying import link
from isce2_recipe.sentinel1.measurement import check_measurement, stack_measurements
from isce2_recipe.sentinel1.metadata import (
    BurstMetadata,
    Element,
    compact_time,
    find_index,
    product_name,
    read_metadata,
)
from isce2_recipe.sentinel1.subset import set_times, shift_lines, subset_manifest, subset_product, to_bytes
from isce2_recipe.types import BurstName

# Class letters of a product name: single polarization.
_CLASS = {"VV": "1SSV", "HH": "1SSH"}


@dataclass(frozen=True, slots=True)
class BurstInput:
    """A burst granule on disk."""

    name: BurstName
    # Files from ASF's extractor.
    tiff: Path
    metadata: Path
    index: int | None = None  # position in the SLC's burst list, if the catalogue has it


@dataclass(frozen=True, slots=True)
class WrittenSafe:
    """A SAFE folder that was written."""

    path: Path
    ipf_version: str  # version of ESA's processor; ISCE2 joins only folders of the same version


def group_bursts(names: Sequence[BurstName]) -> list[list[BurstName]]:
    """Return the bursts of one pass in groups, one for each SAFE folder, in order of time.

    Every group has at least one burst of every swath; no burst is in two groups.
    """
    swaths: dict[int, list[BurstName]] = {}
    for name in sorted(names):
        swaths.setdefault(name.swath, []).append(name)
    folders = min((len(bursts) for bursts in swaths.values()), default=0)
    return [
        [
            name
            for _, bursts in sorted(swaths.items())
            for name in (bursts[k:] if k == folders - 1 else bursts[k : k + 1])
        ]
        for k in range(folders)
    ]


@dataclass(frozen=True, slots=True)
class _Swath:
    """One swath of a SAFE folder: common stem and contents of its files, and the file with its samples."""

    stem: str
    files: Mapping[str, bytes]
    tiff: Path
    product: Element
    metadata: BurstMetadata


def write_safe(bursts: Sequence[BurstInput], folder: Path) -> WrittenSafe:
    """Write a group of `group_bursts` as one SAFE folder in an existing folder.

    Its name depends only on the annotation of the bursts. Raise InputError if a measurement or a
    metadata file cannot be used.
    """
    with TemporaryDirectory(dir=folder, prefix=".stack-") as scratch:
        swaths = [
            _cut_swath([burst for burst in bursts if burst.name.swath == swath], Path(scratch))
            for swath in sorted({burst.name.swath for burst in bursts})
        ]
        return _write(swaths, bursts[0].name.polarization, folder)


def _write(swaths: Sequence[_Swath], polarization: str, folder: Path) -> WrittenSafe:
    files = {path: content for swath in swaths for path, content in swath.files.items()}
    measurements = {f"measurement/{swath.stem}.tiff": swath for swath in swaths}
    first = swaths[0].metadata
    manifest = subset_manifest(first, [swath.product for swath in swaths], [*files, *measurements])
    safe = folder / _name(swaths, polarization, manifest)
    for path, content in {**files, "manifest.safe": manifest}.items():
        (safe / path).parent.mkdir(parents=True, exist_ok=True)
        (safe / path).write_bytes(content)
    (safe / "measurement").mkdir(exist_ok=True)
    for path, swath in measurements.items():
        link(swath.tiff, safe / path)
    return WrittenSafe(safe, first.ipf_version)


def _cut_swath(bursts: Sequence[BurstInput], scratch: Path) -> _Swath:
    """Read and check the bursts of one swath; several measurements are stacked in ``scratch``."""
    bursts = sorted(bursts, key=lambda burst: burst.name)
    parts = []
    for burst in bursts:
        metadata = read_metadata(burst.metadata, burst.name)
        parts.append((metadata, find_index(metadata, burst.name, burst.index)))
    metadata, index = parts[0]
    lines = int(metadata.number("swathTiming/linesPerBurst"))
    samples = int(metadata.number("swathTiming/samplesPerBurst"))
    first_byte, *_ = [check_measurement(burst.tiff, lines, samples) for burst in bursts]
    tiff = bursts[0].tiff
    if len(bursts) > 1:
        target = scratch / f"iw{bursts[0].name.swath}.tiff"
        tiff = stack_measurements([burst.tiff for burst in bursts], target, lines, samples)
        first_byte = check_measurement(tiff, lines * len(bursts), samples)
    product = subset_product(parts, first_byte)
    stem = _stem(metadata, product)
    files = {f"annotation/{stem}.xml": to_bytes(product)}
    for kind in ("calibration", "noise", "rfi"):
        if kind in metadata.annotation:
            root = shift_lines(metadata.annotation[kind], index * lines)
            set_times(root, product.findtext("adsHeader/startTime"), product.findtext("adsHeader/stopTime"))
            subfolder = "rfi" if kind == "rfi" else "calibration"
            files[f"annotation/{subfolder}/{kind}-{stem}.xml"] = to_bytes(root)
    return _Swath(stem, files, tiff, product, metadata)


def _stem(metadata: BurstMetadata, product: Element) -> str:
    """Return the common stem of annotation, calibration, noise and measurement of a swath."""
    parts = [
        metadata.text("adsHeader/missionId"),
        metadata.text("adsHeader/swath"),
        "slc",
        metadata.text("adsHeader/polarisation"),
        compact_time(product.findtext("adsHeader/startTime")),
        compact_time(product.findtext("adsHeader/stopTime")),
        f"{int(metadata.number('adsHeader/absoluteOrbitNumber')):06d}",
        f"{int(metadata.number('adsHeader/missionDataTakeId')):06x}",
        metadata.text("adsHeader/imageNumber"),
    ]
    return "-".join(parts).lower()


def _name(swaths: Sequence[_Swath], polarization: str, manifest: bytes) -> str:
    """Return the name of the folder; its last four characters are the CRC-16 of the manifest, as in ESA's."""
    starts = [swath.product.findtext("adsHeader/startTime") for swath in swaths]
    stops = [swath.product.findtext("adsHeader/stopTime") for swath in swaths]
    checksum = f"{binascii.crc_hqx(manifest, 0xFFFF):04X}"
    name = product_name(swaths[0].metadata, _CLASS[polarization], min(starts), max(stops), checksum)
    return f"{name}.SAFE"
