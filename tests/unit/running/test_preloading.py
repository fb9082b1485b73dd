"""Modules that are imported in the runner before it forks."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, sys
from isce2_recipe.running.preloading import preload
before = os.environ.get("OPENBLAS_NUM_THREADS")
preload()
assert {"numba", "rasterio", "scipy.linalg"} <= sys.modules.keys()
assert os.environ.get("OPENBLAS_NUM_THREADS") == before
print(len(os.listdir("/proc/self/task")))
"""


def test_preloading_starts_no_thread_and_restores_its_setting() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1"
