"""Products of all workflows: their metadata agree, and each can be made again from its archive alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support import crates, metadata
from support.main_job import NEXT_REFERENCE, NEXT_SECONDARY, REFERENCE, SECONDARY, stock_folder, tiny_job
from support.runs import call
from support.shared import Shared
from support.stripmap_isce2 import stand_in, stripmap_job

pytestmark = pytest.mark.slow

OLDER_SLC = "S1A_IW_SLC__1SDV_20200604T022251_20200604T022318_032861_03CE65_7C85"
NEWER_SLC = "S1A_IW_SLC__1SDV_20200616T022252_20200616T022319_033036_03D3A3_5D11"
KEYS = 25  # of HyP3's parameter file, in its order


def run(folder: Path, recipe: str, *words: object) -> Path:
    """Run a recipe; return the folder of its product."""
    done = call("run", recipe, *words, "--workdir", folder / "run", cwd=folder, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    [product] = (path for path in (folder / "run" / "package").iterdir() if path.is_dir())
    return product


def several(folder: Path) -> Path:
    """Process two bursts from a folder, on a grid that differs from the default."""
    names = (REFERENCE, NEXT_REFERENCE, SECONDARY, NEXT_SECONDARY)
    stock = stock_folder(folder / "stock", *names, source="simulated:clean,lines=1400,samples=800")
    words = ("--reference", *names[:2], "--secondary", *names[2:], "--grid-pixel", 100, "--apply-water-mask")
    words += ("--engine", "builtin", "--unwrapper", "snaphu", "--filter-strength", 0.25)
    return run(folder, "insar_tops_burst", *words, "--source", f"directory:{stock}")


def slc(folder: Path) -> Path:
    words = ("--reference", OLDER_SLC, "--secondary", NEWER_SLC, "--swaths", 2, "--engine", "builtin")
    return run(folder, "insar_tops", *words, "--source", "simulated:clean,lines=120,samples=800,bursts=1")


def merged(folder: Path) -> Path:
    pairs = ((REFERENCE, SECONDARY), (NEXT_REFERENCE, NEXT_SECONDARY))
    for number, (older, newer) in enumerate(pairs):
        home = folder / f"burst{number}"
        home.mkdir()
        words = ("--reference", older, "--secondary", newer, "--engine", "builtin")
        product = run(home, "insar_tops_burst", *words, "--source", "simulated:clean,samples=800")
        shutil.copytree(product, folder / "products" / product.name)
    words = ("--directory", folder / "products", "--source", "simulated:clean,samples=800")
    return run(folder, "merge_tops_bursts", *words)


MAKERS: dict[str, Callable[[Path], Path]] = {one.__name__: one for one in (several, slc, merged)}


@pytest.fixture(scope="module", params=["single", *MAKERS, "stripmap"])
def product(request: pytest.FixtureRequest, shared: Shared, tmp_path_factory) -> Path:
    if request.param == "single":
        return tiny_job(shared).product
    if request.param == "stripmap":
        return stripmap_job(shared).product
    return MAKERS[request.param](tmp_path_factory.mktemp(request.param))


def test_all_metadata_agree(product):
    metadata.check(product)
    keys = list(metadata.Metadata(product).text)
    assert keys[:2] == ["Reference Granule", "Secondary Granule"]
    assert keys[KEYS - 1] == "Water mask"


def test_the_crate_is_a_workflow_run(product, tmp_path):
    assert crates.problems(product, tmp_path) == []


def test_the_archive_alone_makes_the_same_archive(product, tmp_path):
    archive = product.with_name(f"{product.name}.zip")
    env = stand_in(tmp_path) if product.name.startswith("ALPSRP") else None
    done = call("rerun", archive, "--workdir", "again", cwd=tmp_path, env=env, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    again = tmp_path / "again" / "package" / archive.name
    assert again.read_bytes() == archive.read_bytes()
    assert f"the new product is {archive}, byte for byte" in done.stdout
    assert "warning: these inputs differ" not in done.stderr
