"""The commands ``list``, ``describe``, ``new`` and ``lint`` for actions, parts and impossible names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.cli.commands import run_command_line
from isce2_recipe.paths import data_folder
from isce2_recipe.plan.describing_actions import PAGE, catalogue, facts, page
from isce2_recipe.recipe import shipped_parts

ACTIONS = sorted(name for name in load_registry() if name.partition(".")[0] in load_registry().builtin)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run_command_line(arguments) == code
    out, err = capsys.readouterr()
    return str(err if code else out)


def test_actions_and_parts_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "list", "--actions").splitlines()
    assert "Fetch terrain around a scene" in next(line for line in lines if line.startswith("dem.fetch "))
    assert set(ACTIONS) <= {line.split()[0] for line in lines}
    assert {row["name"] for row in json.loads(printed(capsys, "list", "--parts", "--json"))} == set(
        shipped_parts()
    )


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_documents_its_inputs_and_outputs(name: str) -> None:
    action = load_registry()[name]
    for given, what in facts(action)["inputs"].items():
        assert what["description"], f"{name} does not say what {given} is"
    text = page(action)
    assert f"uses: {name}\n" in text
    assert "|  |\n" not in text, "an output has no description"


def test_the_page_of_the_actions_is_up_to_date() -> None:
    path = Path(__file__).resolve().parents[3] / "docs/actions.md"
    assert path.read_text(encoding="utf-8") == catalogue(), f"write it anew with: {PAGE}"


def test_the_page_of_the_commands_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    made = printed(capsys, "describe", "commands")
    path = Path(__file__).resolve().parents[3] / "docs/commands.md"
    assert path.read_text(encoding="utf-8") == made, (
        "write it anew with: isce2-recipe describe commands > docs/commands.md"
    )
    assert "\n### export hyp3\n" in made


def test_an_action_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "describe", "dem.fetch")
    assert "| `margin` | a number | required | Margin around the bounds, degrees. |" in text
    assert "| `geotiff` | a file | The DEM as GeoTIFF. |" in text
    assert (
        json.loads(printed(capsys, "describe", "dem.fetch", "--format", "json"))["outputs"]["isce"]
        == "a file"
    )
    assert "did you mean 'dem.fetch'?" in printed(capsys, "describe", "dem.fetsh", code=1)


def test_the_example_of_a_pair_has_two_names(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pair = "".join(
        f'  {name}: {{$ref: "types.schema.json#/$defs/burst_names", description: Bursts.}}\n'
        for name in ("reference", "secondary")
    )
    text = f"recipe: 1\nname: mine\nsummary: A pair.\nparameters:\n{pair}required: [reference, secondary]\n"
    path = tmp_path / "mine.yml"
    path.write_text(text + "steps:\n  - {id: size, uses: command.run, with: {argv: [ls]}}\n")
    lines = printed(capsys, "describe", str(path)).splitlines()
    names = [line.split()[1] for line in lines if line.startswith(("  --reference ", "  --secondary "))]
    assert len(set(names)) == 2


@pytest.mark.parametrize("name", sorted(shipped_parts()))
def test_parts_are_described_checked_and_copied(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert f"uses: {name}" in (text := printed(capsys, "describe", name)) or f"part: {name}" in text
    assert "no problems" in printed(capsys, "lint", name)
    printed(capsys, "new", "mine", "--from", name)
    assert "name: mine\n" in Path("mine.yml").read_text()
    assert printed(capsys, "lint", "--profile", "min", "mine.yml").startswith("1 recipe")


def test_recipes_and_parts_are_counted_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "lint", "insar_tops_burst") == "1 recipe and 6 parts, no problems\n"
    assert printed(capsys, "lint", str(data_folder("recipes"))) == "5 recipes and 9 parts, no problems\n"


@pytest.mark.parametrize("name", ["x" * 300, f"{'x' * 300}.yml"])
@pytest.mark.parametrize("command", ["lint", "plan", "run", "describe", "graph"])
def test_names_that_no_recipe_has(command: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line([command, name]) in (1, 2)
    assert "error: " in "".join(capsys.readouterr())


def test_every_problem_of_parameters_reads_alike(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["insar_tops_burst", "--looks", "1", "--filter-strength", "9", "--set", "foo=3"]
    lines = printed(capsys, "plan", *words, code=1).splitlines()
    assert len(lines) == 8
    assert all(line.startswith(("error: ", "  hint: ")) for line in lines), lines
