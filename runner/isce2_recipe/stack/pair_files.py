"""The files of all pairs of a stack, read together in blocks of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin.rasters import blocks
from isce2_recipe.errors import InputError
from isce2_recipe.stack.geometry import read_raster
from isce2_recipe.stack.network import StackPair
from isce2_recipe.stack.pairs import COHERENCE, PHASE

# Values of one kind that are held at once; limits the memory of a block.
_VALUES = 1 << 22


@dataclass(frozen=True, slots=True)
class PairFiles:
    """The rasters of the pairs of a stack as memory maps, in the order of the pairs."""

    pairs: tuple[StackPair, ...]
    dates: tuple[str, ...]  # all dates, sorted
    # Unfiltered phase in the cycles of the unwrapped one, unwrapped phase (filtered), coherence, and labels
    # of connected components, each (lines, samples).
    phase: tuple[NDArray[Any], ...]
    smooth: tuple[NDArray[Any], ...]
    coherence: tuple[NDArray[Any], ...]
    components: tuple[NDArray[Any], ...]

    @property
    def shape(self) -> tuple[int, int]:
        """The number of multilooked lines and samples."""
        lines, samples = self.phase[0].shape
        return lines, samples

    @property
    def positions(self) -> NDArray[np.int64]:
        """The positions of the dates of every pair, shape (pairs, 2)."""
        place = {date: number for number, date in enumerate(self.dates)}
        return np.array([(place[pair.reference], place[pair.secondary]) for pair in self.pairs], np.int64)

    @property
    def incidence(self) -> NDArray[np.float64]:
        """The matrix that turns phases of dates into phases of pairs, shape (pairs, dates)."""
        matrix = np.zeros((len(self.pairs), len(self.dates)))
        rows = np.arange(len(self.pairs))
        matrix[rows, self.positions[:, 0]] = -1.0
        matrix[rows, self.positions[:, 1]] = 1.0
        return matrix

    def blocks(self) -> list[range]:
        """Return blocks of lines of which all pairs fit into memory."""
        lines, samples = self.shape
        return blocks(lines, max(1, _VALUES // (samples * len(self.pairs))))


def stacked(rasters: Sequence[NDArray[Any]], rows: range, cols: slice = slice(None)) -> NDArray[Any]:
    """Return some lines of all rasters, shape (rasters, lines, samples)."""
    return np.stack([raster[rows.start : rows.stop, cols] for raster in rasters])


def open_pairs(pairs: Sequence[StackPair], folders: Sequence[Path]) -> PairFiles:
    """Open the files of pairs.

    Parameters
    ----------
    folders : sequence of Path
        The folder of each pair, which `isce2_recipe.stack.pairs.form_pairs` wrote.

    Raises
    ------
    InputError
        If a file is missing or the pairs are not on one grid.
    """
    merged = [folder / paths.MERGED for folder in folders]
    rasters = [
        tuple(read_raster(folder / name)[band] for folder in merged)
        for name, band in (
            (PHASE, 0), (paths.UNWRAPPED, 1), (COHERENCE, 0), (f"{paths.UNWRAPPED}.conncomp", 0),
        )
    ]  # fmt: skip
    shapes = {raster.shape for kind in rasters for raster in kind}
    if len(shapes) != 1:
        raise InputError(f"the pairs have different sizes: {sorted(shapes)}", hint="form all of them again")
    dates = tuple(sorted({date for pair in pairs for date in (pair.reference, pair.secondary)}))
    return PairFiles(tuple(pairs), dates, *rasters)


def pair_folders(pairs: Sequence[StackPair], folders: Sequence[Path]) -> list[Path]:
    """Return the folder of each pair; raise InputError if a pair has none."""
    found = {place.name: place for folder in folders for place in folder.iterdir() if place.is_dir()}
    missing = [pair.name for pair in pairs if pair.name not in found]
    if missing:
        raise InputError(f"the pairs {', '.join(missing)} have not been formed", hint="run their steps again")
    return [found[pair.name] for pair in pairs]
