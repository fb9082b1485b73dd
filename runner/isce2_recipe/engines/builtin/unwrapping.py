"""Phase unwrapping: the unwrappers by name, and the files of ISCE2's ``unwrap`` step.

SNAPHU (C. W. Chen and H. A. Zebker, doi:10.1364/JOSAA.18.000338) is ISCE2's unwrapper; its licence forbids
commercial use. Others plug in: a distribution names a function with the signature of `Unwrapper` in the
entry-point group ``isce2_recipe.unwrappers``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.errors import EngineFailed, EngineMissing, InputError, ParameterError
from isce2_recipe.types import Looks

ENTRY_POINTS = "isce2_recipe.unwrappers"
# ISCE2 2.6.5, runUnwrapSnaphu.py: single-look samples are this much finer than the resolution, per axis.
_SAMPLING = 0.8
# ISCE2 2.6.5, contrib/Snaphu: components grow up to this cost, the largest of any size are kept.
_COMPONENT_THRESHOLD = 300
_COMPONENTS = 20

Result = tuple[NDArray[np.float32], NDArray[np.uint8]]


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


def unwrap(folder: Path, looks: Looks, unwrapper: str = "snaphu_mcf") -> None:
    """Unwrap ``merged/filt_topophase.flat`` with ``merged/phsig.cor`` in an ISCE2 application's folder.

    Writes ``filt_topophase.unw`` (amplitude and phase, zero where there is no data) and
    ``filt_topophase.unw.conncomp`` beside them, with their headers.

    Raises
    ------
    InputError
        If the two rasters are missing or do not fit.
    ParameterError, EngineMissing, EngineFailed
        If the unwrapper is unknown, not installed, or gives up.
    """
    solve = find(unwrapper)
    merged = folder / paths.MERGED
    wrapped = isceimage.read(merged / paths.FILTERED_INTERFEROGRAM, 1)
    correlation = isceimage.read(merged / paths.PHASE_SIGMA, 1)
    if wrapped.shape != correlation.shape:
        raise InputError(
            f"{paths.FILTERED_INTERFEROGRAM} and {paths.PHASE_SIGMA} in {merged} are not of one size: "
            f"{wrapped.shape} and {correlation.shape}"
        )
    with _scratch(merged) as scratch:
        phase, components = solve(wrapped, correlation, looks.range * looks.azimuth / _SAMPLING**2, scratch)
    amplitude = np.abs(wrapped)
    # Unwrappers may leave NaN where they found no way.
    bands = np.stack([amplitude, np.where((amplitude > 0) & np.isfinite(phase), phase, 0)])
    unwrapped = merged / paths.UNWRAPPED
    image = isceimage.describe(unwrapped, bands, scheme="BIL", image_type="unw")
    isceimage.write(image, bands, folder)
    labels = isceimage.describe(isceimage.beside(unwrapped, "conncomp"), components)
    isceimage.write(labels, components, folder)


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
