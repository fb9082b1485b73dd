"""The step ``mergebursts``: one image of all bursts and swaths, at full resolution and multilooked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from isce2_recipe import paths
from isce2_recipe.engines.builtin.interferogram import interferogram_file, multilook_raster
from isce2_recipe.engines.builtin.isceimage import IsceImage, append_suffix
from isce2_recipe.engines.builtin.job import INTERFEROGRAMS, Job
from isce2_recipe.engines.builtin.preprocess import burst_image
from isce2_recipe.engines.builtin.rasters import MosaicPiece, Rectangle, materialize, write_mosaic
from isce2_recipe.engines.builtin.resample import coregistered_image
from isce2_recipe.engines.builtin.swaths import SwathPair, lines_between
from isce2_recipe.engines.builtin.topo import geometry_file
from isce2_recipe.sar.annotation import BurstGeometry

FileOf = Callable[[SwathPair, int], Path]


@dataclass(frozen=True, slots=True)
class MergedFrame:
    """Size and position of the merged image."""

    lines: int
    samples: int
    start: datetime
    near_range_m: float
    azimuth_interval_s: float
    range_spacing_m: float

    def place(self, burst: BurstGeometry) -> tuple[int, int]:
        """Return line and sample of a burst's first pixel."""
        line = lines_between(burst.start, self.start, self.azimuth_interval_s)
        return line, round((burst.near_range_m - self.near_range_m) / self.range_spacing_m)


@dataclass(frozen=True, slots=True)
class _Layer:
    """A file of ``merged`` and the files of the bursts that are merged."""

    name: str
    file_of: FileOf
    data_type: str
    bands: int
    image_type: str
    valid_only: bool
    multilooked: bool


def merged_frame(bursts: list[list[BurstGeometry]]) -> MergedFrame:
    """Return the frame around the common bursts of every swath."""
    first = bursts[0][0]
    start = min(swath[0].start for swath in bursts)
    stop = max(swath[-1].stop for swath in bursts)
    near = min(swath[0].near_range_m for swath in bursts)
    far = max(swath[0].far_range_m for swath in bursts)
    spacing = min(bursts, key=lambda swath: swath[0].near_range_m)[0].range_spacing_m
    interval = min(bursts, key=lambda swath: swath[0].start)[0].azimuth_interval_s
    lines = lines_between(stop, start, interval) + 1
    return MergedFrame(
        lines, round((far - near) / spacing + 1), start, near, interval or first.azimuth_interval_s, spacing
    )


def frame_of(job: Job) -> tuple[MergedFrame, list[list[BurstGeometry]]]:
    """Return the frame of the interferograms, and their bursts with valid windows, swath by swath."""
    windows = [job.load_valid_windows(INTERFEROGRAMS, pair) for pair in job.pairs]
    return merged_frame(windows), windows


def merge_bursts(job: Job) -> None:
    """Write the rasters of ``merged``."""
    frame, windows = frame_of(job)
    whole = (job.config.range_looks, job.config.azimuth_looks) == (1, 1)
    for layer in _layers(job):
        path = job.subfolder(paths.MERGED) / (layer.name if whole else f"{layer.name}.full")
        scheme = "BIL" if layer.bands > 1 else "BIP"
        image = IsceImage(
            path, frame.lines, frame.samples, layer.bands, layer.data_type, scheme, layer.image_type
        )
        write_mosaic(image, job.folder, _pieces(job, layer, frame, windows))
        if not job.config.use_virtual_files and len(job.pairs) == 1:
            materialize(image, job.folder)
        if layer.multilooked and not whole:
            multilook_raster(job, image, job.folder / paths.MERGED / layer.name)


def _layers(job: Job) -> list[_Layer]:
    def geometry(name: str) -> FileOf:
        return lambda pair, index: geometry_file(job, pair.number, index, name)

    def made(extension: str) -> FileOf:
        return lambda pair, index: interferogram_file(job, pair.number, index, extension)

    def reference(pair: SwathPair, index: int) -> Path:
        return burst_image(job, job.config.reference, pair.reference, index).path

    def secondary(pair: SwathPair, index: int) -> Path:
        return coregistered_image(job, pair, index).path

    return [
        _Layer("los.rdr", geometry("los"), "FLOAT", 2, "bil", False, True),
        _Layer("lat.rdr", geometry("lat"), "DOUBLE", 1, "", False, False),
        _Layer("lon.rdr", geometry("lon"), "DOUBLE", 1, "", False, False),
        _Layer("z.rdr", geometry("hgt"), "DOUBLE", 1, "", False, False),
        _Layer("reference.slc", reference, "CFLOAT", 1, "slc", True, False),
        _Layer("secondary.slc", secondary, "CFLOAT", 1, "slc", True, False),
        _Layer(paths.INTERFEROGRAM, made("int"), "CFLOAT", 1, "cpx", True, True),
        _Layer(paths.AMPLITUDE_COHERENCE, made("cor"), "FLOAT", 2, "cor", True, True),
    ]


def _pieces(
    job: Job, layer: _Layer, frame: MergedFrame, windows: list[list[BurstGeometry]]
) -> list[MosaicPiece]:
    """Return the positions of the bursts in the mosaic of a layer."""
    return [
        MosaicPiece(
            str(append_suffix(layer.file_of(part.pair, part.index), "vrt")),
            (part.burst.lines, part.burst.samples), part.taken, part.placed,
        )
        for part in placed_bursts(job, frame, windows, valid_only=layer.valid_only)
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlacedBurst:
    """A burst and its place in the merged image: ``taken`` and ``placed`` as in `MosaicPiece`."""

    pair: SwathPair
    index: int
    burst: BurstGeometry
    taken: Rectangle
    placed: Rectangle


def placed_bursts(
    job: Job, frame: MergedFrame, windows: list[list[BurstGeometry]], *, valid_only: bool
) -> list[PlacedBurst]:
    """Return the places of the bursts in the merged image; later ones cover earlier ones.

    ``valid_only`` selects the valid windows of the bursts, for images, instead of all their pixels. A seam is
    where the next burst begins.
    """
    found = []
    stacked = not job.config.use_virtual_files and len(job.pairs) == 1
    for pair, bursts in zip(job.pairs, windows, strict=True):
        end = 0
        for index, burst in zip(pair.indices(), bursts, strict=True):
            line, sample = frame.place(burst)
            window = (0, 0, burst.lines, burst.samples)
            if stacked:
                # Like ISCE2 without virtual files: whole lines, the upper burst up to its last valid line.
                first = max(burst.first_valid_line, end - line)
                last = burst.first_valid_line + burst.valid_lines
                end = line + last
                window = (first, 0, last - first, burst.samples)
            elif valid_only:
                window = (
                    burst.first_valid_line,
                    burst.first_valid_sample,
                    burst.valid_lines,
                    burst.valid_samples,
                )
            placed = (line + window[0], sample + window[1], *window[2:])
            found.append(PlacedBurst(pair, index, burst, window, placed))
    return found
