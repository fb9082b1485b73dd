"""Comments that turn off a rule, and the baseline of known problems."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isce2_recipe.lint import Options, lint_paths, main

RECIPE = """\
recipe: 1
name: quiet
summary: Terrain of a box.
variables:
  unused: latest{comment}
steps:
  - id: dem
    uses: dem.fetch
    with: {{bounds: [52.5, 27.0, 53.5, 27.5], margin: 0.1}}
"""


def rules(folder: Path, comment: str, profile: str = "basic", before: str = "") -> list[str]:
    path = folder / "quiet.yml"
    text = RECIPE.format(comment=comment)
    path.write_text(text.replace("  unused", f"{before}  unused"))
    return [problem.rule for problem in lint_paths([path], Options(profile=profile))]  # type: ignore[arg-type]


def test_a_comment_turns_its_rule_off_for_the_line(tmp_path: Path) -> None:
    assert rules(tmp_path, "") == ["IR025"]
    assert rules(tmp_path, "   # recipe: ignore[IR025] kept for later") == []


def test_a_comment_on_its_own_line_applies_to_the_next_line(tmp_path: Path) -> None:
    assert rules(tmp_path, "", before="  # recipe: ignore[IR025] kept for later\n") == []
    above = "  # recipe: ignore[IR025] kept for later\n\n  # another comment\n"
    assert rules(tmp_path, "", before=above) == []


def test_several_rules_in_one_comment(tmp_path: Path) -> None:
    assert rules(tmp_path, "   # recipe: ignore[IR025, IR055] why") == ["IR090"]


def test_an_unused_or_unknown_ignore_is_reported(tmp_path: Path) -> None:
    assert rules(tmp_path, "   # recipe: ignore[IR043] why") == ["IR025", "IR090"]
    assert rules(tmp_path, "   # recipe: ignore[IR999] why") == ["IR025", "IR091"]


def test_fixing_removes_a_comment_only_if_none_of_its_rules_needs_it(tmp_path: Path) -> None:
    both = "   # recipe: ignore[IR025, IR055] why"
    assert rules(tmp_path, both) == ["IR090"]
    assert main([str(tmp_path / "quiet.yml")], fix=True, profile="basic")[1] == 1
    assert both in (tmp_path / "quiet.yml").read_text()
    rules(tmp_path, "   # recipe: ignore[IR043, IR055] why")
    main([str(tmp_path / "quiet.yml")], fix=True, profile="basic")
    assert "ignore" not in (tmp_path / "quiet.yml").read_text()


def test_an_ignore_is_not_unused_if_its_rule_could_not_check_the_recipe(tmp_path: Path) -> None:
    comment = "   # recipe: ignore[IR025] kept for later"
    assert rules(tmp_path, comment, before="  Wrong: 1\n") == ["IR010"]


def test_an_ignore_of_a_rule_that_is_not_selected_is_not_reported(tmp_path: Path) -> None:
    assert rules(tmp_path, "   # recipe: ignore[IR064] why") == ["IR025"]


def test_the_profile_shared_requires_a_reason(tmp_path: Path) -> None:
    assert "IR093" in rules(tmp_path, "   # recipe: ignore[IR025]", "shared")
    assert "IR093" not in rules(tmp_path, "   # recipe: ignore[IR025] why", "shared")


def test_text_that_resembles_a_comment_has_no_effect(tmp_path: Path) -> None:
    assert rules(tmp_path, "#recipe-ignore[IR025]") == ["IR025"]
    path = tmp_path / "quiet.yml"
    path.write_text(RECIPE.format(comment="").replace("latest", '"a # recipe: ignore[IR025] b"'))
    assert [problem.rule for problem in lint_paths([path], Options(profile="basic"))] == ["IR025"]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "quiet.yml"
    made.write_text(RECIPE.format(comment=""))
    return made


def test_a_baseline_is_written_and_then_hides_its_problems(path: Path) -> None:
    assert main(["quiet.yml"], baseline="known.json") == ("known.json written; known problems: 1", 0)
    assert json.loads(Path("known.json").read_text())["findings"][0]["rule"] == "IR025"
    assert main(["quiet.yml"], baseline="known.json")[1] == 0


def test_new_problems_are_reported_even_if_lines_move(path: Path) -> None:
    main(["quiet.yml"], baseline="known.json")
    path.write_text(
        "# moved down\n\n" + path.read_text().replace("unused: latest", "unused: latest\n  second: 1")
    )
    text, code = main(["quiet.yml"], baseline="known.json")
    assert code == 1
    assert text.count("IR025") == 1
    assert "'second'" in text


def test_an_entry_that_is_no_longer_needed_is_reported(path: Path) -> None:
    main(["quiet.yml"], baseline="known.json")
    path.write_text(path.read_text().replace("variables:\n  unused: latest\n", ""))
    text, code = main(["quiet.yml"], baseline="known.json")
    assert code == 1
    assert text.startswith("known.json: warning: quiet.yml no longer violates IR025")
    assert main(["quiet.yml"], baseline="known.json", ignore=["IR092"])[1] == 0


def test_a_file_that_is_not_a_baseline_is_an_error(path: Path) -> None:
    Path("known.json").write_text("[]")
    text, code = main(["quiet.yml"], baseline="known.json")
    assert code == 2
    assert "is not a baseline" in text


def test_a_baseline_reports_nothing_about_unchecked_files_and_rules(path: Path) -> None:
    other = path.with_name("other.yml")
    other.write_text(path.read_text().replace("name: quiet", "name: other"))
    known = main(["quiet.yml", "other.yml"], baseline="known.json")[0]
    assert known == "known.json written; known problems: 2"
    assert main(["quiet.yml"], baseline="known.json")[1] == 0
    assert main(["quiet.yml"], baseline="known.json", select=["IR001", "IR092"])[1] == 0
    other.unlink()
    text, code = main(["quiet.yml"], baseline="known.json")
    assert (code, text.count("no longer violates")) == (1, 1)
