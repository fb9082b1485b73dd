"""Property: linting any text ends with problems, never with an exception."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.lint.catalogue import by_id
from isce2_recipe.lint.command import fix_text
from isce2_recipe.lint.linting import Linter, Options
from isce2_recipe.paths import data_folder
from isce2_recipe.recipe.document import parse
from support.examples import examples

OK = Path(__file__).parents[2] / "recipes" / "ok"
FILES = [OK / "everything.yml", *sorted(data_folder("recipes").glob("*.yml"))]
TEXTS = [path.read_text(encoding="utf-8") for path in FILES]
DATA = [parse(text, "x.yml").data for text in TEXTS]
LINTER = Linter(load_registry(), Options(profile="shared").active)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False)
    | st.sampled_from(
        [
            "", "{{ looks }}", "{{ steps.dem.geotiff }}", "{{ steps.x }}", "{{ a b }}", "{{", "dem.fetch",
            "no.thing", "parts/terrain.yml", "../x.yml", "20x4", "0x4", "1e999", "S1_1", "2020-06-04",
            "topsApp", "[a-z", "é\u2028",
        ]
    ),
    lambda below: st.lists(below, max_size=3)
    | st.dictionaries(st.sampled_from(["id", "uses", "with", "default", "type", "$ref"]), below, max_size=3),
    max_leaves=5,
)  # fmt: skip


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, item in inner for deeper in _paths(item, (*path, key)))]


def _lint(text: str, file: str) -> None:
    report = LINTER.lint(text, file)
    lines = text.splitlines()
    for problem in report.problems:
        assert problem.rule in by_id()
        assert 1 <= problem.line <= len(lines) + 1
        assert problem.column >= 1
        assert (problem.place.end_line, problem.place.end_column) >= (problem.line, problem.column)


@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_recipes_with_random_values(data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(FILES) - 1))
    recipe = copy.deepcopy(DATA[index])
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([path for path in _paths(recipe) if path]))
        target = recipe
        for part in path[:-1]:
            target = target[part]
        target[path[-1]] = data.draw(VALUES)
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump(recipe, stream)
    _lint(stream.getvalue(), str(FILES[index]))


@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_recipes_with_lines_removed_repeated_or_cut(data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(FILES) - 1))
    lines = TEXTS[index].splitlines(keepends=True)
    start = data.draw(st.integers(0, len(lines) - 1))
    stop = data.draw(st.integers(start, min(start + 4, len(lines))))
    change = data.draw(st.sampled_from(["drop", "twice", "cut", "indent"]))
    chosen = lines[start:stop]
    new = {
        "drop": [],
        "twice": chosen * 2,
        "cut": [line[: len(line) // 2] + "\n" for line in chosen],
        "indent": ["  " + line for line in chosen],
    }[change]
    _lint("".join([*lines[:start], *new, *lines[stop:]]), str(FILES[index]))


@settings(max_examples=examples(60), deadline=None)
@given(st.text(alphabet="recip: 1\nnamestp-[]{}'\"#|>&*!%@`é\t", max_size=80))
def test_random_text(text: str) -> None:
    _lint(text, "x.yml")


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_fixing_is_stable(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    word = data.draw(st.sampled_from(["timeout", "retry", "summary", "uses", "default", "description"]))
    broken = text.replace(word + ":", word[:2] + word[3:] + ":", data.draw(st.integers(1, 3)))
    once, _ = fix_text(broken, "x.yml", LINTER)
    twice, _ = fix_text(once, "x.yml", LINTER)
    assert once == twice
