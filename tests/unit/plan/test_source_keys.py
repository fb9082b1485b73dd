"""With a folder as source, keys contain the contents of the files that a step uses, never their times."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio

from support.runs import call, statuses, write_recipe

RECIPE = """\
recipe: 1
name: terrain_only
summary: Terrain from a folder.
steps:
  - id: dem
    uses: dem.fetch
    with: {bounds: [53.01, 27.01, 53.02, 27.02], margin: 0.001}
"""
PIXEL = 1 / 3600


def _terrain(path: Path, height: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = rasterio.Affine(PIXEL, 0, 53.0, 0, -PIXEL, 27.03)
    profile = {"width": 108, "height": 108, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(path, "w", driver="GTiff", transform=transform, **profile) as dataset:
        dataset.write(np.full((108, 108), height, np.float32), 1)


@pytest.mark.slow
def test_times_do_not_count_and_content_does(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, RECIPE)
    file = tmp_path / "data/dem/a.tif"
    _terrain(file, 10.0)

    def status() -> str:
        done = call("run", recipe, "--source", "directory:data", "--workdir", "w", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return statuses(tmp_path / "w")["dem"]

    assert status() == "done"
    os.utime(file, (1, 1))
    assert status() == "cached"
    (tmp_path / "data/bursts").mkdir()
    (tmp_path / "data/bursts/other.tiff").write_text("not asked for")
    assert status() == "cached"
    _terrain(file, 20.0)
    os.utime(file, (1, 1))
    assert status() == "done"
    explained = call("explain", "w", "dem", cwd=tmp_path).stdout
    assert "a.tif" in explained
