"""The stripmap recipe from the command line to the product; a child process takes the place of ISCE2."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from support.runs import call
from support.shared import Shared
from support.stripmap_isce2 import NEWER, OLDER, stripmap_job

pytestmark = pytest.mark.slow

NAME = f"{OLDER}x{NEWER}"


@pytest.fixture
def finished(shared: Shared) -> tuple[Path, str]:
    """Return the work directory of a run, and what the run printed."""
    ran = stripmap_job(shared)
    return ran.workdir, ran.out


def test_it_prints_the_product_and_its_agreement_with_the_truth(finished):
    workdir, printed = finished
    assert f"name: {NAME}" in printed
    assert "agrees with the truth to" in printed
    assert (workdir / "package" / NAME / f"{NAME}_unw_phase.tif").is_file()
    assert (workdir / "truth" / "los_displacement.tif").is_file()


def test_the_archive_holds_maps_and_isce2s_folders(finished):
    workdir, _ = finished
    with zipfile.ZipFile(workdir / "package" / f"{NAME}.zip") as opened:
        members = opened.namelist()
    assert {member.split("/")[1] for member in members if member.count("/") > 1} == {
        "interferogram",
        "geometry",
        "ionosphere",
    }
    assert f"{NAME}/{NAME}_dispersive_phase.tif" in members
    assert f"{NAME}/{NAME}_README.md.txt" in members


def test_the_older_scene_became_the_reference(finished):
    workdir, _ = finished
    scenes = json.loads((workdir / "scenes" / "scenes.json").read_text())
    assert [scene["name"] for scene in scenes] == [OLDER, NEWER]
    text = (workdir / "package" / NAME / f"{NAME}.txt").read_text()
    assert text.startswith(f"Reference Granule: {OLDER}\nSecondary Granule: {NEWER}\n")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--secondary", "ALPSRP156131200", "--engine", "builtin"], 1, "are on different tracks"),
        (["--secondary", "S1A", "--engine", "builtin"], 1, "secondary"),
    ],
)
def test_an_impossible_run_is_refused_before_anything_is_fetched(tmp_path, words, code, message):
    words = ["run", "insar_stripmap", "--reference", OLDER, *words, "--workdir", tmp_path / "run"]
    done = call(*words, "--source", "simulated", cwd=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run" / "reference").exists()
