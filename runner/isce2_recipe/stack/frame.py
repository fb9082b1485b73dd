"""The common radar grid of a stack: its size, its position, and the part of it that each burst fills."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from isce2_recipe.engines.builtin.merge import MergedFrame
from isce2_recipe.errors import InputError
from isce2_recipe.files import write_json
from isce2_recipe.sar.annotation import BurstGeometry
from isce2_recipe.types import Looks

FRAME = "frame.json"

# Lines and samples by which a burst begins later than its valid window where another burst covers the same
# ground. The valid window differs from date to date by a few lines, and with the baseline by tens of samples;
# the seams must not, because bursts of the same ground have different speckle.
_SEAM_LINES = 12
_SEAM_SAMPLES = 100


@dataclass(frozen=True, slots=True)
class Piece:
    """A burst in the frame; where pieces overlap, the later one is used."""

    # Number of the swath, and index of the burst in the reference's swath.
    swath: int
    index: int
    # Position of the burst's first pixel in the frame.
    line: int
    sample: int
    # The part of the burst that is used.
    first_line: int
    stop_line: int
    first_sample: int
    stop_sample: int


@dataclass(frozen=True, slots=True)
class Frame:
    """The common grid of all dates, in full resolution and multilooked."""

    # Size in full resolution.
    lines: int
    samples: int
    looks: Looks  # multilooking window; incomplete windows at the end are dropped
    start: datetime  # zero-Doppler time of the first line on the reference date
    # Slant range of the first sample, spacings, and radar wavelength.
    near_range_m: float
    range_spacing_m: float
    azimuth_interval_s: float
    wavelength_m: float
    pieces: tuple[Piece, ...]  # the bursts by swath and time

    @property
    def shape(self) -> tuple[int, int]:
        """Return the number of multilooked lines and samples."""
        return self.lines // self.looks.azimuth, self.samples // self.looks.range

    def write(self, folder: Path) -> None:
        """Write the frame to a folder."""
        values = asdict(self) | {"looks": str(self.looks), "start": self.start.isoformat()}
        write_json(folder / FRAME, values)


def read_frame(folder: Path) -> Frame:
    """Read the frame that `Frame.write` wrote; raise InputError if the folder has none."""
    try:
        values = json.loads((folder / FRAME).read_text(encoding="utf-8"))
        pieces = tuple(Piece(**piece) for piece in values.pop("pieces"))
        looks, start = Looks.parse(values.pop("looks")), datetime.fromisoformat(values.pop("start"))
        return Frame(**values, looks=looks, start=start, pieces=pieces)
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise InputError(f"{folder / FRAME} cannot be read: {exc}", hint="make the geometry again") from exc


def make_frame(merged: MergedFrame, bursts: Sequence[tuple[int, int, BurstGeometry]], looks: Looks) -> Frame:
    """Return the frame of the reference's bursts.

    Parameters
    ----------
    merged : MergedFrame
        Size and position of the merged image.
    bursts : sequence of (swath, index, BurstGeometry)
        The bursts of the reference by swath and time.
    """
    pieces: list[Piece] = []
    for swath, index, burst in bursts:
        line, sample = merged.place(burst)
        top, left = burst.first_valid_line, burst.first_valid_sample
        bottom, right = top + burst.valid_lines, left + burst.valid_samples
        above = [p.line + p.stop_line - line - top for p in pieces if p.swath == swath]
        before = [p.sample + p.stop_sample - sample - left for p in pieces if p.swath < swath]
        down, across = _seam(above, _SEAM_LINES), _seam(before, _SEAM_SAMPLES)
        pieces.append(Piece(swath, index, line, sample, top + down, bottom, left + across, right))
    return Frame(
        merged.lines, merged.samples, looks, merged.start, merged.near_range_m, merged.range_spacing_m,
        merged.azimuth_interval_s, bursts[0][2].wavelength_m, tuple(pieces),
    )  # fmt: skip


def _seam(overlaps: list[int], most: int) -> int:
    """Return how much later a burst begins, given its overlaps with earlier ones: a third at most."""
    return min(most, max([*overlaps, 0]) // 3)
