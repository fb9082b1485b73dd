"""Merged burst products have the same phase as a run of the same bursts together."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio

import isce2_recipe
from isce2_recipe.errors import InputError
from support.burst_product_folders import write_product
from support.runs import call

OVERLAPPING = ["S1_136231_IW2_20200604T022312_VV_7C85-BURST", "S1_136232_IW2_20200604T022315_VV_7C85-BURST"]
NEWER = ["S1_136231_IW2_20200616T022313_VV_5D11-BURST", "S1_136232_IW2_20200616T022316_VV_5D11-BURST"]
SWATHS = ["S1_136231_IW1_20200604T022311_HH_7C85-BURST", "S1_136231_IW2_20200604T022312_HH_7C85-BURST"]
NEWER_SWATHS = ["S1_136231_IW1_20200616T022312_HH_5D11-BURST", "S1_136231_IW2_20200616T022313_HH_5D11-BURST"]


def bursts(folder: Path, source: str, reference: list[str], secondary: list[str]) -> Path:
    """Process burst pairs up to their product, and return its folder."""
    words = ("--source", source, "--engine", "builtin", "--workdir", folder, "--until", "package")
    pair = ("--reference", *reference, "--secondary", *secondary)
    done = call("run", "insar_tops_burst", *words, *pair, cwd=folder.parent, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    [product] = (path for path in (folder / "package").iterdir() if path.is_dir())
    return product


def merge(folder: Path, source: str, products: Path, **parameters) -> isce2_recipe.RunResult:
    return isce2_recipe.run(
        "merge_tops_bursts", source=source, workdir=folder, directory=str(products), **parameters
    )


@pytest.fixture(scope="module", params=["bursts", "swaths"])
def scene(request, tmp_path_factory) -> tuple[str, Path, Path]:
    """Return the source, a folder of single-burst products, and the product of the same bursts together.

    Neighbouring bursts overlap at their full length only, neighbouring swaths at their full width.
    """
    folder = tmp_path_factory.mktemp(request.param)
    source, older, newer = {
        "bursts": ("simulated:clean,samples=4000", OVERLAPPING, NEWER),
        "swaths": ("simulated:clean,lines=560", SWATHS, NEWER_SWATHS),
    }[request.param]
    for number, (reference, secondary) in enumerate(zip(older, newer, strict=True)):
        product = bursts(folder / f"run{number}", source, [reference], [secondary])
        shutil.copytree(product, folder / "products" / product.name)
        shutil.rmtree(folder / f"run{number}")
    return source, folder / "products", bursts(folder / "joint", source, older, newer)


def layer(product: Path, name: str) -> Path:
    return product / f"{product.name}_{name}.tif"


def both(one: Path, other: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Read a layer of two products where their grids, which share their pixels, overlap."""
    with rasterio.open(layer(one, name)) as a, rasterio.open(layer(other, name)) as b:
        assert a.crs == b.crs
        box = rasterio.coords.BoundingBox(
            max(a.bounds.left, b.bounds.left),
            max(a.bounds.bottom, b.bounds.bottom),
            min(a.bounds.right, b.bounds.right),
            min(a.bounds.top, b.bounds.top),
        )
        return a.read(1, window=a.window(*box)), b.read(1, window=b.window(*box))


@pytest.mark.slow
def test_merged_phase_is_that_of_the_bursts_together(scene, tmp_path):
    source, products, joint = scene
    made = merge(tmp_path / "merged", source, products, filter_strength=0.5)
    assert made.product is not None
    assert made.product.name[:-5] == joint.name[:-5]
    one, other = both(made.product, joint, "wrapped_phase")
    land = both(made.product, joint, "water_mask")[0] == 1
    valid = (one != 0) & (other != 0)
    assert valid.sum() > 0.98 * (other != 0).sum()
    off = np.angle(np.exp(1j * (one.astype(np.float64) - other)))
    assert (valid & ~land).any(), "the scene has water, whose phase is hard to merge"
    assert np.sqrt(np.mean(off[valid] ** 2)) < 0.05
    # A scene of water alone would be within the limit too.
    assert np.sqrt(np.mean(off[valid & ~land] ** 2)) < 0.1
    assert abs(off[valid].mean()) < 0.01
    assert np.sqrt(np.mean(off[valid & land] ** 2)) < 0.01
    assert without_step(off, valid & land)
    for name in ("lv_theta", "lv_phi"):
        one, other = both(made.product, joint, name)
        assert np.abs(one - other)[valid].max() < 2e-4
    wrong = re.search(r", (\d+) of \d+ pixels", made.outputs["agreement"])
    # A pixel at a shore may be wrong.
    assert wrong is not None
    assert int(wrong[1]) < 5


def without_step(off: np.ndarray, valid: np.ndarray) -> bool:
    """Return whether no stripe of the map, along or across, differs from the other product as a whole."""
    for axis in (0, 1):
        count = valid.sum(axis)
        mean = np.where(valid, off, 0).sum(axis)[count > 60] / count[count > 60]
        smooth = np.convolve(mean, np.ones(5) / 5, "valid")
        if np.abs(smooth).max() > 0.02:
            return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("scene", ["bursts"], indirect=True)
def test_masked_and_legacy_named(scene, tmp_path):
    source, products, _ = scene
    made = merge(tmp_path / "merged", source, products, apply_water_mask=True, name_style="legacy")
    assert made.product is not None
    assert made.product.name.startswith("S1_064__20200604_20200616_VV_INT80_")
    lines = (made.product / f"{made.product.name}.txt").read_text().splitlines()
    text = dict(line.split(": ", 1) for line in lines)
    assert (text["Phase filter parameter"], text["Water mask"]) == ("0.6", "yes")
    assert len(text["Reference Granule"].split(", ")) == 2
    assert not any(key.startswith("Radar") for key in text)
    phase, mask = (both(made.product, made.product, name)[0] for name in ("unw_phase", "water_mask"))
    assert not phase[mask == 0].any()


def test_a_product_without_radar_layers_ends_the_run_with_its_name(tmp_path):
    write_product(tmp_path / "products", 136231)
    damaged = write_product(tmp_path / "products", 136232)
    layer(damaged, "los_rdr").unlink()
    with pytest.raises(InputError, match=f"{damaged.name} lacks los_rdr.tif") as caught:
        merge(tmp_path / "merged", "simulated", tmp_path / "products")
    assert "isce2-recipe run insar_tops_burst" in str(caught.value)
