from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio import Affine

from isce2_recipe.errors import InputError
from isce2_recipe.plan.comparing import compare, to_text


def _run(folder: Path, values: np.ndarray, looks: str = "20x4", **files: str) -> Path:
    folder.mkdir()
    profile: dict[str, Any] = {"driver": "GTiff", "height": 700, "width": 3, "count": 1, "dtype": "float32"}
    with rasterio.open(folder / "a.tif", "w", **profile, transform=Affine(1, 0, 5, 0, -1, 9)) as raster:
        raster.write(values.astype("float32"), 1)
    steps = {"package": {"status": "done", "seconds": 1.0, "files": {"a.tif": str(values.sum()), **files}}}
    record = {
        "recipe": {"resolved": {"name": "r", "parameters": {"looks": {"default": looks}}}},
        "parameters": {"looks": looks},
        "isce2_recipe": "0.1.0",
        "steps": steps,
    }
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def test_statistics_of_rasters_that_differ(tmp_path: Path) -> None:
    before = np.zeros((700, 3))
    after = before.copy()
    after[600, 1] = 3.0
    after[0, 0] = np.nan
    one, two = _run(tmp_path / "one", before), _run(tmp_path / "two", after, "10x2", extra="x")
    found = compare(one, two)
    assert found["parameters"] == [["looks", "20x4", "10x2"]]
    assert found["files"] == [["a.tif", "differs"], ["extra", "only in the second"]]
    statistics = found["rasters"]["a.tif"]
    assert (statistics["pixels"], statistics["changed"], statistics["largest"]) == (2099, 1, 3.0)
    assert statistics["rms"] == pytest.approx((9 / 2099) ** 0.5)
    assert statistics["mean"] == pytest.approx(3 / 2099)
    assert "in 1 of 2099 pixels" in to_text(found)


def test_the_same_run_has_no_difference(tmp_path: Path) -> None:
    one = _run(tmp_path / "one", np.ones((700, 3)))
    assert to_text(compare(one, one)) == ""


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no run\.json"):
        compare(tmp_path, tmp_path)
