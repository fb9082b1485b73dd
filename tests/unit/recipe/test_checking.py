"""Names, inputs, types and cycles, found before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from isce2_recipe.actions.base import Action, Context, action
from isce2_recipe.errors import RecipeError
from isce2_recipe.recipe import check, dependencies, load, read_text
from isce2_recipe.recipe.checking import check_reading


@dataclass(frozen=True)
class Inner:
    east: float
    files: list[Path]


@dataclass(frozen=True)
class Made:
    count: int
    path: Path
    names: list[str]
    inner: Inner
    maybe: str | None
    table: dict[str, Any]


@action("test.make", version=1)
def make(ctx: Context, *, size: Annotated[float, "m"] = 1.0, mode: Literal["fast", "slow"] = "fast") -> Made:
    raise AssertionError("never called")


@action("test.take", version=1)
def take(
    ctx: Context,
    *,
    number: int = 0,
    real: float = 0.0,
    text: str = "",
    truth: bool = False,
    file: Path | None = None,
    files: list[Path] | None = None,
    names: list[str] | None = None,
    choice: Literal["a", "b"] = "a",
    values: dict[str, Any] | None = None,
) -> None:
    raise AssertionError("never called")


@action("test.need", version=1)
def need(ctx: Context, *, text: str) -> None:
    raise AssertionError("never called")


ACTIONS: dict[str, Action] = {one.name: one for one in (make, take, need)}
HEAD = """\
recipe: 1
name: demo
parameters:
  number: {type: integer, default: 1}
  real: {type: number, default: 1.5}
  text: {type: string}
  truth: {type: boolean, default: false}
  letter: {enum: [a, b], default: a}
  other: {enum: [b, c], default: b}
  names: {type: array, items: {type: string}, default: []}
  anything: {default: 1}
required: [text]
variables:
  twice: "{{ number * 2 }}"
  listed: ["{{ text }}", fixed]
steps:
  - {id: made, uses: test.make}
"""


def problems(lines: str) -> list[str]:
    reading = read_text(HEAD + lines, "demo.yml")
    assert reading.recipe is not None, reading.problems
    return [f"{one.rule} {one.line}:{one.column} {one.message}" for one in check(reading.recipe, ACTIONS)]


@pytest.mark.parametrize(
    "given",
    [
        'number: "{{ number }}"',
        'number: "{{ steps.made.count }}"',
        'real: "{{ number }}"',
        'real: "{{ real }}"',
        "real: 3",
        'text: "{{ text }}"',
        'text: "{{ number }} of {{ real }}"',
        'text: "{{ letter }}"',
        'text: "{{ steps.made.path | basename }}"',
        'text: "{{ steps.made.path.name }}"',
        'text: "{{ steps.made.maybe | default(1) }}"',
        'truth: "{{ truth }}"',
        'truth: "{{ number > 1 and not truth }}"',
        'file: "{{ steps.made.path }}"',
        "file: some/where",
        "file: null",
        'files: "{{ steps.made.inner.files }}"',
        'files: ["{{ steps.made.path }}", other]',
        'files: "{{ steps.made.inner.files + steps.made.inner.files }}"',
        'names: "{{ steps.made.names }}"',
        'names: "{{ listed }}"',
        'names: ["{{ text }}"]',
        "names: []",
        "choice: b",
        'choice: "{{ letter }}"',
        'choice: "{{ text }}"',
        'number: "{{ twice }}"',
        'number: "{{ anything }}"',
        'number: "{{ steps.made.table.deep }}"',
        'values: {a: "{{ text }}", b: [1, "{{ steps.made.count }}"]}',
        "text: \"{{ 'x' if truth else text }}\"",
    ],
)
def test_values_of_the_right_type_are_accepted(given: str) -> None:
    assert problems(f"  - {{id: taken, uses: test.take, with: {{{given}}}}}\n") == []


@pytest.mark.parametrize(
    ("given", "rule", "message"),
    [
        ('number: "{{ real }}"', "IR023", "number must be a whole number, instead got a number from real"),
        (
            'number: "{{ truth }}"',
            "IR023",
            "number must be a whole number, instead got true or false from truth",
        ),
        ("number: true", "IR023", "number must be a whole number, instead got true"),
        ('number: "3"', "IR023", "number must be a whole number, instead got '3'"),
        ('text: "{{ number }}"', "IR023", "text must be text, instead got a whole number from number"),
        (
            'text: "{{ steps.made.path }}"',
            "IR023",
            "text must be text, instead got a file from steps.made.path",
        ),
        (
            'text: "{{ steps.made.maybe }}"',
            "IR023",
            "text must be text, instead got text or null from steps.made.maybe",
        ),
        ('files: "{{ steps.made.path }}"', "IR023", "files must be a list of files or null"),
        ('files: "{{ steps.made.names }}"', "", ""),
        ('names: "{{ steps.made.inner.files }}"', "IR023", "names must be a list of text or null"),
        ("choice: c", "IR023", "choice must be one of a, b, instead got 'c'"),
        ('choice: "{{ other }}"', "IR023", "choice must be one of a, b, instead got one of b, c from other"),
        (
            'number: "{{ steps.made.inner }}"',
            "IR023",
            "number must be a whole number, instead got Inner from steps.made.inner",
        ),
        ('text: "{{ steps.made.inner.north }}"', "IR021", "steps.made.inner has no field 'north'"),
        ('text: "{{ text.upper }}"', "IR021", "text has no field 'upper'"),
        ('text: "{{ steps }}"', "IR021", "a step and an output are expected"),
        ('text: "{{ run }}"', "IR021", "there is no 'run'"),
        ('text: "{{ twise }}"', "IR021", "there is no parameter or variable 'twise'"),
        ("txet: x", "IR030", "test.take has no input 'txet'"),
    ],
)
def test_values_of_a_wrong_type_are_reported(given: str, rule: str, message: str) -> None:
    found = problems(f"  - {{id: taken, uses: test.take, with: {{{given}}}}}\n")
    if not rule:
        assert found == []
        return
    assert len(found) == 1, found
    assert found[0].startswith(f"{rule} 18:")
    assert message in found[0]


def test_a_place_inside_an_expression_is_marked_exactly() -> None:
    line = '  - {id: taken, uses: test.take, with: {text: "{{ text }} and {{ tekst }}"}}\n'
    (found,) = problems(line)
    assert found.startswith(f"IR021 18:{line.index('tekst') + 1} ")


def test_missing_inputs_are_named() -> None:
    (found,) = problems("  - {id: taken, uses: test.need}\n")
    assert "test.need is missing 'text'" in found


def test_null_of_a_conditional_step_is_accepted() -> None:
    step = '  - {id: taken, uses: test.need, when: "{{ truth }}", with: {text: "{{ steps.made.maybe }}"}}\n'
    assert problems(step) == []


def test_circles_are_reported() -> None:
    steps = "  - {id: a, uses: test.take, needs: [b]}\n  - {id: b, uses: test.take, needs: [c]}\n"
    (found,) = problems(steps + "  - {id: c, uses: test.take, needs: [a]}\n")
    assert "waits for itself" in found
    (found,) = problems("  - {id: a, uses: test.take, needs: [a]}\n")
    assert found.endswith("step 'a' waits for itself")


def test_dependencies_follow_references_and_needs() -> None:
    steps = '  - {id: a, uses: test.take, with: {number: "{{ steps.made.count }}"}}\n'
    steps += '  - {id: b, uses: test.take, when: "{{ steps.made.count > 1 }}", needs: [a]}\n'
    recipe = read_text(HEAD + steps, "demo.yml").recipe
    assert recipe is not None
    assert dependencies(recipe) == {"made": [], "a": ["made"], "b": ["made", "a"]}


PART = """\
recipe: 1
name: part
parameters:
  size: {type: number, minimum: 0}
  note: {type: string}
