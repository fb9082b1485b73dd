"""The example package, built and installed, adds an action, a source and an engine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from isce2_recipe.recipe import isce2_xml
from support.runs import call, statuses

PLUGIN = Path(__file__).resolve().parents[2] / "examples/plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the built package in it, as pip would install it."""
    folder = tmp_path_factory.mktemp("plugin")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, folder], cwd=PLUGIN, capture_output=True, text=True, check=True
    )
    with zipfile.ZipFile(folder / done.stdout.split()[-1]) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def test_action_source_and_engine_of_another_package(tmp_path: Path, installed: Path) -> None:
    env = {"PYTHONPATH": str(installed)}
    words = (
        "run",
        PLUGIN / "flat_terrain.yml",
        "--source",
        "flat:120",
        "--engine",
        "rehearsal",
        "--workdir",
        "w",
    )
    done = call(*words, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert "mean_height: 120" in done.stdout
    assert "engine: rehearsal 1.0" in done.stdout
    asked = (tmp_path / "w/isce/rehearsal.txt").read_text().split()[2::3]
    steps = isce2_xml.steps("topsApp")
    assert asked == list(steps[: steps.index("topo") + 1])
    record = json.loads((tmp_path / "w/run.json").read_text())
    assert record["source"]["used"] == "flat 1 120.0"
    assert call(*words, "--json", cwd=tmp_path, env=env).returncode == 0
    assert set(statuses(tmp_path / "w").values()) == {"cached"}


def test_what_a_plugin_gets_wrong_is_one_message(tmp_path: Path, installed: Path) -> None:
    env = {"PYTHONPATH": str(installed)}
    recipe = PLUGIN / "flat_terrain.yml"
    wrong = call("run", recipe, "--source", "flat:high", "--engine", "rehearsal", cwd=tmp_path, env=env)
    assert wrong.returncode == 2
    assert "flat:HEIGHT must be a number of metres, instead got 'high'" in wrong.stderr
    without = call("run", recipe, "--source", "flat", cwd=tmp_path, env={"PYTHONPATH": ""})
    assert without.returncode == 1
    assert "there is no action 'raster.summarise'" in without.stderr
    assert "Traceback" not in wrong.stderr + without.stderr


def test_the_examples_recipe_lints_clean(tmp_path: Path, installed: Path) -> None:
    done = call("lint", PLUGIN / "flat_terrain.yml", cwd=tmp_path, env={"PYTHONPATH": str(installed)})
    assert done.returncode == 0, done.stdout


def test_app_is_a_drop_in_for_isce2s_own_command(tmp_path: Path, installed: Path) -> None:
    (tmp_path / "topsApp.xml").write_text("<topsApp/>")
    env = {"PYTHONPATH": str(installed), "ISCE2_RECIPE_ENGINE": "rehearsal"}
    words = ("app", "topsApp", "--steps", "--start=filter", "--end=unwrap")
    done = call(*words, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    for line in (r"filter: done in [\d.]+ s, processor time", "topsApp: 2 steps done in "):
        assert re.search(f"^{line}", done.stdout, re.MULTILINE), done.stdout
    asked = (tmp_path / "rehearsal.txt").read_text().splitlines()
    assert asked == ["topsApp topsApp.xml filter", "topsApp topsApp.xml unwrap"]
    missing = call("app", "topsApp", "none.xml", cwd=tmp_path, env=env)
    assert (missing.returncode, "there is no file 'none.xml'" in missing.stderr) == (1, True)
    both = call(
        "app", "topsApp", "topsApp.xml", "--dostep", "filter", "--end", "unwrap", cwd=tmp_path, env=env
    )
    assert both.returncode == 2
