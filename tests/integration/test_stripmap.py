"""The stripmap recipe from the command line to the product; a child process stands in for ISCE2."""

from __future__ import annotations

import json
import zipfile

import pytest

from support.runs import call
from support.stripmap_isce2 import stand_in

pytestmark = pytest.mark.slow

OLDER, NEWER = "ALPSRP156121200", "ALPSRP162831200"
NAME = f"{OLDER}x{NEWER}"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stripmap")
    (folder / "bin").mkdir()
    words = ["run", "insar_stripmap", "--reference", NEWER, "--secondary", OLDER, "--workdir", folder / "run"]
    words += ["--source", "simulated:lines=256,samples=1200", "--engine", "isce2"]
    done = call(*words, cwd=folder, env=stand_in(folder / "bin"), timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "run", done


def test_it_says_where_the_product_is_and_how_good_it_is(finished):
    workdir, done = finished
    assert f"name: {NAME}" in done.stdout
    assert "agrees with the truth to" in done.stdout
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
        (["--secondary", NEWER, "--engine", "builtin"], 1, "the engine builtin cannot run stripmapApp"),
        (["--secondary", "ALPSRP156131200", "--engine", "builtin"], 1, "are on different tracks"),
        (["--secondary", "S1A", "--engine", "builtin"], 1, "secondary"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_fetched(tmp_path, words, code, message):
    words = ["run", "insar_stripmap", "--reference", OLDER, *words, "--workdir", tmp_path / "run"]
    done = call(*words, "--source", "simulated", cwd=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run" / "reference").exists()
