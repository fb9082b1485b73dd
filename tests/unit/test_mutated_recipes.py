"""Recipes with random mistakes are no bugs of ours, and lint finds what plan would find."""

from __future__ import annotations

import contextlib
import io
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.cli import plans
from isce2_recipe.cli.commands import run_command_line
from isce2_recipe.errors import EXIT_INPUT, RecipeToolError
from isce2_recipe.lint.linting import Options
from isce2_recipe.paths import data_folder
from isce2_recipe.plan.record import resolved
from isce2_recipe.plan.request import make_request
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.problems import render
from isce2_recipe.recipe import load
from isce2_recipe.recipe.document import dump
from isce2_recipe.recipe.loading import Reader
from isce2_recipe.sandbox import MAX_STEPS, budget
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

SMALL = Path(__file__).parents[1] / "recipes/ok"

WHOLE_PLAN: dict[str, Any] = {"force": (), "start": None, "until": None, "as_json": False}

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
def bounded() -> Iterator[None]:
    """End a case that takes longer than `PROCESSOR_SECONDS`."""
    before = signal.signal(signal.SIGVTALRM, _too_long)
    yield
    signal.signal(signal.SIGVTALRM, before)


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bounded: None) -> Path:
    """A copy of the shipped recipes and templates, in which the recipes need no parameters."""
    monkeypatch.chdir(tmp_path)
    for name in ("recipes", "templates"):
        shutil.copytree(data_folder(name), tmp_path / name)
    for name, values in GIVEN.items():
        path = tmp_path / f"recipes/{name}.yml"
        path.write_text(dump(resolved(load(path), values)), encoding="utf-8")
    return tmp_path


def _check(recipe: Path, case: str) -> None:
    lint = call("lint", str(recipe))
    plan = call("plan", str(recipe), "--source", "simulated")
    assert lint.code in (0, 1), f"{case}: lint {lint}"
    assert plan.code in (0, 1), f"{case}: plan {plan.errors}"
    assert "problem: " not in plan.output, f"{case}: {plan.output}"
    if plan.code and not _is_of_this_machine(plan.errors):
        assert "error" in lint.output, f"{case}: lint finds nothing of {plan.errors}"


class Trials:
    """Recipes of which one file at a time is changed; what does not depend on it is read once.

    `_check` runs the commands themselves, which takes three times as long.
    """

    def __init__(self, folder: Path, names: Iterable[str] = GIVEN) -> None:
        self.folder = folder
        self.names = tuple(names)
        self.files = sorted(
            file
            for name in ("recipes", "templates/isce2")
            for file in (folder / name).rglob("*.*")
            if file.is_file()
        )
        self.registry = load_registry()
        reader = Reader()
        for name in self.names:
            reader.part(folder / f"recipes/{name}.yml")
        self.parts = dict(reader.done)

    def run(self, seed: int, check: Callable[[Path, Path, str], None]) -> None:
        """Change a file as the seed says, check a recipe that may use it, and restore the file."""
        file = self.files[seed % len(self.files)]
        before = file.read_bytes()
        file.write_text(mutated(before.decode(), seed), encoding="utf-8", errors="surrogatepass")
        all_of_them = [self.folder / f"recipes/{name}.yml" for name in self.names]
        used = [file] if file.stem in self.names else all_of_them
        check(used[seed % len(used)], file, f"seed {seed} in {file.relative_to(self.folder)}")
        file.write_bytes(before)

    def check(self, recipe: Path, changed: Path, case: str) -> None:
        """Check the same as `_check`, with the same functions but without the command line."""
        signal.setitimer(signal.ITIMER_VIRTUAL, PROCESSOR_SECONDS)
        try:
            linted = self._lint(recipe, changed)
            planned = self._plan(recipe, changed)
        except Exception as exc:
            raise AssertionError(f"{case}: {type(exc).__name__}: {exc}") from exc
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        assert linted or not planned or _is_of_this_machine(planned), (
            f"{case}: lint finds nothing of {planned}"
        )

    def _reader(self, recipe: Path, changed: Path) -> Reader:
        reader = Reader()
        reader.done |= {
            path: reading
            for path, reading in self.parts.items()
            if path != recipe and str(changed) not in reading.texts
        }
        return reader

    def _lint(self, recipe: Path, changed: Path) -> str:
        """Return the errors of a recipe, and of parts that have or use the change, as they are printed."""
        linter = Options().linter(self.registry)
        linter.reader = self._reader(recipe, changed)
        unchanged = set(linter.reader.done)
        reports = [linter.lint_file(str(recipe))]
        others = [part for part in reports[0].parts if Path(part) not in unchanged]
        reports += [linter.lint_file(part) for part in others]
        texts = {report.file: report.text for report in reports}
        found = [one for report in reports for one in report.problems]
        render(found, texts)
        return render([one for one in found if one.severity == "error"], texts)

    def _plan(self, recipe: Path, changed: Path) -> str:
        """Return the error of a plan."""
        try:
            with budget():
                reading = self._reader(recipe, changed).part(recipe)
            if reading.recipe is None:
                return render(reading.problems, reading.texts)
            request = make_request(
                reading.recipe, {}, workdir=self.folder / "work", base=self.folder, source="simulated"
            )
            with budget(4 * MAX_STEPS):
                text = plans.text(Workspace(request), WHOLE_PLAN)
        except RecipeToolError as exc:
            assert exc.exit_code == EXIT_INPUT
            return str(exc)
        assert "problem: " not in text
        return ""


def _is_of_this_machine(error: str) -> bool:
    """Return whether an error depends on files of this machine, or on the engine, which only a plan knows."""
    missing = " does not exist\n" in f"{error}\n" or " cannot be read: " in error
    return missing or "the engine builtin has no step 'builtin'" in error


def _check_by_command(recipe: Path, _changed: Path, case: str) -> None:
    _check(recipe, case)


def test_a_few_recipes_with_random_mistakes(recipes: Path) -> None:
    _check(recipes / "recipes/insar_tops_burst.yml", "unchanged")
    trials = Trials(recipes)
    for seed in range(40):
        trials.run(seed, _check_by_command)


def test_small_recipes_with_random_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bounded: None
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SMALL, tmp_path / "recipes")
    for name in ("everything", "taken_over"):  # they have required parameters
        (tmp_path / f"recipes/{name}.yml").unlink()
    trials = Trials(tmp_path, ("loops", "minimal", "scalars"))
    for seed in range(200):
        trials.run(seed, trials.check)


@pytest.mark.slow
def test_many_recipes_with_random_mistakes(recipes: Path, pytestconfig: pytest.Config) -> None:
    trials = Trials(recipes)
    for seed in range(1000, 1000 + pytestconfig.getoption("--mutations")):
        trials.run(seed, trials.check)
