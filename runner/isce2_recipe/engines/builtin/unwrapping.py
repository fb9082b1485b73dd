"""Phase unwrapping: the unwrappers by name, and the files of ISCE2's ``unwrap`` step.

SNAPHU (C. W. Chen and H. A. Zebker, doi:10.1364/JOSAA.18.000338) is ISCE2's unwrapper; its licence forbids
commercial use. `unwrappers` has the names, and says how another distribution adds an unwrapper.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.rasters import blocks
from isce2_recipe.engines.builtin.unwrap_tiles import (
    Tile,
    assemble,
    compute_stitching,
    cut_into_tiles,
    store_tile,
)
from isce2_recipe.engines.builtin.unwrappers import ENTRY_POINTS, check_unwrapper, not_installed
from isce2_recipe.engines.builtin.water_mask import number_by_size
from isce2_recipe.errors import EngineFailed, InputError
from isce2_recipe.plugins import plugins
from isce2_recipe.types import Looks

# Multilooked pixels up to which an image is unwrapped in one piece: any burst at 5x1 looks or coarser. SNAPHU
# needs 365 bytes of memory for each.
MAX_UNTILED_PIXELS = 8_000_000
# Multilooked pixels of a tile of a larger image.
MAX_TILE_PIXELS = 2_000_000
# Ratio of sample spacing to resolution in each direction (ISCE2 2.6.5, runUnwrapSnaphu.py).
_SAMPLING = 0.8
# Cost threshold of connected components and their largest number (ISCE2 2.6.5, contrib/Snaphu).
_ALMOST_NOTHING = 1 << 20  # bytes of free disk with which SNAPHU has failed for lack of it
_COMPONENT_THRESHOLD = 300
_COMPONENTS = 20
# Largest number of components if water is masked, so that every island has its own.
_MASKED_COMPONENTS = 255

_LOG = logging.getLogger(__name__)

Result = tuple[NDArray[np.float32], NDArray[np.uint8]]
Solution = Callable[[range], Result]


class Unwrapper(Protocol):
    """Interface of an unwrapper."""

    def __call__(
        self,
        interferogram: NDArray[np.complex64],
        correlation: NDArray[np.float32],
        independent_looks: float,
        scratch: Path,
    ) -> Result:
        """Return unwrapped phase (rad) and connected components (numbered from 1; 0 is none).

        Parameters
        ----------
        interferogram : ndarray
            Complex, ``(lines, samples)``, zero where there is no data.
        correlation : ndarray
            Coherence, 0 to 1, of the same shape.
        independent_looks : float
            Number of statistically independent samples in a pixel.
        scratch : Path
            Empty folder for temporary files; it is removed afterwards.
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
    components: int = _COMPONENTS,
) -> Result:
    """Unwrap with SNAPHU and the settings of ISCE2; see `Unwrapper`.

    ``cost`` and ``start`` are SNAPHU's STATCOSTMODE and INITMETHOD. With ``start_only``, components are grown
    on the initial solution, like ISCE2's ``snaphu_mcf``. ``most_cycles`` is the largest discontinuity in DEFO
    mode.

    Raises
    ------
    EngineFailed
        If SNAPHU fails; the message contains its own.
    """
    shape = interferogram.shape
    (scratch / "wrapped").write_bytes(interferogram.astype("<c8").tobytes())
    (scratch / "correlation").write_bytes(correlation.astype("<f4").tobytes())
    common = {
        "LINELENGTH": shape[1],
        "CORRFILE": scratch / "correlation",
        "CORRFILEFORMAT": "FLOAT_DATA",
        "NCORRLOOKS": independent_looks,
        "STATCOSTMODE": cost,
        "INITMETHOD": start,
        "DEFOMAX_CYCLE": most_cycles,
        "CONNCOMPTHRESH": _COMPONENT_THRESHOLD,
        "MAXNCOMPS": components,
        "MINCONNCOMPFRAC": 0,
    }
    of_components = {"CONNCOMPFILE": scratch / "components", "CONNCOMPOUTTYPE": "UCHAR"}
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
        _run_snaphu(scratch, common | of_components | grow)
    else:
        _run_snaphu(scratch, solve | of_components)
    lines = np.fromfile(scratch / "unwrapped", "<f4").reshape(shape[0], 2, shape[1])
    return lines[:, 1].copy(), np.fromfile(scratch / "components", np.uint8).reshape(shape)


