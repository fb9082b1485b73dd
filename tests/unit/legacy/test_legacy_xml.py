"""Translation of the XML files of topsApp and stripmapApp."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from isce2_recipe.actions import template
from isce2_recipe.actions.base import Context
from isce2_recipe.errors import InputError
from isce2_recipe.legacy import translate_xml
from isce2_recipe.lint import lint_paths

OLD = "S1A_IW_SLC__1SDV_20200604T022251_20200604T022318_032861_03CE65_7C85"
NEW = "S1B_IW_SLC__1SDV_20200616T022252_20200616T022319_033036_03D3A3_5D11"
SHORT = OLD.replace("022318", "022254")
TOPS = f"""<?xml version="1.0" encoding="UTF-8"?>
<topsApp>
  <component name="topsinsar">
    <property name="Sensor name">SENTINEL1</property>
    <component name="reference">
      <property name="safe">['/data/{OLD}.SAFE']</property>
      <property name="output directory">reference</property>
      <property name="orbit directory">/data/orbits</property>
      <property name="polarization"><value>hh</value></property>
    </component>
    <component name="secondary"><catalog>secondary.xml</catalog></component>
    <property name="swaths">[1, 3]</property>
    <property name="Range Looks">10</property>
    <property name="azimuth looks">2</property>
    <property name="do ESD">False</property>
    <property name="filter strength">0.4</property>
    <property name="do unwrap">True</property>
    <property name="unwrapper name">snaphu_mcf</property>
  </component>
</topsApp>
"""
SECONDARY = f"""<component name="secondary">
  <property name="safe">/data/{NEW}.zip</property>
  <property name="polarization">hh</property>
</component>
"""
STRIPMAP = """<stripmapApp>
  <component name="insar">
    <property name="sensor name">ALOS</property>
    <component name="master">
      <property name="IMAGEFILE">/data/IMG-HH-ALPSRP156121200-H1.0__A</property>
      <property name="LEADERFILE">/data/LED-ALPSRP156121200-H1.0__A</property>
    </component>
    <component name="slave">
      <property name="IMAGEFILE">/data/IMG-HH-ALPSRP162831200-H1.0__A</property>
      <property name="LEADERFILE">/data/LED-ALPSRP162831200-H1.0__A</property>
    </component>
    <property name="range looks">3</property>
    <property name="azimuth looks">9</property>
    <property name="regionOfInterest">[1.0, 2.0, 3.0, 4.0]</property>
  </component>
