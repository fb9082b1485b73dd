"""Templates and ISCE2's XML: every line has its origin."""

from __future__ import annotations

from pathlib import Path

import pytest

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.errors import ParameterError, RecipeError
from isce2_recipe.lint import lint_paths
from isce2_recipe.lint.linting import Options
from isce2_recipe.problems import statement
from isce2_recipe.recipe import isce2_xml, read_text, templates, verify
from isce2_recipe.recipe.rendering import check_rendered, check_values

TEMPLATE = """\
{# A comment
   of two lines. #}
<topsApp>
  <component name="topsinsar">
{% for name in names %}
    <component name="{{ name }}">
      <property name="polarization">{{ polarization }}</property>
    </component>
{% endfor %}
    <property name="azimuth looks">{{ azimuth }}</property>
    <property name="range looks">{{ wide
       }}</property>
  </component>
</topsApp>
"""
RECIPE = """\
recipe: 1
name: demo
parameters:
  azimuth: {type: integer, default: 4}
  channel: {type: string, default: vv}
steps:
  - id: config
    uses: template.render
    with:
      template: top.xml.j2
      to: topsApp.xml
      values:
        names: [reference, secondary]
        polarization: "{{ channel }}"
        azimuth: "{{ azimuth }}"
        wide: 20
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "top.xml.j2").write_text(TEMPLATE)
    return tmp_path / "demo.yml"


VALUES = {"names": ["reference", "secondary"], "polarization": "vv", "azimuth": 4, "wide": 20}


def test_every_line_has_its_origin(recipe_file: Path) -> None:
    rendered = templates.render("top.xml.j2", VALUES, recipe_file=recipe_file)
    lines = rendered.text.split("\n")
    origins = {line.strip(): origin.line for line, origin in zip(lines, rendered.origins, strict=True)}
    assert rendered.text.startswith("<topsApp>")
    assert "\x01" not in rendered.text
    assert origins["<topsApp>"] == 3
    assert origins['<component name="secondary">'] == 6
    assert origins['<property name="polarization">vv</property>'] == 7
    assert origins['<property name="azimuth looks">4</property>'] == 10
    assert origins["</topsApp>"] == 14


def test_rendering_with_marks_changes_nothing(recipe_file: Path) -> None:
    from jinja2 import FileSystemLoader

    from isce2_recipe.sandbox import environment

    plain = environment(FileSystemLoader(recipe_file.parent / "templates"))
    expected = plain.get_template("top.xml.j2").render(**VALUES)
    assert templates.render("top.xml.j2", VALUES, recipe_file=recipe_file).text == expected


def test_values_that_are_missing_or_wrong_name_the_line(recipe_file: Path) -> None:
    with pytest.raises(templates.TemplateProblemError, match="'azimuth' is undefined") as caught:
        templates.render("top.xml.j2", {"names": [], "polarization": ""}, recipe_file=recipe_file)
    assert caught.value.origin == templates.TemplateLine("top.xml.j2", 10)


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a\n{% for %}\n", 2, "cannot be read"),
        ("a\nb\n{{ x.__class__ }}\n", 3, "there is no '__class__' here"),
    ],
)
def test_broken_templates_name_the_line(recipe_file: Path, text: str, line: int, word: str) -> None:
    (recipe_file.parent / "templates" / "bad.txt.j2").write_text(text)
    with pytest.raises(templates.TemplateProblemError, match=word) as caught:
        templates.render("bad.txt.j2", {"x": 1}, recipe_file=recipe_file)
    assert caught.value.origin.line == line


def test_an_absent_template_is_named(recipe_file: Path) -> None:
    with pytest.raises(templates.TemplateProblemError, match=r"there is no template 'nowhere\.j2'"):
        templates.render("nowhere.j2", {}, recipe_file=recipe_file)


def test_the_values_of_a_template_are_known(recipe_file: Path) -> None:
    facts = templates.facts("top.xml.j2", recipe_file)
    assert facts.wanted == {"names", "polarization", "azimuth", "wide"}
    assert facts.names[10] == ["azimuth"]
    assert not facts.includes


def test_a_templates_own_folder_comes_before_the_shipped_one(recipe_file: Path) -> None:
    assert templates.facts("isce2/topsApp.xml.j2").wanted
    own = recipe_file.parent / "templates" / "isce2"
    own.mkdir()
    (own / "topsApp.xml.j2").write_text("{{ mine }}")
    assert templates.facts("isce2/topsApp.xml.j2", recipe_file).wanted == {"mine"}


def test_a_property_leads_back_to_the_recipe(recipe_file: Path) -> None:
    recipe_file.write_text(RECIPE)
    recipe = read_text(RECIPE, str(recipe_file)).recipe
    assert recipe is not None
    step = recipe.steps[0]
    assert check_rendered(recipe, step, "top.xml.j2", VALUES) == []
    (problem,) = check_rendered(recipe, step, "top.xml.j2", {**VALUES, "azimuth": "four"})
    assert (problem.line, problem.column, problem.rule) == (15, 18, "IR032")
    assert problem.message == "property 'azimuth looks' must be a whole number, instead got 'four'"
    assert (
        problem.hint
        == "line 9 of topsApp.xml, from line 10 of template top.xml.j2, value 'azimuth' from azimuth"
    )


def test_sample_values_are_not_checked_but_names_are(recipe_file: Path) -> None:
    recipe = read_text(RECIPE, str(recipe_file)).recipe
    assert recipe is not None
    values = {**VALUES, "polarization": "sample"}
    assert check_rendered(recipe, recipe.steps[0], "top.xml.j2", values, known={"azimuth"}) == []
    assert len(check_rendered(recipe, recipe.steps[0], "top.xml.j2", values)) == 2


def test_ampersands_in_values_stay_well_formed(recipe_file: Path) -> None:
    text = templates.render("top.xml.j2", {**VALUES, "names": ["a&b"]}, recipe_file=recipe_file).text
    assert isce2_xml.read_text(text, None).properties[-1].components == ("topsinsar", "a&b")


ANY = "<property name='x'>1</property>"
XML = '<topsApp><component name="topsinsar">\n{}\n</component></topsApp>'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('<property name="Range  LOOKS">20</property>', None),
        ('<property name="do ESD">False</property>', None),
        ('<property name="swaths">[1, 2]</property>', None),
        ('<property name="swaths">1, 2</property>', None),
        ('<property name="geocode bounding box">[27.0, 27.5, 52.5, 53.5]</property>', None),
        ("<property name=\"geocode list\">['a', 'b']</property>", None),
        ('<property name="demFilename"><value>dem.wgs84</value></property>', None),
        ('<component name="reference"><property name="safe">a.SAFE</property></component>', None),
        (
            f"<component name='reference'><component name='deep'>{ANY}</component></component>",
            "component 'deep' is unknown to the reference of topsApp",
        ),
        (f"<component name='Run Unwrapper'>{ANY}</component>", None),
        ('<property name="range lookz">20</property>', "property 'range lookz' is unknown to topsApp 2.6.5"),
        (
            '<component name="secondary"><property name="looks">1</property></component>',
            "is unknown to the secondary of",
        ),
        ('<property name="do ESD">maybe</property>', "must be True or False"),
        ('<property name="swaths">[one]</property>', "must be a whole number"),
        ('<property name="range looks">0</property>', "must be at least 1"),
        ('<property name="filter strength">2</property>', "must be at most 1"),
        ('<property name="unwrapper name">snafu</property>', "must be one of snaphu, snaphu_mcf"),
        (
            '<property name="geocode bounding box">[52.5, 53.5, 27.5, 27.0]</property>',
            "south, north, west, east",
        ),
        ('<property name="geocode bounding box">[1, 2]</property>', "must be a list of 4 numbers"),
        ('<property name="range looks">1</property><property name="rangelooks">2</property>', "is set twice"),
        ('<property name="range looks">1</propertie>', "not well-formed XML"),
    ],
)
def test_isce2_properties(line: str, message: str | None) -> None:
    found = isce2_xml.check(XML.format(line))
    if message is None:
        assert found == []
    else:
        assert len(found) == 1
        one = found[0]
        assert message in statement(one.what, one.expected, one.found)
        assert found[0].line == 2


def test_the_tables_contain_what_isce2_defines() -> None:
    tops, strip = isce2_xml.facts("topsApp"), isce2_xml.facts("stripmapApp")
    assert (len(tops["properties"]), len(tops["steps"])) == (61, 24)
    assert (len(strip["properties"]), len(strip["steps"])) == (48, 29)
    for table in (tops, strip):
        entries = [*table["properties"], *(entry for each in table["sensors"].values() for entry in each)]
        for entry in entries:
            assert entry["description"].endswith(".")
            default = entry["default"]
            if default not in (None, "", []) and not entry.get("list"):
                assert isce2_xml.wanted(str(default), entry) is None, entry


def test_an_unknown_application_has_no_steps() -> None:
    assert isce2_xml.steps("nothing") == ()


def test_given_values_are_checked_before_a_run(recipe_file: Path) -> None:
    recipe = read_text(RECIPE, str(recipe_file)).recipe
    assert recipe is not None
    registry = load_registry()
    assert check_values(recipe, registry, {"azimuth": 4, "channel": "hh"}) == []
    (problem, again) = check_values(recipe, registry, {"azimuth": 4, "channel": "xx"})
    assert problem.message == "property 'polarization' must be one of vv, vh, hh, hv, instead got 'xx'"
    assert (problem.line, again.line) == (14, 14)


def test_recipe_values_and_templates_are_checked_together(recipe_file: Path) -> None:
    registry = load_registry()
    recipe = read_text(RECIPE, str(recipe_file)).recipe
    assert recipe is not None
    assert verify(recipe, registry, {"azimuth": "8"}) == {"azimuth": 8, "channel": "vv"}
    with pytest.raises(RecipeError, match="instead got 'xx'"):
        verify(recipe, registry, {"channel": "xx"})
    with pytest.raises(ParameterError, match="azimuth must be a whole number"):
        verify(recipe, registry, {"azimuth": "x"})
    broken = read_text(RECIPE.replace("{{ channel }}", "{{ chanel }}"), str(recipe_file)).recipe
    assert broken is not None
    with pytest.raises(RecipeError) as caught:
        verify(broken, registry, {"azimuth": "x", "azimut": 3})
    assert [problem.rule for problem in caught.value.problems] == ["IR021", "IR021", "IR005"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"<a>{{ wide / 0 }}</a>", "division by zero"),
        (b"<a>{% for one in wide %}{% endfor %}</a>", "not iterable"),
        (b"<a>\xff</a>", "not a text in UTF-8"),
        (b"<a>{{ azimut }}</a>", "also needs azimut"),
        (b"<a>{% for one in range(wide) %}{% endfor %}</a>", "nothing can be called"),
        (b"{% macro f(x) %}{{ x }}{% endmacro %}{{ f(wide) }}", "nothing can be called"),
        (b"{% call f(x) %}{% endcall %}", "nothing can be called"),
        (b'{% include "top.xml.j2" %}', "includes itself: top.xml.j2 > top.xml.j2"),
        (b'{% include "middle.j2" %}', "includes itself: top.xml.j2 > middle.j2 > top.xml.j2"),
        (b'{% extends "top.xml.j2" %}', "includes itself"),
        (b'{% import "top.xml.j2" as a %}', "includes itself"),
        (b'{% include "absent.j2" %}', "there is no template 'absent.j2'"),
        (b'{% include ["absent.j2", "gone.j2"] %}', "there is no template 'absent.j2'"),
        (b'{% extends "absent.j2" %}', "there is no template 'absent.j2'"),
        (b'{% include "../demo.yml" %}', "there is no template '../demo.yml'"),
        (b'{% include "/etc/hostname" %}', "there is no template '/etc/hostname'"),
        (b"{% include wide %}", "must be a constant text"),
        (b"{% include 7 %}", "must be a constant text"),
        (b"{{ names | join(1, 2, 3, 4, 5) }}", "the arguments of the filter 'join' must fit"),
        (b"{{ wide | nothing }}", "there is no filter 'nothing'"),
        (b"{{ wide is divisibleby }}", "the arguments of the test 'divisibleby' must fit (num)"),
        (b"{{ 1e999 }}", "a number is too large"),
    ],
)
def test_templates_that_cannot_be_rendered_are_reported_by_linter_and_plan(
    recipe_file: Path, text: bytes, word: str
) -> None:
    (recipe_file.parent / "templates" / "top.xml.j2").write_bytes(text)
    (recipe_file.parent / "templates" / "middle.j2").write_text('{% include "top.xml.j2" %}')
    recipe_file.write_text(RECIPE)
    found = [one for one in lint_paths([recipe_file], Options("sar")) if one.severity == "error"]
    assert [(one.rule in ("IR027", "IR035"), word in one.message) for one in found] == [(True, True)], found
    with pytest.raises(RecipeError) as caught:
        verify(read_text(RECIPE, str(recipe_file)).recipe, load_registry(), {})
    assert caught.value.problems == tuple(found)


@pytest.mark.parametrize(
    "text",
    [
        '{% include "absent.j2" ignore missing %}',
        '{% include ["absent.j2", "other.j2"] %}',
        '{% set more = wide %}{% include "more.j2" %}',
        "{% macro f(x) %}{% endmacro %}",
    ],
)
def test_includes_that_work_are_planned_and_rendered(recipe_file: Path, text: str) -> None:
    folder = recipe_file.parent / "templates"
    (folder / "top.txt.j2").write_text(text)
    (folder / "other.j2").write_text("{{ wide }}")
    (folder / "more.j2").write_text("{{ more }}")
    recipe = RECIPE.replace("top.xml.j2", "top.txt.j2")
    assert verify(read_text(recipe, str(recipe_file)).recipe, load_registry(), {})
    recipe_file.write_text(recipe)
    assert not [one for one in lint_paths([recipe_file]) if one.severity == "error"]


def test_a_template_that_fails_only_with_samples_is_not_reported(recipe_file: Path) -> None:
    (recipe_file.parent / "templates" / "top.xml.j2").write_text("<a>{{ names[5] }}{{ wide / wide }}</a>")
    text = RECIPE.replace("[reference, secondary]", '"{{ steps.dem.geotiff }}"') + (
        "  - id: dem\n    uses: dem.fetch\n    with: {bounds: [1, 2, 3, 4], margin: 0.1}\n"
    )
    recipe = read_text(text, str(recipe_file)).recipe
    assert recipe is not None
    assert check_values(recipe, load_registry(), {"azimuth": 4, "channel": "vv"}) == []
