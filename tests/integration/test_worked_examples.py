"""The worked examples of the documentation, followed on a copy of the sources."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.name for path in (ROOT / "docs").glob("adding-*.md"))
SAVED = re.compile(r"[Ss]ave this as `([^`]+)`[^\n]*\n\n```\w+\n(.*?)```", re.DOTALL)
INSERTED = re.compile(r"[Ii]nsert this in `([^`]+)` before `([^`]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
MODULES = {"isce2-recipe": ("-m", "isce2_recipe"), "pytest": ("-m", "pytest"), "python": ()}
"""Programs that the pages call, as arguments of Python; other commands are not run."""

COPIED = ("runner", "recipes", "schemas", "templates", "tests", "docs", "pyproject.toml")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the sources, without compiled files."""
    for name in COPIED:
        source, ignored = ROOT / name, shutil.ignore_patterns("__pycache__", "golden")
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name, **({"ignore": ignored} if source.is_dir() else {}))
    return tmp_path


def installed(project: Path) -> Path:
    """Give a package the metadata that an editable installation writes, and return its folder."""
    table = tomllib.loads(project.read_text())["project"]
    metadata = project.parent / f"{table['name'].replace('-', '_')}-{table['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Name: {table['name']}\nVersion: {table['version']}\n")
    groups = table["entry-points"].items()
    lines = [
        line for group, names in groups for line in (f"[{group}]", *(f"{n} = {v}" for n, v in names.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    return project.parent


def commands(page: str) -> list[list[str]]:
    """Return the commands of a page that run the program or its tests."""
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [line for line in words if line and line[0] in MODULES]


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_worked_example_works_as_written(name: str, checkout: Path) -> None:
    page = (ROOT / "docs" / name).read_text()
    for path, text in SAVED.findall(page):
        target = checkout / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    for path, line, text in INSERTED.findall(page):
        before, after = (checkout / path).read_text().split(line)
        (checkout / path).write_text(before + text + line + after)
    paths = [checkout / "runner", *map(installed, checkout.glob("*/pyproject.toml"))]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "ISCE2_RECIPE_SOURCE": "simulated",
        "ISCE2_RECIPE_ENGINE": "builtin",
    }
    assert commands(page)
    for program, *arguments in commands(page):
        redirect = arguments.index(">") if ">" in arguments else len(arguments)
        done = subprocess.run(
            [sys.executable, *MODULES[program], *arguments[:redirect]],
            cwd=checkout, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{program} {shlex.join(arguments)}\n{done.stdout}{done.stderr}"
        for output in arguments[redirect + 1 :]:
            (checkout / output).write_text(done.stdout)
