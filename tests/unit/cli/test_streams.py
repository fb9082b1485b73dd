"""Standard streams that are closed, full or in another encoding, and file names that are not text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.runs import command, environment, write_recipe

BAD = "recipe: 1\nname: bad\nsummary: Größe.\nsteps:\n  - {id: dem, uses: dem.fetch, größe: 1}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bad.yml").write_text(BAD, encoding="utf-8")
    return tmp_path


def lint(
    folder: Path, *words: str, redirect: str = "", data: bytes = b"", **variables: str
) -> tuple[int, bytes, str]:
    """Run lint through a shell and return the exit code, the output and the messages."""
    line = command("lint", *words)
    done = subprocess.run(
        ["sh", "-c", f'"$@" {redirect}', "sh", *line],
        cwd=folder,
        env=environment({"XDG_CACHE_HOME": str(folder.parent / "cache"), **variables}),
        input=data,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


@pytest.mark.parametrize("redirect", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_replaced(folder: Path, redirect: str) -> None:
    for _ in range(3):
        code, _, said = lint(folder, "bad.yml", redirect=redirect)
        assert (code, said) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_reported(folder: Path) -> None:
    for _ in range(3):
        lint(folder, "bad.yml")
        code, _, said = lint(folder, "bad.yml", redirect="> /dev/full")
        assert (code, said) == (3, "error: standard output cannot be written: No space left on device\n")


def test_output_in_other_encodings(folder: Path) -> None:
    for _ in range(3):
        lint(folder, "bad.yml")
        code, said, wrong = lint(folder, "bad.yml", PYTHONIOENCODING="ascii")
        assert (code, wrong) == (1, "")
        assert "größe".encode() in said


def test_closed_input_is_empty(folder: Path) -> None:
    code, said, wrong = lint(folder, "-", redirect="<&-")
    assert (code, wrong) == (1, "")
    assert b"the file is empty" in said


def test_input_that_is_not_text_is_a_problem(folder: Path) -> None:
    code, said, wrong = lint(folder, "-", data=b"recipe: 1\nname: \xff\n")
    assert (code, wrong) == (1, "")
    assert b"<stdin>:2:1: '<stdin>' is not a text in UTF-8 [IR009]" in said


@pytest.mark.skipif(sys.platform == "darwin", reason="names of files are text there")
@pytest.mark.parametrize("form", ["text", "github", "json", "sarif"])
def test_file_names_need_not_be_text(folder: Path, form: str) -> None:
    name = os.fsdecode(b"b\xff.yml")
    (folder / name).write_text("recipe: 1\n")
    code, said, wrong = lint(folder, name, "--format", form, PYTHONIOENCODING="utf-8")
    assert (code, wrong) == (1, "")
    assert {"sarif": b"b%FF.yml", "json": rb"b\udcff.yml"}.get(form, b"b\xff.yml") in said
    if form in ("sarif", "json"):
        json.loads(said.decode("utf-8"))


def test_a_run_needs_no_streams(folder: Path) -> None:
    write_recipe(folder)
    line = command("run", "diamond.yml", "--workdir", "w")
    closed = ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *line]
    done = subprocess.run(closed, cwd=folder, env=environment(), check=False, timeout=60)
    assert done.returncode == 0
    assert json.loads((folder / "w/run.json").read_text())["steps"]["last"]["status"] == "done"


def test_parameters_may_begin_with_a_byte_order_mark_and_be_empty(folder: Path) -> None:
    write_recipe(folder)
    plan = ("plan", "diamond.yml", "--workdir", "w", "--params", "-")
    marked = subprocess.run(
        command(*plan), cwd=folder, env=environment(), input=b"\xef\xbb\xbfpause: 0\r\n", check=False
    )
    assert marked.returncode == 0
    closed = subprocess.run(
        ["sh", "-c", '"$@" <&-', "sh", *command(*plan)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (closed.returncode, "is empty" in closed.stderr) == (1, True)


def call_in_a_removed_folder(folder: Path, *words: object) -> tuple[int, str]:
    line = ["sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && "$@"', "sh", *command(*words)]
    done = subprocess.run(
        line, cwd=folder, env=environment(), capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stderr


def test_a_removed_current_folder_is_reported_where_it_matters(folder: Path) -> None:
    write_recipe(folder)
    assert call_in_a_removed_folder(folder, "lint", folder / "bad.yml") == (1, "")
    code, said = call_in_a_removed_folder(folder, "run", folder / "diamond.yml")
    assert code == 1
    assert said.startswith("error: the current folder no longer exists\n")
