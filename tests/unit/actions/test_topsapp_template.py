"""The rendered configuration of topsApp: its text, and its names in both engines."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from isce2_recipe.actions import isce2, template
from isce2_recipe.actions.base import Context
from isce2_recipe.engines.builtin.config import read_config
from isce2_recipe.errors import ParameterError
from isce2_recipe.paths import data_folder
from isce2_recipe.recipe import isce2_xml

GOLDEN = Path(__file__).parents[2] / "golden" / "topsApp.xml"


def render(workdir: Path, **changes: object) -> Path:
    """Render the configuration of two bursts in IW2, with all paths below the work directory."""
    out = workdir / "config"
    out.mkdir(parents=True, exist_ok=True)
    context = Context(
        workdir=workdir,
        out=out,
        source=None,
        engine=None,
        log=logging.getLogger("test"),
        progress=lambda fraction, text: None,
        cpus=1,
    )
    values = {
        "reference_safes": [workdir / "reference" / name for name in ("A.SAFE", "B & C.SAFE")],
        "secondary_safes": [workdir / "secondary" / name for name in ("D.SAFE", "E.SAFE")],
        "orbit_directory": workdir / "orbits",
        "polarization": "HH",
        "swaths": [1, 2],
        "range_looks": 20,
        "azimuth_looks": 4,
        "dem": workdir / "dem" / "full_res.dem.wgs84",
        "geocode_dem": workdir / "geocode_dem" / "full_res_geocode.dem.wgs84",
        "filter_strength": 0.5,
        "do_unwrap": True,
        "unwrapper": "snaphu_mcf",
        **changes,
    }
    rendered = template.render.function(
        context, template="isce2/topsApp.xml.j2", to="topsApp.xml", values=values
    )
    return rendered.path


def properties(path: Path) -> dict[str, str]:
    """Return the values by name; those of a component are below its name."""
    top = ET.parse(path).getroot().find("component")
    found = {each.get("name"): each.text for each in top.findall("property")}
    for component in top.findall("component"):
        for each in component.findall("property"):
            found[f"{component.get('name')}.{each.get('name')}"] = each.text
    return found


def test_the_text_is_the_golden_one(tmp_path):
    assert render(tmp_path).read_text() == GOLDEN.read_text()


def test_it_does_not_depend_on_where_the_run_is(tmp_path):
    assert render(tmp_path / "a").read_text() == render(tmp_path / "b" / "c").read_text()


def test_isce2_knows_every_name(tmp_path):
    known = json.loads((data_folder("schemas") / "isce2" / "topsApp.properties.json").read_text())
    entries = known["properties"] + known["sensors"]["SENTINEL1"]
    names = {"".join(each["name"].lower().split()) for each in entries}
    for name in properties(render(tmp_path)):
        assert "".join(name.rpartition(".")[2].lower().split()) in names


@pytest.mark.filterwarnings("ignore")
def test_the_builtin_engine_reads_the_same_settings(tmp_path):
    (tmp_path / "isce").mkdir()
    config = read_config(render(tmp_path, do_unwrap=False), tmp_path / "isce")
    assert config.swaths == (1, 2) and (config.range_looks, config.azimuth_looks) == (20, 4)
    assert [path.name for path in config.reference.safe] == ["A.SAFE", "B & C.SAFE"]
    assert config.reference.polarization == "hh"
    assert config.dem != config.geocode_dem
    assert config.do_unwrap is False
    assert len(config.geocode_list) == 6


def test_esd_and_the_ionosphere_are_passed_to_isce2(tmp_path):
    chosen = isce2.ionosphere.function(
        SimpleNamespace(log=logging.getLogger("test")),
        engine="isce2",
        remove=True,
        settings={"height_km": 300, "burst_properties": True},
    )
    path = render(tmp_path, esd=True, ionosphere=chosen.properties)
    assert isce2_xml.check(path.read_text()) == []
    found = properties(path)
    assert found["do ESD"] == "True"
    assert found["do ionosphere correction"] == found["apply ionosphere correction"] == "True"
    assert found["height of ionosphere layer in km"] == "300"
    assert found["consider burst properties in ionosphere computation"] == "True"
    assert "'merged/topophase.ion'" in found["geocode list"]


@pytest.mark.parametrize(
    ("engine", "settings", "message"),
    [
        ("builtin", {}, "the builtin engine does not estimate the ionosphere"),
        ("isce2", {"hight_km": 1}, "the ionosphere has no setting 'hight_km'"),
    ],
)
def test_wrong_ionospheres_are_refused_when_the_plan_is_made(engine, settings, message):
    with pytest.raises(ParameterError, match=message):
        isce2.ionosphere.check({"engine": engine, "remove": True, "settings": settings})
