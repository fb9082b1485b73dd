"""Preparation before steps run: imports that most of them need, and a cache for compiled kernels."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from isce2_recipe.paths import cache_folder

_BLAS_THREADS = "OPENBLAS_NUM_THREADS"
_CACHE_VARIABLE = "NUMBA_CACHE_DIR"
_KERNELS = Path(__file__).parents[1] / "sar"


@cache
def preload() -> None:
    """Import Numba, rasterio and SciPy, and have Numba set up its type tables.

    A step is a fork of the runner and starts with the modules that the runner has loaded. Without this,
    every step spends up to a second of processor time on the same imports.
    """
    with _single_blas_thread():
        import numba  # noqa: F401
        import rasterio  # noqa: F401
        import scipy.fft
        import scipy.linalg  # noqa: F401
    from isce2_recipe.sar.ellipsoid import geodetic_to_ecef

    # Numba sets up its tables at the first call of any compiled function.
    geodetic_to_ecef(0.0, 0.0, 0.0)


@contextmanager
def _single_blas_thread() -> Iterator[None]:
    """Keep OpenBLAS from starting threads when it is loaded: a process that forks should have none."""
    before = os.environ.get(_BLAS_THREADS)
    os.environ[_BLAS_THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_BLAS_THREADS]
        else:
            os.environ[_BLAS_THREADS] = before


def prepare_kernel_cache(environment: MutableMapping[str, str], kernels: Path = _KERNELS) -> str:
    """Let Numba keep compiled kernels in a temporary folder if it has no other; return a warning, or nothing.

    Without a folder to write to, Numba refuses to compile the kernels at all.
    """
    folder = temporary_kernel_cache(environment, kernels)
    if folder is None:
        return ""
    environment[_CACHE_VARIABLE] = str(folder)
    return (
        f"neither the installation nor the home folder can be written: compiled kernels are in {folder}; "
        f"set {_CACHE_VARIABLE} to a folder that lasts"
    )


def temporary_kernel_cache(environment: Mapping[str, str], kernels: Path = _KERNELS) -> Path | None:
    """Return a private temporary folder if Numba can write neither to this package nor to the home folder."""
    if environment.get(_CACHE_VARIABLE) or _can_be_written(kernels / "__pycache__"):
        return None
    try:
        if _can_be_written(cache_folder().parent / "numba"):
            return None
    except FileNotFoundError:  # no home folder
        pass
    folder = Path(tempfile.gettempdir()) / f"isce2-recipe-kernels-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    # Kernels are code: a folder that another user made or can write is not used.
    facts = folder.lstat()
    safe = folder.is_dir() and facts.st_uid == os.getuid() and not facts.st_mode & 0o077
    return folder if safe else Path(tempfile.mkdtemp(prefix="isce2-recipe-kernels-"))


def _can_be_written(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
