"""Files of the user in a work directory are never deleted, and a journal that lost its end blocks no run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.runs import call, contents, statuses, write_recipe

JOURNAL = ".isce2-recipe/journal.jsonl"


def _run(folder: Path, *words: object) -> str:
    done = call("run", folder / "diamond.yml", "--workdir", "w", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stderr


def _kept(workdir: Path) -> dict[str, str]:
    """Return the texts of the files that were set aside, by path relative to the work directory."""
    found = (path for path in workdir.glob("set-aside/*/**/*") if path.is_file())
    return {"/".join(path.relative_to(workdir).parts[2:]): path.read_text() for path in found}


def test_files_of_the_user_are_set_aside_when_steps_run_again(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    _run(tmp_path)
    work = tmp_path / "w"
    mine = {"left/mine.txt": "1", "left/more/deep.txt": "2", "shared/mine.txt": "3", "shared/d/e.txt": "4"}
    for name, text in mine.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    printed = _run(tmp_path, "--text", "other")
    assert _kept(work) == mine
    assert f"moved to {work}/set-aside/" in printed
    assert "left/mine.txt" in printed
    assert not (work / "left/mine.txt").exists()
    assert "warning" not in _run(tmp_path, "--text", "third")


def test_a_file_in_the_place_of_a_folder_is_set_aside_in_a_used_work_directory(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    _run(tmp_path, "--until", "right")
    (tmp_path / "w/left").write_text("mine")
    _run(tmp_path)
    assert _kept(tmp_path / "w") == {"left": "mine"}
    assert (tmp_path / "w/left").is_dir()


@pytest.mark.parametrize("name", ["left", "left/a.txt", "shared/a.txt"])
def test_a_new_work_directory_with_such_names_is_refused(tmp_path: Path, name: str) -> None:
    write_recipe(tmp_path)
    (tmp_path / "w" / name).parent.mkdir(parents=True)
    (tmp_path / "w" / name).write_text("mine")
    done = call("run", "diamond.yml", "--workdir", "w", cwd=tmp_path)
    assert done.returncode == 1
    assert "contains files that no run of isce2-recipe wrote" in done.stderr
    assert (tmp_path / "w" / name).read_text() == "mine"


def test_records_of_somebody_else_are_set_aside(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    mine = {"run.json": "mine", "resolved.yml": "mine", "logs/left.log": "mine"}
    for name, text in mine.items():
        (tmp_path / "w" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "w" / name).write_text(text)
    _run(tmp_path)
    assert _kept(tmp_path / "w") == mine


@pytest.mark.parametrize("lost", range(1, 12, 2))
def test_a_journal_that_lost_its_last_lines_lets_their_steps_run_again(tmp_path: Path, lost: int) -> None:
    write_recipe(tmp_path)
    _run(tmp_path)
    whole = contents(tmp_path / "w")
    journal = tmp_path / "w" / JOURNAL
    lines = journal.read_text().splitlines(keepends=True)
    assert json.loads(lines[-1])["event"] == "end"
    journal.write_text("".join(lines[:-lost]) + lines[-lost][: len(lines[-lost]) // 2])
    kept = {json.loads(line)["step"] for line in lines[:-lost] if '"event":"done"' in line}
    (tmp_path / "w/.isce2-recipe/noop_cache.json").unlink(missing_ok=True)
    _run(tmp_path)
    cached = {name for name, status in statuses(tmp_path / "w").items() if status == "cached"}
    assert cached <= kept
    assert kept - cached <= {"one", "two", "three"}  # a later step had changed their shared folder
    now = contents(tmp_path / "w")
    assert {name: now.get(name) for name in whole} == whole
