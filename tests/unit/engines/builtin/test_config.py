"""Tests of reading topsApp.xml with the rules of ISCE2."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from isce2_recipe.engines.builtin import BuiltinEngine
from isce2_recipe.engines.builtin.config import EsdConfig, TopsConfig, read_config
from isce2_recipe.errors import InputError
from isce2_recipe.recipe import isce2_xml

SENSOR = '<property name="safe">{safe}</property><property name="orbit directory">orbits</property>'


def application(
    tmp_path: Path, properties: str = "", safe: str = "['a.SAFE', '/data/b.SAFE']", basics: bool = True
) -> Path:
    needed = '<property name="demFilename">dem.wgs84</property>'
    path = tmp_path / "topsApp.xml"
    path.write_text(
        f"""<topsApp><component name="topsinsar">{needed if basics else ""}
        <component name="reference">{SENSOR.format(safe=safe)}</component>
        <component name="Secondary">{SENSOR.format(safe="c.SAFE")}</component>
        {properties}</component></topsApp>"""
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
        ('<property name="range loks">20</property>', "property 'range loks' is unknown.*\n.*'range looks'"),
        ('<property name="range looks">0</property>', "'range looks' must be at least 1"),
        ('<property name="range looks">many</property>', "instead got 'many'"),
        ('<property name="swaths">[4]</property>', "'swaths' must be at most 3"),
        ('<property name="do unwrap">perhaps</property>', "'do unwrap' must be True or False"),
        ('<property name="do unwrap">false</property>', "'do unwrap' must be False .*, instead got 'false'"),
        ('<property name="region of interest">[28, 27, 53, 54]</property>', "south, north, west, east"),
        ('<component name="tertiary"/>', "component 'tertiary' is unknown to topsApp"),
    ],
)
def test_messages_name_file_line_and_problem(tmp_path: Path, properties: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, properties)
    text = str(caught.value)
    assert "topsApp.xml:4: " in text
    assert re.search(message, text), text


def test_esd_is_on_by_default_with_the_settings_of_isce2(tmp_path: Path) -> None:
    assert read(tmp_path).esd == EsdConfig(5, 15, 0.85, 8.0, 0.0)
    assert read(tmp_path, '<property name="do ESD">False</property>').esd is None


ENTRIES = [
    (component, entry)
    for component, entries in (
        ("", isce2_xml.facts("topsApp")["properties"]),
        ("reference", isce2_xml.facts("topsApp")["sensors"]["SENTINEL1"]),
    )
    for entry in entries
]


def another_value(entry: dict[str, Any]) -> str:
    """Return a value that is not the default of a property."""
    default, kind = entry["default"], entry["type"]
    if entry.get("length") == 4:
        return "[1, 2, 3, 4]"
    if kind == "boolean":
        return str(not default)
    if kind in ("integer", "number"):
        return str(min((default or 0) + 1, entry.get("maximum", 1e9)))
    return next((choice for choice in entry.get("choices", ()) if choice != default), "other")


@pytest.mark.parametrize(("component", "entry"), ENTRIES, ids=str)
def test_every_property_is_used_or_refused_or_has_no_effect(
    tmp_path: Path, component: str, entry: dict[str, Any]
) -> None:
    value = another_value(entry)
    line = f'<property name="{entry["name"]}">{value}</property>'
    if component:
        line = f'<component name="{component}">{line}</component>'
    support = entry["builtin"]
    if isinstance(support, dict) and str(support.get("only", value)) != value:
        with pytest.raises(InputError, match=f"'{entry['name']}'"):
            read(tmp_path, line)
    elif isinstance(support, str):
        assert read(tmp_path, line) == read(tmp_path)
    elif entry["name"] != "sensor name":
        assert read(tmp_path, line) != read(tmp_path)


def test_the_documentation_has_a_row_for_every_property() -> None:
    """`docs/engines.md` contains the table that follows from the schema."""
    rows = []
    for component, entry in ENTRIES:
        support, text = entry["builtin"], "used"
        if isinstance(support, str):
            text = f"no effect: {support}"
        elif support is not True and "needed" in support:
            text = f"needed: {support['needed']}"
        elif support is not True:
            text = f"only `{support['only']}`" if support["only"] != [] else "refused"
            text += f": {support['why']}"
        rows.append(f"| `{entry['name']}`{' of a date' if component else ''} | {text} |")
    page = (Path(__file__).parents[4] / "docs" / "engines.md").read_text(encoding="utf-8")
    assert "\n".join(dict.fromkeys(rows)) in page


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "topsApp.xml"
    path.write_text(
        '<topsApp><component name="topsinsar"><component name="reference"/></component></topsApp>'
    )
    with pytest.raises(InputError) as caught:
        read_config(path, tmp_path)
    lines = str(caught.value).splitlines()
    assert [line.split("'")[1] for line in lines] == ["demFilename", "safe", "safe", "topsinsar"]
    assert "in the component 'secondary'" in lines[2] and "add <property" in lines[3]


@pytest.mark.parametrize("text", ["<topsApp><component>", "", "<topsApp/>"])
def test_files_without_an_application_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "topsApp.xml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"topsApp\.xml"):
        read_config(path, tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*topsApp\.xml: No such file"):
        read_config(tmp_path / "topsApp.xml", tmp_path)


def test_files_that_only_isce2_would_read_too_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = application(tmp_path)
    (tmp_path / "topsinsar.xml").write_text("<a/>")
    engine = BuiltinEngine()
    caplog.set_level(logging.INFO)
    engine.run(
        "topsApp",
        path,
        folder=tmp_path,
        start="startup",
        end="startup",
        log=logging.getLogger("test"),
        progress=lambda *_: None,
        cpus=1,
    )
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == [
        f"ISCE2 would also read {tmp_path}/topsinsar.xml, but the builtin engine reads only {path}"
    ]