def _run_snaphu(scratch: Path, settings: Mapping[str, Any]) -> None:
    from snaphu._snaphu import run_snaphu

    config = scratch / "config"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    try:
        run_snaphu(config)
    except RuntimeError as exc:
        full = _full_disk(scratch)
        if full is not None:
            raise full from exc
        raise EngineFailed(f"SNAPHU could not unwrap the interferogram: {exc}") from exc


def _full_disk(scratch: Path) -> OSError | None:
    """Return the error of a full disk or of a limit on file sizes, for which SNAPHU only reports an abort."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    sizes = [path.stat().st_size for path in scratch.iterdir()]
    if limit != resource.RLIM_INFINITY and max(sizes, default=0) >= limit:
        return OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(scratch))
    if shutil.disk_usage(scratch).free < _ALMOST_NOTHING:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(scratch))
    return None


def whirlwind(
    interferogram: NDArray[np.complex64],
    correlation: NDArray[np.float32],
    independent_looks: float,
    scratch: Path,  # noqa: ARG001 - required by the protocol
    *,
    components: int = _COMPONENTS,
) -> Result:
    """Unwrap with the package ``whirlwind-insar``; see `Unwrapper`.

    Raises
    ------
    EngineMissing
        If the package is not installed.
    """
    try:
        import whirlwind as package
    except ImportError as exc:
        raise not_installed("whirlwind") from exc
    phase, labels = package.unwrap(
        interferogram,
        correlation,
        independent_looks,
        np.abs(interferogram) > 0,
        max_ncomps=components,
    )
    return np.asarray(phase, np.float32), np.asarray(labels, np.uint8)


_BUILT_IN: Mapping[str, Callable[..., Result]] = {
    "snaphu_mcf": snaphu,
    "snaphu": partial(snaphu, cost="DEFO", start="MST", start_only=False, most_cycles=4.0),
    "whirlwind": whirlwind,
}


def find_unwrapper(name: str) -> Unwrapper:
    """Return an unwrapper by name: ``snaphu``, ``snaphu_mcf`` (both ISCE2's), ``whirlwind``, or a plug-in.

    Raises
    ------
    ParameterError
        If no unwrapper has this name.
    """
    if name.lower() in _BUILT_IN:
        return _BUILT_IN[name.lower()]
    check_unwrapper(name)
    found: Unwrapper = plugins(ENTRY_POINTS)[name].load()
    return found


def unwrap(
    folder: Path,
    looks: Looks,
    unwrapper: str = "snaphu_mcf",
    *,
    images: str = paths.MERGED,
    max_untiled_pixels: int = MAX_UNTILED_PIXELS,
    max_tile_pixels: int = MAX_TILE_PIXELS,
    log: logging.Logger = _LOG,
    progress: Callable[[float, str], None] = lambda _fraction, _text: None,
) -> None:
    """Unwrap ``filt_topophase.flat`` with ``phsig.cor``.

    Writes ``filt_topophase.unw`` (amplitude and phase, zero where there is no data) and
    ``filt_topophase.unw.conncomp`` with headers. ``images`` is the folder of all in the work folder of an
    application. If water is masked
    (`water_mask.mask_interferogram`), every component is one piece of land, and there are up to 255. Images
    of more multilooked pixels than ``max_untiled_pixels`` are unwrapped in tiles, whose size limits the
    memory.

    Raises
    ------
    InputError
        If one of the two rasters is missing or their sizes differ.
    ParameterError, EngineMissing, EngineFailed
        If the unwrapper is unknown, not installed, or fails.
    """
    solve = find_unwrapper(unwrapper)
    merged = folder / images
    image, correlation = (
        isceimage.read_header(merged / name) for name in (paths.FILTERED_INTERFEROGRAM, paths.PHASE_SIGMA)
    )
    shape = image.lines, image.samples
    if shape != (correlation.lines, correlation.samples):
        raise InputError(
            f"{paths.FILTERED_INTERFEROGRAM} and {paths.PHASE_SIGMA} in {merged} differ in size: "
            f"{shape} and {(correlation.lines, correlation.samples)}"
        )
    masked = (merged / paths.INTERFEROGRAM_UNMASKED).is_file()
    if masked and unwrapper.lower() in _BUILT_IN:
        solve = partial(_BUILT_IN[unwrapper.lower()], components=_MASKED_COMPONENTS)
    inputs = _Inputs(image.path, correlation.path, looks.range * looks.azimuth / _SAMPLING**2, masked)
    with _scratch(merged) as scratch:
        if image.lines * image.samples <= max_untiled_pixels:
            solution = _in_one_piece(inputs, shape, solve, scratch)
        else:
            tiles = cut_into_tiles(shape, max_tile_pixels)
            solution = _in_tiles(inputs, tiles, solve, scratch, log, progress)
        _write(folder, image, inputs, solution)


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The rasters that are unwrapped, their number of looks, and whether water is masked."""

    interferogram: Path
    correlation: Path
    independent_looks: float
    masked: bool


def _in_one_piece(inputs: _Inputs, shape: tuple[int, int], solve: Unwrapper, scratch: Path) -> Solution:
    everything = range(shape[0]), range(shape[1])
    phase, labels = _solve(inputs, *everything, solve, scratch)
    return lambda lines: (phase[lines.start : lines.stop], labels[lines.start : lines.stop])


def _in_tiles(
    inputs: _Inputs,
    tiles: Sequence[Tile],
    solve: Unwrapper,
    scratch: Path,
    log: logging.Logger,
    progress: Callable[[float, str], None],
) -> Solution:
    log.info("unwrapping in %d tiles", len(tiles))
    solved = []
    for number, tile in enumerate(tiles):
        progress(number / len(tiles), f"tile {number + 1} of {len(tiles)}")
        folder = scratch / "tile"
        folder.mkdir()
        solution = _solve(inputs, tile.lines, tile.samples, solve, folder)
        solved.append(store_tile(tile, scratch / str(number), *solution))
        shutil.rmtree(folder)
    stitching = compute_stitching(solved, _MASKED_COMPONENTS if inputs.masked else _COMPONENTS)
    if stitching.contradictions:
        log.warning("components disagree in %d places where tiles overlap", stitching.contradictions)
    return assemble(solved, stitching)


def _solve(inputs: _Inputs, lines: range, samples: range, solve: Unwrapper, scratch: Path) -> Result:
    """Unwrap a part of the image; the phase is NaN where there is no data."""
    wrapped = isceimage.read_part(inputs.interferogram, lines, samples)
    valid = np.abs(wrapped) > 0
    if not valid.any():
        return np.full(valid.shape, np.nan, np.float32), np.zeros(valid.shape, np.uint8)
    correlation = isceimage.read_part(inputs.correlation, lines, samples)
    phase, labels = solve(wrapped, correlation, inputs.independent_looks, scratch)
    phase = np.where(valid, phase, np.float32(np.nan))
    return phase, _separate(np.where(valid, labels, np.uint8(0))) if inputs.masked else labels


def _separate(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give each connected piece of each component a label of its own, the largest first."""
    from scipy.ndimage import find_objects, label

    pieces = np.zeros(labels.shape, np.int32)
    total = 0
    for number, box in enumerate(find_objects(labels), 1):
        if box is not None:
            own, count = label(labels[box] == number)
            pieces[box] += np.where(own, own + total, 0)
            total += count
    names: NDArray[np.uint8] = number_by_size(np.bincount(pieces.ravel()))[pieces]
    return names


def _write(folder: Path, image: IsceImage, inputs: _Inputs, solution: Solution) -> None:
    """Write the files of the step in blocks of lines."""
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
        path=isceimage.append_suffix(unwrapped.path, "conncomp"),
        bands=1,
        data_type="BYTE",
        scheme="BIP",
        image_type="",
    )
    with ExitStack() as stack:
        of_phase, of_labels = (isceimage.open_for_writing(stack, each.path) for each in (unwrapped, labels))
        for lines in blocks(image.lines):
            phase, components = solution(lines)
            amplitude = np.abs(isceimage.read_part(inputs.interferogram, lines))
            # Unwrappers may return NaN where they found no solution.
            known = np.where(np.isfinite(phase), phase, 0)
            isceimage.append_lines(of_phase, unwrapped, np.stack([amplitude, known]))
            isceimage.append_lines(of_labels, labels, components[None])
    for each in (unwrapped, labels):
        isceimage.write_sidecars(each, folder)


@contextmanager
def _scratch(merged: Path) -> Iterator[Path]:
    """Create an empty folder, also if a killed run left one; remove it afterwards."""
    scratch = merged / ".unwrap"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
