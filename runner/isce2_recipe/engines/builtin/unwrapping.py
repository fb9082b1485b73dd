"""Phase unwrapping: the unwrappers by name, and the files of ISCE2's ``unwrap`` step.

SNAPHU (C. W. Chen and H. A. Zebker, doi:10.1364/JOSAA.18.000338) is ISCE2's unwrapper; its licence forbids
commercial use. Others plug in: a distribution names a function with the signature of `Unwrapper` in the
entry-point group ``isce2_recipe.unwrappers``.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.rasters import blocks
from isce2_recipe.engines.builtin.unwrap_tiles import Tile, assemble, cut, keep, stitch
from isce2_recipe.errors import EngineFailed, EngineMissing, InputError, ParameterError
from isce2_recipe.types import Looks

ENTRY_POINTS = "isce2_recipe.unwrappers"
# Looks that are unwrapped in one piece: any burst's at 5x1 or coarser. SNAPHU takes 365 bytes for each.
WHOLE_LOOKS = 8_000_000
# Looks of a tile of a larger image.
TILE_LOOKS = 2_000_000
# ISCE2 2.6.5, runUnwrapSnaphu.py: single-look samples are this much finer than the resolution, per axis.
_SAMPLING = 0.8
# ISCE2 2.6.5, contrib/Snaphu: components grow up to this cost, the largest of any size are kept.
_COMPONENT_THRESHOLD = 300
_COMPONENTS = 20

_LOG = logging.getLogger(__name__)

Result = tuple[NDArray[np.float32], NDArray[np.uint8]]


Solution = Callable[[range], Result]


class Unwrapper(Protocol):
    """What an unwrapper is."""

    def __call__(
        self,
        interferogram: NDArray[np.complex64],
        correlation: NDArray[np.float32],
        independent_looks: float,
        scratch: Path,
    ) -> Result:
        """Unwrapped phase (rad) and connected components (1 and up; 0 belongs to none).

        Parameters
        ----------
        interferogram : ndarray
            Complex, ``(lines, samples)``, zero where there is no data.
        correlation : ndarray
            0 to 1, same shape; small where the phase means little.
        independent_looks : float
            Statistically independent samples in a pixel.
        scratch : Path
            An empty folder to work in; it is removed afterwards.
        """


def snaphu(
    interferogram: NDArray[np.complex64],
    correlation: NDArray[np.float32],
    independent_looks: float,
    scratch: Path,
    *,
    cost: str = "SMOOTH",
    start: str = "MCF",
    start_only: bool = True,
    most_cycles: float = 2.0,
) -> Result:
    """SNAPHU's solution as ISCE2 asks for it; see `Unwrapper`.

    Parameters
    ----------
    cost, start : str
        SNAPHU's STATCOSTMODE and INITMETHOD.
    start_only : bool
        Keep the initial solution and grow components on it, as ISCE2's ``snaphu_mcf`` does.
    most_cycles : float
        Largest discontinuity of DEFO mode.

    Raises
    ------
    EngineFailed
        With what SNAPHU said.
    """
    shape = interferogram.shape
    np.ascontiguousarray(interferogram, "<c8").tofile(scratch / "wrapped")
    np.ascontiguousarray(correlation, "<f4").tofile(scratch / "correlation")
    common = {
        "LINELENGTH": shape[1],
        "CORRFILE": scratch / "correlation",
        "CORRFILEFORMAT": "FLOAT_DATA",
        "NCORRLOOKS": independent_looks,
        "STATCOSTMODE": cost,
        "INITMETHOD": start,
        "DEFOMAX_CYCLE": most_cycles,
        "CONNCOMPTHRESH": _COMPONENT_THRESHOLD,
        "MAXNCOMPS": _COMPONENTS,
        "MINCONNCOMPFRAC": 0,
    }
    components = {"CONNCOMPFILE": scratch / "components", "CONNCOMPOUTTYPE": "UCHAR"}
    solve = common | {
        "INFILE": scratch / "wrapped",
        "INFILEFORMAT": "COMPLEX_DATA",
        "OUTFILE": scratch / "unwrapped",
        "OUTFILEFORMAT": "ALT_LINE_DATA",
    }
    if start_only:
        _run_snaphu(scratch, solve | {"INITONLY": "TRUE"})
        grow = {"INFILE": scratch / "unwrapped", "UNWRAPPEDINFILEFORMAT": "ALT_LINE_DATA"}
        grow |= {"UNWRAPPED_IN": "TRUE", "REGROWCONNCOMPS": "TRUE", "OUTFILE": scratch / "unused"}
        _run_snaphu(scratch, common | components | grow)
    else:
        _run_snaphu(scratch, solve | components)
    lines = np.fromfile(scratch / "unwrapped", "<f4").reshape(shape[0], 2, shape[1])
    return lines[:, 1].copy(), np.fromfile(scratch / "components", np.uint8).reshape(shape)


def _run_snaphu(scratch: Path, settings: Mapping[str, Any]) -> None:
    from snaphu._snaphu import run_snaphu

    config = scratch / "config"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    try:
        run_snaphu(config)
    except RuntimeError as exc:
        raise EngineFailed(f"SNAPHU could not unwrap the interferogram: {exc}") from exc


def whirlwind(
    interferogram: NDArray[np.complex64],
    correlation: NDArray[np.float32],
    independent_looks: float,
    scratch: Path,  # noqa: ARG001 - part of the protocol
) -> Result:
    """The solution of the package ``whirlwind-insar``; see `Unwrapper`.

    Raises
    ------
    EngineMissing
        If the package is not installed.
    """
    try:
        import whirlwind as package
    except ImportError as exc:
        raise EngineMissing(
            "the unwrapper whirlwind is not installed", hint="pip install 'isce2-recipe[whirlwind]'"
        ) from exc
    phase, components = package.unwrap(
        interferogram,
        correlation,
        independent_looks,
        np.abs(interferogram) > 0,
        max_ncomps=_COMPONENTS,
    )
    return np.asarray(phase, np.float32), np.asarray(components, np.uint8)


_BUILT_IN: Mapping[str, Unwrapper] = {
    "snaphu_mcf": snaphu,
    "snaphu": partial(snaphu, cost="DEFO", start="MST", start_only=False, most_cycles=4.0),
    "whirlwind": whirlwind,
}


def find(name: str) -> Unwrapper:
    """The unwrapper of a name: ISCE2's ``snaphu`` and ``snaphu_mcf``, ``whirlwind``, or one plugged in.

    Raises
    ------
    ParameterError
        If there is none of that name.
    """
    if name.lower() in _BUILT_IN:
        return _BUILT_IN[name.lower()]
    plugged = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if name in plugged:
        found: Unwrapper = plugged[name].load()
        return found
    known = ", ".join(sorted({*_BUILT_IN, *plugged}))
    raise ParameterError(f"there is no unwrapper '{name}' here", hint=f"choose one of {known}")


def unwrap(
    folder: Path,
    looks: Looks,
    unwrapper: str = "snaphu_mcf",
    *,
    whole: int = WHOLE_LOOKS,
    tile: int = TILE_LOOKS,
    log: logging.Logger = _LOG,
    progress: Callable[[float, str], None] = lambda _fraction, _text: None,
) -> None:
    """Unwrap ``merged/filt_topophase.flat`` with ``merged/phsig.cor`` in an ISCE2 application's folder.

    Writes ``filt_topophase.unw`` (amplitude and phase, zero where there is no data) and
    ``filt_topophase.unw.conncomp`` beside them, with their headers.

    Parameters
    ----------
    whole : int
        Images of at most so many looks are unwrapped in one piece, larger ones in tiles.
    tile : int
        Looks of a tile at most: bounds the memory.

    Raises
    ------
    InputError
        If the two rasters are missing or do not fit.
    ParameterError, EngineMissing, EngineFailed
        If the unwrapper is unknown, not installed, or gives up.
    """
    solve = find(unwrapper)
    merged = folder / paths.MERGED
    image, correlation = (
        isceimage.read_header(merged / name) for name in (paths.FILTERED_INTERFEROGRAM, paths.PHASE_SIGMA)
    )
    shape = image.lines, image.samples
    if shape != (correlation.lines, correlation.samples):
        raise InputError(
            f"{paths.FILTERED_INTERFEROGRAM} and {paths.PHASE_SIGMA} in {merged} are not of one size: "
            f"{shape} and {(correlation.lines, correlation.samples)}"
        )
    pair = _Pair(image.path, correlation.path, looks.range * looks.azimuth / _SAMPLING**2)
    with _scratch(merged) as scratch:
        if image.lines * image.samples <= whole:
            solution = _in_one_piece(pair, shape, solve, scratch)
        else:
            solution = _in_tiles(pair, cut(shape, tile), solve, scratch, log, progress)
        _write(folder, image, pair, solution)


@dataclass(frozen=True, slots=True)
class _Pair:
    """What is unwrapped: two rasters."""

    interferogram: Path
    correlation: Path
    independent_looks: float


def _in_one_piece(pair: _Pair, shape: tuple[int, int], solve: Unwrapper, scratch: Path) -> Solution:
    everything = range(shape[0]), range(shape[1])
    phase, labels = _solve(pair, *everything, solve, scratch)
    return lambda lines: (phase[lines.start : lines.stop], labels[lines.start : lines.stop])


def _in_tiles(
    pair: _Pair,
    tiles: Sequence[Tile],
    solve: Unwrapper,
    scratch: Path,
    log: logging.Logger,
    progress: Callable[[float, str], None],
) -> Solution:
    log.info("unwrapping in %d tiles", len(tiles))
    kept = []
    for number, tile in enumerate(tiles):
        progress(number / len(tiles), f"tile {number + 1} of {len(tiles)}")
        folder = scratch / "tile"
        folder.mkdir()
        kept.append(keep(tile, scratch / str(number), *_solve(pair, tile.lines, tile.samples, solve, folder)))
        shutil.rmtree(folder)
    stitching = stitch(kept, _COMPONENTS)
    if stitching.broken:
        log.warning("components disagree in %d places where tiles overlap", stitching.broken)
    return assemble(kept, stitching)


def _solve(pair: _Pair, lines: range, samples: range, solve: Unwrapper, scratch: Path) -> Result:
    """The unwrapper's solution of a part, NaN where there is no data."""
    wrapped = isceimage.read_part(pair.interferogram, lines, samples)
    valid = np.abs(wrapped) > 0
    if not valid.any():
        return np.full(valid.shape, np.nan, np.float32), np.zeros(valid.shape, np.uint8)
    correlation = isceimage.read_part(pair.correlation, lines, samples)
    phase, labels = solve(wrapped, correlation, pair.independent_looks, scratch)
    phase = np.where(valid, phase, np.float32(np.nan))
    return phase, labels


