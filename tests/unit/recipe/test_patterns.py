"""Patterns of parameters are matched within a time limit."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isce2_recipe.recipe.parameters import normalise
from isce2_recipe.recipe.patterns import compile_pattern, matches

ENDLESS = ["^(a+)+$", "^(a|aa)+$", "^(a*)*b$", "^(a|a?)+$", "^a*a*a*a*a*a*a*a*b$", "(x+x+)+y"]


@pytest.mark.parametrize("pattern", ENDLESS)
@pytest.mark.parametrize("below", [lambda one: one, lambda one: {"allOf": [one]}], ids=["plain", "combined"])
def test_a_slow_pattern_is_refused_within_the_time_limit(pattern, below):
    text = "a" * 5000 + "!" if "x" not in pattern else "x" * 5000
    began = time.process_time()
    _, [violation] = normalise(text, below({"type": "string", "pattern": pattern}))
    assert "within 1 s" in violation.message or "must be text that matches" in violation.message
    assert time.process_time() - began < 5.0


def test_a_slow_pattern_of_keys_does_not_match():
    schema = {"type": "object", "patternProperties": {"^(a|aa)+$": {"type": "integer"}}}
    began = time.process_time()
    assert normalise({"a" * 5000 + "!": "x"}, schema)[1] == []
    assert [one.path for one in normalise({"aaa": "x"}, schema)[1]] == [("aaa",)]
    assert time.process_time() - began < 5.0


@given(
    st.sampled_from(
        [
            r"^([a-z]+,)*[a-z]+$",
            r"^\d{1,3}(\.\d+)*$",
            r"(ab|c)+$",
            r"^(?!1x1$)(\d+x)+\d$",
            r"^[^,]*(,\s*[^,]+)*$",
            r"^x$",
        ]
    ),
    st.text("abc,.1x \n", max_size=20),
)
def test_matching_with_a_time_limit_gives_the_same_result(pattern, text):
    assert matches(pattern, text) == (compile_pattern(pattern).search(text) is not None)
    padded = text + " " * 300
    assert matches(pattern, padded) == (compile_pattern(pattern).search(padded) is not None)


def test_an_invalid_pattern_is_an_error():
    with pytest.raises(re.error):
        matches("(", "x")


def test_shipped_recipes_do_not_import_regex():
    code = (
        "import sys; from isce2_recipe.recipe import load; load('insar_tops'); print('regex' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
