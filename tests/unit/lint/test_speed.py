"""Linting stays quick, in ratios: machines differ, what a ratio says does not."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from isce2_recipe.paths import data_folder

pytestmark = pytest.mark.slow
LINT = [sys.executable, "-m", "isce2_recipe", "lint"]


def processor_time_s(command: list[str], attempts: int) -> float:
    """The least processor time of some attempts: what other programs do to the machine only adds to it."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    times = []
    for _ in range(attempts):
        before = spent()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        times.append(spent() - before)
    return min(times)


@pytest.fixture(scope="module")
def libraries_s() -> float:
    """What the three libraries that nothing can go without cost."""
    return processor_time_s([sys.executable, "-c", "import click, yaml.cyaml, jinja2.sandbox"], 5)


def test_one_recipe(libraries_s: float) -> None:
    """150 ms where the libraries take 75 ms: at most twice as long."""
    recipe = str(data_folder("recipes") / "insar_tops_burst.yml")
    assert processor_time_s([*LINT, recipe], 5) < 2.0 * libraries_s


def test_two_hundred_recipes(tmp_path: Path, libraries_s: float) -> None:
    """A second where the libraries take 75 ms, with two processors: at most 26 times as long."""
    text = (data_folder("recipes") / "insar_tops_burst.yml").read_text(encoding="utf-8")
    for number in range(200):
        (tmp_path / f"r{number}.yml").write_text(text.replace("name: insar_tops_burst", f"name: r{number}"))
    assert processor_time_s([*LINT, str(tmp_path)], 2) < 26 * libraries_s
