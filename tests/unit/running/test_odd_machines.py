"""Names that are no text, readers that end early, and signals that come twice, with the real command."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from support.runs import DIAMOND, call, command, environment, statuses, write_recipe

NO_TEXT = os.fsdecode(b"caf\xe9")


def _run(line: list[str], cwd: Path, **streams: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(line, cwd=cwd, env=environment(), check=False, **streams)


def test_a_run_in_a_folder_whose_name_is_no_text_is_complete(tmp_path: Path) -> None:
    folder = tmp_path / NO_TEXT
    folder.mkdir()
    recipe = write_recipe(folder)
    done = _run(command("run", recipe, "--workdir", "w", "--json"), cwd=folder, capture_output=True)
    assert done.returncode == 0, done.stderr
    last = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()][-1]
    assert last["workdir"] == str(folder / "w")
    assert json.loads((folder / "w/run.json").read_text(encoding="utf-8"))["recipe"]["path"] == str(recipe)
    assert (folder / "w/resolved.yml").read_text(encoding="utf-8")
    for words in (("run", recipe, "--workdir", "w"), ("plan", recipe, "--workdir", "w"), ("diff", "w", "w")):
        done = _run(command(*words), cwd=folder, capture_output=True)
        assert done.returncode == 0, done.stderr
    assert set(statuses(folder / "w").values()) == {"cached"}


def test_steps_that_need_a_name_in_text_refuse_others_before_they_run(tmp_path: Path) -> None:
    text = DIAMOND[: DIAMOND.index("steps:")].replace("diamond", "pair") + (
        "steps:\n  - id: pair\n    uses: dem.fetch\n    with: {bounds: [52, 27, 53, 28], margin: 0}\n"
    )
    recipe = write_recipe(tmp_path, text)
    words = ("run", recipe, "--source", "simulated", "--workdir", tmp_path / NO_TEXT)
    done = call(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert "is not text in UTF-8" in done.stderr
    assert not (tmp_path / NO_TEXT).exists()


def test_a_secret_that_is_no_text_stops_no_command(tmp_path: Path) -> None:
    done = call("list", cwd=tmp_path, env={"EARTHDATA_PASSWORD": os.fsdecode(b"abc\xffdefgh")})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [("run", "--json"), ("run",), ("plan",), ("lint",), ("--version",)])
def test_output_that_nobody_reads_ends_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    first, *more = words
    recipe = [write_recipe(tmp_path)] if first in ("run", "plan", "lint") else []
    workdir = ["--workdir", "w"] if first in ("run", "plan") else []
    reader, writer = os.pipe()
    os.close(reader)
    line = command(first, *recipe, *more, *workdir)
    done = _run(line, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert b"Traceback" not in done.stderr
    assert b"error" not in done.stderr
    assert done.returncode == (1 if first == "lint" else 0)
    if first == "run":
        assert set(statuses(tmp_path / "w").values()) == {"done"}


def test_output_that_cannot_be_stored_is_an_error_after_the_run(tmp_path: Path) -> None:
    line = command("run", write_recipe(tmp_path), "--workdir", "w", "--json")
    with Path("/dev/full").open("w") as full:
        done = _run(line, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 3
    assert done.stderr == b"error: standard output cannot be written: No space left on device\n"
    assert set(statuses(tmp_path / "w").values()) == {"done"}


@pytest.mark.parametrize("seed", range(4))
def test_several_signals_end_a_run_as_one_does(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    line = command("run", write_recipe(tmp_path), "--workdir", "w", "--pause", "0.4")
    with subprocess.Popen(line, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 30
        while not (tmp_path / "w/logs").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for number in chance.choices((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), k=3):
            time.sleep(chance.uniform(0.0, 0.1))
            if process.poll() is None:
                process.send_signal(number)
        printed = process.communicate(timeout=60)[1]
    assert process.returncode == 130, printed
    assert b"Traceback" not in printed
    assert b"resume with: isce2-recipe run" in printed
    assert (tmp_path / "w/run.json").is_file()
    assert (tmp_path / "w/.isce2-recipe/lock").read_bytes() == b""
