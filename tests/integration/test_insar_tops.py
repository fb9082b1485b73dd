"""The SLC recipe end to end on simulated SLCs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import isce2_recipe
from isce2_recipe.errors import ParameterError

REFERENCE = "S1A_IW_SLC__1SDV_20200604T022251_20200604T022318_032861_03CE65_7C85"
SECONDARY = "S1A_IW_SLC__1SDV_20200616T022252_20200616T022319_033036_03D3A3_5D11"


def run(folder: Path, source: str, **parameters) -> isce2_recipe.RunResult:
    values = {"reference": REFERENCE, "secondary": SECONDARY, **parameters}
    return isce2_recipe.run("insar_tops", source=source, engine="builtin", workdir=folder, **values)


def parameters_of(product: Path) -> dict[str, str]:
    lines = (product / f"{product.name}.txt").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines)


@pytest.mark.parametrize(
    ("settings", "tiled"),
    [(("looks=20x4", "swaths=[2]"), False), (("looks=20x4",), True), (("looks=5x1",), True)],
)
def test_memory_is_bounded_and_large_images_are_left_to_our_tiles(tmp_path, settings, tiled):
    command = [sys.executable, "-m", "isce2_recipe", "plan", "insar_tops", "--json", "--engine", "builtin"]
    command += ["--source", "simulated", "--workdir", str(tmp_path / "w")]
    for setting in (f"reference={REFERENCE}", f"secondary={SECONDARY}", *settings):
        command += ["--set", setting]
    planned = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    steps = {step["step"]: step for step in planned["steps"]}
    assert planned["memory"] <= 4e9
    assert steps["topsapp/config"]["inputs"]["values"]["do_unwrap"] is not tiled
    assert steps["topsapp/unwrap_otherwise"]["status"] == ("run" if tiled else "skipped")
    if tiled:
        # One piece has at most eight million multilooked pixels.
        assert 2.9e9 < steps["topsapp/unwrap_otherwise"]["memory"] < 3.6e9


@pytest.mark.slow
def test_two_bursts_of_one_swath_agree_with_the_truth(tmp_path):
    made = run(tmp_path / "w", "simulated:clean,samples=1600,bursts=2", swaths=[2])
    assert made.product is not None
    name = made.product.name
    assert re.fullmatch(
        r"S1_064_0{6}s1n00-136224s2n02-0{6}s3n00_IW_20200604_20200616_VV_INT80_[0-9A-F]{4}", name
    )
    rms_mm, wrong = re.search(r"to ([\d.]+) mm RMS.*, (\d+) of", made.outputs["agreement"]).groups()
    assert float(rms_mm) < 0.6
    assert wrong == "0"
    assert "of the land unwrapped" in made.outputs["quality"]
    assert Path(made.outputs["report"]).is_file()
    text = parameters_of(made.product)
    assert (text["Reference Granule"], text["Secondary Granule"]) == (REFERENCE, SECONDARY)
    assert not any(key.startswith("Radar") for key in text)


@pytest.mark.slow
def test_two_swaths_of_a_horizontal_pair_with_a_legacy_name(tmp_path):
    reference, secondary = (name.replace("1SDV", "1SSH") for name in (REFERENCE, SECONDARY))
    made = run(
        tmp_path / "w",
        "simulated:clean,lines=120,samples=800,bursts=1",
        name_style="legacy",
        apply_water_mask=True,
        swaths=[1, 2],
        reference=reference,
        secondary=secondary,
    )
    assert made.product is not None
    assert re.fullmatch(
        r"S1A_064_E05\d_\d_N2\d_\d_E05\d_\d_N2\d_\d_20200604_20200616_HH_INT80_[0-9A-F]{4}", made.product.name
    )
    safes = sorted(path.name for path in (tmp_path / "w").glob("*/S1A*.SAFE"))
    assert [name[:20] for name in safes] == ["S1A_IW_SLC__1SSH_202"] * 2
    tiffs = (tmp_path / "w" / "reference").glob("S1A*.SAFE/measurement/*.tiff")
    assert sorted(path.name[:14] for path in tiffs) == [f"s1a-iw{n}-slc-hh" for n in (1, 2)]


def test_a_polarization_that_is_not_there_ends_before_anything_starts(tmp_path):
    with pytest.raises(ParameterError, match="has no HH, only VV and VH"):
        run(tmp_path / "w", "simulated:clean,lines=120,samples=800,bursts=1", polarization="HH")
    assert not (tmp_path / "w" / "scenes").exists()
