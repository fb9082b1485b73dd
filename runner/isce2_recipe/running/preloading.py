"""Modules that most steps need, imported once in the runner before it forks its first step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_BLAS_THREADS = "OPENBLAS_NUM_THREADS"


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
