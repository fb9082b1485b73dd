"""Single rules: values that they accept, and cases that the corpus of bad recipes does not contain."""

from __future__ import annotations

from pathlib import Path

import pytest

from isce2_recipe.lint import Options, lint_paths

HEAD = """\
recipe: 1
name: demo
summary: A recipe.
"""
DEM = """\
steps:
  - id: dem
    uses: dem.fetch
    with: {bounds: [52.5, 27.0, 53.5, 27.5], margin: 0.1}
"""


def found(folder: Path, text: str, *rules: str) -> list[str]:
    path = folder / "demo.yml"
    path.write_text(HEAD + text)
    return [problem.message for problem in lint_paths([path], Options(select=rules))]


def test_an_outdated_page_is_reported(tmp_path: Path) -> None:
    recipes, pages = tmp_path / "recipes", tmp_path / "docs" / "recipes"
    recipes.mkdir()
    pages.mkdir(parents=True)
    (pages / "demo.md").write_text("# demo\n\n`bounds`\n")
    parameters = "parameters:\n  bounds: {description: a}\n  margin_deg: {description: b}\n"
    assert found(recipes, parameters + DEM, "IR017") == [
        "demo.md does not mention the parameter 'margin_deg'"
    ]
    (pages / "demo.md").write_text("# demo\n\n`bounds` `margin_deg`\n")
    assert found(recipes, parameters + DEM, "IR017") == []


FOLDERS = """\
parameters:
  unwrapper: {{enum: [snaphu, whirlwind], default: snaphu, description: Which.}}
  on: {{type: boolean, default: true, description: Whether.}}
  free: {{type: string, default: x, description: Any.}}
steps:
  - {{id: a, uses: dem.fetch, folder: isce, when: "{one}", with: {{bounds: [0, 0, 1, 1], margin: 0}}}}
  - {{id: b, uses: dem.fetch, folder: isce, when: "{other}", with: {{bounds: [0, 0, 1, 1], margin: 0}}}}
"""


@pytest.mark.parametrize(
    ("one", "other", "clean"),
    [
        ("{{ unwrapper == 'snaphu' }}", "{{ unwrapper != 'snaphu' }}", True),
        ("{{ on }}", "{{ not on }}", True),
        ("{{ unwrapper == 'snaphu' }}", "{{ on }}", False),
        ("{{ free == 'x' }}", "{{ free != 'x' }}", False),
    ],
)
def test_steps_that_exclude_each_other_may_share_a_folder(
    tmp_path: Path, one: str, other: str, clean: bool
) -> None:
    assert (found(tmp_path, FOLDERS.format(one=one, other=other), "IR053") == []) is clean


@pytest.mark.parametrize(
    "line",
    [
        'a: "20:4"',
        "a: 20x4",
        "a: 1.20",
        "a: true",
        "a: 10",
        "a: -3.5",
        "a: null",
        "a: Norway",
        "a: |\n    NO\n",
    ],
)
def test_unambiguous_values_are_not_reported(tmp_path: Path, line: str) -> None:
    assert found(tmp_path, f"variables:\n  {line}\n{DEM}", "IR006") == []


@pytest.mark.parametrize("line", ["version: 1.20", "a: on", "a: 1_000", "a: 12:30:45", "a: 0o17", "a: y"])
def test_ambiguous_values_are_reported(tmp_path: Path, line: str) -> None:
    assert len(found(tmp_path, f"variables:\n  {line}\n{DEM}", "IR006")) == 1


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ("{{ token }}", True),
        ("a tokenizer", True),
        ("https://example.org/a:b@c", True),
        ("https://me:secret@example.org", False),
        ("ghp_" + "a1B2" * 9, False),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3.x", False),
    ],
)
def test_credentials(tmp_path: Path, value: str, clean: bool) -> None:
    text = f'parameters:\n  token: {{type: string, secret: true}}\nvariables:\n  note: "{value}"\n{DEM}'
    assert (found(tmp_path, text, "IR040") == []) is clean


def test_the_message_does_not_show_the_credential(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2" * 9
    assert secret not in "".join(found(tmp_path, f"variables:\n  note: {secret}\n{DEM}", "IR040"))


@pytest.mark.parametrize("value", ["http://localhost:8000/x", "http://127.0.0.1/x", "https://example.org"])
def test_addresses_on_this_machine_need_no_encryption(tmp_path: Path, value: str) -> None:
    assert found(tmp_path, f"variables:\n  note: {value}\n{DEM}", "IR045") == []


def test_a_condition_on_an_existing_choice_is_not_reported(tmp_path: Path) -> None:
    text = "parameters:\n  looks: {enum: [20x4, 5x1], default: 20x4}\n"
    assert found(tmp_path, text + DEM + "    when: \"{{ looks == '5x1' }}\"\n", "IR024") == []


@pytest.mark.parametrize(
    ("looks", "posting", "clean"), [("20x4", 80, True), ("5x1", 20, True), ("10x2", 200, False)]
)
def test_looks_must_match_the_posting(tmp_path: Path, looks: str, posting: int, clean: bool) -> None:
    text = f"variables:\n  app: topsApp\n  grid: {{looks: {looks}, posting: {posting}}}\n{DEM}"
    assert (found(tmp_path, text, "IR064") == []) is clean


def test_looks_of_other_satellites_are_not_checked(tmp_path: Path) -> None:
    assert found(tmp_path, f"variables:\n  looks: 4x14\n{DEM}", "IR064") == []


def test_the_shipped_recipes_have_no_problems() -> None:
    from isce2_recipe.paths import data_folder

    found = lint_paths([data_folder("recipes")], Options(profile="shared"))
    assert [f"{problem.file}:{problem.line}: {problem.message}" for problem in found] == []


def test_a_step_that_reads_only_the_name_of_the_source_needs_no_retry_or_memory(tmp_path: Path) -> None:
    text = (
        "steps:\n  - id: truth\n    uses: simulation.write_truth\n    with: {catalog: a.json, dem: b.tif}\n"
    )
    assert [found(tmp_path, text, rule) for rule in ("IR050", "IR051", "IR052", "IR054")] == [[], [], [], []]


def test_the_name_of_a_set_of_credentials_is_not_a_credential(tmp_path: Path) -> None:
    text = "variables:\n  where: {credentials: publish}\n"
    assert found(tmp_path, text + DEM, "IR040") == []
    assert len(found(tmp_path, text.replace("credentials", "password") + DEM, "IR040")) == 1
