"""The packaging action over simulated bursts: names, texts and the file that MintPy reads."""

from __future__ import annotations

import json
import logging
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio

from isce2_recipe.actions import sentinel1
from isce2_recipe.actions.base import Context
from isce2_recipe.actions.product import Product, insar_tops, simulation
from isce2_recipe.engines import open_engine
from isce2_recipe.errors import InputError
from isce2_recipe.sar.annotation import read_annotation
from isce2_recipe.sources import open_source
from isce2_recipe.types import Looks
from support.isce_folder import Ground, write_isce, write_radar_files

PAIRS = (
    ("S1_136231_IW2_20200604T022312_VV_7C85-BURST", "S1_136231_IW2_20200616T022313_VV_5D11-BURST"),
    ("S1_136232_IW2_20200604T022315_VV_7C85-BURST", "S1_136232_IW2_20200616T022316_VV_5D11-BURST"),
)

pytestmark = pytest.mark.slow  # it compiles the simulator


def context(folder: Path) -> Context:
    folder.mkdir(parents=True)
    source = open_source("simulated:clean,lines=64,samples=256")
    engine = open_engine("builtin")
    return Context(folder, folder, source, engine, logging.getLogger("test"), lambda *_: None, 1)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> SimpleNamespace:
    """SAFE folders of two burst pairs, and an ISCE2 folder made of nothing but a known ground."""
    folder = tmp_path_factory.mktemp("inputs")
    Ground().write(folder)
    names = [list(names) for names in zip(*PAIRS, strict=True)]
    reference, secondary = names
    scenes = sentinel1.find_bursts.function(
        context(folder / "scenes"), reference=reference, secondary=secondary
    )
    safes = {}
    for name in reference + secondary:
        made = sentinel1.fetch_safes.function(context(folder / name), catalog=scenes.catalog, granules=[name])
        safes[name] = made.safes
    (annotation,) = safes[reference[0]][0].glob("annotation/*.xml")
    (burst,) = read_annotation(annotation)
    write_radar_files(folder / "isce", burst, Looks(20, 4))
    return SimpleNamespace(folder=folder, reference=reference, secondary=secondary, safes=safes, burst=burst)


def package(inputs: SimpleNamespace, out: Path, bursts: int = 1, **changes: object) -> Product:
    reference, secondary = inputs.reference[:bursts], inputs.secondary[:bursts]
    values: dict[str, object] = {
        "folder": inputs.folder / "isce",
        "reference": reference,
        "secondary": secondary,
        "reference_safes": [safe for name in reference for safe in inputs.safes[name]],
        "secondary_safes": [safe for name in secondary for safe in inputs.safes[name]],
        "dem": inputs.folder / "dem.tif",
        "water_mask": inputs.folder / "water_mask.tif",
        "looks": "20x4",
    }
    return insar_tops.function(context(out), **(values | changes))


def test_one_burst(inputs, tmp_path):
    made = package(inputs, tmp_path / "out")
    assert re.fullmatch(r"S1_136231_IW2_20200604_20200616_VV_INT80_[0-9A-F]{4}", made.name)
    assert made.directory == tmp_path / "out" / made.name
    assert made.zip.is_file()
    assert made.browse.is_file()
    text = dict(
        line.split(": ", 1) for line in (made.directory / f"{made.name}.txt").read_text().splitlines()
    )
    assert text["Reference Granule"] == inputs.reference[0]
    assert float(text["Slant range near"]) == inputs.burst.near_range_m
    assert float(text["Heading"]) == inputs.burst.heading_deg
    assert text["Radar n lines"] == "16"


@pytest.mark.parametrize("removed", [False, True])
def test_the_ionosphere_of_topsapp_is_a_layer(inputs, tmp_path, removed):
    folder = tmp_path / "isce"
    shutil.copytree(inputs.folder / "isce", folder)
    ground = Ground()
    phase = np.where(ground.inside, 1.5, 0.0).astype(np.float32)
    write_isce(folder / "merged" / "topophase.ion.geo", phase[None], ground.first)
    if removed:
        (folder / "merged" / "topophase_ori.flat").touch()
    made = package(inputs, tmp_path / "out", folder=folder)
    text = (made.directory / f"{made.name}.txt").read_text()
    assert f"Ionosphere removed: {'yes' if removed else 'no'}" in text
    with rasterio.open(made.directory / f"{made.name}_ionosphere.tif") as raster:
        values = raster.read(1, masked=True)
    assert values.compressed() == pytest.approx(1.5)
    plain = package(inputs, tmp_path / "plain")
    assert not list(plain.directory.glob("*_ionosphere.tif"))
    assert plain.name != made.name


def test_many_bursts(inputs, tmp_path):
    made = package(inputs, tmp_path / "out", 2)
    pattern = r"S1_064_000000s1n00-136231s2n02-000000s3n00_IW_20200604_20200616_VV_INT80_[0-9A-F]{4}"
    assert re.fullmatch(pattern, made.name)
    text = (made.directory / f"{made.name}.txt").read_text()
    assert f"Reference Granule: {inputs.reference[0]}, {inputs.reference[1]}\n" in text


@pytest.mark.parametrize(
    ("count", "style", "pattern"),
    [
        (1, "multi_burst", r"S1_064_000000s1n00-136231s2n01-000000s3n00_IW_20200604_20200616_VV_INT80_...."),
        (1, "legacy", r"S1_136231_IW2_20200604_20200616_VV_INT80_...."),
        (2, "legacy", r"S1A_064_E053_1_N27_3_E054_1_N27_8_20200604_20200616_VV_INT80_...."),
    ],
)
def test_what_hyp3_called_it_in_other_releases(inputs, tmp_path, count, style, pattern):
    box = [53.12, 27.31, 54.06, 27.79]
    made = package(inputs, tmp_path / "out", count, name_style=style, bounds=box)
    assert re.fullmatch(pattern, made.name)


def test_the_name_follows_the_request(inputs, tmp_path):
    first = package(inputs, tmp_path / "a")
    assert package(inputs, tmp_path / "b").name == first.name
    assert package(inputs, tmp_path / "c", filter_strength=0.4).name != first.name
    assert package(inputs, tmp_path / "d", parameters={"seed": 2}).name != first.name


def test_safe_without_annotation_is_named(inputs, tmp_path):
    empty = tmp_path / "EMPTY.SAFE"
    empty.mkdir()
    with pytest.raises(InputError, match=r"no annotation in .*EMPTY\.SAFE"):
        package(inputs, tmp_path / "out", reference_safes=[empty])


def test_the_simulation_is_part_of_the_identity_of_simulated_products_only(tmp_path):
    def identity(source: str) -> dict[str, str]:
        context = Context(
            workdir=tmp_path, out=tmp_path, source=open_source(source), engine=open_engine("builtin"),
            log=logging.getLogger("test"), progress=lambda _fraction, _text: None, cpus=1,
        )  # fmt: skip
        return simulation(context)

    texts = ("simulated", "simulated:seed=3", "simulated:clean")
    assert len({json.dumps(identity(text)) for text in texts}) == 3
    assert identity("simulated:natural") == identity("simulated")
    assert identity("asf") == {}
