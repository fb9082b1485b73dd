"""The pre-commit hooks and the GitHub Action."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[3]


def _load(name: str) -> Any:
    return YAML(typ="safe").load(ROOT / name)


def test_the_hooks_run_the_command() -> None:
    for hook in _load(".pre-commit-hooks.yaml"):
        assert hook["entry"].startswith("isce2-recipe lint")
        assert hook["language"] == "python"
        assert re.search(hook["files"], "recipes/insar_tops_burst.yml")
        assert re.search(hook["files"], "a/recipes/parts/mask.yaml")
        assert not re.search(hook["files"], ".github/workflows/ci.yml")


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
