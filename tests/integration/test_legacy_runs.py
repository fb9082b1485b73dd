"""Commands of hyp3-isce2 from two bursts to their merged product, all in one folder, as its users worked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import rasterio

from support.main_job import NEXT_REFERENCE, NEXT_SECONDARY, REFERENCE, SECONDARY

pytestmark = pytest.mark.slow

# Bursts that are long enough to touch each other.
SOURCE = "simulated:clean,lines=1400,samples=800"
COMMAND = "import sys; from hyp3_isce2.commands import insar_tops_burst; sys.exit(insar_tops_burst())"


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ISCE2_RECIPE_")}
    choice = {"ISCE2_RECIPE_SOURCE": SOURCE, "ISCE2_RECIPE_ENGINE": "builtin", "HOME": str(folder.parent)}
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=kept | choice,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a folder with two products of old commands, one written as HyP3 does, one as users did."""
    folder = tmp_path_factory.mktemp("legacy") / "here"
    folder.mkdir()
    hyp3 = ["++process", "insar_tops_burst", "++omp-num-threads", "2", "--reference", REFERENCE]
    hyp3 += ["--secondary", SECONDARY, "--looks", "20x4", "--apply-water-mask", "False", "--bucket", "None"]
    first = run(folder, "-m", "hyp3_isce2", *hyp3)
    assert first.returncode == 0, first.stdout + first.stderr
    second = run(folder, "-c", COMMAND, NEXT_SECONDARY, NEXT_REFERENCE)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "The positional argument for granules is deprecated." in second.stderr
    return folder


def test_products_lie_in_the_current_folder_next_to_one_folder_per_run(folder: Path) -> None:
    products = sorted(path.name for path in folder.glob("S1_??????_IW2_*_VV_INT80_????"))
    assert [name[:13] for name in products] == ["S1_136231_IW2", "S1_136232_IW2"]
    others = {path.name for path in folder.iterdir()}
    assert len(list(folder.glob("insar_tops_burst_20200604_20200616_*"))) == 2
    for name in products:
        assert {name, f"{name}.zip"} <= others
        with rasterio.open(folder / name / f"{name}_unw_phase.tif") as dataset:
            assert dataset.res == (80.0, 80.0)
    strange = {name for name in others if not name.startswith((*products, "insar_tops_burst_2020"))}
    assert strange == set()
    assert not (folder.parent / ".netrc").exists()


def test_they_merge_where_they_lie(folder: Path) -> None:
    done = run(folder, "-m", "hyp3_isce2", "++process", "merge_tops_bursts", ".", "--filter-strength", "0.5")
    assert done.returncode == 0, done.stdout + done.stderr
    [product] = folder.glob("S1_064__20200604_20200616_VV_INT80_????")
    assert (product / f"{product.name}_unw_phase.tif").is_file()
    assert "agrees with the truth" in done.stdout
