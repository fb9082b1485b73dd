"""Tests of reading topsApp.xml with the rules of ISCE2."""

import re
from pathlib import Path

import pytest

from isce2_recipe.engines.builtin.config import TopsConfig, read_config
from isce2_recipe.errors import InputError

SENSOR = '<property name="safe">{safe}</property><property name="orbit directory">orbits</property>'


def application(
    tmp_path: Path, properties: str = "", safe: str = "['a.SAFE', '/data/b.SAFE']", basics: bool = True
) -> Path:
    needed = '<property name="do ESD">False</property><property name="demFilename">dem.wgs84</property>'
    path = tmp_path / "topsApp.xml"
    path.write_text(
        f"""<topsApp><component name="topsinsar">{needed if basics else ""}{properties}
        <component name="reference">{SENSOR.format(safe=safe)}</component>
        <component name="Secondary">{SENSOR.format(safe="c.SAFE")}</component></component></topsApp>"""
    )
    return path


def read(tmp_path: Path, properties: str = "", **kwargs: object) -> TopsConfig:
    return read_config(application(tmp_path, properties, **kwargs), tmp_path)  # type: ignore[arg-type]


def test_defaults_equal_those_of_isce2(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert (config.range_looks, config.azimuth_looks) == (19, 7)
    assert config.swaths == (1, 2, 3)
    assert config.filter_strength == 0.5
    assert config.use_virtual_files
    assert not config.do_unwrap
    assert config.geocode_list is None
    assert config.region_of_interest is None
    assert config.secondary.output == "secondary"
    assert config.secondary.polarization == "vv"


def test_paths_are_relative_to_the_work_folder(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert config.reference.safe == (tmp_path / "a.SAFE", Path("/data/b.SAFE"))
    assert config.secondary.safe == (tmp_path / "c.SAFE",)
    assert config.reference.orbit_directory == tmp_path / "orbits"
    assert config.dem == config.geocode_dem == tmp_path / "dem.wgs84"


def test_names_are_compared_without_case_and_white_space(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        """<property name="RANGELOOKS">20</property>
        <property name="Azimuth  Looks"><value>4</value></property>
        <property name="swaths">[3, 1]</property><property name="USE virtual FILES">False</property>
        <property name="region of interest">[27.5, 28, 53, 54.25]</property>
        <property name="geocode list">['merged/phsig.cor', "merged/los.rdr"]</property>""",
    )
    assert (config.range_looks, config.azimuth_looks) == (20, 4)
    assert config.swaths == (1, 3)
    assert not config.use_virtual_files
    assert config.region_of_interest == (27.5, 28.0, 53.0, 54.25)
    assert config.geocode_list == ("merged/phsig.cor", "merged/los.rdr")


def test_a_component_may_be_in_a_separate_file(tmp_path: Path) -> None:
    (tmp_path / "reference.xml").write_text(
        '<component name="reference"><property name="SAFE">x.SAFE</property>'
        '<property name="polarization">HH</property></component>'
    )
    path = application(tmp_path)
    text = path.read_text()
    start, stop = text.index('<component name="reference">'), text.index('<component name="Secondary">')
    path.write_text(
        f'{text[:start]}<component name="reference"><catalog>reference.xml</catalog></component>{text[stop:]}'
    )
    config = read_config(path, tmp_path)
    assert config.reference.safe == (tmp_path / "x.SAFE",)
    assert config.reference.polarization == "hh"


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ('<property name="range loks">20</property>', "unknown property 'range loks'.*\n.*'range looks'"),
        ('<property name="range looks">0</property>', "'range looks' must be a positive whole number"),
        ('<property name="range looks">many</property>', "instead got 'many'"),
        ('<property name="swaths">[4]</property>', "'swaths' must be a list of 1, 2 and 3"),
        ('<property name="do unwrap">perhaps</property>', "'do unwrap' must be True or False"),
        ('<property name="region of interest">[28, 27, 53, 54]</property>', "south, north, west, east"),
        ('<property name="do ionosphere correction">True</property>', "does not support\n.*--engine isce2"),
        ('<property name="do interferogram">False</property>', "nothing to compute"),
        ('<property name="sensor name">ALOS</property>', "not supported; use SENTINEL1"),
    ],
)
def test_messages_name_file_and_problem(tmp_path: Path, properties: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, properties)
    text = str(caught.value)
    assert "topsApp.xml" in text
    assert re.search(message, text), text


def test_esd_is_refused_when_it_is_on_by_default(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'do ESD' is True by default"):
        read(tmp_path, basics=False)


def test_a_dem_is_required(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no 'demFilename'"):
        read(tmp_path, '<property name="do ESD">False</property>', basics=False)


def test_both_dates_are_required(tmp_path: Path) -> None:
    path = tmp_path / "topsApp.xml"
    path.write_text(
        '<topsApp><component name="topsinsar"><component name="reference"/></component></topsApp>'
    )
    with pytest.raises(InputError, match="the reference component has no 'safe'"):
        read_config(path, tmp_path)


@pytest.mark.parametrize("text", ["<topsApp><component>", "", "<topsApp/>"])
def test_files_without_an_application_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "topsApp.xml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"topsApp\.xml"):
        read_config(path, tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"topsApp\.xml cannot be read: No such file"):
        read_config(tmp_path / "topsApp.xml", tmp_path)
