"""A work directory of an earlier version is continued.

The golden journal is that of ``support.runs.DIAMOND``, written by version 0.1.0 as of November 2026.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.runs import call, contents, statuses, write_recipe

JOURNAL = Path(__file__).resolve().parents[2] / "golden/journal_0.1.0.jsonl"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A complete work directory with the journal that the earlier version wrote of the same run."""
    done = call("run", write_recipe(tmp_path), "--workdir", "w", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "w/.isce2-recipe/noop_cache.json").unlink()
    (tmp_path / "w/.isce2-recipe/journal.jsonl").write_bytes(JOURNAL.read_bytes())
    return tmp_path / "w"


def run_again(workdir: Path) -> dict[str, str]:
    done = call("run", "diamond.yml", "--workdir", "w", cwd=workdir.parent)
    assert done.returncode == 0, done.stderr
    return statuses(workdir)


def test_finished_steps_of_an_earlier_version_are_up_to_date(old: Path) -> None:
    assert set(run_again(old).values()) == {"cached"}


def test_an_interrupted_step_of_an_earlier_version_runs_again(old: Path) -> None:
    before = contents(old)
    journal = old / ".isce2-recipe/journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    cut = next(index for index, line in enumerate(lines) if '"event":"done","step":"two"' in line)
    journal.write_text("".join(lines[:cut]))
    (old / "shared/two_0.dat").write_text("half")
    shutil.rmtree(old / "last")
    found = run_again(old)
    assert {name for name, status in found.items() if status == "done"} == {"two", "three", "last"}
    assert contents(old) == before
