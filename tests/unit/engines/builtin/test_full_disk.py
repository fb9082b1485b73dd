"""A disk that is full while the interferogram is unwrapped is named as such."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """\
import resource, sys
import numpy as np
from pathlib import Path
from isce2_recipe.engines.builtin.unwrapping import snaphu
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
phase = sum(np.mgrid[:64, :64]) / 9
try:
    snaphu(np.exp(1j * phase), np.full((64, 64), 0.8), 10.0, Path(sys.argv[2]))
except OSError as exc:
    sys.exit(exc.errno)
"""


@pytest.mark.parametrize("limit", [1000, 20000, 1 << 20])
def test_a_limit_on_file_sizes_is_no_failure_of_the_unwrapper(tmp_path: Path, limit: int) -> None:
    words = [sys.executable, "-c", SCRIPT, str(limit), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    expected = errno.EFBIG if limit < 64 * 64 * 8 else 0
    assert done.returncode == expected, done.stderr
