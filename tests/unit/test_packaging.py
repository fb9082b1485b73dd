"""What the repository ships: wheel, conda environment, image, tables that name dependencies."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def plain(name: str) -> str:
    return re.split(r"[<>=!~\[ ]", name.strip())[0].lower().replace("_", "-")


DEPENDENCIES = sorted(plain(text) for text in PROJECT["dependencies"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built by the project's own backend; needs no network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, folder], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return folder / done.stdout.split()[-1]


def test_wheel_carries_everything_it_reads(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("recipes", "schemas", "templates"):
        files = [path for path in (ROOT / kind).rglob("*") if path.is_file()]
        assert files
        for path in files:
            assert f"isce2_recipe/data/{kind}/{path.relative_to(ROOT / kind).as_posix()}" in names
    assert {"isce2_recipe/py.typed", "hyp3_isce2/__main__.py", "hyp3_isce2/commands.py"} <= names
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]


def test_wheel_works_outside_the_checkout(wheel, tmp_path):
    """Unpacked elsewhere and preferred to any other install, it lists its recipes."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    environment = dict(os.environ) | {"PYTHONPATH": str(site)}
    where = "import isce2_recipe; print(isce2_recipe.__file__, flush=True)"
    program = f"{where}; from isce2_recipe.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "list"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    where, _, listing = done.stdout.partition("\n")
    assert Path(where).is_relative_to(site)
    assert "insar_tops_burst" in listing


def test_conda_environment_has_every_dependency():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = {plain(text) for text in environment["dependencies"] if isinstance(text, str)}
    assert {"isce2", "gdal", "python", "pip", "hatchling"} <= conda
    assert set(DEPENDENCIES) <= conda


def test_conda_environment_has_the_same_lower_bounds():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    texts = [text.replace("_", "-") for text in environment["dependencies"] if isinstance(text, str)]
    ours = {*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dask"]}
    missing = ours - {text.partition(" ")[0] for text in texts}
    assert {plain(text) for text in missing} == {"numpy"}, "conda-forge's ISCE2 is built with an older one"


def test_readme_has_no_relative_links():
    """The package index shows the README without the files next to it."""
    targets = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert targets
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []


def test_readme_says_why_every_dependency_is_there():
    readme = (ROOT / "README.md").read_text()
    named = {plain(name) for name in re.findall(r"^\| `([^`]+)` \|", readme, re.MULTILINE)}
    assert set(DEPENDENCIES) <= named


def readme_commands() -> list[str]:
    """Command lines of the README that need nothing but the checkout; runs are only planned."""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    lines = [
        line.partition("  #")[0].rpartition("&& ")[2].strip()
        for block in blocks
        for line in block.splitlines()
    ]
    ours = [line for line in lines if line.startswith("isce2-recipe ") and "isce2-recipe app " not in line]
    return [f"{line} --dry-run" if "--set" in line else line for line in ours]


@pytest.mark.parametrize("line", readme_commands())
def test_readme_commands_work_as_typed(line):
    words = shlex.split(line)[1:]
    done = subprocess.run(
        [sys.executable, "-m", "isce2_recipe", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_image_runs_as_the_user_hyp3_expects():
    text = (ROOT / "Dockerfile").read_text()
    assert "ARG CONDA_UID=1000" in text
    assert "WORKDIR /home/conda" in text
    assert "org.opencontainers.image.licenses" in text
    assert re.search(r"^FROM .*:[\d.-]+@sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    ignored = (ROOT / ".dockerignore").read_text().split()
    for source in (
        "pyproject.toml",
        "recipes/",
        "runner/",
        "schemas/",
        "templates/",
        "docker/",
        "environment.yml",
    ):
        assert f"!{source}" in ignored


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda p: p.name)
def test_workflows_ask_for_little_and_pin_their_actions(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    used = re.findall(r"uses: (\S+)", path.read_text())
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name) for name in used)
    assert len(used) == len(re.findall(r"uses: \S+ # v\d+\.\d+\.\d+\n", path.read_text()))
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())