def _write(folder: Path, image: IsceImage, pair: _Pair, solution: Solution) -> None:
    """Write the files of the step, line by line."""
    unwrapped = replace(
        image,
        path=image.path.with_name(paths.UNWRAPPED),
        bands=2,
        data_type="FLOAT",
        scheme="BIL",
        image_type="unw",
        byte_order="l",
    )
    labels = replace(
        unwrapped,
        path=isceimage.beside(unwrapped.path, "conncomp"),
        bands=1,
        data_type="BYTE",
        scheme="BIP",
        image_type="",
    )
    with ExitStack() as stack:
        of_phase, of_labels = (isceimage.stream(stack, each.path) for each in (unwrapped, labels))
        for lines in blocks(image.lines):
            phase, components = solution(lines)
            amplitude = np.abs(isceimage.read_part(pair.interferogram, lines))
            # Unwrappers may leave NaN where they found no way.
            known = np.where(np.isfinite(phase), phase, 0)
            isceimage.append_lines(of_phase, unwrapped, np.stack([amplitude, known]))
            isceimage.append_lines(of_labels, labels, components[None])
    for each in (unwrapped, labels):
        isceimage.write_sidecars(each, folder)


@contextmanager
def _scratch(merged: Path) -> Iterator[Path]:
    """A fresh folder that is removed afterwards, also what a killed run left of it."""
    scratch = merged / ".unwrap"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