required: [size]
steps:
  - {id: made, uses: test.make, with: {size: "{{ size }}"}}
outputs:
  path: "{{ steps.made.path }}"
  words: "made {{ size }}"
"""
WHOLE = """\
recipe: 1
name: whole
parameters:
  text: {type: string, default: x}
steps:
  - {id: part, uses: part.yml, with: {size: SIZE}}
  - {id: taken, uses: test.take, with: {file: "{{ steps.part.path }}", text: "{{ steps.part.words }}"}}
outputs:
  path: "{{ steps.part.OUT }}"
"""


def whole(folder: Path, size: str = "3", out: str = "path") -> Path:
    (folder / "part.yml").write_text(PART)
    path = folder / "whole.yml"
    path.write_text(WHOLE.replace("SIZE", size).replace("OUT", out))
    return path


def test_a_part_is_loaded_and_its_outputs_are_typed(tmp_path: Path) -> None:
    recipe = load(whole(tmp_path), ACTIONS)
    part = recipe.steps[0].part
    assert part is not None
    assert part.name == "part"
    assert set(recipe.texts()) == {str(tmp_path / "whole.yml"), str(tmp_path / "part.yml")}


@pytest.mark.parametrize(
    ("size", "out", "message"),
    [
        ("-1", "path", "size must be at least 0, instead got -1"),
        ('"{{ text }}"', "path", "size must be a number, instead got text from text"),
        ("3", "paht", "step 'part' has no output 'paht'"),
    ],
)
def test_a_parts_parameters_and_outputs_are_checked(
    tmp_path: Path, size: str, out: str, message: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        load(whole(tmp_path, size, out), ACTIONS)
    assert message in str(caught.value)
    assert len(caught.value.problems) == 1


def test_mistakes_in_a_part_are_shown_in_its_own_text(tmp_path: Path) -> None:
    path = whole(tmp_path)
    (tmp_path / "part.yml").write_text(
        PART.replace("{{ size }}", "{{ sise }}", 1).replace("minimum", "minimun")
    )
    with pytest.raises(RecipeError) as caught:
        load(path, ACTIONS)
    assert "part.yml:4:24: unexpected key 'minimun'" in str(caught.value)
    assert {Path(one.file).name for one in caught.value.problems} == {"part.yml"}


def test_parts_that_use_each_other_are_reported(tmp_path: Path) -> None:
    path = whole(tmp_path)
    (tmp_path / "part.yml").write_text(PART.replace("uses: test.make", "uses: whole.yml"))
    with pytest.raises(RecipeError, match="a part cannot use itself"):
        load(path, ACTIONS)


def test_mistakes_of_grammar_do_not_hide_others() -> None:
    text = HEAD.replace("names: {type: array", "names: {typ: array") + (
        "  - {id: a, uses: test.take, wiht: {text: x}}\n"
        '  - {id: b, uses: test.take, with: {txt: "{{ tekst }}"}}\n'
        '  - {id: c, uses: test.take, with: {names: "{{ names }}"}}\n  - {uses: test.take}\n'
    )
    reading = read_text(text, "demo.yml")
    assert reading.recipe is None
    more = check_reading(reading, ACTIONS)
    assert [one.message for one in more] == [
        "test.take has no input 'txt'",
        "there is no parameter or variable 'tekst'",
    ]
    assert {one.rule for one in reading.problems} == {"IR001", "IR002"}
