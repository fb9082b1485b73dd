"""YAML by version 1.2's core rules, with the place of everything."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from isce2_recipe.recipe.document import parse, resolve_scalar

WORDS = ["NO", "20:4", "0x1F", "0123", "1e-3", "a b", "x: y", "# no", "'", "", "-", "é", "2020-06-04"]

CORE = [
    ("20:4", "20:4"),
    ("NO", "NO"),
    ("yes", "yes"),
    ("on", "on"),
    ("0123", 123),
    ("1e-3", 0.001),
    ("1e3", 1000.0),
    ("2020-06-04", "2020-06-04"),
    ("0x1F", 31),
    ("0o17", 15),
    ("1_000", "1_000"),
    ("~", None),
    ("", None),
    ("null", None),
    ("True", True),
    ("false", False),
    ("-7", -7),
    ("+7", 7),
    (".5", 0.5),
    ("1.", 1.0),
    (".inf", math.inf),
    ("-.Inf", -math.inf),
    ("1.2.3", "1.2.3"),
    ("- ", "- "),
    ("-", "-"),
    (".", "."),
    ("=", "="),
    ("<<", "<<"),
]


@pytest.mark.parametrize(("text", "value"), CORE)
def test_scalars_have_the_values_of_yaml_1_2(text: str, value: Any) -> None:
    assert resolve_scalar(text) == value
    assert type(resolve_scalar(text)) is type(value)


def test_nan_is_a_number() -> None:
    assert math.isnan(resolve_scalar(".nan"))


def _ruamel(text: str) -> Any:
    """Return what another library for YAML 1.2 reads; unlike ours it makes dates."""
    reader = YAML(typ="safe", pure=True)
    reader.constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda self, node: node.value)
    return reader.load(io.StringIO(text))


@given(
    st.recursive(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(-(10**9), 10**9),
            st.floats(allow_nan=False, allow_infinity=False, width=32),
            st.sampled_from(WORDS),
        ),
        lambda below: (
            st.lists(below, max_size=4) | st.dictionaries(st.sampled_from("abcd"), below, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_yaml_of_another_library_is_read_back(value: Any) -> None:
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump(value, stream)
    text = stream.getvalue()
    assert parse(text, "x.yml").data == _ruamel(text)


TEXT = """\
name: here
list: [one, "two", 3]
deep:
  - key: value   # comment
    other: |
      a
      b
"""


def test_marks_point_at_keys_and_values() -> None:
    document = parse(TEXT, "x.yml")
    mark = document.mark(("deep", 0, "key"))
    assert (mark.line, mark.column, mark.end_line, mark.end_column) == (4, 10, 4, 15)
    key = document.key_mark(("deep", 0, "key"))
    assert (key.line, key.column, key.end_column) == (4, 5, 8)
    quoted = document.mark(("list", 1))
    assert (quoted.line, quoted.column, quoted.end_column) == (2, 13, 18)


def test_a_missing_value_is_marked_at_its_parent() -> None:
    document = parse(TEXT, "x.yml")
    assert document.mark(("deep", 0, "missing", "more")).line == 4
    assert document.mark(("nothing",)).line == 1


def test_texts_are_found_inside_a_value() -> None:
    document = parse('a: "{{ looks }} and {{ look }}"\n', "x.yml")
    assert document.find(("a",), "look").column == 24
    assert document.find(("a",), "absent") == document.mark(("a",))


@pytest.mark.parametrize(
    ("text", "rule", "place", "word"),
    [
        ("a: 1\nb: 2\na: 3\n", "IR003", (3, 1), "already on line 1"),
        ("a:\n\tb: 1\n", "IR007", (2, 1), "tab"),
        ("<<<<<<< HEAD\na: 1\n=======\n", "IR007", (1, 1), "merge conflict"),
        ("a: [1\nb: 2", "IR009", (1, 4), "flow sequence"),
        ("a: 1\n---\nb: 2\n", "IR009", (2, 1), "one file holds one recipe"),
        ("", "IR004", (1, 1), "empty"),
        ("# only a comment\n", "IR004", (1, 1), "empty"),
        ("a: !!python/object:os.system 1\n", "IR009", (1, 4), "tags"),
        ("? [a, b]\n: 1\n", "IR009", (1, 3), "a key must be a name"),
        ("a: &x [*x]\n", "IR009", (1, 4), "refer to itself"),
        ("a: 1\nß: \x00\n", "IR009", (2, 4), "U+0000"),
    ],
)
def test_mistakes_are_reported_with_their_place(
    text: str, rule: str, place: tuple[int, int], word: str
) -> None:
    problem = parse(text, "x.yml").problems[0]
    assert problem.rule == rule
    assert (problem.line, problem.column) == place
    assert word in problem.message


def test_aliases_that_grow_without_bound_are_refused() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    problems = parse("\n".join(levels), "x.yml").problems
    assert any("without bound" in problem.message for problem in problems)


def test_the_first_of_equal_keys_is_kept() -> None:
    assert parse("a: 1\na: 2\n", "x.yml").data == {"a": 1}


@given(st.text(max_size=60))
def test_any_text_gives_a_document_or_a_problem(text: str) -> None:
    document = parse(text, "x.yml")
    for problem in document.problems:
        assert problem.line >= 1
        assert problem.message


def test_numbers_too_long_for_python_are_text() -> None:
    assert resolve_scalar("1" * 5000) == "1" * 5000
    assert resolve_scalar("0x" + "f" * 4500) == "0x" + "f" * 4500
    assert resolve_scalar("9" * 301) == "9" * 301
    assert resolve_scalar("9" * 300) == int("9" * 300)


def test_deep_nesting_is_refused() -> None:
    document = parse("a: " + "{a: " * 900 + "1" + "}" * 900, "x.yml")
    assert [problem.message for problem in document.problems] == ["lists and mappings are nested too deeply"]
