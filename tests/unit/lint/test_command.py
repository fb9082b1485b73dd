"""The command ``lint``: formats, exit codes, profiles and selection of rules."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from isce2_recipe.lint import Options, lint_paths, main
from isce2_recipe.lint.catalogue import RULES, by_id, chosen
from isce2_recipe.recipe.loading import available

GOOD = """\
recipe: 1
name: good
summary: Terrain of a box.

steps:
  - id: dem
    uses: dem.fetch
    with: {bounds: [52.5, 27.0, 53.5, 27.5], margin: 0.1}
"""
BAD = GOOD.replace("    with:", "    timout: 1 h\n    with:").replace("name: good", "name: bad")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yml").write_text(GOOD)
    (tmp_path / "bad.yml").write_text(BAD)
    (tmp_path / "other.yml").write_text("not: a recipe\n")
    return tmp_path


def test_exit_codes(folder: Path) -> None:
    assert main(["good.yml"]) == ("1 recipe, no problems", 0)
    assert main(["bad.yml"])[1] == 1
    assert main([])[1] == 2
    assert main(["absent.yml"])[1] == 2
    assert main(["good.yml"], format="xml")[1] == 2
    assert main(["good.yml"], select=["IR777"])[1] == 2
    assert main(["good.yml"], profile="strict")[1] == 2
    assert main(["-"], fix=True)[1] == 2


def test_usage_errors_suggest_names(folder: Path) -> None:
    assert "did you mean 'sarif'?" in main(["good.yml"], format="sarf")[0]
    assert "did you mean 'IR001'?" in main(["good.yml"], select=["IR0001"])[0]
    assert "did you mean 'shared'?" in main(["good.yml"], profile="share")[0]


def test_folders_are_searched_for_recipes(folder: Path) -> None:
    text, code = main([str(folder)])
    assert code == 1
    assert text.endswith("1 error in 2 recipes")


def test_the_json_format_has_exactly_these_fields(folder: Path) -> None:
    (found,) = json.loads(main(["bad.yml"], format="json")[0])
    assert found == {
        "file": "bad.yml",
        "line": 8,
        "column": 5,
        "end_line": 8,
        "end_column": 11,
        "rule": "IR001",
        "severity": "error",
        "message": "unexpected key 'timout' in steps[0]",
        "hint": "did you mean 'timeout'?",
        "suggestion": "timeout",
    }
    assert json.loads(main(["good.yml"], format="json")[0]) == []


def test_the_github_format(folder: Path) -> None:
    text, _ = main(["bad.yml"], format="github")
    assert text == (
        "::error file=bad.yml,line=8,col=5,endLine=8,endColumn=11,title=IR001::"
        "unexpected key 'timout' in steps[0]%0Adid you mean 'timeout'?"
    )
    assert main(["good.yml"], format="github") == ("", 0)


def _fields(value: Any, names: dict[str, type]) -> None:
    for name, kind in names.items():
        assert isinstance(value[name], kind), name


def test_the_sarif_format_has_the_fields_of_version_2_1_0(folder: Path) -> None:
    """Check the required and restricted fields of sections 3.13 to 3.30 of the standard."""
    log = json.loads(main([str(folder)], format="sarif", profile="shared")[0])
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    driver = run["tool"]["driver"]
    _fields(driver, {"name": str, "version": str, "informationUri": str, "rules": list})
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    for rule in driver["rules"]:
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
        _fields(rule["shortDescription"], {"text": str})
    assert run["results"]
    for result in run["results"]:
        assert result["level"] in ("none", "note", "warning", "error")
        assert ids[result["ruleIndex"]] == result["ruleId"]
        _fields(result["message"], {"text": str})
        place = result["locations"][0]["physicalLocation"]
        _fields(place["artifactLocation"], {"uri": str})
        region = place["region"]
        assert 1 <= region["startLine"] <= region["endLine"]
        assert region["startColumn"] >= 1
        assert region["endColumn"] >= 1


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
    text, code = main(["-"], stdin_filename="elsewhere/bad.yml")
    assert code == 1
    assert text.startswith("elsewhere/bad.yml:8:5: unexpected key 'timout'")


def test_select_and_ignore(folder: Path) -> None:
    assert main(["bad.yml"], select=["IR002"])[1] == 0
    assert main(["bad.yml"], ignore=["IR001"])[1] == 0
    assert main(["bad.yml"], ignore=["IR00"])[1] == 0
    assert main(["bad.yml"], select=["IR001,IR002"])[1] == 1


def test_each_profile_contains_the_one_before() -> None:
    sets = [chosen(profile, (), ()) for profile in ("min", "basic", "sar", "shared")]
    assert all(small < large for small, large in pairwise(sets))
    assert sets[-1] == set(by_id())
    assert {"IR001", "IR007", "IR020", "IR022", "IR030"} <= sets[0]
    assert "IR060" in sets[2]
    assert "IR060" not in sets[1]


def test_every_rule_has_an_explanation() -> None:
    assert len(by_id()) >= 50
    for rule in RULES:
        assert rule.title
        assert len(rule.title) <= 130
        text, code = main([], explain=rule.id.lower())
        assert code == 0
        assert text.startswith(f"{rule.id}: ")
        assert rule.title in text
    assert main([], explain="IR999")[1] == 2


def test_lint_paths_returns_the_problems(folder: Path) -> None:
    (problem,) = lint_paths([folder / "bad.yml"], Options(profile="min"))
    assert (problem.rule, problem.line) == ("IR001", 8)


@pytest.mark.parametrize("fix", [False, True])
def test_a_file_that_is_not_text_does_not_hide_others(folder: Path, fix: bool) -> None:
    (folder / "binary.yml").write_bytes(b"recipe: 1\nname: \xff\xfe\n")
    text, code = main(["binary.yml", "bad.yml"], fix=fix, select=["IR009", "IR002"])
    assert code == 1
    assert "binary.yml:2:1: 'binary.yml' is not a text in UTF-8 [IR009]" in text
    assert "1 error in 2 recipes" in text
    assert "binary.yml:2:1" in main([str(folder)])[0]


def test_a_folder_without_recipes_is_an_error(folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "empty" / "other.yml").write_text("a: 1\n")
    text, code = main(["empty"])
    assert (code, "there are no recipes in 'empty'" in text) == (2, True)


def test_a_baseline_that_cannot_be_written_or_read_is_an_error(folder: Path) -> None:
    assert main(["good.yml"], baseline="nowhere/known.json")[1] == 2
    (folder / "known.json").write_text("{}")
    assert main(["good.yml"], baseline="known.json")[1] == 2


def test_line_ends_and_a_byte_order_mark_change_nothing(folder: Path) -> None:
    text = (folder / "bad.yml").read_bytes()
    (folder / "bad.yml").write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))
    for place in ("bad.yml", str(folder)):
        assert "bad.yml:8:5: unexpected key 'timout'" in main([place])[0]


def test_a_part_is_linted_once_with_the_recipes_that_use_it(folder: Path) -> None:
    (folder / "part.yml").write_text(
        GOOD.replace("name: good", "name: part").replace("margin: 0.1", "margn: 0.1")
    )
    for name in ("one", "two"):
        (folder / f"{name}.yml").write_text(
            f"recipe: 1\nname: {name}\nsummary: Uses a part.\nsteps:\n  - {{id: p, uses: part.yml}}\n"
        )
    found = lint_paths(["one.yml", "two.yml"])
    assert [(problem.file, problem.message) for problem in found] == [
        ("part.yml", "dem.fetch has no input 'margn'"),
    ]


@pytest.mark.parametrize(
    ("files", "allowed"), [(["good.yml"], []), (["bad.yml"], ["jsonschema"]), ([*available()], [])]
)
def test_lint_imports_nothing_heavy(folder: Path, files: list[str], allowed: list[str]) -> None:
    """jsonschema, which takes 0.1 s to import, is needed for recipes with mistakes only."""
    heavy = ["numpy", "numba", "rasterio", "scipy", "boto3", "asf_search", "jsonschema", "lxml", "rich"]
    heavy.append("importlib.metadata")  # whose search for plug-ins reads the metadata of all packages
    script = (
        f"import sys; from isce2_recipe.lint import main; main({files!r}, profile='shared');"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(allowed)