</stripmapApp>
"""


def write(folder: Path, text: str, secondary: str = SECONDARY) -> Path:
    (folder / "secondary.xml").write_text(secondary)
    path = folder / "app.xml"
    path.write_text(text)
    return path


def test_topsapp(tmp_path: Path) -> None:
    translation = translate_xml(write(tmp_path, TOPS))
    assert translation.recipe == "insar_tops"
    assert translation.parameters == {
        "reference": OLD,
        "secondary": NEW,
        "polarization": "HH",
        "swaths": [1, 3],
        "looks": "10x2",
        "filter_strength": 0.4,
    }
    assert [note[:44] for note in translation.notes] == [
        "the property 'ESD coherence threshold' is 0.",
        "terrain and orbits come from the run's sourc",
    ]


@pytest.mark.parametrize("written", ['"do ESD">True', '"height">1'])
def test_esd_is_on_as_in_isce2(tmp_path: Path, written: str) -> None:
    translation = translate_xml(write(tmp_path, TOPS.replace('"do ESD">False', written)))
    assert translation.parameters["esd"] is True


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("snaphu_mcf", "icu", "property 'unwrapper name' is icu: the recipe unwraps with SNAPHU"),
        (
            '"do unwrap">True',
            '"do unwrap">False',
            "the property 'do unwrap' is False: the recipe always unwraps",
        ),
        (
            "20200604T022318",
            "20200604T022254",
            f"{SHORT} is so short that it was probably made from bursts: give the names of these "
            "bursts to the recipe insar_tops_burst",
        ),
        (
            '"Range Looks">10',
            '"Range Looks">101',
            "such as 20x4, 10x2, 5x1, instead got '101x2': the recipe's default 20x4 is used",
        ),
        (
            '"do ESD">False',
            '"geocode bounding box">[1, 2, 3, 4]',
            "the property 'geocode bounding box' is [1, 2, 3, 4]: the recipe ignores it",
        ),
    ],
)
def test_the_notes_list_the_differences(tmp_path: Path, old: str, new: str, note: str) -> None:
    assert any(found.endswith(note) for found in translate_xml(write(tmp_path, TOPS.replace(old, new))).notes)


def test_stripmapapp_with_the_names_of_older_releases(tmp_path: Path) -> None:
    translation = translate_xml(write(tmp_path, STRIPMAP))
    assert translation.recipe == "insar_stripmap"
    assert translation.parameters == {
        "reference": "ALPSRP156121200",
        "secondary": "ALPSRP162831200",
        "looks": "3x9",
        "split_spectrum": False,
        "dispersive_coherence": 0.5,
    }
    [note] = [note for note in translation.notes if "regionOfInterest" in note]
    assert note == "the property 'regionOfInterest' is [1.0, 2.0, 3.0, 4.0]: the recipe ignores it"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<insarApp/>", "configures neither topsApp nor stripmapApp"),
        ("<topsApp>", "app.xml:1: not well-formed XML"),
        (TOPS.replace(OLD, "reference"), "names no reference granule"),
        (TOPS.replace(f"/data/{OLD}.SAFE'", f"{OLD}', '{NEW}'"), "has 2 granules in the reference"),
        (
            TOPS.replace("0.4", "strong"),
            "app.xml:16: property 'filter strength' must be a number",
        ),
        (TOPS.replace("secondary.xml", "missing.xml"), "cannot read .*missing.xml: No such file"),
    ],
)
def test_xml_that_cannot_be_translated(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        translate_xml(write(tmp_path, text))


def rendered(folder: Path, app: str, **values: object) -> Path:
    """Write an application's XML file as a run of a recipe does."""
    context = Context(
        workdir=folder,
        out=folder,
        source=None,
        engine=None,
        log=logging.getLogger("test"),
        progress=lambda fraction, text: None,
        cpus=1,
    )
    common = {"dem": folder / "dem", "filter_strength": 0.3}
    made = template.render.function(
        context, template=f"isce2/{app}.xml.j2", to=f"{app}.xml", values=common | values
    )
    return made.path


def test_xml_written_by_a_recipe_gives_its_parameters_back(tmp_path: Path) -> None:
    tops = rendered(
        tmp_path,
        "topsApp",
        reference_safes=[tmp_path / f"{OLD}.SAFE"],
        secondary_safes=[tmp_path / f"{NEW}.SAFE"],
        orbit_directory=tmp_path / "orbits",
        aux_cal=None,
        geocode_dem=tmp_path / "dem",
        polarization="HH",
        swaths=[2, 3],
        range_looks=5,
        azimuth_looks=1,
        do_unwrap=True,
        unwrapper="snaphu_mcf",
    )
    translation = translate_xml(tops)
    assert translation.parameters == {
        "reference": OLD,
        "secondary": NEW,
        "polarization": "HH",
        "swaths": [2, 3],
        "looks": "5x1",
        "filter_strength": 0.3,
    }
    assert [note[:17] for note in translation.notes] == ["terrain and orbit"]
    scenes = {
        f"{side}_{kind}": tmp_path / f"{prefix}-{name}-H1.0__A"
        for side, name in (("reference", "ALPSRP156121200"), ("secondary", "ALPSRP162831200"))
        for kind, prefix in (("image", "IMG-HH"), ("leader", "LED"))
    }
    stripmap = rendered(
        tmp_path,
        "stripmapApp",
        **scenes,
        region=[1.0, 2.0, 3.0, 4.0],
        range_looks=2,
        azimuth_looks=7,
        unwrapper="snaphu",
        split_spectrum=True,
        dispersive_coherence=0.7,
    )
    translation = translate_xml(stripmap)
    assert translation.parameters == {
        "reference": "ALPSRP156121200",
        "secondary": "ALPSRP162831200",
        "looks": "2x7",
        "filter_strength": 0.3,
        "dispersive_coherence": 0.7,
    }
    assert [note[:17] for note in translation.notes] == ["the property 'reg", "terrain and orbit"]


