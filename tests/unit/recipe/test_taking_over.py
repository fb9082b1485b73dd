"""Recipes take parameters over from parts: they become their own, and reach the steps by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.errors import RecipeError
from isce2_recipe.problems import Problem
from isce2_recipe.recipe import Recipe, load, read, resolve_parameters
from isce2_recipe.recipe.taking_over import self_contained

PART = """\
recipe: 1
name: part
parameters:
  bounds: {$ref: types.schema.json#/$defs/bounds, description: Where.}
  margin: {type: number, units: deg, default: 0.1, description: How far beyond.}
  name: {type: string, description: A word.}
required: [bounds, name]
steps:
  - id: dem
    uses: dem.fetch
    with: {bounds: "{{ bounds }}", margin: "{{ margin if name else 0 }}"}
outputs:
  dem: "{{ steps.dem.geotiff }}"
"""
PARAMETERS = """\
recipe: 1
kind: parameters
name: shared
parameters:
  margin: {type: number, default: 0.2}
  colour: {enum: [red, blue], default: red}
"""
WHOLE = """\
recipe: 1
name: whole
parameters_from:
  - part: part.yml
steps:
  - id: terrain
    uses: part.yml
    with: {bounds: [1, 2, 3, 4]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "part.yml").write_text(PART)
    (tmp_path / "shared.yml").write_text(PARAMETERS)
    return tmp_path


def made(folder: Path, text: str = WHOLE) -> Recipe:
    path = folder / "whole.yml"
    path.write_text(text)
    return load(path, load_registry())


def problems(folder: Path, text: str) -> list[tuple[str, int, int, str]]:
    with pytest.raises(RecipeError) as caught:
        made(folder, text)

    def facts(one: Problem) -> tuple[str, int, int, str]:
        return one.rule, one.line, one.column, one.message

    return [facts(one) for one in caught.value.problems]


def test_parameters_that_no_step_sets_become_the_recipes_own(folder: Path) -> None:
    recipe = made(folder)
    assert list(recipe.parameters) == ["margin", "name"]
    assert recipe.parameters["margin"].description == "How far beyond."
    assert recipe.required == ("name",)
    assert resolve_parameters(recipe, {"name": "x", "margin": "6 arcmin"}) == {"name": "x", "margin": 0.1}


def test_they_reach_the_part_by_their_names_unless_with_sets_them(folder: Path) -> None:
    recipe = made(folder)
    assert recipe.steps[0].with_ == {"bounds": [1, 2, 3, 4], "margin": "{{ margin }}", "name": "{{ name }}"}
    recipe = made(folder, WHOLE.replace("[1, 2, 3, 4]", "[1, 2, 3, 4], margin: 1"))
    assert list(recipe.parameters) == ["name"]
    assert recipe.steps[0].with_["margin"] == 1


def test_only_and_except_choose(folder: Path) -> None:
    text = WHOLE.replace("part.yml\nsteps", "part.yml\n    only: [name]\nsteps")
    assert list(made(folder, text).parameters) == ["name"]
    text = WHOLE.replace("part.yml\nsteps", "part.yml\n    except: [margin]\nsteps")
    assert list(made(folder, text).parameters) == ["name"]


def test_a_file_of_parameters_needs_no_steps_and_feeds_every_part(folder: Path) -> None:
    text = WHOLE.replace("part: part.yml\n", "part: shared.yml\n    only: [margin]\n")
    recipe = made(folder, text.replace("[1, 2, 3, 4]", "[1, 2, 3, 4], name: x"))
    assert recipe.steps[0].with_["margin"] == "{{ margin }}"
    assert recipe.parameters["margin"].default == 0.2
    assert set(recipe.texts()) == {str(folder / name) for name in ("whole.yml", "part.yml", "shared.yml")}
    with pytest.raises(RecipeError, match="has no steps"):
        load(folder / "shared.yml", load_registry())


def test_a_recipe_may_change_default_description_and_examples(folder: Path) -> None:
    own = "parameters:\n  name: {default: there, description: Mine.}\n  own: {type: string, default: a}\n"
    recipe = made(
        folder, WHOLE.replace("parameters_from", f"{own}parameters_from") + 'outputs: {o: "{{ own }}"}'
    )
    assert list(recipe.parameters) == ["own", "margin", "name"]
    assert recipe.parameters["name"].schema == {"type": "string", "default": "there", "description": "Mine."}
    assert recipe.required == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "part.yml\nsteps",
            "part.yml\n    except: [margn]\nsteps",
            ("IR021", 5, 14, "part.yml has no parameter 'margn'"),
        ),
        ("part: part.yml", "part: prat.yml", ("IR030", 4, 11, "there is no part 'prat.yml'")),
        ("part: part.yml", "part: whole.yml", ("IR030", 4, 11, "a part cannot use itself")),
        (
            "parameters_from:\n",
            "parameters_from:\n  - part: shared.yml\n    except: [colour]\n",
            ("IR003", 6, 11, "parameter 'margin' is taken over from two parts"),
        ),
        (
            "parameters_from:\n",
            "parameters: {margin: {type: integer}}\nparameters_from:\n",
            ("IR003", 3, 23, "parameter 'margin' is taken over from part.yml, so 'type' cannot be changed"),
        ),
        (
            "parameters_from:\n",
            "parameters: {margin: {default: x}}\nparameters_from:\n",
            (
                "IR026", 3, 32,
                "parameters.margin.default breaks the parameter's own schema: it must be a number with "
                "a unit such as '30 deg', instead got 'x'",
            ),
        ),
        (
            "uses: part.yml",
            "uses: shared.yml",
            ("IR030", 7, 11, "'shared.yml' has no steps, it only declares parameters"),
        ),
    ],
)  # fmt: skip
def test_mistakes_are_found_where_they_are(
    folder: Path, old: str, new: str, expected: tuple[str, int, int, str]
) -> None:
    assert expected in problems(folder, WHOLE.replace(old, new, 1))


def test_a_mistake_in_a_shared_file_is_shown_there(folder: Path) -> None:
    (folder / "shared.yml").write_text(PARAMETERS.replace("default: red", "default: green"))
    text = WHOLE.replace("part: part.yml", "part: shared.yml")
    (rule, line, _, _), *_ = problems(folder, text)
    assert (rule, line) == ("IR026", 6)


def test_the_text_of_a_recipe_can_be_written_out(folder: Path) -> None:
    recipe = made(folder)
    text = self_contained(recipe)
    (folder / "shared.yml").unlink()
    again = made(folder, text)
    assert "parameters_from" not in text
    assert again.document.data == recipe.document.data
    assert self_contained(again) == text


def test_a_file_of_parameters_has_no_steps(folder: Path) -> None:
    path = folder / "shared.yml"
    path.write_text(PARAMETERS + "steps: []\n")
    assert {(one.rule, one.line) for one in read(path).problems} >= {("IR001", 7)}
