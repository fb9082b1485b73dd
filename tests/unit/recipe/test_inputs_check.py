"""Outputs of skipped steps are null: steps that need them are refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.errors import RecipeError
from isce2_recipe.lint import lint_paths
from isce2_recipe.lint.linting import Options
from isce2_recipe.recipe import load, verify

TEXT = """\
recipe: 1
name: nulls
parameters:
  fetch: {type: boolean, default: false}
steps:
  - id: dem
    uses: dem.fetch
    when: "{{ fetch }}"
    with: {bounds: [1, 2, 3, 4], margin: 0.1}
  - id: fine
    uses: dem.resample
    when: WHEN
    with: {dem: "{{ steps.dem.geotiff }}", pixel_m: 20}
"""


def refused(folder: Path, text: str, **values: object) -> list[tuple[int, int, str]]:
    (folder / "nulls.yml").write_text(text)
    try:
        verify(load(folder / "nulls.yml", load_registry()), load_registry(), values)
    except RecipeError as exc:
        return [(problem.line, problem.column, problem.message) for problem in exc.problems]
    return []


def test_a_step_that_needs_outputs_of_a_skipped_step_is_refused(tmp_path: Path) -> None:
    found = refused(tmp_path, TEXT.replace("WHEN", "true"))
    assert found == [(13, 17, "dem must be a file, instead got null")]


@pytest.mark.parametrize(
    "condition", ['"{{ fetch }}"', '"{{ steps.dem.geotiff is not none }}"', '"{{ steps.other.geotiff }}"']
)
def test_a_step_that_may_be_skipped_as_well_is_accepted(tmp_path: Path, condition: str) -> None:
    other = "  - id: other\n    uses: dem.fetch\n    with: {bounds: [1, 2, 3, 4], margin: 0.1}\n"
    assert refused(tmp_path, TEXT.replace("WHEN", condition) + other) == []


def test_nothing_is_refused_if_the_step_runs(tmp_path: Path) -> None:
    assert refused(tmp_path, TEXT.replace("WHEN", "true"), fetch=True) == []


PART = """\
recipe: 1
name: part
parameters:
  word: {type: string, maxLength: 5}
  margin: {type: number, minimum: 0}
required: [word]
steps:
  - {id: dem, uses: dem.fetch, with: {bounds: [1, 2, 3, 4], margin: "{{ margin }}"}}
"""
WHOLE = """\
recipe: 1
name: nulls
parameters:
  word: {type: string, default: abc}
  margin: {type: number}
variables:
  twice: "{{ word ~ word }}"
steps:
  - {id: one, uses: part.yml, with: {word: "{{ word }}", margin: "{{ margin }}"}}
  - {id: two, uses: part.yml, with: {word: "{{ twice }}"}}
"""


def test_parts_refuse_values_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "part.yml").write_text(PART.replace('margin: "{{ margin }}"', "margin: 1"))
    assert refused(tmp_path, WHOLE, word="ab") == []
    assert refused(tmp_path, WHOLE, word="abcdef", margin=-1) == [
        (9, 44, "word must be at most 5 characters long, instead got 6"),
        (9, 66, "margin must be at least 0, instead got -1"),
        (10, 44, "word must be at most 5 characters long, instead got 12"),
    ]


def test_a_part_that_cannot_be_read_is_reported_with_other_problems(tmp_path: Path) -> None:
    (tmp_path / "part.yml").write_bytes(b"recipe: \xff\n")
    (tmp_path / "nulls.yml").write_text(WHOLE.replace("word ~ word", "word ~ world"))
    found = [(one.rule, one.line) for one in lint_paths([tmp_path / "nulls.yml"], Options("min"))]
    assert found == [("IR021", 7), ("IR030", 9), ("IR030", 10), ("IR009", 1)]


NULL_DEFAULTS = """\
recipe: 1
name: defaults
summary: Expressions that cannot use a default of null, and one in a step that does not run then.
parameters:
  bucket: {type: [string, "null"], default: null, pattern: "^[a-z]+$", description: A bucket.}
  pixel: {type: [number, "null"], default: null, minimum: 10, description: Size of pixels in metres.}
steps:
  - id: guarded
    when: "{{ bucket }}"
    uses: command.run
    with: {argv: [echo, "{{ bucket | first }}"], stdout: o}
  - id: free
    uses: command.run
    with: {argv: [echo, "{{ bucket | last }}"], stdout: o}
  - id: half
    uses: command.run
    with: {argv: [echo, "{{ 'x' if pixel is none else pixel / 2 }}", "{{ pixel / 2 }}"], stdout: o}
"""


def test_lint_evaluates_expressions_with_the_default_null(tmp_path: Path) -> None:
    (tmp_path / "defaults.yml").write_text(NULL_DEFAULTS)
    found = lint_paths([tmp_path / "defaults.yml"], Options(select=("IR020",)))
    assert [problem.line for problem in found] == [14, 17]
