"""The pre-commit hooks and the GitHub Action."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[3]


def _load(name: str) -> Any:
    return YAML(typ="safe").load(ROOT / name)


def test_the_hooks_lint_recipes_wherever_they_are(tmp_path: Path) -> None:
    """Run the entries as pre-commit does; a recipe is known by its first key, not by its folder."""
    (tmp_path / "bad recipe.yml").write_text("# A recipe.\nrecipe: 1\nname: bad\nstep: []\n")
    (tmp_path / "other.yml").write_text("step: []\nsteps: [{recipe: 1}]\n")
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    for hook in _load(".pre-commit-hooks.yaml"):
        assert (hook["language"], hook["types"], hook["require_serial"]) == ("python", ["yaml"], True)
        for files, code in ((["other.yml"], 0), (["other.yml", "bad recipe.yml"], 123)):
            command = [*shlex.split(hook["entry"]), *files]
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == code, done.stdout + done.stderr
            assert ("bad recipe.yml" in done.stdout) == bool(code)
            assert "other.yml" not in done.stdout


def test_the_action_puts_no_inputs_into_shell_commands() -> None:
    for step in _load("action.yml")["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize("sarif", ["", "out.sarif"])
def test_the_scripts_of_the_action_run(tmp_path: Path, sarif: str) -> None:
    """Run the scripts of the steps in a real shell, on a good folder and on a bad file."""
    steps = {step.get("name"): step for step in _load("action.yml")["runs"]["steps"]}
    name = "Write SARIF" if sarif else "Lint"
    bad = tmp_path / "bad.yml"
    bad.write_text("recipe: 1\nname: bad\nstep: []\n")
    for paths, code in ((str(ROOT / "recipes"), 0), (str(bad), 0 if sarif else 1)):
        done = subprocess.run(
            ["bash", "-e", "-c", steps[name]["run"]],
            env={
                "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
                "PATHS": paths,
                "PROFILE": "sar",
                "SARIF": str(tmp_path / sarif),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr


def test_the_action_matches_its_schema() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-actions",
        "action.yml",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
