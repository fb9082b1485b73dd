"""The notebook in ``examples`` runs from its first cell to its last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = "simulated:lines=160,samples=1200"
NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "first_product.ipynb"


def test_the_notebook_has_no_outputs():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code and all(not cell["outputs"] and cell["execution_count"] is None for cell in code)


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib, which MintPy brings")
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    program = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    environment = {
        **os.environ, "MPLBACKEND": "Agg", "ISCE2_RECIPE_SOURCE": SOURCE, "ISCE2_RECIPE_ENGINE": "builtin",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    error_mm = float(done.stdout.partition("RMS error: ")[2].partition(" mm")[0])
    assert error_mm < 2.0, done.stdout
    assert {"displacement.png", "profile.png"} <= {path.name for path in tmp_path.iterdir()}
