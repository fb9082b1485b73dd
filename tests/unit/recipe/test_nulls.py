"""Outputs of skipped steps are null: what cannot take that is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.errors import RecipeError
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


def test_a_step_that_needs_what_a_skipped_step_makes_is_refused(tmp_path: Path) -> None:
    found = refused(tmp_path, TEXT.replace("WHEN", "true"))
    assert found == [(13, 17, "dem must be a file, instead got null")]


@pytest.mark.parametrize(
    "condition", ['"{{ fetch }}"', '"{{ steps.dem.geotiff is not none }}"', '"{{ steps.other.geotiff }}"']
)
def test_a_step_that_is_skipped_as_well_or_may_be_is_not(tmp_path: Path, condition: str) -> None:
    other = "  - id: other\n    uses: dem.fetch\n    with: {bounds: [1, 2, 3, 4], margin: 0.1}\n"
    assert refused(tmp_path, TEXT.replace("WHEN", condition) + other) == []


def test_nothing_is_refused_where_the_step_runs(tmp_path: Path) -> None:
    assert refused(tmp_path, TEXT.replace("WHEN", "true"), fetch=True) == []
