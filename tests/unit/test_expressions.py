"""Expressions keep types, have known references, and cannot access Python."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader

from isce2_recipe.expressions import ExpressionError, evaluate, references
from isce2_recipe.sandbox import environment


@dataclass(frozen=True)
class Record:
    swaths: list[int]
    path: Path


NAMES: dict[str, Any] = {
    "looks": "20x4",
    "n": 3,
    "ratio": 0.5,
    "flag": False,
    "nothing": None,
    "names": ["b", "a"],
    "burst": "S1_136231_IW2_20200604T022312_VV_7C85-BURST",
    "steps": {"pair": Record([1, 2], Path("/run/pair/a.tif"))},
    "run": {"source": "simulated"},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("{{ n }}", 3),
        ("  {{ n }}  ", 3),
        ("{{- n -}}", 3),
        ("{{ n }} m", "3 m"),
        ("{{ n }}{{ n }}", "33"),
        ("{{ nothing }}", None),
        ("{{ flag }}", False),
        ("{{ looks | range_looks }}", 20),
        ("{{ looks | azimuth_looks }}", 4),
        ("{{ burst | burst_date }}", "2020-06-04"),
        ("{{ burst | burst_polarization }}", "VV"),
        ("{{ 'data/a.GeoJSON' | vector_file }}", "data/a.GeoJSON"),
        ("{{ '53.5,27.5,53.8,27.8' | vector_file }}", None),
        ("{{ steps.pair.path | basename }}", "a.tif"),
        ("{{ steps.pair.path | stem }}", "a"),
        ("{{ steps.pair.path.parent }}", Path("/run/pair")),
        ("{{ steps.pair.swaths }}", [1, 2]),
        ("{{ steps['pair'].swaths[1] }}", 2),
        ("{{ names | sort | join(', ') }}", "a, b"),
        ("{{ names + ['c'] }}", ["b", "a", "c"]),
        ("{{ [n, {'k': ratio}] }}", [3, {"k": 0.5}]),
        ("{{ 'yes' if run.source == 'simulated' else 'no' }}", "yes"),
        ("{{ n * 2 + 1 }}", 7),
        ("{{ n > 2 and not flag }}", True),
        ("{{ absent | default('x') }}", "x"),
        ("{{ names | reverse }}", ["a", "b"]),
        ("{{ '}}' }}", "}}"),
        ("{# a comment #}", ""),
    ],
)
def test_whole_expressions_keep_their_type(text: str, value: Any) -> None:
    result = evaluate(text, NAMES)
    assert result == value
    assert type(result) is type(value) or isinstance(result, type(value))


def test_lists_and_mappings_are_walked() -> None:
    assert evaluate({"a": ["{{ n }}", 5], "b": {"c": "{{ ratio }}"}}, NAMES) == {"a": [3, 5], "b": {"c": 0.5}}


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ names.append(1) }}",
    "{{ looks.format(n) }}",
    "{{ looks.upper() }}",
    "{{ range(10) }}",
    "{{ n | attr('real') }}",
    "{{ names | map('upper') | list }}",
    "{{ names | selectattr('x') | list }}",
    "{{ '%s' | format(n) }}",
    "{{ steps.pair.path.read_text }}",
    "{{ steps.pair.__class__ }}",
    "{{ steps.pair.path._raw_paths }}",
    "{{ steps['__class__'] }}",
    "{{ names.__len__ }}",
    "{{ self.__init__ }}",
    "{{ cycler }}",
    "{{ lipsum.__globals__ }}",
    "{{ config }}",
    "{{ 'a' * 1000000000 }}",
    "{{ names * 1000000000 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ '%999999999d' % n }}",
    "{% set x = 1 %}{{ x }}",
    "{% for x in names %}{{ x }}{% endfor %}",
    "{% include 'x' %}",
    "{{ names",
    "{{ }}",
    "{{ n | nofilter }}",
    "{{ n is nothing_known }}",
    "{{ absent }}",
    "{{ absent.more }}",
    "{{ steps.pear.swaths }}",
    "{{ steps.pair.swath }}",
    "{{ names[7] }}",
    "{{ 1 / 0 }}",
    "{{ looks + n }}",
    "{{ 'x' | range_looks }}",
    "{{ 'x' | int | burst_date }}",
]


@pytest.mark.parametrize("text", ESCAPES)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, NAMES)
    assert caught.value.text == text


def test_an_error_has_its_place_in_the_value() -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate({"a": [1, {"b": "{{ absent }}"}]}, NAMES)
    assert caught.value.path == ("a", 1, "b")
    assert "'absent' is undefined" in caught.value.message


def test_an_error_lists_the_known_names() -> None:
    with pytest.raises(ExpressionError, match="known are source"):
        evaluate("{{ run.sauce }}", NAMES)


def test_references_are_read_from_the_tree() -> None:
    found = references(
        {
            "a": ["{{ steps.pair.swaths[0] }} {{ looks | range_looks }}", "plain"],
            "b": "{{ run.source == 'asf' and steps['dem'].geotiff }}",
            "c": "{{ steps.whole }}",
        }
    )
    assert found.names == {"looks"}
    assert found.outputs == {("pair", "swaths"), ("dem", "geotiff"), ("whole", "")}
    assert found.steps == {"pair", "dem", "whole"}
    assert found.run == {"source"}
    assert found.all[0].text == "steps.pair.swaths"
    assert found.all[0].path == ("a", 0)


@given(st.text(alphabet="{}%#|.'\"[]() abn0123456789*+-_~", max_size=30))
def test_any_text_is_a_value_or_an_expression_error(text: str) -> None:
    with suppress(ExpressionError):
        evaluate("{{ " + text + " }}", NAMES)


@given(
    st.integers()
    | st.text(max_size=20)
    | st.lists(st.integers())
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False)
)
def test_a_name_gives_back_exactly_its_value(value: Any) -> None:
    assert evaluate("{{ x }}", {"x": value}) == value


def test_templates_share_the_sandbox_and_escape_xml() -> None:
    made = environment(
        DictLoader({"a.xml.j2": "<p>{{ x }}</p>", "b.txt.j2": "{{ x }}", "c.txt.j2": "{{ x.__class__ }}"})
    )
    assert made.get_template("a.xml.j2").render(x="a & b") == "<p>a &amp; b</p>"
    assert made.get_template("b.txt.j2").render(x="a & b") == "a & b"
    with pytest.raises(Exception, match="there is no '__class__' here"):
        made.get_template("c.txt.j2").render(x="a")


@pytest.mark.parametrize(
    "expression",
    ["(" * 3000 + "1" + ")" * 3000, "1+" * 5000 + "1", "-" * 200 + "1", "1" * 5000, "[" * 500 + "]" * 500],
)
def test_deep_or_long_expressions_are_errors_of_the_recipe(expression: str) -> None:
    for look in (references, lambda text: evaluate(text, NAMES)):
        with pytest.raises(ExpressionError, match="nested too deeply"):
            look("{{ " + expression + " }}")


def test_texts_and_numbers_cannot_grow_without_bound() -> None:
    names: dict[str, Any] = {"v": "x" * 60_000, "n": 10**900}
    for expression in ("{{ v ~ v }}", "{{ v }}{{ v }}", "{{ v + v }}", "{{ n * n }}", "{{ 999 ** 999 }}"):
        with pytest.raises(ExpressionError, match="too l"):
            evaluate(expression, names)
    assert evaluate("{{ v }}", names) == names["v"]


@pytest.mark.parametrize("name", ["__class__", "__init__", "__globals__", "__subclasses__"])
def test_names_of_python_are_refused_before_evaluation(name: str) -> None:
    for text in (
        f"{{{{ ''.{name} }}}}",
        f"{{{{ [n][0].{name} }}}}",
        f"{{{{ ''['{name}'] }}}}",
        f"x{{{{ ''.{name} }}}}",
    ):
        with pytest.raises(ExpressionError, match="is Python's"):
            references(text)
