"""topsApp.xml read as ISCE2 reads it."""

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


def test_defaults_are_isce2s(tmp_path: Path) -> None:
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


def test_paths_start_in_the_work_folder(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert config.reference.safe == (tmp_path / "a.SAFE", Path("/data/b.SAFE"))
    assert config.secondary.safe == (tmp_path / "c.SAFE",)
    assert config.reference.orbit_directory == tmp_path / "orbits"
    assert config.dem == config.geocode_dem == tmp_path / "dem.wgs84"


def test_names_are_compared_without_case_and_blanks(tmp_path: Path) -> None:
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


def test_a_component_may_be_a_file_of_its_own(tmp_path: Path) -> None:
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
        ('<property name="do ionosphere correction">True</property>', "cannot do that\n.*--engine isce2"),
        ('<property name="do interferogram">False</property>', "nothing is asked for"),
        ('<property name="sensor name">ALOS</property>', "only SENTINEL1"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, properties: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, properties)
    text = str(caught.value)
    assert "topsApp.xml" in text
    assert re.search(message, text), text


def test_esd_is_refused_even_where_it_is_only_the_default(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'do ESD' is not given, which means True"):
        read(tmp_path, basics=False)


def test_a_dem_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no 'demFilename'"):
        read(tmp_path, '<property name="do ESD">False</property>', basics=False)


def test_both_dates_must_be_given(tmp_path: Path) -> None:
    path = tmp_path / "topsApp.xml"
    path.write_text(
        '<topsApp><component name="topsinsar"><component name="reference"/></component></topsApp>'
    )
    with pytest.raises(InputError, match="the reference component has no 'safe'"):
        read_config(path, tmp_path)


@pytest.mark.parametrize("text", ["<topsApp><component>", "", "<topsApp/>"])
def test_files_that_are_no_application(tmp_path: Path, text: str) -> None:
    path = tmp_path / "topsApp.xml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"topsApp\.xml"):
        read_config(path, tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"topsApp\.xml cannot be read: No such file"):
        read_config(tmp_path / "topsApp.xml", tmp_path)