def test_a_newer_reference_stays_the_reference(tmp_path: Path) -> None:
    newer = NEW.replace("S1B", "S1A").replace("03D3A3", "03D3A6")
    text = TOPS.replace(OLD, newer).replace("hh<", "vv<")
    translation = translate_xml(write(tmp_path, text, SECONDARY.replace(NEW, OLD)))
    assert (translation.parameters["reference"], translation.parameters["secondary"]) == (newer, OLD)
    assert translation.parameters["any_order"] is True
    assert translation.notes[0].startswith(f"the reference {newer} is newer than the secondary {OLD}: ")
    plan = [sys.executable, "-m", "isce2_recipe", "plan", *translation.arguments[1:]]
    done = subprocess.run(plan, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_stripmap_scenes_are_never_exchanged(tmp_path: Path) -> None:
    exchanged = STRIPMAP.replace("15612", "x").replace("16283", "15612").replace("x", "16283")
    with pytest.raises(InputError) as caught:
        translate_xml(write(tmp_path, exchanged))
    assert "ALPSRP162831200 is newer than the secondary ALPSRP156121200" in str(caught.value)
    assert f"isce2-recipe app stripmapApp {tmp_path}/app.xml --engine isce2, or exchange" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (">ALOS<", ">COSMO_SKYMED_SLC<", "processes scenes of the sensor COSMO_SKYMED_SLC; the recipe "),
        (
            '"sensor name"',
            '"slave sensor name">ENVISAT</property><property name="sensor name"',
            "sensor ENVISAT",
        ),
        ('"sensor name">ALOS', '"posting">30', "processes scenes of no sensor"),
        (
            'H1.0__A</property>\n      <property name="LEADER',
            'H1.0__A, IMG-HH-ALPSRP156121210-H1.0__A</property><property name="LEADER',
            "has 2 granules",
        ),
        ("IMG-HH-ALPSRP156121200", "image", "names no reference granule"),
    ],
)
def test_what_has_no_recipe_gets_the_command_that_runs_the_xml(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        translate_xml(write(tmp_path, STRIPMAP.replace(old, new)))
    assert message in str(caught.value)
    assert f"run the XML itself: isce2-recipe app stripmapApp {tmp_path}/app.xml --engine isce2" in str(
        caught.value
    )


REPORTS = Path(__file__).parents[4] / "shared" / "data" / "reports" / "isce2-xml"


@pytest.mark.skipif(not REPORTS.is_dir(), reason="needs the files of ../shared/data")
@pytest.mark.parametrize("name", ["quoted_values", "newer_reference_tops"])
def test_reported_files_are_translated(name: str) -> None:
    translation = translate_xml(REPORTS / f"{name}.xml")
    names = translation.parameters["reference"], translation.parameters["secondary"]
    assert [one[17:25] for one in names] == sorted(("20200604", "20200616"), reverse=name.startswith("newer"))


@pytest.mark.skipif(not REPORTS.is_dir(), reason="needs the files of ../shared/data")
def test_reported_files_have_no_problems(tmp_path: Path) -> None:
    shutil.copytree(REPORTS, tmp_path, dirs_exist_ok=True)
    for side in ("reference", "secondary"):
        (tmp_path / f"{side}.xml").write_text(
            "<a><property name='imagefile'>IMG-HH-ALPSRP156121200</property></a>"
        )
    assert lint_paths(sorted(path for path in tmp_path.glob("*_*.xml"))) == []
