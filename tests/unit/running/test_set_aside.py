"""Files of the user in a work directory are never deleted, and a journal that lost its end blocks no run."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from isce2_recipe.journal import checkpoints
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


@pytest.mark.parametrize("words", [(), ("--text", "other"), ("--from", "left")])
def test_edited_outputs_are_set_aside_before_their_steps_run_again(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    write_recipe(tmp_path)
    _run(tmp_path)
    work = tmp_path / "w"
    first = contents(work)
    files = [path for path in (*work.glob("left/*.txt"), *work.glob("shared/*")) if path.is_file()]
    mine = {str(path.relative_to(work)): f"edited {path.name}" for path in files}
    assert len(mine) > 2
    for name, text in mine.items():
        (work / name).write_text(text)
    printed = _run(tmp_path, *words)
    assert _kept(work) == mine
    assert f"as they were found: moved to {work}/set-aside/" in printed
    now = contents(work)
    if "--text" not in words:
        assert {name: now.get(name) for name in first} == first
    assert "warning" not in _run(tmp_path, "--text", "third")


def test_what_the_user_put_in_the_place_of_an_output_is_set_aside(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    _run(tmp_path)
    work = tmp_path / "w"
    checkpoints.remove(work / "left")
    (work / "left").write_text("mine")
    (work / "right/right.txt").unlink()
    (work / "right/right.txt").mkdir()
    (work / "right/right.txt/deep.txt").write_text("mine too")
    _run(tmp_path)
    assert _kept(work) == {"left": "mine", "right/right.txt/deep.txt": "mine too"}


def test_a_copied_work_directory_has_no_edited_files(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    _run(tmp_path)
    shutil.copytree(tmp_path / "w", tmp_path / "copy")
    shutil.rmtree(tmp_path / "w")
    (tmp_path / "copy").rename(tmp_path / "w")
    assert "warning" not in _run(tmp_path, "--text", "other")
    assert _kept(tmp_path / "w") == {}


def test_after_a_power_cut_only_later_texts_are_those_of_the_user(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    _run(tmp_path)
    work = tmp_path / "w"
    journal = work / JOURNAL
    journal.write_text(re.sub('"boot":"[^"]*"', '"boot":"another"', journal.read_text()))
    (left,), (right,) = work.glob("left/*.txt"), work.glob("right/*.txt")
    before = left.stat()
    left.write_text("")  # as if its content had not reached the disk
    os.utime(left, ns=(before.st_atime_ns, before.st_mtime_ns))
    right.write_text("mine")
    _run(tmp_path)
    assert _kept(work) == {"right/right.txt": "mine"}


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


OWN_FILES = """\
recipe: 1
name: outer
summary: A part with a template, and a program.
steps:
  - id: part
    uses: parts/inner.yml
  - id: program
    uses: python.call
    with: {module: own.py, function: two}
"""
INNER = """\
recipe: 1
name: inner
summary: A text.
steps:
  - id: text
    uses: template.render
    with: {template: a.j2, to: a.txt, values: {x: 1}}
"""
COPIED = ("own.py", "parts/inner.yml", "templates/a.j2")


def _write_own_files(home: Path) -> None:
    for folder in ("parts", "templates"):
        (home / folder).mkdir(parents=True)
    (home / "diamond.yml").write_text(OWN_FILES)
    (home / "parts/inner.yml").write_text(INNER)
    (home / "templates/a.j2").write_text("one {{ x }}")
    (home / "own.py").write_text("def two() -> int:\n    return 2\n")


def test_files_in_the_places_of_copied_parts_templates_and_programs_are_set_aside(tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "home/w"
    _write_own_files(home)
    mine = dict.fromkeys(COPIED, "mine")
    for name, text in mine.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    assert f"as they were found: moved to {work}/set-aside/" in _run(home)
    assert _kept(work) == mine
    (home / "templates/a.j2").write_text("two {{ x }}")
    assert "warning" not in _run(home)  # the run's own earlier copies
    assert (work / "templates/a.j2").read_text() == "two {{ x }}"
    (work / "own.py").write_bytes(b"\xff mine again")
    (home / "own.py").write_text("def two() -> int:\n    return 3\n")
    assert "no step made own.py as it was found" in _run(home)
    assert [path.read_bytes() for path in work.glob("set-aside/*/own.py")].count(b"\xff mine again") == 1


def test_what_leads_elsewhere_in_the_places_of_copied_files_is_set_aside(tmp_path: Path) -> None:
    home, work, elsewhere = tmp_path / "home", tmp_path / "home/w", tmp_path / "elsewhere"
    _write_own_files(home)
    for folder in (work / "own.py", elsewhere):
        folder.mkdir(parents=True)
    (elsewhere / "a.j2").write_text("mine")
    (work / "templates").symlink_to(elsewhere)
    (work / "parts").write_text("mine")
    _run(home)
    assert (elsewhere / "a.j2").read_text() == "mine"
    assert {path.name for path in work.glob("set-aside/*/*")} == {"own.py", "parts", "templates"}
    assert (work / "own.py").is_file()


def test_a_recipe_that_runs_in_its_own_folder_keeps_its_parts(tmp_path: Path) -> None:
    _write_own_files(tmp_path)
    commented = f"# mine\n{INNER}"
    (tmp_path / "parts/inner.yml").write_text(commented)
    done = call("run", "diamond.yml", "--workdir", ".", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "parts/inner.yml").read_text() == commented
    assert not (tmp_path / "set-aside").exists()


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
