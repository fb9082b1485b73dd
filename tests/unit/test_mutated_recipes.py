"""Recipes with random mistakes are no bugs of ours, and lint finds what plan would find."""

from __future__ import annotations

import contextlib
import io
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from isce2_recipe.cli.commands import run_command_line
from isce2_recipe.paths import data_folder
from isce2_recipe.plan.record import resolved
from isce2_recipe.recipe import load
from isce2_recipe.recipe.document import dump
from support.mutations import mutated

BURST = "S1_136231_IW2_{}T022312_VV_7C85-BURST"
SLC = "S1A_IW_SLC__1SDV_{0}T022251_{0}T022318_{1}"
GIVEN = {
    "insar_tops_burst": {"reference": [BURST.format(20200604)], "secondary": [BURST.format(20200616)]},
    "insar_tops": {
        "reference": [SLC.format(20200604, "032861_03CE65_7C85")],
        "secondary": [SLC.format(20200616, "033036_03D3A3_5D11")],
    },
}
"""Defaults that the recipes get before they are changed, so that they need no parameters."""

PROCESSOR_SECONDS = 20
"""Far more than any recipe takes; a case that takes longer does not end."""


class Outcome(NamedTuple):
    code: int
    output: str
    errors: str


def call(*arguments: str) -> Outcome:
    """Run a command in this process, within bounded time."""
    output, errors = io.StringIO(), io.StringIO()
    signal.setitimer(signal.ITIMER_VIRTUAL, PROCESSOR_SECONDS)
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = run_command_line(arguments)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return Outcome(code, output.getvalue(), errors.getvalue())


def _too_long(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the shipped recipes and templates, in which the recipes need no parameters."""
    monkeypatch.chdir(tmp_path)
    for name in ("recipes", "templates"):
        shutil.copytree(data_folder(name), tmp_path / name)
    for name, values in GIVEN.items():
        path = tmp_path / f"recipes/{name}.yml"
        path.write_text(dump(resolved(load(path), values)), encoding="utf-8")
    before = signal.signal(signal.SIGVTALRM, _too_long)
    yield tmp_path
    signal.signal(signal.SIGVTALRM, before)


def _check(recipe: Path, case: str) -> None:
    lint = call("lint", str(recipe))
    plan = call("plan", str(recipe), "--source", "simulated")
    assert lint.code in (0, 1), f"{case}: lint {lint}"
    assert plan.code in (0, 1), f"{case}: plan {plan.errors}"
    assert "problem: " not in plan.output, f"{case}: {plan.output}"
    of_this_machine = " does not exist\n" in plan.errors or " cannot be read: " in plan.errors
    if plan.code and not of_this_machine:
        assert "error" in lint.output, f"{case}: lint finds nothing of {plan.errors}"


def _check_changed(recipes: Path, seeds: range) -> None:
    files = sorted(
        file
        for folder in ("recipes", "templates/isce2")
        for file in (recipes / folder).rglob("*.*")
        if file.is_file()
    )
    for seed in seeds:
        file = files[seed % len(files)]
        before = file.read_bytes()
        file.write_text(mutated(before.decode(), seed), encoding="utf-8", errors="surrogatepass")
        used = [file] if file.stem in GIVEN else [recipes / f"recipes/{name}.yml" for name in GIVEN]
        _check(used[seed % len(used)], f"seed {seed} in {file.relative_to(recipes)}")
        file.write_bytes(before)


def test_a_few_recipes_with_random_mistakes(recipes: Path) -> None:
    _check(recipes / "recipes/insar_tops_burst.yml", "unchanged")
    _check_changed(recipes, range(120))


@pytest.mark.slow
def test_many_recipes_with_random_mistakes(recipes: Path, pytestconfig: pytest.Config) -> None:
    _check_changed(recipes, range(1000, 1000 + pytestconfig.getoption("--mutations")))
