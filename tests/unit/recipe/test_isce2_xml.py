"""ISCE2's application XML, read with ISCE2's rules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from isce2_recipe.errors import InputError
from isce2_recipe.recipe import isce2_xml

TOPS = '<topsApp><component name="topsinsar">\n{}\n</component></topsApp>'
STRIPMAP = '<stripmapApp><component name="insar">\n{}\n</component></stripmapApp>'

CONSTANTS = '<constant name="d">/a</constant><constant name="e">$d$/b</constant>'


def prop(name: str, text: str) -> str:
    return f'<property name="{name}">{text}</property>'


def component(name: str, *inner: str) -> str:
    return f'<component name="{name}">{"".join(inner)}</component>'


def read(folder: Path, text: str, **others: str) -> isce2_xml.Application:
    for name, content in others.items():
        (folder / f"{name}.xml").write_text(content)
    path = folder / "app.xml"
    path.write_text(text)
    return isce2_xml.read(path, folder)


def texts(application: isce2_xml.Application) -> list[str]:
    return [problem.text for problem in application.problems()]


@pytest.mark.parametrize(
    ("xml", "name", "value"),
    [
        (prop("RANGE  Looks", "20"), "range looks", 20),
        (prop("rangelooks", "'20'"), "range looks", 20),
        ("<property><name>range looks</name><value> 20 </value></property>", "range looks", 20),
        ('<property name="range looks" value="20"/>', "range looks", 20),
        ('<property name="range looks" units="1">20<doc>twenty</doc></property>', "range looks", 20),
        ('<property name="range looks">2<!-- tens -->0</property>', "range looks", 20),
        (prop("range looks", "5") + prop("Range Looks", "20"), "range looks", 20),
        (prop("range looks", "20.0"), "range looks", 20),
        ("", "range looks", 19),
        (prop("filter strength", ".5"), "filter strength", 0.5),
        (prop("do ESD", "False"), "do ESD", False),
        (prop("do ESD", "0"), "do ESD", False),
        (prop("do ESD", "true"), "do ESD", True),
        ("", "do ESD", True),
        (prop("demFilename", '"a b.dem"'), "demFilename", "a b.dem"),
        (prop("demFilename", "20070215"), "demFilename", "20070215"),
        (prop("demFilename", "\n  a.dem\n"), "demFilename", "a.dem"),
        (prop("swaths", "[1,3]"), "swaths", [1, 3]),
        (prop("swaths", "1, 3"), "swaths", [1, 3]),
        (prop("swaths", "1 3"), "swaths", [1, 3]),
        (prop("swaths", "(1, 3)"), "swaths", [1, 3]),
        (prop("swaths", "2"), "swaths", [2]),
        (prop("swaths", "None"), "swaths", []),
        (prop("geocode list", "['a', \"b\"]"), "geocode list", ["a", "b"]),
        (prop("geocode list", "'a', 'b'"), "geocode list", ["a", "b"]),
        (prop("geocode list", "[a, b]"), "geocode list", ["a", "b"]),
        (prop("geocode list", "a,\n  b"), "geocode list", ["a", "b"]),
        (prop("geocode list", "a.unw"), "geocode list", ["a.unw"]),
        (
            prop("region of interest", "-41.4,-41.3, -72.9,-72.4"),
            "region of interest",
            [-41.4, -41.3, -72.9, -72.4],
        ),
        (
            '<constant name="d">/a</constant><constant name="e">$d$/b</constant>'
            + prop("demFilename", "$e$/$d$"),
            "demFilename",
            "/a/b//a",
        ),
    ],
)
def test_values(tmp_path: Path, xml: str, name: str, value: Any) -> None:
    assert read(tmp_path, TOPS.format(xml)).value(name) == value


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (
            prop("do unwrap", "false"),
            "must be False (ISCE2 takes any other text as True), instead",
        ),
        (prop("do unwrap", "'False'"), "must be False (ISCE2 takes any other text as True)"),
        (prop("do unwrap", "no"), "must be False (ISCE2 takes any other text as True)"),
        (prop("do unwrap", "maybe"), "must be True or False"),
        (prop("do unwrap", ""), "property 'do unwrap' has no value"),
        (prop("range looks", "2*10"), "must be a whole number"),
        (prop("range looks", "20.5"), "must be a whole number"),
        (prop("range looks", "True"), "must be a whole number"),
        (prop("range looks", "1e999"), "must be a whole number"),
        (prop("filter strength", "nan"), "must be a number"),
        (prop("demFilename", "['a.dem']"), "must be a text"),
        (prop("geocode list", "['a', b]"), "with quotes around every text or around none"),
        (prop("swaths", "[4]"), "must be at most 3"),
        (prop("region of interest", "[2, 1, 3, 4]"), "must be south, north, west, east"),
        ('<property name="range looks" value="1">2</property>', "property 'range looks' has two values"),
        ("<property>1</property>", "a property has no name"),
        (component("master", prop("safe", "a")), "component 'master' has its name of older releases"),
        (component("Dem", prop("x", "1")), "component 'Dem' is unknown to topsApp"),
        (component("reference", prop("HDF5", "a")), "property 'HDF5' is unknown to the reference of topsApp"),
        ("</component><component name='insar'>", "component 'insar' is unknown to topsApp"),
        (
            "</component>" + prop("range looks", "1") + component("topsApp") + "<component name='topsApp'>",
            "property 'range looks' is outside of the application's component",
        ),
    ],
)
def test_problems_have_a_line(tmp_path: Path, xml: str, message: str) -> None:
    path = tmp_path / "app.xml"
    (problem,) = isce2_xml.read_text(TOPS.format(xml), tmp_path, str(path)).problems()
    assert problem.text.startswith(f"{path}:2: ")
    assert message in problem.text


def test_catalogues_start_in_the_folder_of_the_run_and_properties_next_to_them_win(tmp_path: Path) -> None:
    run, config = tmp_path / "run", tmp_path / "config"
    (run / "more").mkdir(parents=True)
    config.mkdir()
    (run / "more" / "reference.xml").write_text(
        component("any name", CONSTANTS, prop("safe", "$e$/c"), prop("polarization", "hh"))
    )
    catalog = "<catalog> more/reference.xml </catalog>"
    path = config / "app.xml"
    path.write_text(
        TOPS.format(
            component("Reference", catalog, prop("polarization", "'VV'"))
            + component("secondary", "<catalog>{'safe': ['b', 'c'], 'polarization': 'vh'}</catalog>")
        )
    )
    application = isce2_xml.read(path, run)
    assert application.value("safe", "reference") == ["/a/b/c"]
    assert application.value("polarization", "reference") == "vv"
    assert application.value("safe", "secondary") == ["b", "c"]
    assert application.value("polarization", "secondary") == "vh"
    assert texts(application) == []
    with pytest.raises(InputError, match=r"app\.xml:2: the catalogue: cannot read .*config/more"):
        isce2_xml.read(path, config)


def test_only_a_run_reads_catalogues_outside_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "date.xml").write_text(component("a", prop("safe", "b")))
    (tmp_path / "run" / "link.xml").symlink_to(tmp_path / "date.xml")
    for catalog in ("../date.xml", "link.xml", f"{tmp_path}/date.xml"):
        path = tmp_path / "run" / "app.xml"
        path.write_text(TOPS.format(component("reference", f"<catalog>{catalog}</catalog>")))
        assert isce2_xml.read(path, path.parent, outside=True).value("safe", "reference") == ["b"]
        with pytest.raises(InputError, match="is outside of the folder"):
            isce2_xml.read(path, path.parent)


def test_a_problem_in_a_catalogue_names_its_file(tmp_path: Path) -> None:
    xml = TOPS.format(component("reference", "<catalog>reference.xml</catalog>"))
    application = read(tmp_path, xml, reference=component("x", "\n", prop("safes", "a")))
    assert texts(application) == [
        f"{tmp_path}/reference.xml:2: property 'safes' is unknown to the reference of topsApp 2.6.5"
    ]


def test_other_applications_in_the_file_do_not_count(tmp_path: Path) -> None:
    other = '<component name="alos2insar"><property name="range looks">7</property></component>'
    xml = f"<a>{component('topsApp', prop('range looks', '5'))}{other}</a>"
    assert read(tmp_path, xml).value("range looks") == 5
    assert isce2_xml.check(f"<a>{other}</a>") == []


def test_names_of_older_releases_are_read(tmp_path: Path) -> None:
    xml = STRIPMAP.format(
        prop("master sensor name", "ALOS")
        + prop("slave sensor name", "ENVISAT")
        + component("Master", prop("imagefile", "a, b"))
        + component("Slave", prop("INSTRUMENTFILE", "c"))
    )
    application = read(tmp_path, xml)
    assert application.value("imagefile", "reference") == ["a", "b"]
    assert application.value("instrumentfile", "secondary") == "c"
    assert [(problem.old, problem.suggestion.closest) for problem in application.problems()] == [
        (True, "reference"),
        (True, "secondary"),
        (True, "reference sensor name"),
        (True, "secondary sensor name"),
    ]


SENSORS = isce2_xml.facts("stripmapApp")["sensors"]


@pytest.mark.parametrize("sensor", SENSORS)
def test_every_sensor_has_its_own_properties(tmp_path: Path, sensor: str) -> None:
    samples = {"integer": "2", "number": "0.2", "boolean": "True"}
    inner = [
        prop(entry["name"].lower(), (entry.get("choices") or [samples.get(entry["type"], "a.b")])[-1])
        for entry in SENSORS[sensor]
    ]
    text = STRIPMAP.format("{}" + component("reference", *inner) + component("secondary", *inner))
    assert texts(read(tmp_path, text.format(prop("Sensor Name", sensor.title())))) == []
    assert texts(read(tmp_path, text.format(""))) == []
    assert set(SENSORS) == set(isce2_xml.facts("stripmapApp")["properties"][0]["choices"])


def test_a_property_of_another_sensor_is_unknown(tmp_path: Path) -> None:
    text = STRIPMAP.format(prop("sensor name", "ENVISAT") + component("reference", prop("HDF5", "a")))
    assert "property 'HDF5' is unknown to the reference of stripmapApp" in texts(read(tmp_path, text))[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "app.xml:1: not well-formed XML: no element found"),
        ("<topsApp/>", "app.xml:1: configures neither topsApp nor stripmapApp"),
        (component("topsinsar"), "configures neither topsApp nor stripmapApp"),
        (TOPS.format("<a>" * 3000 + "</a>" * 3000), "too many elements"),
        (TOPS.format("<a/>" * 3000), "too many elements"),
        (TOPS.format("<component>" * 2000 + "</component>" * 2000), "nested more than 20 deep"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + TOPS.format(""), "entities are declared"),
        ('<?xml version="1.0" encoding="none"?><a/>', "not well-formed XML"),
        (
            TOPS.format(
                "".join(f'<constant name="c{i + 1}">$c{i}$$c{i}$</constant>' for i in range(40)).replace(
                    "$c0$", "xx"
                )
            ),
            "makes a value too long",
        ),
        (TOPS.format(component("reference", "<catalog>app.xml</catalog>")), "includes itself"),
        (TOPS.format(component("reference", "<catalog>a\x85b.xml</catalog>")), "cannot read"),
        (TOPS.format(component("reference", "<catalog>pipe.xml</catalog>")), "pipe.xml is not a file"),
        (TOPS.format(component("reference", "<catalog>big.xml</catalog>")), "has more than 1,000,000 bytes"),
        (TOPS.format(component("reference", "<catalog>/etc/passwd</catalog>")), "is not an XML file"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    os.mkfifo(tmp_path / "pipe.xml")
    (tmp_path / "big.xml").write_text(" " * 1_000_001)
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
