"""Downloads in a plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.plan.forecast import downloads
from support.runs import call

OLDER = "S1_136231_IW2_20200604T022312_VV_7C85-BURST"
NEWER = "S1_136231_IW2_20200616T022313_VV_5D11-BURST"
ACTIONS = load_registry()


def test_sizes_come_from_the_catalogue(tmp_path: Path) -> None:
    catalog = tmp_path / "bursts.json"
    catalog.write_text(json.dumps([{"name": OLDER, "bytes": 147_000_000}, {"name": NEWER, "bytes": None}]))
    inputs = {"catalog": catalog, "granules": [OLDER, NEWER]}
    assert downloads(ACTIONS["sentinel1.fetch_safes"], inputs) == [
        (f"{OLDER}.tiff", 147_000_000),
        (f"{OLDER}.xml", None),
        (f"{NEWER}.tiff", None),
        (f"{NEWER}.xml", None),
    ]


@pytest.mark.parametrize(
    ("action", "inputs", "expected"),
    [
        ("slc.fetch", {"granule": "S1A_X"}, ["S1A_X.zip"]),
        ("alos.fetch_scene", {"scene": "ALPSRP1"}, ["ALPSRP1-L1.0.zip"]),
        ("sentinel1.fetch_safes", {"granules": "{{ steps.pair.reference }}"}, ["bursts"]),
        ("dem.fetch", {}, ["terrain tiles", "the geoid around the scene", "water mask tiles"]),
        ("sentinel1.find_bursts", {"reference": [OLDER]}, []),
        ("product.insar_tops", {}, []),
    ],
)
def test_names_as_far_as_they_are_known(action: str, inputs: dict[str, object], expected: list[str]) -> None:
    assert downloads(ACTIONS[action], inputs) == [(name, None) for name in expected]


def _plan(tmp_path: Path, *words: str, **variables: str) -> str:
    pair = ("--reference", OLDER, "--secondary", NEWER)
    env = {"XDG_CACHE_HOME": str(tmp_path), **variables}  # no run has been on this machine
    done = call("plan", "insar_tops_burst", *pair, *words, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_first_plan_uses_no_network_and_reports_what_is_unknown(tmp_path: Path) -> None:
    said = _plan(tmp_path)
    assert f"download {OLDER}.tiff, size unknown" in said
    assert "downloads: 9, their size is unknown before the catalogue has been queried" in said
    assert "credentials: Earthdata login" in said
    assert '<property name="swaths">[2]</property>' in said  # known beforehand from the names alone
    assert "time: unknown before the first run on this machine" in said


def test_other_sources_download_nothing(tmp_path: Path) -> None:
    said = _plan(tmp_path, "--source", "simulated")
    assert "downloads: none, inputs come from simulated" in said
    assert "download S1" not in said
    assert "credentials" not in said


def test_a_plan_checks_every_login_that_the_run_needs(tmp_path: Path) -> None:
    words = ("--bucket", "mine", "--publish-bucket", "theirs", "--source", "simulated")
    said = _plan(tmp_path, *words, HOME=str(tmp_path))
    assert "credentials: AWS login MISSING in the environment and in ~/.aws" in said
    assert "credentials: login to publish MISSING" in said
    keys = {"AWS_PROFILE": "me", "PUBLISH_ACCESS_KEY_ID": "a", "PUBLISH_SECRET_ACCESS_KEY": "b"}
    said = _plan(tmp_path, *words, **keys)
    assert "credentials: AWS login found" in said
    assert "credentials: login to publish found" in said
